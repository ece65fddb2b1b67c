"""Registers: which one counts when, also where clocks change, and what they show."""

import itertools
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattseal.meter_sim.editing import edited
from wattseal.meter_sim.reads import DayReads, RegisterSteps
from wattseal.meter_sim.registers import (
    MODULUS_WH,
    RegisterReads,
    Registers,
    RegisterSchedule,
    steps_of,
)
from wattseal.protocol.report import FlagReason

LOS_ANGELES = "America/Los_Angeles"
WEEKDAY = (0,) * 16 + (2,) * 5 + (1,) * 3
WEEKEND = (0,) * 24
PEAK = RegisterSchedule(LOS_ANGELES, ((WEEKDAY, WEEKEND),))
FORWARD, BACK = date(2026, 3, 8), date(2026, 11, 1)


def day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def minute_of(*moment: int, zone: str = LOS_ANGELES) -> int:
    return int(datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) // 60  # type: ignore[arg-type, misc]


def local_day(day: date) -> tuple[int, int]:
    """Its midnights in Los Angeles."""
    return minute_of(*day.timetuple()[:3]), minute_of(*date.fromordinal(day.toordinal() + 1).timetuple()[:3])


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 23), (BACK, 25), (date(2026, 7, 1), 24)])
def test_hours_are_local_on_days_when_clocks_change(day: date, hours: int) -> None:
    by_hour = RegisterSchedule(LOS_ANGELES, ((tuple([*range(8)] * 3), tuple([*range(8)] * 3)),))
    start, end = local_day(day)
    assert end - start == 60 * hours
    found = by_hour.registers_at(np.arange(start, end, 15))
    shown = [*range(24)]
    if hours != 24:
        shown[2:2] = [1]  # 01:00 is shown twice, or 02:00 not at all
    if hours == 23:
        shown = [0, 1, *range(3, 24)]
    assert found.tolist() == [hour % 8 for hour in shown for _ in range(4)]


def test_weekdays_weekends_and_seasons() -> None:
    summer_peak = ((0,) * 17 + (3,) * 7, (0,) * 24)
    schedule = RegisterSchedule("UTC", (((1,) * 24, (2,) * 24), summer_peak), (0,) * 5 + (1,) * 4 + (0,) * 3)
    moments = [(2026, 5, 29, 23), (2026, 5, 31, 0), (2026, 6, 1, 16), (2026, 6, 1, 17), (2026, 10, 1, 17)]
    minutes = np.array([minute_of(*moment, zone="UTC") for moment in moments])
    assert schedule.registers_at(minutes).tolist() == [1, 2, 0, 3, 1]
    assert schedule.registers == 4
    assert RegisterSchedule("UTC").registers == 1


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 1), ["2026-01-01T08:00"]),
        (date(2026, 3, 8), ["2026-03-08T08:00"]),
        (date(2026, 3, 9), ["2026-03-09T07:00"]),
        (date(2026, 11, 1), ["2026-11-01T07:00"]),
        (date(2026, 11, 2), ["2026-11-02T08:00"]),
    ],
)
def test_local_midnights_of_a_utc_day(day: date, expected: list[str]) -> None:
    found = PEAK.midnights(day_number(day))
    assert [datetime.fromtimestamp(60 * m, UTC).isoformat()[:16] for m in found] == expected


@pytest.mark.parametrize(
    ("zone", "hour"), [("UTC", 24), ("Pacific/Kiritimati", 10), ("Etc/GMT+12", 12), ("Asia/Kolkata", 18.5)]
)
def test_each_utc_day_has_a_local_midnight_its_end_included(zone: str, hour: float) -> None:
    day = day_number(date(2026, 2, 3))
    assert RegisterSchedule(zone).midnights(day) == (day * 1440 + int(60 * hour),)


def test_a_day_whose_midnight_clocks_leave_out_begins_with_its_first_minute() -> None:
    """Beirut goes forward from 24:00 to 01:00, at 22:00 UTC."""
    day = day_number(date(2026, 3, 28))
    assert RegisterSchedule("Asia/Beirut").midnights(day) == (day * 1440 + 22 * 60,)


def test_indexes_and_maximum_by_hand() -> None:
    start, _ = local_day(date(2026, 3, 2))
    registers = Registers(PEAK, 2, 60, start)
    wh = np.array([[*range(24)], [1] * 24])
    registers.advance(wh[:, :10], start)
    registers.advance(wh[:, 10:], start + 600)
    shown = registers.snapshot()
    assert shown.minute == start + 1440
    assert shown.index_wh.tolist() == [[sum(range(16)), 21 + 22 + 23, 16 + 17 + 18 + 19 + 20], [16, 3, 5]]
    assert shown.maximum_w.tolist() == [23, 1]


@pytest.mark.parametrize(("minutes", "watts"), [(60, 7), (30, 14), (15, 28), (5, 84)])
def test_demand_is_energy_over_the_interval(minutes: int, watts: int) -> None:
    registers = Registers(RegisterSchedule("UTC"), 1, minutes, 0)
    registers.advance(np.array([[3, 7, 5]]), 0)
    assert registers.snapshot().maximum_w.tolist() == [watts]


