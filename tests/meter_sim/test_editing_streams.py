"""What holds of any days and meters that are edited, and which days are refused."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.meter_sim.test_editing import (
    CURVE,
    FLAT,
    LARGEST,
    LIKE_DAY,
    LINEAR,
    MISSING,
    MONDAY,
    SPIKE,
    SUM,
    Reads,
    Step,
    edit,
    hourly,
    with_gaps,
)
from wattseal.meter_sim.editing import EditedDay, edited
from wattseal.meter_sim.reads import DayReads

reads_of_days = st.lists(
    st.one_of(st.none(), st.integers(0, 3000), st.sampled_from([0, 9000, 60_000, 70_000])), min_size=72, max_size=72
)
boundaries = st.lists(st.integers(0, 72), unique=True, max_size=8).map(sorted)


@given(reads_of_days, boundaries, st.data(), st.sampled_from(["delivered", "received"]))
def test_what_holds_of_any_days(reads: Reads, bounds: list[int], data: st.DataObject, channel: str) -> None:
    truth = [min(wh or 0, LARGEST) for wh in reads]
    steps = [
        Step(start, end, max(0, sum(truth[start:end]) + data.draw(st.integers(-50, 5000))))
        for start, end in itertools.pairwise(bounds)
    ]
    wh, reasons = edit(reads, steps, channel)
    assert all(0 <= value <= LARGEST for value in wh)
    days = [range(24 * n, 24 * n + 24) for n in range(3)]
    for day in days:
        if all(reads[place] is None or (reads[place] or 0) > LARGEST for place in day):
            assert {wh[place] for place in day} == {0}
            assert {reasons[place] for place in day} == {MISSING}
    for place, read in enumerate(reads):
        if read is not None and read <= LARGEST:
            assert wh[place] == read or (reasons[place] == SPIKE and read > 4000)
            assert reasons[place] in (0, SPIKE, SUM)
        else:
            assert reasons[place] in ({MISSING, LINEAR, LIKE_DAY} if read is None else {MISSING, SPIKE})
            assert wh[place] == 0 or reasons[place] != MISSING
    for step in steps:
        check_sum(step, wh, reasons)


def check_sum(step: Step, wh: list[int], reasons: list[int]) -> None:
    """A usable step's reads add up to it or are flagged, where gaps end in sight and there is a read to flag."""
    inside = set(reasons[step.start : step.end])
    days = range(step.start // 24, (step.end - 1) // 24 + 1)
    touched = {reason for day in days for reason in reasons[24 * day : 24 * day + 24]}
    in_sight = reasons[24 * days[0] : 24 * days[0] + 48]
    if len(days) > 2 or MISSING in touched or in_sight[-1] or 0 not in inside or SUM in inside:
        return
    assert 2 * abs(sum(wh[step.start : step.end]) - step.wh) <= step.end - step.start + 2


@given(st.lists(st.one_of(st.none(), st.integers(1, 3000)), min_size=45, max_size=45), st.integers(0, 60_000))
def test_a_step_over_gaps_is_met_exactly(middle: Reads, more_wh: int) -> None:
    reads = [5, *middle, None, 5]
    step = sum(wh or 0 for wh in reads) + more_wh
    wh, reasons = edit(reads, [Step(0, 48, step)])
    assert sum(wh) == step
    assert not {SUM, MISSING} & set(reasons)


@given(reads_of_days)
def test_meters_do_not_see_each_other(reads: Reads) -> None:
    alone = edit(reads)
    parts = [
        (
            DayReads(
                part.day,
                part.channel,
                ("a", "b", "c"),
                np.vstack([np.full((1, 24), 7), part.wh, part.wh[:, ::-1]]),
                np.vstack([np.ones((1, 24), dtype=np.bool_), part.present, part.present[:, ::-1]]),
            ),
        )
        for (part,) in hourly(reads)
    ]
    days = [day for (day,) in edited(parts, 60, LARGEST)]
    assert [wh for day in days for wh in day.wh[1].tolist()] == alone[0]
    assert [why for day in days for why in day.reasons[1].tolist()] == alone[1]
    assert all((day.wh[0] == 7).all() and not day.reasons[0].any() for day in days)


@given(st.lists(st.one_of(st.none(), st.integers(0, 4000)), min_size=72, max_size=72))
def test_editing_twice_changes_nothing(reads: Reads) -> None:
    wh, reasons = edit(reads)
    again = [None if reason == MISSING else value for value, reason in zip(wh, reasons, strict=True)]
    reasons_again = [reason if reason == MISSING else 0 for reason in reasons]
    assert edit(again) == (wh, reasons_again)


def test_days_come_out_one_late_and_input_is_not_changed() -> None:
    parts = hourly(with_gaps(FLAT * 3, range(30, 31)))
    for (part,) in parts:
        for array in (part.wh, part.present):
            array.flags.writeable = False
    taken: list[int] = []
    out = edited((taken.append(part[0].day) or part for part in parts), 60, LARGEST)  # type: ignore[func-returns-value]
    for number in range(3):
        (day,) = next(out)
        assert (day.day, len(taken)) == (MONDAY + number, min(number + 2, 3))
    assert not [*out]


def test_a_channel_comes_once_a_day() -> None:
    ((part,),) = hourly(FLAT)
    with pytest.raises(ValueError, match="each once"):
        next(edited([(part, part)], 60, LARGEST))


def test_no_days_are_no_days() -> None:
    assert [*edited([], 15, LARGEST)] == []


def test_channels_are_edited_apart() -> None:
    delivered, received = hourly(FLAT * 2), hourly(with_gaps(CURVE * 2, range(9, 10)), channel="received")
    days = [*edited([(*one, *other) for one, other in zip(delivered, received, strict=True)], 60, LARGEST)]
    assert [[part.channel for part in day] for day in days] == [["delivered", "received"]] * 2
    assert [[int(part.reasons.sum()) for part in day] for day in days] == [[0, LINEAR], [0, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"day": MONDAY + 2}, "day 20516: must follow day 20514"),
        ({"meters": ("n",)}, "must follow day 20514, with the same meters"),
        ({"channel": "received"}, "a day's channels must be delivered"),
        ({"wh": np.zeros((1, 96), dtype=np.int64)}, r"day 20515: reads of shape \(1, 96\), expected \(1, 24\)"),
        ({"present": np.zeros((2, 24), dtype=np.bool_)}, "day 20515: reads of shape"),
    ],
)
def test_days_that_do_not_follow_are_refused(change: dict[str, object], message: str) -> None:
    (first,), (second,) = hourly(FLAT * 2)
    with pytest.raises(ValueError, match=message):
        [*edited([(first,), (replace(second, **change),)], 60, LARGEST)]  # type: ignore[arg-type]


@pytest.mark.parametrize(("minutes", "largest"), [(60, 0), (60, 1 << 24), (7, 100), (0, 100)])
def test_limits_are_checked(minutes: int, largest: int) -> None:
    with pytest.raises(ValueError, match="must"):
        next(edited(iter(()), minutes, largest), None)


def test_reported_is_told_by_the_reasons() -> None:
    reasons = np.array([[MISSING, MISSING], [MISSING, 0], [SUM, MISSING]], dtype=np.uint8)
    day = EditedDay(MONDAY, "delivered", ("a", "b", "c"), np.zeros((3, 2), dtype=np.int64), reasons)
    assert day.reported.tolist() == [False, True, True]
