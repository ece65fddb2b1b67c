"""What a half remembers of totals follows its ledger: nothing is missed, and nothing is believed that is not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aggregator.cycles import FIRST, KEY, home, region, registry
from tests.policy.packs import flat
from tests.policy.rosters import REGION
from wattseal.edge.registry import Registry
from wattseal.keyserver import days as module
from wattseal.keyserver.days import Days, Histogram, opened_sets
from wattseal.keyserver.ledger import Ledger
from wattseal.policy.dominance import Opened
from wattseal.policy.levels import Granted, Levels
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionDay, RegionId, Window
from wattseal.protocol.statement import TotalStatement, positions_to_bits

ROSTER = region(*(home(f"m{number}", cohort=f"town/{'ab'[number // 3]}") for number in range(6)))
TODAY = Window(FIRST + 3)
LEVELS = Levels(flat())
A, B = (frozenset(MeterId(f"m{number}") for number in numbers) for numbers in ((0, 1, 2), (3, 4, 5)))


def on(window: Window, channel: Channel = Channel.DELIVERED) -> RegionDay:
    return RegionDay(REGION, channel, window)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as opened:
        yield opened


@pytest.fixture
def known(tmp_path: Path) -> Registry:
    return registry(tmp_path / "registry", [ROSTER])


def intend(ledger: Ledger, cohort: str, window: Window = TODAY, channel: Channel = Channel.DELIVERED) -> None:
    count = len(ROSTER.active(CohortId(cohort), Channel.DELIVERED))
    statement = TotalStatement(
        purpose="research",
        region=REGION,
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=window,
        suite=ROSTER.suite,
        key_id=KEY.key_id,
        layout_id=ROSTER.layout_id,
        roster_digest=ROSTER.fingerprint,
        members=positions_to_bits(range(count), count),
    )
    ledger.intend(statement.digest(), statement.to_bytes(), on(window, channel), "research")


def atoms(granted: Granted) -> set[frozenset[MeterId]]:
    return {atom.present for atom in granted.day.atoms()}


def test_a_day_is_as_the_ledger_has_it_at_each_look(ledger: Ledger, known: Registry) -> None:
    days = Days(ledger, known, LEVELS)
    assert atoms(days.at(on(TODAY))) == set()
    intend(ledger, "town")
    first = days.at(on(TODAY))
    assert atoms(first) == {A | B}
    assert days.at(on(TODAY)) is first
    intend(ledger, "town/a")
    assert atoms(days.at(on(TODAY))) == {A, B}
    assert atoms(first) == {A | B}


def test_days_and_channels_are_apart_and_share_an_index(ledger: Ledger, known: Registry) -> None:
    days = Days(ledger, known, LEVELS)
    intend(ledger, "town")
    intend(ledger, "town/b", Window(TODAY + 1))
    today, tomorrow = (days.at(on(Window(TODAY + later))) for later in (0, 1))
    assert (atoms(today), atoms(tomorrow)) == ({A | B}, {B})
    assert today.day.index is tomorrow.day.index
    assert atoms(days.at(on(TODAY, Channel.RECEIVED))) == set()
    elsewhere = days.at(on(TODAY)._replace(region=RegionId("elsewhere")))
    assert (atoms(elsewhere), len(elsewhere.day.index)) == (set(), 0)


def test_a_day_that_was_forgotten_is_read_again(
    ledger: Ledger, known: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DAYS", 2)
    days = Days(ledger, known, LEVELS)
    intend(ledger, "town/a")
    first = days.at(on(TODAY))
    for later in (1, 2):
        days.at(on(Window(TODAY + later)))
    again = days.at(on(TODAY))
    assert again is not first
    assert atoms(again) == {A}
    days.at(on(Window(TODAY + 2)))
    assert days.at(on(TODAY)) is again


def test_what_was_opened_is_as_the_ledger_has_it(ledger: Ledger) -> None:
    sets = opened_sets(ledger, LEVELS)
    whole = Opened(A | B, (6,), 60)
    part = Opened(A, (3,), 50)
    for opened in (whole, part):
        found = sets.at(on(TODAY))
        told = [content.total for content in found.everything.told_by(opened)]
        body = Histogram(
            members=tuple(sorted(opened.members)),
            buckets=opened.buckets,
            total=opened.total,
            classes=("residential",),
            purpose="research",
            interval_minutes=15,
        )
        ledger.finish(opened.total.to_bytes(32), b"", on(TODAY), b"", body.to_bytes(), [])
    assert told == [50, 50, 60, 10]
    assert sets.at(on(Window(TODAY + 1))) is not found
