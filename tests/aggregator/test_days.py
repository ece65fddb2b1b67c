"""What the aggregator remembers of totals follows its log, to which other workers append."""

import asyncio
from pathlib import Path

import pytest

from tests.aggregator.billing import POLICY, opened
from tests.aggregator.cycles import FIRST, home, region, registry
from tests.aggregator.test_bills_beside_totals import grant, total_of
from tests.policy.rosters import REGION
from wattseal.aggregator import days as module
from wattseal.aggregator.days import Days
from wattseal.policy.levels import Levels
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionDay, RegionId, Window

ROSTER = region(*(home(f"m{number}", cohort=f"town/{'ab'[number // 3]}") for number in range(6)))
TODAY = Window(FIRST + 3)
LEVELS = Levels(POLICY)
NORTH, SOUTH = ([f"m{number}" for number in numbers] for numbers in ((0, 1, 2), (3, 4, 5)))
TOWN = [*NORTH, *SOUTH]
NOW = RegionDay(REGION, Channel.DELIVERED, TODAY)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def entry(meters: list[str], cohort: str) -> bytes:
    return total_of(meters, ROSTER, TODAY, cohort=cohort)


@pytest.mark.anyio
async def test_each_look_begins_with_what_is_new(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        days = Days(store, registry(tmp_path / "registry", [ROSTER]), LEVELS)
        assert (await days.at(NOW)).entries == 0
        await grant(store, TODAY, entry(TOWN, "town"))
        first, second = await asyncio.gather(*(days.at(NOW) for _ in range(2)))
        assert first.entries == second.entries == 1
        known = await days.at(NOW)
        assert (await days.at(NOW)).granted.day is known.granted.day
        await grant(store, TODAY, entry(NORTH, "town/a"), before=1)
        found = await days.at(NOW)
        assert {atom.present for atom in found.granted.day.atoms()} == {frozenset(NORTH), frozenset(SOUTH)}
        assert found.places == {("research", CohortId("town")): 0, ("research", CohortId("town/a")): 1}
        assert {atom.present for atom in known.granted.day.atoms()} == {frozenset(map(MeterId, TOWN))}
        elsewhere = await days.at(NOW._replace(region=RegionId("elsewhere")))
        assert (elsewhere.entries, len(elsewhere.granted.day.index)) == (0, 0)


@pytest.mark.anyio
async def test_the_first_answer_about_a_cohort_stands(tmp_path: Path) -> None:
    """Whether both are new, or one was known before."""
    async with opened(tmp_path) as store:
        known = registry(tmp_path / "registry", [ROSTER])
        early = Days(store, known, LEVELS)
        for before in range(3):
            await grant(store, TODAY, entry(NORTH, "town/a"), before=before)
            assert (await early.at(NOW)).places == {("research", CohortId("town/a")): 0}
        assert (await Days(store, known, LEVELS).at(NOW)).places == {("research", CohortId("town/a")): 0}


@pytest.mark.anyio
async def test_a_day_that_was_forgotten_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DAYS", 1)
    async with opened(tmp_path) as store:
        days = Days(store, registry(tmp_path / "registry", [ROSTER]), LEVELS)
        await grant(store, TODAY, entry(NORTH, "town/a"))
        first = (await days.at(NOW)).granted.day
        await days.at(NOW._replace(window=Window(TODAY + 1)))
        again = (await days.at(NOW)).granted.day
        assert again is not first
        assert again.pins == first.pins == dict.fromkeys(NORTH, 0)
