"""The rules on arrays beside slow, obvious ones on Python integers."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wattseal.meter_sim.editing_rules import Estimates, Spans, estimates, half_even, settle, spike_limits
from wattseal.protocol.report import FlagReason

LARGEST = 1000
rows = st.lists(st.one_of(st.none(), st.integers(0, LARGEST)), min_size=24, max_size=24)


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**20))
def test_half_even_rounds_as_fractions_do(numerator: int, denominator: int) -> None:
    rounded = half_even(np.array([numerator]), np.array([denominator]))
    assert rounded.tolist() == [round(Fraction(numerator, denominator))]


@given(rows, st.lists(st.integers(0, LARGEST), min_size=24, max_size=24), st.booleans())
def test_estimates_of_each_interval(reads: list[int | None], like_day: list[int], known: bool) -> None:
    sound = np.array([[read is not None for read in reads]])
    wh = np.array([[read or 0 for read in reads]])
    found = estimates(wh, sound, (np.array([like_day]), np.full((1, 24), known)), 60)
    for place, read in enumerate(reads):
        if read is None:
            expected = estimate(reads, place, like_day[place] if known else None)
            assert (found.wh[0, place], found.reasons[0, place]) == expected


def estimate(reads: list[int | None], place: int, like_day: int | None) -> tuple[int, int]:
    earlier = [other for other in range(place) if reads[other] is not None]
    later = [other for other in range(place, len(reads)) if reads[other] is not None]
    if not earlier or not later:
        return 0, FlagReason.MISSING
    first, last = earlier[-1], later[0]
    if last - first > 3 and like_day is not None:
        return like_day, FlagReason.LIKE_DAY
    low, high = reads[first] or 0, reads[last] or 0
    return round(low + Fraction((high - low) * (place - first), last - first)), FlagReason.LINEAR


@given(rows)
def test_limits_are_of_the_third_highest(reads: list[int | None]) -> None:
    thousands = [None if read is None else 20 * read for read in reads]
    present = sorted(read for read in thousands if read is not None)
    wh, read = np.array([[read or 0 for read in thousands]]), np.array([[read is not None for read in thousands]])
    limit = int(spike_limits(wh, read, 60)[0])
    for one in present:
        suspected = len(present) >= 3 and one > 4000 and one - present[-3] > Fraction(18, 10) * present[-3]
        assert (one > limit) == suspected
    assert sum(one > limit for one in present) <= 2


@given(
    st.lists(st.tuples(st.integers(0, LARGEST), st.booleans()), min_size=1, max_size=24),
    st.integers(0, 20 * LARGEST),
    st.booleans(),
)
def test_shares_are_the_nearest_to_proportion(cells: list[tuple[int, bool]], step: int, fill_zeros: bool) -> None:
    """Each share is its exact proportion rounded up or down, and together they are what is left."""
    read = np.array([[measured for _, measured in cells]])
    energies = np.array([[energy for energy, _ in cells]])
    spans = Spans(
        resolutions_wh=np.ones(1, dtype=np.int64),
        steps_wh=np.array([step]),
        inside=np.ones_like(read),
        wh=energies * read,
        read=read,
        suspect=np.zeros_like(read),
        limits=np.full_like(energies, LARGEST),
        estimates=Estimates(energies, np.full(read.shape, FlagReason.LINEAR, dtype=np.uint8)),
    )
    found = settle(spans, LARGEST, fill_zeros=fill_zeros)
    holes = [place for place, (_, measured) in enumerate(cells) if not measured]
    left = step - sum(energy for energy, measured in cells if measured)
    estimated = [cells[place][0] for place in holes]
    weights = [1] * len(holes) if fill_zeros and not any(estimated) else estimated
    assert (found.wh[read] == energies[read]).all()
    if FlagReason.SUM in found.reasons or not holes or left < 0 or not any(weights):
        return
    shares = [int(found.wh[0, place]) for place in holes]
    if shares == estimated and sum(shares) != left:  # nothing is measured that could be flagged
        assert not read.any()
        return
    assert sum(shares) == left
    assert all(
        abs(share - Fraction(left * weight, sum(weights))) < 1 for share, weight in zip(shares, weights, strict=True)
    )
