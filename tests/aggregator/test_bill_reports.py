"""Which reports bills rest on: registers beside cycle reports for demand, and in their place where they are missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.aggregator.billing import opened, question, told, upload, upload_of, worker
from tests.aggregator.cycles import (
    END,
    LAST_DAY,
    OTHER,
    START,
    ZONE,
    cycle_report,
    home,
    region,
    register_report,
    registry,
    residues,
)
from tests.aggregator.test_bills import number
from tests.policy.rosters import REGION
from tests.protocol.tariff.samples import EXPORT, TOU, tariff
from wattseal.aggregator.store import PutStatus, Store
from wattseal.edge.registry import Registry
from wattseal.protocol.billing import SegmentReport, split_numbers
from wattseal.protocol.errors import MalformedMessage, NobodyReported, PinnedOtherwise, ShareTooLarge
from wattseal.protocol.ids import Channel, Kind, MeterId
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.charges import DemandCharge, Mode, SeriesCharge, Tier
from wattseal.protocol.tariff.model import Row, Schedule, Tariff
from wattseal.protocol.tariff.registers import Program, results_of

DELIVERED, RECEIVED = Channel
DEMAND = DemandCharge(name="Demand", schedule="tou", tiers=(Tier(limit=None, prices=(0, 900_000)),))
PLAIN, DEMANDING = tariff(TOU, EXPORT), tariff(TOU, EXPORT, DEMAND)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def homes(of: Tariff, *channels: Channel) -> Roster:
    return region(*(home(f"m{place}", tariff=of.name, channels=channels or (DELIVERED,)) for place in range(6)))


def program(of: Tariff, channel: Channel = DELIVERED, **changes: Any) -> Program:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {"timezone": ZONE, "interval_minutes": 15, "read_unit": 1}
    return Program(of, channel, **{**fields, **changes})


async def read(store: Store, known: Registry, of: Program, *meters: str, **changes: Any) -> None:  # noqa: ANN401
    """A register report of each, taken in time."""
    bodies = [register_report(of, meter=MeterId(meter), **changes) for meter in meters]
    assert await upload(store, known, *bodies) == [PutStatus.accepted] * len(meters)


@pytest.mark.anyio
async def test_demand_takes_the_registers_beside_the_reads(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry", [homes(DEMANDING)], [DEMANDING])
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        await upload_of(store, known, "m0", "m1")
        await read(store, known, program(DEMANDING), "m0", end=END - 1440)
        with pytest.raises(NobodyReported, match=r"^2 of 2 meters have no reading of their registers at the end"):
            await billing.answer(question("m0", "m1", tariff=DEMANDING.fingerprint))
        sealed = residues(program(DEMANDING).coefficients, 7)
        body = register_report(program(DEMANDING), sealed, meter=MeterId("m0"), number=1)
        assert await upload(store, known, body) == [PutStatus.accepted]
        answer, statement = told(await billing.answer(question("m0", tariff=DEMANDING.fingerprint)))
        allowing = await billing.answer(question("m0", tariff=DEMANDING.fingerprint, estimates=True))
        assert told(allowing)[1] == statement
    [segment] = statement.segments
    assert segment.reports == (
        SegmentReport(channel=DELIVERED, number=0),
        SegmentReport(channel=DELIVERED, number=1, read_at=END),
    )
    results = results_of(statement.compiled(segment, DEMANDING, homes(DEMANDING)))
    expected = [
        number(residues((END - START) // 15) if one.kind is Kind.CYCLE else sealed, one.y.tolist()) for one in results
    ]
    [numbers] = split_numbers(answer.numbers, [2])
    assert [int.from_bytes(each, "little") for each in numbers] == expected


@pytest.mark.anyio
async def test_a_demand_of_one_hour_of_the_weekends(tmp_path: Path) -> None:
    rows = [
        Row(season="year", days="weekday", runs=((0, 0),)),
        Row(season="year", days="weekend", runs=((0, 0), (72, 1), (76, 0))),
    ]
    narrow = Schedule(name="narrow", periods=("off", "on"), rows=tuple(rows))
    charge = DEMAND.model_copy(update={"schedule": "narrow"})
    selector = tariff(TOU, EXPORT, charge, schedules=(*PLAIN.schedules, narrow))
    known = registry(tmp_path / "registry", [homes(selector)], [selector])
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0")
        await read(store, known, program(selector), "m0")
        with pytest.raises(ShareTooLarge, match="demand periods"):
            await worker(store, known).answer(question("m0", tariff=selector.fingerprint))


@pytest.mark.anyio
async def test_without_demand_nobody_looks_at_registers(tmp_path: Path) -> None:
    known = registry(tmp_path / "registry", [homes(PLAIN)], [PLAIN])
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m1")
        await read(store, known, program(PLAIN), "m0")
        _, statement = told(await worker(store, known).answer(question("m0", tariff=PLAIN.fingerprint, estimates=True)))
    assert statement.segments[0].reports == (SegmentReport(channel=DELIVERED, number=0),)


@pytest.mark.anyio
async def test_registers_stand_for_missing_reads_if_the_question_allows_it(tmp_path: Path) -> None:
    """Channel by channel; a late cycle report serves again."""
    known = registry(tmp_path / "registry", [homes(PLAIN, DELIVERED, RECEIVED)], [PLAIN])
    asked: dict[str, Any] = {"tariff": PLAIN.fingerprint}
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        await upload_of(store, known, "m0", "m1")
        for channel in Channel:
            await read(store, known, program(PLAIN, channel), "m0", "m2")
        with pytest.raises(NobodyReported, match=r"^2 of 2 meters have no report of this cycle$"):
            await billing.answer(question("m0", "m2", **asked))
        with pytest.raises(NobodyReported, match=r"^1 of 3 meters have no reading of their registers"):
            await billing.answer(question("m0", "m1", "m2", **asked, estimates=True))
        answer, statement = told(await billing.answer(question("m0", "m2", **asked, estimates=True)))
        kinds = [[(report.channel, report.kind) for report in segment.reports] for segment in statement.segments]
        assert kinds == [
            [(DELIVERED, Kind.CYCLE), (RECEIVED, Kind.REGISTER)],
            [(DELIVERED, Kind.REGISTER), (RECEIVED, Kind.REGISTER)],
        ]
        assert answer.flagged == (0, 0)
        await store.close(REGION, LAST_DAY, homes(PLAIN, DELIVERED, RECEIVED).fingerprint)
        late = [cycle_report(meter=MeterId("m3"), channel=channel) for channel in Channel]
        assert await upload(store, known, *late) == [PutStatus.late] * 2
        _, statement = told(await billing.answer(question("m3", **asked, estimates=True)))
        assert not statement.segments[0].by_registers


@pytest.mark.anyio
async def test_an_estimate_stays_one_until_it_is_cancelled(tmp_path: Path) -> None:
    """Reads that arrive later are billed by a rebill alone, and nobody is told that they are missing."""
    known = registry(tmp_path / "registry", [homes(PLAIN)], [PLAIN])
    asked: dict[str, Any] = {"tariff": PLAIN.fingerprint}
    async with opened(tmp_path) as store:
        billing = worker(store, known)
        await read(store, known, program(PLAIN), "m0")
        first = await billing.answer(question("m0", **asked, estimates=True))
        await upload_of(store, known, "m0")
        assert await billing.answer(question("m0", **asked, estimates=True)) == first
        with pytest.raises(PinnedOtherwise, match="names the bill that it cancels"):
            await billing.answer(question("m0", **asked))
        _, again = told(await billing.answer(question("m0", **asked, estimates=True, cancels=told(first)[1])))
        assert [report.kind for report in again.segments[0].reports] == [Kind.CYCLE]
        _, after = told(await billing.answer(question("m0", **asked)))
        assert after.segments[0].reports == again.segments[0].reports


@pytest.mark.anyio
async def test_a_bill_from_reads_stays_one_though_registers_were_billed_before(tmp_path: Path) -> None:
    """Also for a worker that learns of it from the log, in either mode, whether estimates are allowed or not."""
    known = registry(tmp_path / "registry", [homes(PLAIN)], [PLAIN])
    asked: dict[str, Any] = {"tariff": PLAIN.fingerprint}
    async with opened(tmp_path) as store:
        await read(store, known, program(PLAIN), "m0")
        estimate = await worker(store, known).answer(question("m0", **asked, estimates=True))
        await upload_of(store, known, "m0")
        rebill = question("m0", **asked, cancels=told(estimate)[1])
        answer = await worker(store, known).answer(rebill)
        billing = worker(store, known)
        assert await billing.answer(rebill) == answer
        for mode in Mode:
            for estimates in (True, False):
                again = question("m0", **asked, mode=mode, estimates=estimates)
                _, statement = told(await billing.answer(again))
                assert statement.segments[0].reports == (SegmentReport(channel=DELIVERED, number=0),)


@pytest.mark.anyio
async def test_a_rebill_that_another_worker_answers_meanwhile_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate that it took back is not told again in the other mode."""
    known = registry(tmp_path / "registry", [homes(PLAIN)], [PLAIN])
    asked: dict[str, Any] = {"tariff": PLAIN.fingerprint, "estimates": True}
    async with opened(tmp_path) as store:
        billing, other = worker(store, known), worker(store, known)
        await read(store, known, program(PLAIN), "m0")
        _, estimate = told(await billing.answer(question("m0", **asked)))
        await upload_of(store, known, "m0")
        read_stored = store.read

        async def meanwhile(*place: Any) -> Any:  # noqa: ANN401 - whatever the store reads
            monkeypatch.undo()
            await other.answer(question("m0", **asked, cancels=estimate))
            return await read_stored(*place)

        monkeypatch.setattr(store, "read", meanwhile)
        with pytest.raises(PinnedOtherwise, match="names the bill that it cancels"):
            await billing.answer(question("m0", **asked, mode=Mode.DETERMINANTS))


