"""Bills and totals look at each other: what both together tell of one meter must stay hidden among its neighbors."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.aggregator.billing import POLICY, door, opened, question, upload, upload_of, worker
from tests.aggregator.cycles import FIRST, KEY, LAST_DAY, MAY, START, ZONE, cycle_report, home, region, registry
from tests.policy.rosters import REGION, operator
from tests.protocol.tariff.samples import TOU, peak, tariff
from wattseal.aggregator.bills import Billing
from wattseal.aggregator.days import Days
from wattseal.aggregator.folds import Folds
from wattseal.aggregator.logs import totals_log
from wattseal.aggregator.store import Store
from wattseal.aggregator.totals import Totals
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.registry import Registry
from wattseal.policy.levels import Levels
from wattseal.protocol.errors import ShareTooLarge
from wattseal.protocol.ids import Channel, CohortId, Kind, MeterId, RegionDay, RegionId, Suite, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import Answer, TotalQuestion, TotalStatement, positions_to_bits
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY, window_minutes

SIX, FOUR, TWO = ([f"m{i}" for i in range(count)] for count in (6, 4, 2))
EARLY = tariff(TOU, name="EARLY")
"""Its peak ends a quarter of an hour before that of LATE: together they tell of 7.5 hours a month."""

_LATER = peak("year").model_copy(
    update={"rows": tuple(row.model_copy(update={"runs": ((0, 0), (64, 1), (85, 0))}) for row in peak("year").rows)}
)
LATE = tariff(TOU, name="LATE", schedules=(_LATER,))
DAY = Window(START // MINUTES_PER_DAY + 10)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def total_of(
    meters: Sequence[str], roster: Roster, window: int, *, where: RegionId = REGION, cohort: str = "town"
) -> bytes:
    """An entry of the log of totals, as if such a total had been granted."""
    active = roster.active(CohortId(cohort), Channel.DELIVERED)
    statement = TotalStatement(
        purpose="research",
        region=where,
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=Window(window),
        suite=roster.suite,
        key_id=KEY.key_id,
        layout_id=roster.layout_id,
        roster_digest=roster.fingerprint,
        members=positions_to_bits([active.index(MeterId(meter)) for meter in meters], len(active)),
    )
    return Answer.issue(statement, b"sealed", (), operator("aggregator")).to_bytes()


async def grant(store: Store, window: int, entry: bytes, before: int = 0) -> None:
    assert await store.append(totals_log(RegionDay(REGION, Channel.DELIVERED, Window(window))), before, [entry])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("window", "meters", "changes", "permitted"),
    [
        (START // MINUTES_PER_DAY - 1, TWO, {}, True),
        (START // MINUTES_PER_DAY, TWO, {}, False),
        (LAST_DAY, TWO, {}, False),
        (LAST_DAY + 1, TWO, {}, True),
        (LAST_DAY, SIX, {}, True),
        (LAST_DAY, SIX[1:], {}, True),
        # Sets are sets of meters, whatever region a statement says.
        (LAST_DAY, TWO, {"where": RegionId("elsewhere")}, False),
    ],
)
async def test_totals_of_the_days_of_the_cycle_count(
    tmp_path: Path, window: int, meters: list[str], changes: dict[str, Any], *, permitted: bool
) -> None:
    """Threat E43: of two meters whose total is known, neither is hidden by three others."""
    known = registry(tmp_path / "registry")
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0")
        await grant(store, window, total_of(meters, region(), window, **changes))
        if permitted:
            await worker(store, known).answer(question("m0"))
        else:
            with pytest.raises(ShareTooLarge, match="neighbors"):
                await worker(store, known).answer(question("m0"))


@pytest.mark.anyio
async def test_a_total_granted_between_two_bills(tmp_path: Path) -> None:
    """A worker sees what was added to a day that it has looked at."""
    roster = region(*(home(meter, cohort=CohortId(f"town/{place // 2}")) for place, meter in enumerate(SIX)))
    known = registry(tmp_path / "registry", [roster])
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1", "m2")
        billing = worker(store, known)
        await grant(store, DAY, total_of(SIX, roster, DAY))
        await billing.answer(question("m0"))
        await grant(store, DAY, total_of(TWO, roster, DAY, cohort="town/0"), before=1)
        with pytest.raises(ShareTooLarge, match="neighbors"):
            await billing.answer(question("m1"))
        await billing.answer(question("m2"))


def mixed(effective: int = FIRST, *, alone: str = EARLY.name) -> Roster:
    """m0 may be under another tariff than m1 to m3."""
    return region(home("m0", tariff=alone), *(home(m, tariff=LATE.name) for m in FOUR[1:]), effective=effective)


async def ask_total(store: Store, known: Registry, billing: Billing, window: Window) -> bytes:
    """Of all four, who have sent what a total is made of."""
    start, end = window_minutes(window)
    daily = {"kind": Kind.DAILY, "suite": Suite.MASKING, "start": start, "end": end}
    sealed = bytes(MaskingParameters(DEFAULT_LAYOUTS[15]).ciphertext_bytes)
    await upload(store, known, *(cycle_report(sealed, meter=MeterId(meter), **daily) for meter in FOUR))
    await store.close(REGION, window, known.rosters.at(REGION, window).fingerprint)
    totals = Totals(
        store,
        known,
        Folds(store, known, door(known)),
        operator("aggregator"),
        billing,
        Days(store, known, Levels(POLICY)),
    )
    return await totals.answer(TotalQuestion(purpose="research", region=REGION, cohort=CohortId("town"), window=window))


@pytest.mark.anyio
@pytest.mark.parametrize(("alone", "permitted"), [(EARLY, False), (LATE, True)])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_total_after_the_bills(tmp_path: Path, alone: Tariff, *, permitted: bool, restarted: bool) -> None:
    """Their total less three bills would be m0's part of it, under LATE; its own bill is under EARLY."""
    known = registry(tmp_path / "registry", [mixed(alone=alone.name)], [EARLY, LATE])
    async with opened(tmp_path) as store:
        await upload_of(store, known, *FOUR)
        billing = worker(store, known)
        await billing.answer(question("m0", tariff=alone.fingerprint))
        await billing.answer(question(*FOUR[1:], tariff=LATE.fingerprint))
        if restarted:
            billing = worker(store, known)
        if permitted:
            assert await ask_total(store, known, billing, DAY)
        else:
            with pytest.raises(ShareTooLarge, match="neighbors"):
                await ask_total(store, known, billing, DAY)
            assert await store.read_log(totals_log(RegionDay(REGION, Channel.DELIVERED, DAY))) == []
        # No bill touches the days after the cycle.
        assert await ask_total(store, known, billing, Window(LAST_DAY + 1))


@pytest.mark.anyio
async def test_bills_of_other_cycles_do_not_bear_on_this_one(tmp_path: Path) -> None:
    """m0 was billed under EARLY until May and is under LATE since."""
    april = Cycle(date(2026, 4, 1), date(2026, 5, 1), ZONE)
    rosters = [mixed(), mixed(Window(START // MINUTES_PER_DAY + 1), alone=LATE.name)]
    known = registry(tmp_path / "registry", rosters, [EARLY, LATE])
    async with opened(tmp_path) as store:
        for cycle in (april, MAY):
            await upload_of(store, known, *FOUR, start=cycle.minutes[0], end=cycle.minutes[1])
        billing = worker(store, known)
        await billing.answer(question("m0", tariff=EARLY.fingerprint, cycle=april))
        await billing.answer(question(*FOUR[1:], tariff=LATE.fingerprint, cycle=april))
        await ask_total(store, known, billing, DAY)
        await billing.answer(question(*FOUR, tariff=LATE.fingerprint))
        with pytest.raises(ShareTooLarge, match="neighbors"):
            await ask_total(store, known, billing, Window(FIRST + 10))
        await ask_total(store, known, billing, Window(DAY + 1))
