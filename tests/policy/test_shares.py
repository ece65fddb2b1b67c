"""Functionals, ranks and shares: against an oracle in fractions, and against every combination that is tried."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.bill_oracle import largest_share, rank, row_of, shares
from wattseal.policy.shares import (
    END_OF_TIME,
    LARGEST_AMOUNT_PRICE,
    MOST_INTERVALS,
    Functional,
    Measure,
    measure,
    smallest_part,
)
from wattseal.protocol.errors import FunctionalNotPermitted

LENGTH = 14


def amount(prices: Sequence[int], first: int = 0) -> Functional:
    return Functional.of(first * 15, 15, prices, amount=True)


def wh(prices: Sequence[int], first: int = 0) -> Functional:
    return Functional.of(first * 15, 15, prices, amount=False)


prices = st.sampled_from((0, 0, 0, 1, 1, 2, 5, -1, 40, 39_940, LARGEST_AMOUNT_PRICE, -LARGEST_AMOUNT_PRICE))


@st.composite
def functionals(draw: st.DrawFn) -> Functional:
    row = draw(st.lists(prices, min_size=1, max_size=9))
    return amount(row, draw(st.integers(0, LENGTH - len(row))))


spans = st.lists(functionals(), max_size=5)


class TestFunctional:
    def test_equal_however_framed(self) -> None:
        framed = [wh([0, 0, 1, -1, 0]), wh([1, -1], first=2), wh([0, 1, -1], first=1)]
        assert len(set(framed)) == 1
        assert framed[0] == framed[1]
        assert (framed[0].first, framed[0].end) == (2, 4)

    @pytest.mark.parametrize(
        "other",
        [
            amount([1, 0, 1]),
            wh([1, 0, 1], first=1),
            wh([1, 1]),
            wh([1, 0, -1]),
            Functional.of(0, 30, [1, 0, 1], amount=False),
            Functional.of(1, 15, [1, 0, 1], amount=False),
        ],
    )
    def test_different_ones_differ(self, other: Functional) -> None:
        assert wh([1, 0, 1]) != other

    def test_is_no_equal_of_something_else(self) -> None:
        assert wh([1]) != 1

    @pytest.mark.parametrize("row", [[0], [0, 0, 0]])
    def test_zero(self, row: list[int]) -> None:
        assert wh(row, first=7).is_zero
        assert wh(row, first=7) == wh([0])
        assert not wh([*row, 1]).is_zero

    def test_keeps_its_own_prices(self) -> None:
        row = np.array([1, 0, 1])
        functional = Functional.of(0, 15, row, amount=False)
        row[1] = 1
        assert functional == wh([1, 0, 1])
        with pytest.raises(ValueError, match="read-only"):
            functional.prices[0] = 0

    @pytest.mark.parametrize("price", [LARGEST_AMOUNT_PRICE + 1, -LARGEST_AMOUNT_PRICE - 1, 2**63 - 1, -(2**63)])
    def test_prices_beyond_the_cap(self, price: int) -> None:
        with pytest.raises(FunctionalNotPermitted, match="beyond 250000, the most for an amount"):
            amount([1, price])

    def test_prices_at_the_cap(self) -> None:
        assert amount([LARGEST_AMOUNT_PRICE, -LARGEST_AMOUNT_PRICE]).prices.tolist() == [250_000, -250_000]

    @pytest.mark.parametrize("price", [2, -2])
    def test_sums_have_no_prices(self, price: int) -> None:
        with pytest.raises(FunctionalNotPermitted, match="beyond 1, the most for a sum"):
            wh([1, price])

    @pytest.mark.parametrize("row", [[], [1.0], [True], [[1]], 1, [2**64], ["1"], np.array([1], dtype=np.uint64)])
    def test_rows_of_integers_only(self, row: Sequence[int]) -> None:
        with pytest.raises(FunctionalNotPermitted, match="64-bit integers"):
            amount(row)

    def test_too_long(self) -> None:
        assert Functional.of(0, 15, [0] * MOST_INTERVALS, amount=False).is_zero
        with pytest.raises(FunctionalNotPermitted, match="1048577 prices"):
            wh(range(MOST_INTERVALS + 1))

    @pytest.mark.parametrize("minutes", [0, -15, 5, 20, 1_441, 2_880])
    def test_intervals_that_no_region_has(self, minutes: int) -> None:
        with pytest.raises(FunctionalNotPermitted, match=f"no reads are of {minutes} minutes"):
            Functional.of(0, minutes, [1], amount=False)

    def test_the_last_minute_of_all_windows(self) -> None:
        assert Functional.of(END_OF_TIME - 15, 15, [1], amount=False).end == END_OF_TIME // 15

    @pytest.mark.parametrize("start", [-1, END_OF_TIME, 2**63, 10**30])
    def test_beyond_all_windows(self, start: int) -> None:
        with pytest.raises(FunctionalNotPermitted, match="before 1970 or after 9999"):
            Functional.of(start, 15, [1], amount=False)


class TestMeasure:
    def test_nothing(self) -> None:
        assert measure([]) == measure([wh([0])]) == Measure(0, Fraction(0))
        assert measure([]).mixes(10**9)

    @pytest.mark.parametrize("cell", [1, 4, 96, 2_976])
    def test_a_flat_sum_mixes_all_that_it_adds(self, cell: int) -> None:
        assert measure([wh([1] * cell)]) == Measure(1, Fraction(1, cell))
        assert measure([wh([1] * cell)]).mixes(cell)
        assert not measure([wh([1] * cell)]).mixes(cell + 1)

    def test_two_prices(self) -> None:
        """By hand: 2^2 / (3 x 2^2 + 4 x 1^2)."""
        assert measure([amount([2, 2, 2, 1, 1, 1, 1])]) == Measure(1, Fraction(1, 4))

    def test_disjoint_cycles_keep_their_shares(self) -> None:
        far = [wh([1] * 10), wh([1] * 5, first=10), wh([1] * 7, first=LENGTH**6)]
        assert measure(far) == Measure(3, Fraction(1, 5))

    def test_cycles_that_overlap_in_a_chain(self) -> None:
        """[0, 10) and [5, 15) and [10, 20): every interval but of one functional alone, the middle ones of two."""
        chain = [wh([1] * 10, first=first) for first in (10, 0, 5)]
        assert measure(chain) == Measure(3, largest_share([row_of(row, 20) for row in chain]))

    def test_a_month_of_quarter_hours_at_the_cap(self) -> None:
        """Inner products beyond 2^47, minors beyond 2^128."""
        random = Random(7)
        choices = [random.randint(-LARGEST_AMOUNT_PRICE, LARGEST_AMOUNT_PRICE) for _ in range(9)]
        rows = [amount(random.choices(choices, k=3_168)) for _ in range(3)]
        assert measure(rows) == Measure(3, largest_share([row_of(row, 3_168) for row in rows]))

    def test_a_difference_of_one_in_one_interval(self) -> None:
        """What floating point loses: the rank is 2, and the difference is one interval alone."""
        flat = [LARGEST_AMOUNT_PRICE] * 3_168
        assert measure([amount(flat), amount([*flat[:-1], flat[-1] - 1])]) == Measure(2, Fraction(1))

    @pytest.mark.parametrize(
        "other", [Functional.of(0, 30, [1], amount=False), Functional.of(5, 15, [1], amount=False)]
    )
    def test_other_intervals(self, other: Functional) -> None:
        with pytest.raises(FunctionalNotPermitted, match="cannot be joined"):
            measure([wh([1]), other])

    @given(spans)
    def test_agrees_with_the_oracle(self, span: list[Functional]) -> None:
        rows = [row_of(functional, LENGTH) for functional in span]
        assert measure(span) == Measure(rank(rows), largest_share(rows))
        assert sum(shares(rows)) == rank(rows)

    @given(spans, st.randoms(use_true_random=False))
    def test_belongs_to_the_span(self, span: list[Functional], random: Random) -> None:
        """Neither order, repetition nor what follows from the rest changes it."""
        negated = [amount([-p for p in f.prices.tolist()], f.first) for f in span if not f.is_zero]
        again = [*span, *negated, *span]
        random.shuffle(again)
        assert measure(again) == measure(span)

    @given(spans, functionals())
    def test_grows_with_every_functional(self, span: list[Functional], more: Functional) -> None:
        before, after = measure(span), measure([*span, more])
        assert before.rank <= after.rank <= before.rank + 1
        assert before.largest_share <= after.largest_share <= 1

    @settings(max_examples=50)
    @given(spans, st.lists(st.lists(st.integers(-9, 9), min_size=5, max_size=5), min_size=1, max_size=20))
    def test_no_combination_gives_one_interval_more(self, span: list[Functional], factors: list[list[int]]) -> None:
        rows, most = [row_of(functional, LENGTH) for functional in span], measure(span).largest_share
        for factor in factors:
            mixed = [
                sum((a * row[t] for a, row in zip(factor, rows, strict=False)), Fraction(0)) for t in range(LENGTH)
            ]
            assert max(v * v for v in mixed) <= most * sum(v * v for v in mixed)


class TestSmallestPart:
    @pytest.mark.parametrize(
        ("covers", "expected"),
        [
            ([], 0),
            ([wh([0])], 0),
            ([wh([1] * 5)], 5),
            ([wh([1] * 5), wh([1] * 5)], 5),
            ([wh([1] * 5), wh([1] * 3)], 2),
            ([wh([1] * 5), wh([1] * 4, first=4)], 1),
            ([wh([1] * 5), wh([1] * 4, first=5)], 4),
            ([wh([1, 0, 1, 0, 1])], 3),
        ],
    )
    def test_by_hand(self, covers: list[Functional], expected: int) -> None:
        assert smallest_part(covers) == expected

    @given(covers=st.lists(st.builds(wh, st.lists(st.integers(0, 1), min_size=1, max_size=9), st.integers(0, 9))))
    def test_as_interval_by_interval(self, covers: list[Functional]) -> None:
        parts: Counter[frozenset[int]] = Counter()
        for t in range(20):
            inside = (n for n, one in enumerate(covers) if one.first <= t < one.end and one.prices[t - one.first])
            parts[frozenset(inside)] += 1
        del parts[frozenset()]
        assert smallest_part(covers) == min(parts.values(), default=0)
