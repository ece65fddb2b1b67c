"""What troubles do to reads and registers, and to nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.meter_sim.troubled import COHORT_OF, DAY, LARGEST_WH, METERS, NOTES, Days, day_reads, days, plan
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.fault_summary import FaultSummary, Place
from wattseal.meter_sim.faults import Faults, Trouble
from wattseal.meter_sim.faulty_source import Faulty
from wattseal.meter_sim.reads import DayReads
from wattseal.protocol.ids import Channel

SKEWED = {"rate": 1.0, "largest_minutes": 1439}


def faulty(source: Days, troubled: Plan, summary: FaultSummary | None = None) -> list[DayReads]:
    """The days of one channel."""
    return [part for (part,) in Faulty(source, troubled, LARGEST_WH, summary or FaultSummary()).days()]


def same(a: DayReads, b: DayReads) -> bool:
    return all(
        (getattr(x, name) == getattr(y, name)).all()
        for x, y, names in ((a, b, ("wh", "present")), (a.steps, b.steps, ("rows", "starts", "ends", "wh")))
        for name in names
    )


@dataclass(frozen=True)
class Skewed(Plan):
    """Every clock is off by as much as a test says."""

    minutes: int = 0

    def skews(self, meters: Sequence[str]) -> NDArray[np.int64]:
        return np.full(len(meters), self.minutes)


def skewed(minutes: int) -> Plan:
    return Skewed(Faults(), 1, DAY, COHORT_OF, minutes)


def flat(*wh: list[int], present: list[list[bool]] | None = None, interval_minutes: int = 360) -> Days:
    """One meter, a list of reads a day."""
    marks = [[True] * len(day) for day in wh] if present is None else present
    parts = [
        (DayReads(DAY + place, "delivered", METERS[:1], np.array([day]), np.array([mark])),)
        for place, (day, mark) in enumerate(zip(wh, marks, strict=True))
    ]
    return Days(parts, interval_minutes)


def readings(parts: list[DayReads]) -> list[list[int | None]]:
    """The first meter's reads of each day, None where there is none."""
    assert all((part.wh[~part.present] == 0).all() for part in parts)
    days_of_first = (zip(part.wh[0].tolist(), part.present[0], strict=True) for part in parts)
    return [[wh if there else None for wh, there in day] for day in days_of_first]


def test_without_faults_every_byte_is_the_source_s_own() -> None:
    source, summary = days(3), FaultSummary()
    wrapped = Faulty(source, plan(), LARGEST_WH, summary)
    for (mine,), (own,) in zip(wrapped.days(), source.days(), strict=True):
        assert mine is own
        assert mine.wh.tobytes() == day_reads(own.day).wh.tobytes()
    assert summary.counts() == {}
    assert not wrapped.clock_known_off(METERS).any()


def test_what_a_source_tells_stays() -> None:
    source = Days([(day_reads(DAY, METERS[:3]), day_reads(DAY, METERS[:2], "received"))])
    wrapped = Faulty(source, plan(), LARGEST_WH, FaultSummary())
    told = (wrapped.meters, wrapped.interval_minutes, wrapped.first_day, wrapped.last_day, wrapped.notes)
    assert told == (METERS[:3], 15, DAY, DAY, NOTES)
    assert wrapped.channels_of(METERS[0]) == (Channel.DELIVERED, Channel.RECEIVED)


def test_the_same_seed_gives_the_same_faults_and_the_source_is_left_alone() -> None:
    everything = {trouble: {"rate": 0.3} for trouble in Trouble}
    source = days(4)
    first, second = (faulty(source, plan(3, **everything)) for _ in range(2))
    other = faulty(source, plan(4, **everything))
    assert all(map(same, first, second))
    assert not any(map(same, first, other))
    assert all(same(own, day_reads(own.day)) for (own,) in source.days())


