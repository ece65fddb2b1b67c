"""A fleet's registers: what they count and show, and when each meter's are read."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.protocol.tariff.metered import register_values
from tests.protocol.tariff.samples import EXPORT, PACIFIC, TOU, tariff
from wattseal.meter_sim.editing import edited
from wattseal.meter_sim.reads import DayReads, Measured, RegisterSteps
from wattseal.meter_sim.register_reads import Reading, RegisterReads, readings_of
from wattseal.meter_sim.registers import MODULUS, Registers
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.report import FlagReason
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import DemandCharge, Tier
from wattseal.protocol.tariff.registers import Program

DEMAND = DemandCharge(name="Demand", schedule="tou", tiers=(Tier(limit=None, prices=(500_000, 900_000)),))
DEMANDING = tariff(TOU, EXPORT, DEMAND)
APRIL = Cycle(date(2026, 4, 1), date(2026, 5, 1), PACIFIC)
START, END = APRIL.minutes
A, B = MeterId("a"), MeterId("b")
NAMES = {"home-a": A, "home-b": B}


def program(channel: Channel = Channel.DELIVERED, **changes: Any) -> Program:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {"timezone": PACIFIC, "interval_minutes": 60, "read_unit": 1}
    return Program(DEMANDING, channel, **{**fields, **changes})


def known(units: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.ones(units.shape, dtype=np.bool_)


def shown(registers: Registers, row: int = 0) -> list[int]:
    values = registers.values(row)
    assert values is not None
    return [int(value) for value in values]


def test_indexes_and_demand_by_hand() -> None:
    """From midnight in Los Angeles: 16 to 21 is peak."""
    registers, rows = Registers(program(), 2), np.arange(2)
    registers.begin_segment(rows)
    units = np.array([[*range(24)], [1] * 24])
    registers.count(rows, units[:, :10], known(units[:, :10]), START)
    registers.count(rows, units[:, 10:], known(units[:, 10:]), START + 600)
    peak = 16 + 17 + 18 + 19 + 20
    assert shown(registers, 0) == [0, 0, sum(range(24)) - peak, peak, 23, 20]
    assert shown(registers, 1) == [0, 0, 19, 5, 1, 1]


@pytest.mark.parametrize(("minutes", "unit", "watts"), [(60, 1, 7), (30, 1, 14), (15, 1, 28), (15, 100, 2_800)])
def test_demand_is_energy_over_the_interval_in_w(minutes: int, unit: int, watts: int) -> None:
    registers, units = Registers(program(interval_minutes=minutes, read_unit=unit), 1), np.array([[3, 7, 5]])
    registers.begin_segment(np.array([0]))
    registers.count(np.array([0]), units, known(units), START)
    assert shown(registers)[-2:] == [watts, 0]


def test_a_segment_goes_on_from_the_index_and_begins_demand_anew() -> None:
    registers, both = Registers(program(), 2), np.arange(2)
    registers.count(both, np.full((2, 1), 4), known(np.zeros((2, 1), dtype=np.int64)), START - 60)
    assert registers.values(0) is None  # no segment has begun
    registers.begin_segment(both)
    registers.count(both, np.array([[9], [8]]), known(np.zeros((2, 1), dtype=np.int64)), START)
    registers.begin_segment(np.array([1]))
    registers.count(both, np.array([[2], [3]]), known(np.zeros((2, 1), dtype=np.int64)), START + 60)
    assert shown(registers, 0) == [4, 0, 4 + 11, 0, 9, 0]
    assert shown(registers, 1) == [4 + 8, 0, 12 + 3, 0, 3, 0]


def test_indexes_wrap_between_segments_alone() -> None:
    """So that what stands in a report never falls."""
    registers, rows = Registers(program(), 1), np.array([0])
    units = np.array([[MODULUS - 3]])
    registers.count(rows, units, known(units), START)
    registers.begin_segment(rows)
    registers.count(rows, np.array([[5]]), known(units), START + 60)
    assert shown(registers)[:3] == [MODULUS - 3, 0, MODULUS + 2]
    registers.begin_segment(rows)
    assert shown(registers)[:3] == [2, 0, 2]


def test_what_was_not_counted_is_not_told_until_another_segment_begins() -> None:
    registers, rows, units = Registers(program(), 1), np.array([0]), np.array([[5, 0]])
    registers.begin_segment(rows)
    registers.count(rows, units, np.array([[True, False]]), START)
    assert registers.values(0) is None
    registers.count(rows, units, known(units), START + 120)
    assert registers.values(0) is None
    registers.begin_segment(rows)
    assert registers.values(0) is not None


@given(st.lists(st.integers(0, 20_000), min_size=2, max_size=60), st.integers(1, 59), st.integers(0, 600))
def test_it_does_not_matter_where_counting_is_cut(reads: list[int], cut: int, hour: int) -> None:
    units, cut, start = np.array([reads]), min(cut, len(reads) - 1), START + 60 * hour
    registers, rows = Registers(program(), 1), np.array([0])
    registers.begin_segment(rows)
    for part, begin in ((units[:, :cut], start), (units[:, cut:], start + 60 * cut)):
        registers.count(rows, part, known(part), begin)
    expected = register_values(program(), start, units[0]).tolist()
    assert shown(registers)[2:] == [expected[2], expected[3] - 1, *expected[4:]]  # the helper's indexes begin at 0, 1


def utc(minute: int) -> str:
    return datetime.fromtimestamp(60 * minute, UTC).isoformat()[:16]


def test_registers_are_read_at_local_midnights_and_at_the_end() -> None:
    march = Cycle(date(2026, 3, 1), date(2026, 4, 1), PACIFIC)
    minutes = readings_of(march.minutes, march)
    assert [utc(minute) for minute in minutes[:2]] == ["2026-03-02T08:00", "2026-03-03T08:00"]
    assert [utc(minute) for minute in minutes[6:9]] == ["2026-03-08T08:00", "2026-03-09T07:00", "2026-03-10T07:00"]
    assert (len(minutes), minutes[-1]) == (31, march.minutes[1])


def test_a_segment_that_ends_with_a_utc_day_is_not_read_earlier_on_it() -> None:
    cut = START // 1440 * 1440 + 10 * 1440
    minutes = readings_of((START, cut), APRIL)
    assert minutes == [*(START + day * 1440 for day in range(1, 9)), cut]
    assert readings_of((cut, END), APRIL)[:2] == [START + 11 * 1440, START + 12 * 1440]
    assert readings_of((START, START + 1_425), APRIL) == []


@pytest.mark.parametrize("zone", [PACIFIC, "Europe/London", "Atlantic/Azores", "Asia/Kolkata", "UTC", "Pacific/Apia"])
def test_one_reading_a_utc_day_wherever_the_clocks_change(zone: str) -> None:
    """Of all cycles one after the other, too: reports are kept by their UTC day."""
    days = [date(2026, 1, 1) + timedelta(days=30 * number) for number in range(13)]
    cycles = [Cycle(first, after, zone) for first, after in pairwise(days)]
    windows = [(minute - 1) // 1440 for cycle in cycles for minute in readings_of(cycle.minutes, cycle)]
    assert len(windows) == len(set(windows))
    assert {(cycle.minutes[1] - 1) // 1440 for cycle in cycles} <= set(windows)


def wh_of(day: int, row: int) -> NDArray[np.int64]:
    return (day * 97 + row * 31 + np.arange(24)) % 4000


def days(*names: str, silent: int | None = None) -> Iterator[tuple[DayReads, ...]]:
    """A UTC day before April and one after it; on the day `silent` no read arrives."""
    rows = [("home-a", "home-b").index(name) for name in names]
    for day in range(START // 1440 - 1, END // 1440 + 2):
        wh = np.array([wh_of(day, row) for row in rows])
        present = np.full(wh.shape, day != silent)
        counted = None if day != silent else Measured(wh, np.ones(wh.shape, dtype=np.bool_))
        yield (DayReads(day, "delivered", names, wh * present, present, counted=counted),)


def read(segments: dict[MeterId, list[tuple[int, int]]], told: Iterator[tuple[DayReads, ...]]) -> list[Reading]:
    parts = {meter: [(minutes, APRIL) for minutes in some] for meter, some in segments.items()}
    reads = RegisterReads(parts, [program(), program(Channel.RECEIVED)])
    return [reading for parts_of_day in told for reading in reads.add(parts_of_day, NAMES)]


def expected(row: int, start: int, end: int) -> list[int]:
    """Energy since `start` and largest demand, interval by interval."""
    units = np.array([wh_of(minute // 1440, row)[minute % 1440 // 60] for minute in range(start, end, 60)])
    values = register_values(program(), start, units).tolist()
    return [values[2], values[3] - 1, *values[4:]]


def told_by(reading: Reading) -> list[int]:
    begin, now, demand = np.split(reading.values, [2, 4])
    return [*(now - begin).tolist(), *demand.tolist()]


def test_each_reading_tells_what_was_measured_since_the_segment_began() -> None:
    readings = read({A: [(START, END)], B: [(START, END)]}, days("home-a", "home-b", silent=START // 1440 + 7))
    assert [(one.meter, one.minute) for one in readings] == [
        (meter, START + day * 1440) for day in range(1, 31) for meter in (A, B)
    ]
    for one in readings:
        assert told_by(one) == expected((A, B).index(one.meter), START, one.minute)
        assert (one.channel, one.billed) == (Channel.DELIVERED, ((START, END), (START, END)))


def test_a_move_begins_anew_within_the_day() -> None:
    cut = START // 1440 * 1440 + 10 * 1440
    readings = read({A: [(START, cut), (cut, END)]}, days("home-a", "home-b"))
    closing = {one.billed.minutes: one for one in readings if one.minute == one.billed.minutes[1]}
    assert closing.keys() == {(START, cut), (cut, END)}
    for (start, end), one in closing.items():
        assert told_by(one) == expected(0, start, end)
    assert closing[START, cut].values[2:4].tolist() == closing[cut, END].values[:2].tolist()


def test_who_was_not_there_from_the_beginning_tells_nothing() -> None:
    late = (parts for parts in days("home-a") if parts[0].day > START // 1440)
    assert read({A: [(START, END)]}, late) == []


def quarter_hours(truth: NDArray[np.int64], first_day: int, midnights: list[int]) -> list[RegisterSteps]:
    """Steps of one meter's register, read at each of the minutes."""
    begin = first_day * 1440
    return [
        RegisterSteps(
            rows=np.array([0]),
            starts=np.array([start]),
            ends=np.array([end]),
            wh=np.array([truth[0, (start - begin) // 15 : (end - begin) // 15].sum()]),
        )
        for start, end in pairwise(midnights)
    ]


@pytest.mark.parametrize(("change", "count"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_lost_reads_of_a_changing_day_come_back_from_the_register(change: date, count: int) -> None:
    """Windows are UTC days of 96 quarter hours; the register's day lies over two of them."""
    first_day = (change - date(1970, 1, 1)).days - 1
    truth = np.random.default_rng(7).integers(50, 900, size=(1, 4 * 96))
    cycle = Cycle(change - timedelta(days=2), change + timedelta(days=26), PACIFIC)
    midnights = readings_of(cycle.minutes, cycle)[:4]
    steps = quarter_hours(truth, first_day, midnights)
    assert [int(step.ends[0] - step.starts[0]) // 15 for step in steps] == [96, count, 96]
    present = np.ones_like(truth, dtype=np.bool_)
    present[0, 2 * 96 - 3 : 2 * 96 + 2] = False  # over UTC midnight, in the afternoon of the changing day
    windows = [slice(96 * number, 96 * number + 96) for number in range(4)]
    reads = [
        DayReads(first_day + number, "delivered", ("m",), (truth * present)[:, window], present[:, window], step)
        for number, (window, step) in enumerate(zip(windows, [RegisterSteps(), *steps], strict=True))
    ]
    done = [day for (day,) in edited([(day,) for day in reads], 15, 16_383)]
    wh, reasons = np.hstack([day.wh for day in done]), np.hstack([day.reasons for day in done])
    assert (reasons == np.where(present, 0, FlagReason.LINEAR)).all()
    assert (wh[present] == truth[present]).all()
    assert wh.sum() == truth.sum()
