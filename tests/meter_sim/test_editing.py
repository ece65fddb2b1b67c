"""Days through editing: what is estimated, replaced, flagged, and what stays as it was measured."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from wattseal.meter_sim.editing import edited
from wattseal.meter_sim.reads import DayReads, RegisterSteps
from wattseal.protocol.report import FlagReason

MISSING, LINEAR, LIKE_DAY, SPIKE, SUM = list(FlagReason)[:5]
MONDAY = 20_514  # 2026-03-02
LARGEST = 65_535
Reads = Sequence[int | None]


class Step(NamedTuple):
    """Hours from the first midnight on, and Wh."""

    start: int
    end: int
    wh: int


def hourly(
    reads: Reads, steps: Sequence[Step] = (), channel: str = "delivered", first_day: int = MONDAY
) -> list[tuple[DayReads, ...]]:
    """Whole days of one meter; None is an absent read."""
    assert len(reads) % 24 == 0
    return [
        (
            DayReads(
                day=first_day + number,
                channel=channel,
                meters=("m",),
                wh=np.array([[wh or 0 for wh in reads[24 * number : 24 * number + 24]]], dtype=np.int64),
                present=np.array([[wh is not None for wh in reads[24 * number : 24 * number + 24]]]),
                steps=register_steps([step for step in steps if (step.end - 1) // 24 == number], first_day),
            ),
        )
        for number in range(len(reads) // 24)
    ]


def register_steps(steps: Sequence[Step], first_day: int) -> RegisterSteps:
    rows, starts, ends, wh = np.array([(0, *step) for step in steps], dtype=np.int64).reshape(-1, 4).T
    return RegisterSteps(rows, first_day * 1440 + 60 * starts, first_day * 1440 + 60 * ends, wh)


def edit(
    reads: Reads, steps: Sequence[Step] = (), channel: str = "delivered", largest_wh: int = LARGEST
) -> tuple[list[int], list[int]]:
    """Wh and reasons of one meter, the days one after another."""
    done = [day for (day,) in edited(hourly(reads, steps, channel), 60, largest_wh)]
    assert [day.day for day in done] == list(range(MONDAY, MONDAY + len(reads) // 24))
    return [wh for day in done for wh in day.wh[0].tolist()], [why for day in done for why in day.reasons[0].tolist()]


def flagged(reasons: list[int]) -> dict[int, int]:
    return {place: reason for place, reason in enumerate(reasons) if reason}


def with_gaps(reads: Sequence[int], *gaps: range) -> list[int | None]:
    absent = {place for gap in gaps for place in gap}
    return [None if place in absent else wh for place, wh in enumerate(reads)]


FLAT = [100] * 24
CURVE = [100 + 10 * hour for hour in range(24)]


# Gaps


def test_good_days_pass_unchanged() -> None:
    assert edit(CURVE * 3, [Step(0, 24, sum(CURVE)), Step(24, 48, sum(CURVE))]) == (CURVE * 3, [0] * 72)


def test_a_gap_of_two_hours_is_bridged_by_a_line() -> None:
    wh, reasons = edit([*[100] * 10, None, None, *[131] * 12])
    assert wh[9:13] == [100, 110, 121, 131]  # 110.33 and 120.67
    assert flagged(reasons) == {10: LINEAR, 11: LINEAR}


@pytest.mark.parametrize(("after", "between"), [(101, 100), (103, 102), (105, 102), (107, 104)])
def test_halves_are_rounded_to_even(after: int, between: int) -> None:
    assert edit([*[100] * 10, None, *[after] * 13])[0][10] == between


def test_a_gap_over_midnight_is_one_gap() -> None:
    wh, reasons = edit([*[100] * 23, None, None, *[160] * 23])
    assert wh[22:26] == [100, 120, 140, 160]
    assert flagged(reasons) == {23: LINEAR, 24: LINEAR}


def test_a_longer_gap_is_the_mean_of_like_days() -> None:
    days = [[hour * number for hour in range(24)] for number in (1, 2, 4)]  # Monday to Wednesday
    reads = [*days[0], *days[1], *days[2], *with_gaps(FLAT, range(10, 13))]
    wh, reasons = edit(reads)
    assert wh[72 + 10 : 72 + 13] == [23, 26, 28]  # 7/3 of 10, 11, 12
    assert flagged(reasons) == {72 + hour: LIKE_DAY for hour in (10, 11, 12)}


def test_only_the_last_four_wholly_measured_days_of_the_kind_are_like_days() -> None:
    """Monday to Sunday, Monday, Tuesday: the latter is like Wednesday, Thursday and Monday, for Friday lacks a read."""
    values = [1000, 1000, 10, 20, 5000, 7000, 7000, 60, 0]
    reads: list[int | None] = [value for value in values for _ in range(24)]
    reads[4 * 24 + 3] = None
    reads[8 * 24 + 5 : 8 * 24 + 9] = [None] * 4
    wh, reasons = edit(reads)
    assert wh[8 * 24 + 5] == round((1000 + 10 + 20 + 60) / 4) == 272
    assert reasons[8 * 24 + 5 : 8 * 24 + 9] == [LIKE_DAY] * 4


def test_weekends_are_like_weekends() -> None:
    reads: list[int | None] = [value for value in [10] * 5 + [300, 500] for _ in range(24)]
    reads[6 * 24 + 5 : 6 * 24 + 9] = [None] * 4
    assert edit(reads)[0][6 * 24 + 5] == 300


def test_without_like_days_a_long_gap_is_bridged_by_a_line() -> None:
    wh, reasons = edit(with_gaps([100] * 12 + [240] * 12, range(9, 15)))
    assert wh[9:15] == [120, 140, 160, 180, 200, 220]
    assert set(flagged(reasons).values()) == {LINEAR}


def test_nothing_is_estimated_before_the_first_read_or_after_the_last() -> None:
    wh, reasons = edit(with_gaps(CURVE * 3, range(5), range(60, 72)))
    assert wh == [0] * 5 + (CURVE * 3)[5:60] + [0] * 12
    assert flagged(reasons) == dict.fromkeys([*range(5), *range(60, 72)], MISSING)


def test_a_day_without_a_read_is_not_estimated_nor_bridged_to() -> None:
    days = list(edited(hourly(with_gaps(CURVE * 4, range(22, 74))), 60, LARGEST))
    assert [bool(day.reported[0]) for (day,) in days] == [True, False, False, True]
    assert [day.wh.sum() for (day,) in days[1:3]] == [0, 0]
    assert [(day.reasons == MISSING).sum() for (day,) in days] == [2, 24, 24, 2]


def test_a_longer_gap_over_midnight_is_like_days_on_both_sides() -> None:
    days = list(edited(hourly(with_gaps(CURVE * 3, range(46, 50))), 60, LARGEST))
    (second,), (third,) = days[1], days[2]
    assert second.reasons[0, 22:].tolist() == third.reasons[0, :2].tolist() == [LIKE_DAY] * 2
    assert second.wh[0, 22:].tolist() == CURVE[22:]


def test_quarter_hours_are_bridged_over_two_hours() -> None:
    wh, present = np.full((1, 96), 100), np.ones((1, 96), dtype=np.bool_)
    present[0, 10:18] = present[0, 30:39] = False
    ((day,),) = edited([(DayReads(MONDAY, "delivered", ("m",), wh * present, present),)], 15, LARGEST)
    assert day.reasons[0, 10:18].tolist() == [LINEAR] * 8
    assert day.reasons[0, 30:39].tolist() == [LINEAR] * 9  # no like day yet
    days = [wh * 2, wh * present]
    (_,), (day,) = edited(
        [(DayReads(MONDAY + n, "delivered", ("m",), some, some > 0),) for n, some in enumerate(days)], 15, LARGEST
    )
    assert day.reasons[0, 30:39].tolist() == [LIKE_DAY] * 9
    assert day.wh[0, 30:39].tolist() == [200] * 9


def test_days_of_one_read_have_nothing_to_estimate_from_within() -> None:
    parts = [
        (DayReads(MONDAY + n, "delivered", ("m",), np.array([[wh]]), np.array([[wh > 0]])),)
        for n, wh in enumerate((500, 0, 9_000, 700))
    ]
    days = [day for (day,) in edited(parts, 1440, LARGEST)]
    assert [day.wh.tolist() for day in days] == [[[500]], [[0]], [[9_000]], [[700]]]
    assert [day.reasons.tolist() for day in days] == [[[0]], [[MISSING]], [[0]], [[0]]]


# Registers


def test_reads_that_differ_from_the_register_by_rounding_are_good() -> None:
    for wh, reason in ((2400 + 13, 0), (2400 - 13, 0), (2400 + 14, SUM), (2400 - 14, SUM)):
        assert edit(FLAT, [Step(0, 24, wh)]) == (FLAT, [reason] * 24)


def test_a_wrong_sum_flags_the_span_and_keeps_its_values() -> None:
    wh, reasons = edit(CURVE * 2, [Step(8, 32, 1)])
    assert wh == CURVE * 2
    assert reasons == [0] * 8 + [SUM] * 24 + [0] * 16


def test_estimates_are_scaled_to_the_register() -> None:
    """The line gives 110.33 and 120.67, of which the register leaves 400: shares of 110 to 121 of 400."""
    wh, reasons = edit([*[100] * 10, None, None, *[131] * 12], [Step(0, 24, 1000 + 12 * 131 + 400)])
    assert wh[9:13] == [100, 190, 210, 131]  # 190.48, 209.52: the larger remainder takes the odd one
    assert flagged(reasons) == {10: LINEAR, 11: LINEAR}


def test_a_local_day_that_ends_in_the_next_is_shared_out_as_one() -> None:
    """Gaps at 22:00 UTC and at 01:00, within one step from 08:00 to 08:00: 100 each, twice of which is left."""
    reads = with_gaps(FLAT * 2, range(22, 23), range(25, 26))
    wh, reasons = edit(reads, [Step(8, 32, 2200 + 400)])
    assert (wh[22], wh[25]) == (200, 200)
    assert flagged(reasons) == {22: LINEAR, 25: LINEAR}


@pytest.mark.parametrize("hours", [23, 25])
def test_local_days_when_clocks_change(hours: int) -> None:
    """Los Angeles: midnights at 08:00 and 07:00 UTC when clocks go forward, 07:00 and 08:00 when they go back."""
    start = 8 if hours == 23 else 7
    reads = with_gaps(FLAT * 3, range(20, 22))
    steps = [Step(start, start + hours, 100 * hours + 50), Step(start + hours, start + hours + 24, 2400)]
    wh, reasons = edit(reads, steps)
    assert wh[20:22] == [125, 125]
    assert sum(wh[start : start + hours]) == 100 * hours + 50
    assert flagged(reasons) == {20: LINEAR, 21: LINEAR}


def test_energy_that_no_estimate_explains_is_flagged_not_scaled() -> None:
    wh, reasons = edit(with_gaps(FLAT, range(5, 6)), [Step(0, 24, 2000)])
    assert wh == FLAT
    assert reasons == [SUM] * 5 + [LINEAR] + [SUM] * 18
    wh, reasons = edit(with_gaps(FLAT, range(5, 6)), [Step(0, 24, 2300 + LARGEST)])
    assert wh[5] == LARGEST
    wh, reasons = edit(with_gaps(FLAT, range(5, 6)), [Step(0, 24, 2300 + LARGEST + 1)])
    assert (wh[5], reasons[4:7]) == (100, [SUM, LINEAR, SUM])


@pytest.mark.parametrize("resolution", [10, 100])
@pytest.mark.parametrize(("off", "reason"), [(0, 0), (4, SUM), (-4, SUM)])
def test_a_coarse_register_vouches_for_good_days_and_for_no_others(resolution: int, off: int, reason: int) -> None:
    """It shows whole tens or hundreds of Wh, cut off; four of them are no rounding."""
    rng = np.random.default_rng(resolution)
    wh = rng.integers(100, 900, size=(50, 24))
    begin = MONDAY * 1440
    before = rng.integers(0, 10**6, 50)
    shown = (before + wh.sum(axis=1)) // resolution - before // resolution + off
    steps = RegisterSteps(
        rows=np.arange(50),
        starts=np.full(50, begin),
        ends=np.full(50, begin + 1440),
        wh=shown * resolution,
        resolution_wh=np.full(50, resolution),
    )
    names = tuple(f"m{place:02d}" for place in range(50))
    day = DayReads(MONDAY, "delivered", names, wh, np.ones(wh.shape, dtype=np.bool_), steps)
    [(edited_day,)] = edited([(day,)], 60, LARGEST)
    assert (edited_day.wh == wh).all()
    assert (edited_day.reasons == reason).all()


def test_a_gap_is_nothing_when_the_register_leaves_nothing_but_rounding() -> None:
    wh, reasons = edit(with_gaps(FLAT, range(5, 6)), [Step(0, 24, 2300 - 13)])
    assert (wh[5], flagged(reasons)) == (0, {5: LINEAR})
    wh, reasons = edit(with_gaps(FLAT, range(5, 6)), [Step(0, 24, 2300 - 14)])
    assert (wh[5], reasons[4:7]) == (100, [SUM, LINEAR, SUM])


def test_zeros_take_energy_only_if_it_is_delivered() -> None:
    reads = with_gaps([0] * 24, range(5, 7))
    assert edit(reads, [Step(0, 24, 31)])[0][5:7] == [16, 15]
    wh, reasons = edit(reads, [Step(0, 24, 31)], channel="received")
    assert (wh, reasons[4:8]) == ([0] * 24, [SUM, LINEAR, LINEAR, SUM])
    wh, reasons = edit(reads, [Step(0, 24, 13)], channel="received")
    assert (wh, flagged(reasons)) == ([0] * 24, {5: LINEAR, 6: LINEAR})


def test_a_step_over_a_gap_without_an_end_is_not_used() -> None:
    reads = with_gaps(FLAT * 2, range(5, 6), range(40, 48))
    wh, reasons = edit(reads, [Step(0, 48, 9999)])
    assert wh[5] == 100
    assert flagged(reasons) == {5: LINEAR, **dict.fromkeys(range(40, 48), MISSING)}


@pytest.mark.parametrize("step", [Step(-1, 24, 1), Step(1, 50, 1), Step(5, 5, 7), Step(25, 24, 3)])
def test_steps_that_cannot_be_used_change_nothing(step: Step) -> None:
    assert edit(FLAT * 3, [step]) == (FLAT * 3, [0] * 72)


def test_steps_off_the_interval_grid_change_nothing() -> None:
    ((part,),) = hourly(FLAT)
    begin = np.array([MONDAY * 1440])
    for start, end in ((7, 600), (0, 601)):
        steps = RegisterSteps(np.array([0]), begin + start, begin + end, np.array([1]))
        ((day,),) = edited([(replace(part, steps=steps),)], 60, LARGEST)
        assert not day.reasons.any()


# Spikes


SPIKED = [*[1000] * 12, 9000, *[1000] * 11]


def test_a_spike_that_the_register_disproves_is_replaced() -> None:
    wh, reasons = edit(SPIKED, [Step(0, 24, 24_100)])
    assert wh == [*[1000] * 12, 1100, *[1000] * 11]
    assert flagged(reasons) == {12: SPIKE}


def test_a_spike_that_the_register_confirms_is_a_plain_read() -> None:
    assert edit(SPIKED, [Step(0, 24, sum(SPIKED) - 13)]) == (SPIKED, [0] * 24)


def test_a_spike_that_no_register_covers_is_kept_and_flagged() -> None:
    wh, reasons = edit(SPIKED, [Step(0, 12, 12_000)])
    assert (wh, flagged(reasons)) == (SPIKED, {12: SPIKE})


def test_a_sum_that_a_spike_does_not_explain_changes_no_read() -> None:
    too_little_left, too_much_left = 22_999, 23_000 + 4001  # the others' sum, and more than an unsuspected read
    for wh in (too_little_left, too_much_left):
        assert edit(SPIKED, [Step(0, 24, wh)]) == (SPIKED, [SUM] * 24)
    assert edit(SPIKED, [Step(0, 24, 23_000 + 4000)])[0][12] == 4000


def test_a_spike_without_an_estimate_is_not_replaced() -> None:
    reads = [*[1000] * 23, 9000]
    assert edit(reads, [Step(0, 24, 24_000)]) == (reads, [SUM] * 24)


def test_two_spikes_are_replaced_together() -> None:
    wh, reasons = edit([*[1000] * 12, 9000, 8000, *[1000] * 10], [Step(0, 24, 24_000)])
    assert (wh, flagged(reasons)) == ([1000] * 24, {12: SPIKE, 13: SPIKE})


def test_three_high_reads_are_no_spike() -> None:
    reads = [*[1000] * 12, 9000, 9000, 9000, *[1000] * 9]
    assert edit(reads) == (reads, [0] * 24)


@pytest.mark.parametrize(("highest", "reason"), [(2 * 5600, 0), (2 * 5600 + 1, SPIKE)])
def test_180_percent_above_the_third_highest(highest: int, reason: int) -> None:
    assert edit([*[4000] * 23, highest])[1][23] == reason


@pytest.mark.parametrize(("highest", "reason"), [(4000, 0), (4001, SPIKE)])
def test_small_reads_are_no_spikes(highest: int, reason: int) -> None:
    assert edit([0, 0, 0, highest, *[0] * 20])[1][3] == reason


def test_a_day_of_two_reads_has_nothing_to_compare_with() -> None:
    assert edit(with_gaps([9000, *FLAT[1:]], range(2, 24)))[1][:2] == [0, 0]


def test_a_spike_beside_a_gap_is_disproved_by_what_is_left_for_both() -> None:
    reads: list[int | None] = [*SPIKED]
    reads[5] = None
    wh, reasons = edit(reads, [Step(0, 24, 24_500)])
    assert (wh[5], wh[12], sum(wh)) == (1250, 1250, 24_500)
    assert flagged(reasons) == {5: LINEAR, 12: SPIKE}


def test_with_a_gap_no_register_vouches_for_a_spike() -> None:
    reads: list[int | None] = [*SPIKED]
    reads[5] = None
    wh, reasons = edit(reads, [Step(0, 24, sum(SPIKED) - 1000 + 700)])
    assert (wh[5], wh[12]) == (700, 9000)
    assert flagged(reasons) == {5: LINEAR, 12: SPIKE}


def test_a_suspected_read_bounds_no_line() -> None:
    wh, reasons = edit([*[1000] * 11, None, 9000, *[1000] * 11])
    assert (wh[11], wh[12]) == (1000, 9000)
    assert flagged(reasons) == {11: LINEAR, 12: SPIKE}


def test_a_spike_of_the_next_day_is_settled_with_the_step_that_reaches_it() -> None:
    reads = [*[1000] * 24, *[1000] * 3, 9000, *[1000] * 20]
    wh, reasons = edit(reads, [Step(8, 32, 24_000)])
    assert (wh, flagged(reasons)) == ([1000] * 48, {27: SPIKE})


def test_impossible_reads_are_replaced_without_a_register_too() -> None:
    wh, reasons = edit(SPIKED, largest_wh=8999)
    assert (wh, flagged(reasons)) == ([1000] * 24, {12: SPIKE})
    wh, reasons = edit(SPIKED, [Step(0, 24, 24_007)], largest_wh=8999)
    assert (wh[12], flagged(reasons)) == (1007, {12: SPIKE})
    wh, reasons = edit([9000, *FLAT[1:]], largest_wh=8999)
    assert (wh[0], flagged(reasons)) == (0, {0: MISSING})


def test_a_day_of_impossible_reads_is_not_reported() -> None:
    ((day,),) = edited(hourly([9000] * 24), 60, 8999)
    assert not day.reported.any()
    assert not day.wh.any()


def test_spikes_and_wrong_sums_are_no_like_days() -> None:
    for steps in ([], [Step(24, 48, 1)]):
        second = [*[400] * 23, 9000] if not steps else [400] * 24
        wh, reasons = edit([*FLAT, *second, *with_gaps(FLAT, range(4, 9))], steps)
        assert (wh[52:57], reasons[52:57]) == ([100] * 5, [LIKE_DAY] * 5)