def test_gaps_lose_reads_and_leave_registers() -> None:
    troubled = plan(gaps={"rate": 0.5})
    for part in faulty(days(3), troubled):
        own = day_reads(part.day)
        assert (part.present == ~troubled.unread(METERS, part.day, 15)).all()
        assert not part.present.all()
        assert (part.wh == own.wh * part.present).all()
        assert (part.steps.wh == own.steps.wh).all()


def test_what_meters_counted_is_known_through_gaps_and_not_after_their_death() -> None:
    source = days(6)
    gaps, dead = faulty(source, plan(gaps={"rate": 0.5})), faulty(source, plan(dead={"rate": 0.1}))
    for (truth,), lossy, mortal in zip(source.parts, gaps, dead, strict=True):
        assert (lossy.measured.wh == truth.wh).all()
        assert lossy.measured.known.all()
        assert (mortal.measured.known == mortal.present).all()
        assert (mortal.measured.wh == truth.wh * mortal.present).all()
    assert not all(part.present.all() for part in gaps)
    assert not all(part.present.all() for part in dead)


def test_the_dead_have_no_reads_and_no_register_reads() -> None:
    troubled = plan(dead={"rate": 0.3})
    deaths = troubled.deaths(METERS)
    for part in faulty(days(5), troubled):
        own = day_reads(part.day)
        ends = part.day * 1440 + 15 * np.arange(1, 97)
        assert (part.present == (ends <= deaths[:, None])).all()
        assert part.steps.rows.tolist() == np.flatnonzero(deaths >= (part.day + 1) * 1440).tolist()
        assert (part.steps.wh == own.steps.wh[part.steps.rows]).all()


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_liars_report_a_share_and_their_registers_agree(percent: int) -> None:
    troubled = plan(lying={"rate": 0.5, "percent": percent})
    liars = troubled.lying(METERS)
    assert 0 < liars.sum() < len(METERS)
    for part in faulty(days(2), troubled):
        own = day_reads(part.day)
        assert (part.wh[~liars] == own.wh[~liars]).all()
        assert (np.abs(part.wh[liars] * 100 - own.wh[liars] * percent) < 100).all()
        assert (part.wh.sum(axis=1) == part.steps.wh).all()
        assert (part.steps.wh[liars] == own.steps.wh[liars] * percent // 100).all()
        assert (part.wh >= 0).all()
        assert (part.wh <= own.wh).all()


def test_reads_out_of_range_are_all_too_large_for_the_layout_and_nobody_else_s_are() -> None:
    troubled = plan(out_of_range={"meters": [METERS[4]]})
    (part,) = faulty(days(1), troubled)
    own = day_reads(DAY)
    assert DEFAULT_LAYOUTS[15].largest_read == LARGEST_WH
    assert (part.wh[4] > LARGEST_WH).all()
    assert (part.wh[4] - own.wh[4] == LARGEST_WH + 1).all()
    assert (np.delete(part.wh, 4, axis=0) == np.delete(own.wh, 4, axis=0)).all()
    assert (part.steps.wh == part.wh.sum(axis=1)).all()


def test_absent_reads_stay_absent_out_of_range() -> None:
    source = flat([5, 0, 5, 5], present=[[True, False, True, True]])
    (part,) = faulty(source, plan(out_of_range={"meters": [METERS[0]]}))
    assert part.wh.tolist() == [[16389, 0, 16389, 16389]]


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        # An hour is a sixth of six. A fast clock puts use into later intervals.
        (60, [[50, 110, 220, 340], [310, 50, 0, 0]]),
        (-60, [[70, 140, 260, 350], [250, 0, 0, 0]]),
        (360, [[None, 60, 120, 240], [360, 300, 0, 0]]),
        (-360, [[120, 240, 360, 300], [0, 0, 0, None]]),
        (420, [[None, 50, 110, 220], [340, 310, 50, 0]]),
        (1439, [[None, None, None, 1], [60, 120, 240, 360]]),
    ],
)
def test_skewed_clocks_split_each_read_between_two_intervals(minutes: int, expected: list[list[int | None]]) -> None:
    source = flat([60, 120, 240, 360], [300, 0, 0, 0])
    assert readings(faulty(source, skewed(minutes))) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (60, [[9, None, None, 10], [10, 10, 10, 10]]),
        (-60, [[None, None, 10, 10], [10, 10, 10, 8]]),
        (360, [[None, 10, None, 10], [10, 10, 10, 10]]),
    ],
)
def test_a_read_made_of_a_missing_one_is_missing(minutes: int, expected: list[list[int | None]]) -> None:
    source = flat([10, 0, 10, 10], [10, 10, 10, 10], present=[[True, False, True, True], [True] * 4])
    assert readings(faulty(source, skewed(minutes))) == expected