def test_the_maximum_is_of_the_cycle_and_the_index_is_not() -> None:
    registers = Registers(RegisterSchedule("UTC"), 2, 60, 0)
    registers.advance(np.array([[9], [8]]), 0)
    before = registers.snapshot()
    registers.begin_cycle(np.array([1]))
    registers.advance(np.array([[2], [3]]), 60)
    after = registers.snapshot()
    assert (after.maximum_w.tolist(), after.index_wh.tolist()) == ([9, 3], [[11], [11]])
    assert (before.maximum_w.tolist(), before.index_wh.tolist()) == ([9, 8], [[9], [8]])


def test_indexes_wrap_and_steps_do_not_notice() -> None:
    registers = Registers(PEAK, 1, 60, 0)
    registers.advance(np.full((1, 3), MODULUS_WH // 3 + 1), 0)
    previous = registers.snapshot()
    registers.advance(np.full((1, 1), 5), 180)
    current = registers.snapshot()
    assert 0 <= previous.index_wh.min() <= previous.index_wh.max() < MODULUS_WH
    assert steps_of(previous, current).wh.tolist() == [5]
    whole = Registers(RegisterSchedule("UTC"), 1, 60, 0)
    whole.advance(np.array([[MODULUS_WH - 1, 1]]), 0)
    assert whole.snapshot().index_wh.tolist() == [[0]]


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 10_000))
def test_steps_are_sums_of_reads_wherever_they_are_cut(reads: list[int], cut: int, start: int) -> None:
    wh, cut = np.array([reads]), min(cut, len(reads))
    registers = Registers(PEAK, 1, 15, 15 * start)
    first = registers.snapshot()
    registers.advance(wh[:, :cut], 15 * start)
    registers.advance(wh[:, cut:], 15 * (start + cut))
    last = registers.snapshot()
    steps = steps_of(first, last)
    assert (steps.wh.tolist(), steps.rows.tolist()) == ([sum(reads)], [0])
    assert (steps.starts.tolist(), steps.ends.tolist()) == ([15 * start], [15 * (start + len(reads))])
    assert last.maximum_w.tolist() == [4 * max(reads)]


@pytest.mark.parametrize(("change", "quarter_hours"), [(FORWARD, 92), (BACK, 100)])
def test_lost_reads_of_a_changing_day_come_back_from_the_register(change: date, quarter_hours: int) -> None:
    """Windows are UTC days of 96 quarter hours; the register's day lies over two of them."""
    first_day = day_number(change) - 1
    truth = np.random.default_rng(7).integers(50, 900, size=(1, 4 * 96))
    steps = local_steps(truth, first_day)
    assert [int(step.ends[0] - step.starts[0]) // 15 for step in steps] == [96, quarter_hours, 96]
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


def local_steps(truth: NDArray[np.int64], first_day: int) -> list[RegisterSteps]:
    """Of registers read at each midnight in Los Angeles, which lies in every UTC day."""
    begin = at = first_day * 1440
    registers, shown = Registers(PEAK, 1, 15, begin), []
    for (midnight,) in (PEAK.midnights(first_day + number) for number in range(4)):
        registers.advance(truth[:, (at - begin) // 15 : (midnight - begin) // 15], at)
        at = midnight
        shown.append(registers.snapshot())
    return [steps_of(previous, current) for previous, current in itertools.pairwise(shown)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is not the name of a time zone"),
        ({"timezone": ""}, "is not the name"),
        ({"timezone": "../UTC"}, "is not the name"),
        ({"hours": (((0,) * 23, (0,) * 24),)}, "24 hours"),
        ({"hours": (((8,) * 24, (0,) * 24),)}, "from 0 to 7"),
        ({"seasons": (0,) * 11}, "12 months"),
        ({"seasons": (1,) * 12}, "from 0 to 0"),
    ],
)
def test_schedules_are_checked(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RegisterSchedule(**{"timezone": "UTC", **arguments})  # type: ignore[arg-type]


@pytest.mark.parametrize("minutes", [0, 7, 120])
def test_intervals_divide_an_hour(minutes: int) -> None:
    with pytest.raises(ValueError, match="must divide an hour"):
        Registers(PEAK, 1, minutes, 0)


def test_energy_is_counted_once_and_in_order() -> None:
    registers = Registers(PEAK, 1, 60, 0)
    registers.advance(np.ones((1, 24), dtype=np.int64), 0)
    for start in (0, 1380, 1500):
        with pytest.raises(ValueError, match="stand at minute 1440"):
            registers.advance(np.ones((1, 1), dtype=np.int64), start)


def test_a_step_goes_forward() -> None:
    reads = RegisterReads(60, np.zeros((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64))
    with pytest.raises(ValueError, match="are not after"):
        steps_of(reads, reads)