OTHER_REGISTERS: dict[str, tuple[Program, dict[str, Any]]] = {
    "another minute": (program(PLAIN), {"end": END - 1440}),
    "another beginning": (program(PLAIN), {"start": START + 1440}),
    "another tariff": (program(OTHER), {}),
    "another time zone": (program(PLAIN, timezone="America/Phoenix"), {}),
    "another interval": (program(PLAIN, interval_minutes=30), {}),
    "another length": (program(PLAIN), {"ciphertext": residues(3)}),
}


@pytest.mark.anyio
@pytest.mark.parametrize(("of", "changes"), OTHER_REGISTERS.values(), ids=OTHER_REGISTERS.keys())
async def test_other_registers_are_none(tmp_path: Path, of: Program, changes: dict[str, Any]) -> None:
    """Opening them would fail, and use an attempt up."""
    known = registry(tmp_path / "registry", [homes(PLAIN)], [PLAIN])
    async with opened(tmp_path) as store:
        await read(store, known, of, "m0", **changes)
        with pytest.raises(NobodyReported, match="1 of 1 meters have no reading of their registers"):
            await worker(store, known).answer(question("m0", tariff=PLAIN.fingerprint, estimates=True))


@pytest.mark.anyio
async def test_an_hourly_price_has_no_estimate(tmp_path: Path) -> None:
    hourly = tariff(SeriesCharge(name="Hourly", start=START, step_minutes=60, prices=(10_000,) * 720))
    known = registry(tmp_path / "registry", [homes(hourly)], [hourly])
    async with opened(tmp_path) as store:
        with pytest.raises(MalformedMessage, match="'Hourly' has a price for each step: no register counts"):
            await worker(store, known).answer(question("m0", tariff=hourly.fingerprint, estimates=True))