@given(seed=st.integers(0, 99), meters=st.integers(1, 12), length=st.integers(1, 4))
def test_skewed_reads_lose_only_what_leaves_the_last_day(seed: int, meters: int, length: int) -> None:
    names = METERS[:meters]
    troubled = plan(seed, skewed_clocks=SKEWED)
    source = days(length, names)
    before = np.hstack([part.wh for (part,) in source.days()])
    after = np.hstack([part.wh for part in faulty(source, troubled)])
    for row, minutes in enumerate(troubled.skews(names)):
        whole, rest = divmod(int(minutes), 15)
        exact = [0] * (3 * 96 + before.shape[1])
        for place, wh in enumerate(before[row].tolist()):
            exact[96 + place + whole] += wh - wh * rest // 15
            exact[96 + place + whole + 1] += wh * rest // 15
        assert sum(exact) == before[row].sum()
        assert after[row].tolist() == exact[96 : 96 + before.shape[1]]
    assert (after <= before.max()).all()


def test_right_clocks_and_registers_are_left_alone() -> None:
    troubled = plan(skewed_clocks={"rate": 0.5, "largest_minutes": 10, "known_beyond_minutes": 3})
    skews = troubled.skews(METERS)
    for part in faulty(days(3), troubled):
        own = day_reads(part.day)
        assert ((part.wh == own.wh).all(axis=1) == (skews == 0)).all()
        assert (part.steps.wh == own.steps.wh).all()
    wrapped = Faulty(days(1), troubled, LARGEST_WH, FaultSummary())
    assert (wrapped.clock_known_off(METERS) == (np.abs(skews) > 3)).all()


def test_channels_keep_apart() -> None:
    names = METERS[:3]
    parts = [(day_reads(DAY + place, names), day_reads(DAY + place, names[:2], "received")) for place in range(3)]
    troubled = plan(9, skewed_clocks={"rate": 1.0})
    together = list(Faulty(Days(parts), troubled, LARGEST_WH, FaultSummary()).days())
    for channel in (0, 1):
        alone = faulty(Days([(day[channel],) for day in parts]), troubled)
        assert all(map(same, [day[channel] for day in together], alone))


def test_the_summary_counts_reads_that_would_have_been_reported() -> None:
    source = days(2)
    second = source.parts[1][0]
    present = second.present.copy()
    present[5] = False
    source.parts[1] = (replace(second, present=present, wh=second.wh * present),)
    summary = FaultSummary()
    troubled = plan(lost={"meters": [METERS[5], METERS[6]]}, lying={"meters": [METERS[7]]})
    faulty(source, troubled, summary)
    assert summary.counts() == {"lost": {"no report": 3}, "lying": {"no report": 2}}
    summary.came(Trouble.LYING, Place(METERS[7], DAY, "delivered"), "accepted")
    faulty(source, troubled, summary)
    assert summary.counts() == {"lost": {"no report": 3}, "lying": {"accepted": 1, "no report": 1}}
    assert summary.meters(Trouble.LOST) == (METERS[5], METERS[6])
    assert summary.meters(Trouble.DEAD) == ()
