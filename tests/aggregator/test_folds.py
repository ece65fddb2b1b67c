"""Folds made ahead are what a fold of everything would be, whatever came before, between and after."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.aggregator.archived import DAYS, METERS, daily_report
from tests.aggregator.billing import door, opened, upload
from tests.aggregator.cycles import home, region, registry
from tests.policy.rosters import REGION
from wattseal.aggregator import folds as module
from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.folds import Fold, Folds
from wattseal.aggregator.store import Store
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Window
from wattseal.protocol.report import decode_report

DAY = DAYS[0]
CHANNEL = Channel.DELIVERED
COHORTS = {"m0": "town/a", "m1": "town/a", "m2": "town/a", "m3": "town/b", "m4": "town/b", "m5": "town/c"}
Report = tuple[MeterId, int]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    rows = [home(meter, cohort=cohort) for meter, cohort in COHORTS.items()]
    return registry(tmp_path_factory.mktemp("registry"), [region(*rows)])


def plain(known: Registry, sent: Iterable[Report], cohort: str) -> tuple[set[Report], bytes | None]:
    """The highest number of each meter of the cohort, and the sum of just these."""
    numbers: dict[MeterId, int] = {}
    for meter, number in sent:
        if COHORTS[meter].startswith(cohort):
            numbers[meter] = max(number, numbers.get(meter, 0))
    evaluator = door(known).evaluator(known.key(7), known.rosters.at(REGION, DAY).layout_id)
    ciphertexts = [decode_report(daily_report(meter, DAY, number)).ciphertext for meter, number in numbers.items()]
    return set(numbers.items()), evaluator.sum_many(ciphertexts) if ciphertexts else None


def told(fold: Fold) -> tuple[set[Report], bytes | None]:
    return {(meter, one.number) for meter, one in fold.sent.items()}, fold.sums.get(7)


async def of(folds: Folds, known: Registry, cohort: str) -> Fold:
    return await folds.of(known.rosters.at(REGION, DAY), CohortId(cohort), CHANNEL, DAY)


async def send(store: Store, known: Registry, *reports: Report) -> None:
    await upload(store, known, *(daily_report(meter, DAY, number) for meter, number in reports))


def on_a_store(directory: Path, act: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened(directory) as store:
            await act(store)

    asyncio.run(run())


steps = st.lists(st.none() | st.lists(st.tuples(st.sampled_from(METERS), st.integers(0, 3)), max_size=5), max_size=6)


def test_any_order_of_reports_and_folds(known: Registry, tmp_path: Path) -> None:
    """None stands for a fold; each example has a day of its own."""
    with asyncio.Runner() as runner:
        context = opened(tmp_path)
        store = runner.run(context.__aenter__())

        @settings(max_examples=25, deadline=None)
        @given(steps)
        def check(sequence: list[list[Report] | None]) -> None:
            runner.run(follow(store, known, sequence))

        try:
            check()
        finally:
            runner.run(context.__aexit__(None, None, None))


async def follow(store: Store, known: Registry, sequence: list[list[Report] | None]) -> None:
    folds, sent = Folds(store, known, door(known)), list[Report]()
    await store._line.write("FLUSHALL")
    for reports in sequence:
        if reports is None:
            await folds.prepare(known.rosters.at(REGION, DAY), DAY)
        else:
            await send(store, known, *reports)
            sent += reports
    await store.close(REGION, DAY, b"roster")
    await send(store, known, *((meter, 7) for meter in METERS))
    for cohort in ("town", "town/a", "town/b", "town/c"):
        assert told(await of(folds, known, cohort)) == plain(known, sent, cohort)


@pytest.mark.anyio
async def test_what_is_folded_is_not_read_again(
    known: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        folds = Folds(store, known, door(known))
        await send(store, known, *((meter, 0) for meter in METERS))
        await folds.prepare(known.rosters.at(REGION, DAY), DAY)
        await store.close(REGION, DAY, b"roster")
        monkeypatch.setattr(Store, "fetch", None)
        fold = await of(folds, known, "town")
    assert told(fold) == plain(known, [(meter, 0) for meter in METERS], "town")
    assert fold.flagged(9) == (1, 2, 3, 3, 3, 3, 2, 1, 0)


@pytest.mark.anyio
async def test_another_roster_begins_anew(known: Registry, tmp_path: Path) -> None:
    """A meter that went from one leaf to another counts where it is."""
    async with opened(tmp_path) as store:
        folds = Folds(store, known, door(known))
        await send(store, known, (METERS[0], 0), (METERS[3], 0))
        await folds.prepare(known.rosters.at(REGION, DAY), DAY)
        moved = region(*(home(meter, cohort="town/b") for meter in COHORTS))
        fold = await folds.of(moved, CohortId("town/b"), CHANNEL, DAY)
    assert set(fold.sent) == {METERS[0], METERS[3]}


@pytest.mark.anyio
async def test_what_is_kept_is_bounded(known: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ahead, a day takes the room of an older one, not of one as new; who asks gets any, and is remembered."""
    monkeypatch.setattr(module, "MOST_REPORTS", 2 * len(METERS) - 1)
    read, fetch = list[Window](), Store.fetch

    async def note(self: Store, region: RegionId, window: Window, *rest: Any) -> object:  # noqa: ANN401 - as it comes
        read.append(window)
        return await fetch(self, region, window, *rest)

    monkeypatch.setattr(Store, "fetch", note)
    second, first = DAYS[:2]
    roster = known.rosters.at(REGION, first)
    async with opened(tmp_path) as store:
        folds = Folds(store, known, door(known))
        for day in (first, second):
            await upload(store, known, *(daily_report(meter, day, 0) for meter in METERS))

        async def prepared(day: Window) -> bool:
            read.clear()
            await folds.prepare(roster, day)
            return day in read

        assert await prepared(first)
        assert not await prepared(first)
        assert await prepared(second)
        assert not await prepared(second)
        assert not await prepared(first)
        assert len((await folds.of(roster, CohortId("town"), CHANNEL, first)).sent) == len(METERS)
        assert first in read
        read.clear()
        await folds.of(roster, CohortId("town"), CHANNEL, first)
        assert read == []
        assert await prepared(second)


@pytest.mark.anyio
async def test_of_an_archived_day(known: Registry, tmp_path: Path) -> None:
    """By a worker that was there before, and by one that was not."""
    async with opened(tmp_path, archive=tmp_path / "archive") as store:
        before, after = Folds(store, known, door(known)), Folds(store, known, door(known))
        await send(store, known, (METERS[0], 2))
        await before.prepare(known.rosters.at(REGION, DAY), DAY)
        await send(store, known, (METERS[1], 0))
        await store.close(REGION, DAY, b"roster")
        await Archiving(store, None).archive(REGION, DAY)
        expected = plain(known, [(METERS[0], 2), (METERS[1], 0)], "town")
        assert told(await of(before, known, "town")) == told(await of(after, known, "town")) == expected
