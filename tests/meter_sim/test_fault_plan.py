"""Whom troubles hit: the same for the same seed, whatever else is asked, and about as many as the rates say."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.meter_sim.troubled import DAY, METERS, plan
from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.faults import Faults, Trouble
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import CohortId

BY_DAY = (Trouble.LOST, Trouble.LATE, Trouble.DUPLICATED, Trouble.CONFLICTING)
BY_METER = (Trouble.SKEWED_CLOCKS, Trouble.LYING, Trouble.OUT_OF_RANGE)
MANY = tuple(f"m-{ordinal}" for ordinal in range(20_000))
EVERYTHING = {trouble: {"rate": 0.3} for trouble in Trouble}


def of_many(**faults: object) -> Plan:
    return Plan(Faults.model_validate(faults), 5, DAY, {name: CohortId("town") for name in MANY})


def test_no_faults_touch_nobody() -> None:
    nothing = plan()
    assert nothing.troubles(METERS, DAY) == {}
    assert not nothing.withheld(METERS, DAY, windows_closed=False).any()
    assert not nothing.unread(METERS, DAY, 15).any()
    assert not nothing.skews(METERS).any()


@given(seed=st.integers(0, 2**64 - 1), day=st.integers(DAY, DAY + 400), order=st.permutations(METERS))
def test_a_meter_day_has_its_troubles_whoever_else_is_asked_for(seed: int, day: int, order: list[str]) -> None:
    some = order[:7]
    rows = [METERS.index(name) for name in some]
    whole, part = plan(seed, **EVERYTHING), plan(seed, **EVERYTHING)
    part.troubles(METERS[:3], day + 1)
    all_of_them, few = whole.troubles(METERS, day), part.troubles(some, day)
    for trouble in Trouble:
        nobody = np.zeros(len(METERS), dtype=np.bool_)
        assert (few.get(trouble, nobody[:7]) == all_of_them.get(trouble, nobody)[rows]).all()
    assert (part.unread(some, day, 15) == whole.unread(METERS, day, 15)[rows]).all()
    assert (part.skews(some) == whole.skews(METERS)[rows]).all()
    assert (part.deaths(some) == whole.deaths(METERS)[rows]).all()


def test_seeds_days_and_troubles_are_drawn_apart() -> None:
    drawn = [plan(seed, **EVERYTHING).troubles(METERS, DAY + later) for seed in (1, 2) for later in (0, 1)]
    masks = [troubles[trouble].tobytes() for troubles in drawn for trouble in BY_DAY]
    assert len(set(masks)) == len(masks)


@pytest.mark.parametrize(("trouble", "when"), [(Trouble.LOST, str(DAY)), (Trouble.LYING, "")])
def test_draws_are_hashes_that_never_change(trouble: Trouble, when: str) -> None:
    def uniform(name: str) -> float:
        key, person = b"\0\0\0\0\0\0\0\1", trouble.encode()
        digest = hashlib.blake2b(f"{when}/{name}".encode(), digest_size=8, key=key, person=person).digest()
        return int.from_bytes(digest, "big") / 2**64

    hit = plan(1, **{trouble: {"rate": 0.3}}).troubles(METERS, DAY)[trouble]
    assert hit.tolist() == [uniform(name) < 0.3 for name in METERS]


@pytest.mark.parametrize("trouble", [*BY_DAY, *BY_METER])
@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_rates_are_met(trouble: Trouble, rate: float) -> None:
    share = of_many(**{trouble: {"rate": rate}}).troubles(MANY, DAY)[trouble].mean()
    assert abs(share - rate) < 4 * (rate * (1 - rate) / len(MANY)) ** 0.5


def test_rates_of_gaps_are_met() -> None:
    gaps = of_many(gaps={"rate": 0.1, "longest_minutes": 1}).troubles(MANY, DAY)[Trouble.GAPS]
    assert abs(gaps.mean() - 0.1) < 0.01


@pytest.mark.parametrize("trouble", [*BY_DAY, *BY_METER])
def test_a_rate_of_one_is_everybody_and_named_ones_are_always_hit(trouble: Trouble) -> None:
    assert plan(**{trouble: {"rate": 1.0}}).troubles(METERS, DAY)[trouble].all()
    named = plan(**{trouble: {"meters": [METERS[3], METERS[9]]}})
    for day in range(DAY, DAY + 3):
        assert np.flatnonzero(named.troubles(METERS, day)[trouble]).tolist() == [3, 9]


@pytest.mark.parametrize("trouble", BY_METER)
def test_what_stays_with_a_meter_is_the_same_every_day(trouble: Trouble) -> None:
    always = plan(**{trouble: {"rate": 0.5}})
    assert (always.troubles(METERS, DAY)[trouble] == always.troubles(METERS, DAY + 9)[trouble]).all()


@pytest.mark.parametrize("trouble", [*BY_DAY, *BY_METER])
def test_a_higher_rate_keeps_whom_a_lower_one_hit(trouble: Trouble) -> None:
    low, high = (plan(**{trouble: {"rate": rate}}).troubles(METERS, DAY)[trouble] for rate in (0.2, 0.6))
    assert (low <= high).all()
    assert low.sum() < high.sum()


@pytest.mark.parametrize("trouble", Trouble)
def test_a_name_of_nobody_is_refused(trouble: Trouble) -> None:
    with pytest.raises(UsageError, match=rf"^faults: {trouble}\.meters: no meter is named 'nobody'$"):
        plan(**{trouble: {"meters": [METERS[0], "nobody"]}})


def test_late_ones_leave_after_the_close_and_lost_ones_never() -> None:
    both = plan(lost={"meters": [METERS[0], METERS[1]]}, late={"meters": [METERS[1], METERS[2]]})
    assert np.flatnonzero(both.withheld(METERS, DAY, windows_closed=False)).tolist() == [0, 1, 2]
    assert np.flatnonzero(both.withheld(METERS, DAY, windows_closed=True)).tolist() == [0, 1]


@pytest.mark.parametrize(("path", "expected"), [("town/t1", range(1, 40, 2)), ("town", range(40))])
def test_a_late_cohort_is_late_as_a_whole(path: str, expected: range) -> None:
    late = plan(late_cohort=path)
    assert np.flatnonzero(late.withheld(METERS, DAY, windows_closed=False)).tolist() == list(expected)
    assert np.flatnonzero(late.troubles(METERS, DAY)[Trouble.LATE]).tolist() == list(expected)
    assert not late.withheld(METERS, DAY, windows_closed=True).any()


def test_a_late_cohort_without_meters_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^faults: late_cohort: no meter is in town/t$"):
        plan(late_cohort="town/t")


def test_skews_have_both_signs_and_every_size() -> None:
    clocks = of_many(skewed_clocks={"rate": 1.0, "largest_minutes": 5, "known_beyond_minutes": 3})
    skews = clocks.skews(MANY)
    sizes, counts = np.unique(skews, return_counts=True)
    assert sizes.tolist() == [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]
    assert counts.min() > 0.9 * len(MANY) / 10
    assert (clocks.clock_known_off(MANY) == (np.abs(skews) > 3)).all()


def test_gaps_last_as_long_as_they_may_and_cross_midnight() -> None:
    gaps = of_many(gaps={"rate": 0.1, "longest_minutes": 60})
    lost = np.hstack([gaps.unread(MANY, day, 1) for day in (DAY, DAY + 1)])
    begins = np.diff(lost.astype(np.int8), axis=1) == 1
    single = (begins.sum(axis=1) == 1) & ~lost[:, 0] & ~lost[:, -1]
    lengths = lost[single].sum(axis=1)
    assert (lengths.min(), lengths.max()) == (1, 60)
    assert np.unique(lengths).size == 60
    midnight = lost[:, 1439] & lost[:, 1440]
    assert midnight.any()
    assert all(gaps.troubles(MANY, day)[Trouble.GAPS][midnight].all() for day in (DAY, DAY + 1))


def test_a_read_is_lost_with_any_minute_of_it() -> None:
    gaps = of_many(gaps={"rate": 0.5, "longest_minutes": 90})
    minutes, quarters = (gaps.unread(MANY, DAY, interval) for interval in (1, 15))
    assert (quarters == minutes.reshape(len(MANY), 96, 15).any(axis=2)).all()


def test_the_dead_stay_dead() -> None:
    mortal = of_many(dead={"rate": 0.1})
    alive = [~mortal.unread(MANY, day, 15).any(axis=1) for day in range(DAY, DAY + 5)]
    for before, after in itertools.pairwise(alive):
        assert (after <= before).all()
        assert abs(after.sum() / before.sum() - 0.9) < 0.02
    last = mortal.unread(MANY, DAY + 4, 15)
    assert (np.diff(last.astype(np.int8), axis=1) >= 0).all()
    assert (mortal.troubles(MANY, DAY + 4)[Trouble.DEAD] == last.any(axis=1)).all()


def test_a_named_meter_dies_on_the_first_day_within_it() -> None:
    mortal = plan(dead={"meters": [METERS[5]]})
    minute = mortal.deaths(METERS)[5] - DAY * 1440
    assert 0 <= minute < 1440
    unread = mortal.unread(METERS, DAY, 15)
    assert np.flatnonzero(unread[5]).tolist() == list(range(minute // 15, 96))
    assert np.flatnonzero(unread.any(axis=1)).tolist() == [5]
    assert mortal.unread(METERS, DAY + 1, 15)[5].all()
