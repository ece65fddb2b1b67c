"""From edited days to cycle reports: every interval in its place, each content under one number, opening as bills."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.scales import Cycle as CycleMinutes
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.meter_sim.cycles import CycleReads, CycleSealer, Part, batches
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite
from wattseal.protocol.report import FlagReason, decode_report
from wattseal.protocol.tariff.bill import Cycle

MARCH = Cycle(date(2026, 3, 1), date(2026, 4, 1), "America/Los_Angeles")
START, END = MARCH.minutes
WINDOWS = range(START // 1440, -(-END // 1440))
A, B = MeterId("a"), MeterId("b")
METERS = {"home-a": A, "home-b": B}
REGION = Region(RegionId("north"), int(Suite.MASKING), b"layout-1", 15)


def wh_of(day: int, row: int) -> np.ndarray:
    return (day * 97 + row * 31 + np.arange(96)) % 4000


def edited(day: int, *names: str, reason: int = 0) -> EditedDay:
    rows = [("home-a", "home-b").index(name) for name in names]
    wh = np.array([wh_of(day, row) for row in rows], dtype=np.int64).reshape(len(rows), 96)
    return EditedDay(day, "delivered", names, wh, np.full(wh.shape, reason, dtype=np.uint8))


def expected(row: int, start: int = START, end: int = END) -> np.ndarray:
    """By the minute, one read after the other."""
    return np.array([wh_of(minute // 1440, row)[minute % 1440 // 15] for minute in range(start, end, 15)])


def test_a_cycle_of_local_days_has_an_hour_less_in_march() -> None:
    reads = CycleReads({A: [(START, END)], B: [(START, END)]}, 15)
    for day in WINDOWS:
        reads.add([edited(day, "home-a", "home-b")], METERS)
    parts = {part.meter: part for part in reads.parts()}
    assert len(parts[A].units) == 31 * 96 - 4
    for row, meter in enumerate((A, B)):
        assert (parts[meter].units == expected(row)).all()
        assert not parts[meter].reasons.any()


def test_days_that_nobody_told_of_are_missing() -> None:
    reads = CycleReads({A: [(START, END)]}, 15)
    absent = WINDOWS[5]
    for day in WINDOWS:
        if day != absent:
            reads.add([edited(day, "home-a", reason=FlagReason.LINEAR if day == absent + 1 else 0)], METERS)
    (part,) = reads.parts()
    first = (absent * 1440 - START) // 15
    assert (np.flatnonzero(part.reasons == FlagReason.MISSING) == range(first, first + 96)).all()
    assert (np.flatnonzero(part.reasons == FlagReason.LINEAR) == range(first + 96, first + 192)).all()
    assert not part.units[first : first + 96].any()


def test_a_move_cuts_a_cycle_in_two() -> None:
    cut = WINDOWS[10] * 1440
    reads = CycleReads({A: [(START, cut), (cut, END)]}, 15)
    for day in WINDOWS:
        reads.add([edited(day, "home-a", "home-b")], METERS)
    parts = {part.minutes: part for part in reads.parts()}
    assert parts.keys() == {(START, cut), (cut, END)}  # nothing of the home that is not billed
    assert (parts[START, cut].units == expected(0, START, cut)).all()
    assert (parts[cut, END].units == expected(0, cut, END)).all()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    with FleetState(tmp_path / "fleet") as state:
        state.make_meters(["a", "b"])
        for column, byte in (("pad_key", b"p"), ("tag_key", b"t")):
            state.keep_meter_keys(1, column, [(A, byte * 32), (B, byte.upper() * 32)])
        yield state


def part(meter: MeterId = A, extra: int = 0) -> Part:
    units = expected(0) + extra
    return Part(meter, Channel.DELIVERED, (START, END), units, np.zeros(len(units), dtype=np.uint8))


def sealed(state: FleetState) -> list[bytes]:
    return [body for slot, body in state.pending(100) if slot.kind is Kind.CYCLE]


def test_each_content_is_sealed_once_under_the_next_number(state: FleetState) -> None:
    for contents, reports in (([part()], 1), ([part(), part(B)], 1), ([part(extra=1)], 1), ([part(extra=1)], 0)):
        sealer = CycleSealer(state, REGION, 1, CycleMinutes(START, END))
        sealer.seal(contents)
        assert sealer.sealed_reports == reports
    headers = [decode_report(body).header for body in sealed(state)]
    assert sorted((header.meter, header.number) for header in headers) == [("a", 0), ("a", 1), ("b", 0)]
    assert {(h.kind, h.suite, h.start, h.end) for h in headers} == {(Kind.CYCLE, Suite.CKKS, START, END)}


def test_numbers_of_cycles_and_of_days_are_apart(state: FleetState) -> None:
    """A cycle may begin with a window."""
    (daily,) = state.reserve("delivered", START, [(A, b"content")])
    (cycle,) = state.reserve("delivered", START, [(A, b"content")], Kind.CYCLE)
    assert (daily.number, cycle.number) == (0, 0)
    state.keep_sealed([(daily, b"of a day"), (cycle, b"of a cycle")])
    assert {slot.kind: body for slot, body in state.pending(9)} == {Kind.DAILY: b"of a day", Kind.CYCLE: b"of a cycle"}


def test_what_was_sealed_opens_as_a_bill(state: FleetState) -> None:
    sealer = CycleSealer(state, REGION, 1, CycleMinutes(START, END))
    sealer.seal([part()])
    (report,) = (decode_report(body) for body in sealed(state))
    assert (sealer.sealed_bytes, len(report.body)) == (len(report.body),) * 2
    assert len(report.body) < 40_000
    label = Label(Suite.CKKS, MODULUS_ID, "north", "a", Kind.CYCLE, Channel.DELIVERED.code, START, END, 1, 0)
    prices = np.random.default_rng(1).integers(0, 60_000, len(expected(0)))
    functional = Functional.of(prices)
    (number,) = bill_sums([report.ciphertext], [functional])
    (pad,) = bill_pads(CKKS_4096, [label], Secret(b"p" * 32), [functional])
    decryptor = BillDecryptor(CKKS_4096, Secret(b"t" * 32), label, CycleMinutes(START, END))
    opened = decryptor.open_bill(number, pad, Unmasking.of(CKKS_4096, [label], functional))
    assert opened == int(prices @ expected(0))


def test_batches() -> None:
    parts = [part()] * 5
    assert [len(some) for some in batches(parts, 2)] == [2, 2, 1]
    assert list(batches([], 2)) == []
