"""Whose registers a fleet counts, and which of their readings reach the head-end."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.meter_sim.test_register_reports import REGION
from tests.meter_sim.test_registers import APRIL, DEMANDING, END, NAMES, START, A, B, days
from tests.policy.rosters import TRUST, operator, roster, row
from wattseal.meter_sim.billed import BilledCycles, CycleLink
from wattseal.meter_sim.fleet_registers import FleetRegisters, registered_tariff
from wattseal.meter_sim.plain_cycles import PlainCycles
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UsageError
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import Header, decode_report
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.signed import SignedTariff

FIRST = START // 1440 - 1


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    with FleetState(tmp_path / "fleet") as state:
        state.make_meters(["a", "b"])
        for column, byte in (("pad_key", b"p"), ("tag_key", b"t")):
            state.keep_meter_keys(1, column, [(A, byte * 32), (B, byte.upper() * 32)])
        yield state


def homes(**changes: dict[str, Any]) -> Roster:
    rows = [row(name, "town", **{"tariff": DEMANDING.name, **changes.get(name, {})}) for name in ("a", "b")]
    return roster(rows, effective=FIRST, interval_minutes=60)


def registers(
    state: FleetState,
    *cycles: Cycle,
    rosters: tuple[Roster, ...] = (),
    billed: tuple[MeterId, ...] = (A, B),
    of: Tariff | None = DEMANDING,
    silent: dict[int, str] | None = None,
    daily_until: int = 1 << 20,
) -> FleetRegisters:
    """`silent`: whose report of a day does not go out with it."""
    link = CycleLink(state, REGION, lambda _: 1, cast(Uploader, None))
    known = rosters or (homes(),)
    chosen = BilledCycles(cycles or (APRIL,), known, frozenset(billed), link, PlainCycles(None, state, known))

    def withheld(day: DayReads) -> frozenset[str]:
        return frozenset(filter(None, [(silent or {}).get(day.day)]))

    return FleetRegisters.of(of, chosen, lambda _: NAMES, withheld, daily_until)


def told(state: FleetState, counting: FleetRegisters) -> list[Header]:
    for parts in days("home-a", "home-b"):
        counting.measure(parts)
        counting.seal()
    headers = [decode_report(body).header for _, body in state.pending(1_000)]
    return sorted(headers, key=lambda header: (header.meter, header.end))


def test_every_billed_meter_tells_a_reading_a_day(state: FleetState) -> None:
    counting = registers(state)
    headers = told(state, counting)
    assert [(one.meter, one.end) for one in headers] == [
        (meter, START + day * 1440) for meter in (A, B) for day in range(1, 31)
    ]
    assert counting.counts()["register_reports"] == 60


def test_a_day_that_is_late_or_lost_takes_its_reading_with_it(state: FleetState) -> None:
    """And no other: registers count on."""
    lost = START // 1440 + 4
    headers = told(state, registers(state, silent={lost: "home-a"}))
    missing = {START + day * 1440 for day in range(1, 31)} - {one.end for one in headers if one.meter == A}
    assert missing == {START + 4 * 1440}
    assert len([one for one in headers if one.meter == B]) == 30


def test_without_daily_reports_only_the_reading_at_the_end_is_told(state: FleetState) -> None:
    headers = told(state, registers(state, daily_until=START // 1440 + 3))
    assert [one.end for one in headers if one.meter == A] == [START + 1440, START + 2 * 1440, END]


@pytest.mark.parametrize(
    ("rosters", "billed", "expected"),
    [
        ((homes(a={"tariff": "another"}),), (A, B), {B}),
        ((homes(a={"tariff": None}),), (A, B), {B}),
        ((homes(),), (A,), {A}),
    ],
    ids=["another tariff", "no tariff", "a neighbor"],
)
def test_registers_are_of_those_who_are_billed_under_the_tariff(
    state: FleetState, rosters: tuple[Roster, ...], billed: tuple[MeterId, ...], expected: set[MeterId]
) -> None:
    assert {one.meter for one in told(state, registers(state, rosters=rosters, billed=billed))} == expected


def test_without_a_tariff_nothing_is_counted(state: FleetState) -> None:
    counting = registers(state, of=None)
    assert told(state, counting) == []
    assert counting.counts() == {}


def test_registers_count_by_one_time_zone(state: FleetState) -> None:
    later = Cycle(APRIL.after, APRIL.after.replace(day=31), "America/Phoenix")
    with pytest.raises(UsageError, match="by one time zone"):
        registers(state, APRIL, later)


def countersigned(*signers: str) -> SignedTariff:
    signed = SignedTariff.issue(DEMANDING, operator("utility"))
    for role in signers:
        signed = signed.countersigned(cast(Any, role), operator(role))
    return signed


def test_meters_count_by_nothing_less_than_a_countersigned_tariff(tmp_path: Path) -> None:
    file, trust = tmp_path / "tariff.json", tmp_path / "trust.json"
    trust.write_bytes(TRUST.to_bytes())
    both = countersigned("aggregator_operator", "unblinder_operator")
    file.write_bytes(both.to_bytes())
    assert registered_tariff(file, trust) == DEMANDING
    for unsigned, error in (
        (countersigned("aggregator_operator").to_bytes(), MalformedMessage),
        (both.model_copy(update={"unblinder_operator": both.utility}).to_bytes(), SignatureInvalid),
        (b"{}", MalformedMessage),
    ):
        file.write_bytes(unsigned)
        with pytest.raises(error):
            registered_tariff(file, trust)
    with pytest.raises(UsageError, match="No such file"):
        registered_tariff(tmp_path / "none.json", trust)


def test_a_register_report_is_of_its_channel_alone(state: FleetState) -> None:
    both = tuple(replace(part, channel="received") for (part,) in days("home-a"))
    counting = registers(state)
    for part in both:
        counting.measure((part,))
    counting.seal()
    assert {decode_report(body).header.channel.value for _, body in state.pending(100)} == {"received"}
