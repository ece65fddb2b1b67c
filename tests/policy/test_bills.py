"""The rules for bills: each refusal at its boundary, the attacks, five real schedules, and exact algebra over towns."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy.bill_cases import Cycle
from tests.policy.bill_oracle import derivable, largest_share, rank, row_of
from wattseal.policy.bills import (
    LARGEST_EXTENDED_RANK,
    LARGEST_RANK,
    NOTHING,
    BillBook,
    BillRules,
    Held,
    Item,
    Neighbors,
    Opaque,
    Source,
    Span,
    least_intervals,
)
from wattseal.policy.shares import Functional, measure
from wattseal.protocol.errors import FunctionalNotPermitted, RankExhausted, Refused, ShareTooLarge
from wattseal.protocol.ids import Kind
from wattseal.protocol.measures import MOST_RESULTS_MORE

K = 15
RULES = BillRules(K)
LENGTH = 2_880
ORIGINAL, REBILL = Source(Kind.CYCLE, 0, 0), Source(Kind.CYCLE, 0, 1)
TARGET, HOUR = {2_500}, set(range(500, 504))
A, B = set(range(1_000)), set(range(1_000, 2_000))


def amount(where: Iterable[int], price: int = 1, base: int = 0) -> Functional:
    """Of a month of quarter hours: `base` everywhere, and `price` more in some."""
    return Functional.of(0, 15, _prices(where, price, base), amount=True)


def wh(where: Iterable[int]) -> Functional:
    return Functional.of(0, 15, _prices(where, 1, 0), amount=False)


def _prices(where: Iterable[int], price: int, base: int) -> list[int]:
    chosen = frozenset(where)
    return [base + price * (t in chosen) for t in range(LENGTH)]


def items(functionals: Iterable[Functional], source: Source = ORIGINAL, *, listed: bool = False) -> list[Item]:
    return [Item(source, functional, listed) for functional in functionals]


def released(*functionals: Functional, source: Source = ORIGINAL) -> BillBook:
    return RULES.permit(BillBook(), items(functionals, source))


def registered(functionals: Iterable[Functional]) -> Span:
    return Span.of((functional, False) for functional in functionals)


FLAT, RARE = amount((), base=39_940), amount(HOUR, 1_000, 39_940)


DAY = least_intervals(15, listed=False)


def demands(*covers: Iterable[int], source: Source = Source(Kind.REGISTER, 0, 0)) -> list[Item]:  # noqa: B008 - frozen
    return [Item(source, Opaque(bytes([place]), wh(cover))) for place, cover in enumerate(covers)]


class TestDemand:
    def test_of_a_day_of_intervals_at_least(self) -> None:
        RULES.permit(BillBook(), demands(range(DAY)))
        with pytest.raises(ShareTooLarge, match="demand periods"):
            RULES.permit(BillBook(), demands(range(DAY - 1)))

    @pytest.mark.parametrize(
        ("cover", "other"),
        [
            (
                range(1_000),
                range(1_000 - (DAY - 1)),
            ),  # nested: the larger is higher, and its peak is outside the smaller
            (range(1_000), range(1_000 - (DAY - 1), 2_000)),  # overlapping: both are equal, and the peak is in both
            (range(1_000), range(DAY - 1, 2_000)),  # overlapping: the first is higher
            (range(1_000), range(1)),
            (range(1_000), range(999)),
        ],
    )
    def test_of_no_two_whose_comparison_tells_where_the_peak_lies(self, cover: range, other: range) -> None:
        for asked in (demands(cover, other), demands(other, cover)):
            with pytest.raises(ShareTooLarge, match="demand periods"):
                RULES.permit(BillBook(), asked)

    @pytest.mark.parametrize(
        "covers",
        [
            (range(1_000), range(1_000 - DAY)),
            (range(1_000), range(1_000 - DAY, 2_000)),
            (range(1_000), range(1_000)),
            (range(DAY), range(DAY, 2 * DAY)),
            (range(LENGTH), range(1_000), range(500)),
        ],
    )
    def test_what_is_told_apart_by_a_day_or_more(self, covers: tuple[range, ...]) -> None:
        assert len(RULES.permit(BillBook(), demands(*covers)).items) == len(covers)

    def test_also_beside_what_another_report_told(self) -> None:
        """A revision of the tariff may not move a period by a quarter hour, and a rebill not either."""
        book = RULES.permit(BillBook(), demands(range(1_000)))
        for source in (Source(Kind.REGISTER, 0, 1), Source(Kind.REGISTER, 1_440, 0)):
            assert len(RULES.permit(book, demands(range(1_000), source=source)).items) == 2
            with pytest.raises(ShareTooLarge, match="demand periods"):
                RULES.permit(book, demands(range(1_001), source=source))

    def test_no_list_lowers_it(self) -> None:
        with pytest.raises(ShareTooLarge, match="demand periods"):
            RULES.permit(BillBook(), [item._replace(listed=True) for item in demands(range(DAY - 1))])

    def test_daily_reads_take_a_week(self) -> None:
        source = Source(Kind.REGISTER, 0, 0)
        week, less = (Item(source, Opaque(b"", Functional.of(0, 1_440, [1] * days, amount=False))) for days in (7, 6))
        RULES.permit(BillBook(), [week])
        with pytest.raises(ShareTooLarge, match="demand periods"):
            RULES.permit(BillBook(), [less])


class TestRank:
    def test_scaled_copies_of_one_amount(self) -> None:
        """They would undo the rounding to cents (threats E43)."""
        copies = items(amount((), base=101 * n) for n in range(1, 12))
        book = RULES.permit(BillBook(), copies[:LARGEST_RANK])
        assert len(book.items) == LARGEST_RANK == 8
        for copy in copies[LARGEST_RANK:]:
            with pytest.raises(RankExhausted):
                RULES.permit(book, [copy])

    @pytest.mark.parametrize("more", [1, 4, 5, 100])
    def test_as_many_more_as_an_extension_says_and_never_a_thirteenth(self, more: int) -> None:
        """Whatever an extension says, and none that can be read says more than four."""
        copies = items(amount((), base=101 * n) for n in range(1, 14))
        largest = min(8 + more, 12)
        book = RULES.permit(BillBook(), copies[:largest], more=more)
        assert len(book.items) == largest
        with pytest.raises(RankExhausted, match=f"more than {largest} independent results"):
            RULES.permit(book, copies[largest : largest + 1], more=more)
        assert RULES.permit(book, copies[:largest]) is book
        assert LARGEST_RANK + MOST_RESULTS_MORE == LARGEST_EXTENDED_RANK == 12

    def test_an_extension_leaves_the_share_rule_as_it_is(self) -> None:
        for more in (0, 4):
            with pytest.raises(ShareTooLarge):
                RULES.permit(BillBook(), items([wh(range(DAY - 1))]), more=more)

    def test_a_bundle_is_permitted_as_a_whole_or_not(self) -> None:
        with pytest.raises(RankExhausted):
            RULES.permit(BillBook(), items(amount((), base=n) for n in range(1, LARGEST_RANK + 2)))

    def test_the_same_result_again_is_free(self) -> None:
        book = released(*(amount((), base=n) for n in range(1, LARGEST_RANK + 1)))
        assert RULES.permit(book, items([amount((), base=3)])) is book
        assert RULES.permit(book, items([amount((), base=3)], listed=True)) is book

    def test_a_sum_that_follows_is_free(self) -> None:
        book = released(wh(A), wh(B))
        assert len(book.items) == 2
        assert RULES.permit(book, items([wh(A | B), wh(A), wh(B)])) is book

    def test_a_sum_that_does_not_follow_is_not(self) -> None:
        assert len(released(wh(A), wh(B), wh(set(range(2_000, LENGTH)))).items) == 3

    def test_an_amount_never_follows(self) -> None:
        assert len(released(wh(A), amount(A), amount(A, 2), amount(A, 4)).items) == 4

    def test_a_sum_does_not_follow_from_amounts(self) -> None:
        assert len(released(amount(A), wh(A)).items) == 2

    @pytest.mark.parametrize("other", [REBILL, Source(Kind.REGISTER, 0, 0), Source(Kind.CYCLE, 1_440, 0)])
    def test_each_report_counts(self, other: Source) -> None:
        """What an edit changed is news, and so is a sum of the new reads that followed from the old ones."""
        book = released(wh(A), wh(B))
        for count, functional in enumerate((wh(A | B), wh(A)), start=3):
            book = RULES.permit(book, items([functional], other))
            assert len(book.items) == count
        assert RULES.permit(book, items([wh(B)], other)) is book

    def test_what_is_no_interval_read_counts(self) -> None:
        register = Source(Kind.REGISTER, 0, 0)
        book = RULES.permit(BillBook(), [Item(register, Opaque(bytes([n]))) for n in range(LARGEST_RANK)])
        assert RULES.permit(book, [Item(register, Opaque(bytes([3])))]) is book
        with pytest.raises(RankExhausted):
            RULES.permit(book, items([wh(A)]))

    def test_zero_is_answered_unopened(self) -> None:
        book = released(*(amount((), base=n) for n in range(1, LARGEST_RANK + 1)))
        assert RULES.permit(book, items([amount(()), wh(())], REBILL)) is book
        assert RULES.permit(BillBook(), items([wh(())])) == BillBook()

    def test_large_meters_give_sums_only(self) -> None:
        RULES.permit(BillBook(), items([wh(A)]), sums_only=True)
        with pytest.raises(FunctionalNotPermitted, match="sums only"):
            RULES.permit(BillBook(), items([wh(A), FLAT]), sums_only=True)

    def test_rebuilt_from_a_ledger(self) -> None:
        """Also from one that holds what is repeated, follows or is 0, and from one of a looser policy."""
        told = items([wh(A), wh(B), wh(A | B), wh(()), wh(A), FLAT])
        assert RULES.recorded(told) == RULES.permit(BillBook(), told) == released(wh(A), wh(B), FLAT)
        full = RULES.recorded(items(amount((), base=n) for n in range(1, 12)))
        assert RULES.permit(full, full.items) is full
        with pytest.raises(RankExhausted):
            RULES.permit(full, items([FLAT]))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.lists(st.integers(-1, 1), min_size=3, max_size=3))))
    def test_dimensions_are_those_of_the_oracle(self, asked: list[tuple[int, bool, list[int]]]) -> None:
        """Each price holds for 60 hours, so that the share rule is met by every combination."""
        told = [
            Item(Source(Kind.CYCLE, 0, n), Functional.of(0, 60, np.repeat(prices, 60), amount=paid))
            for n, paid, prices in asked
        ]
        sums = [[[Fraction(p) for p in prices] for m, paid, prices in asked if m == n and not paid] for n in range(3)]
        amounts = {(n, tuple(prices)) for n, paid, prices in asked if paid and any(prices)}
        dimensions = len(amounts) + sum(rank(rows) for rows in sums)
        assert len(RULES.recorded(told).items) == dimensions
        if dimensions > LARGEST_RANK:
            with pytest.raises(RankExhausted):
                RULES.permit(BillBook(), told)
        else:
            assert RULES.permit(BillBook(), told) == RULES.recorded(told)


class TestShare:
    """Threat E43: a month of quarter hours, 96 intervals needed; the effective number that the worst attack mixes."""

    noise = np.array(Random(2).choices((-1, 1), k=LENGTH))
    attacks: tuple[tuple[str, list[Functional], float], ...] = (
        ("the cap padded by 97 ones", [amount([*TARGET, *range(97)], 1), amount(TARGET, 249_999)], 1.0),
        ("16 at one and 1 at 95", [Functional.of(0, 15, [16, *[1] * 95], amount=True)], 1.4),
        ("three sums that touch one", [wh(A | TARGET), wh(B), wh(A | B)], 1.0),
        (
            "the same with noise of 1/1000",
            [
                amount(A | TARGET, 1_000),
                amount(B, 1_000),
                Functional.of(0, 15, np.array(_prices(A | B, 1_000, 0)) + noise, amount=True),
            ],
            1.0,
        ),
        ("four near-equal tariffs", [FLAT, *(amount(w, 10, 39_940) for w in (A | B | TARGET, A, B))], 1.0),
        ("two that differ in one hour", [FLAT, RARE], 4.0),
        ("a sum of one hour", [wh(HOUR)], 4.0),
        ("a sum and the same without one", [wh(A), wh(A | TARGET)], 1.0),
    )

    @pytest.mark.parametrize(("name", "functionals", "mixed"), attacks, ids=[name for name, *_ in attacks])
    def test_attacks(self, name: str, functionals: list[Functional], mixed: float) -> None:
        assert round(float(1 / measure(functionals).largest_share), 1) == mixed
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items(functionals))
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items(functionals, listed=True))

    def test_one_after_the_other(self) -> None:
        book = released(wh(A), wh(B), wh(A | B))
        with pytest.raises(ShareTooLarge):
            RULES.permit(book, items([wh(A | TARGET)]))

    def test_from_another_report(self) -> None:
        """An edit changes few reads, so results of both reports combine."""
        with pytest.raises(ShareTooLarge):
            RULES.permit(released(wh(A)), items([wh(A | TARGET)], REBILL))

    def test_a_second_price_in_the_low_digits(self) -> None:
        """P everywhere and P + 1 in one interval mixes them all: that it is rounded to cents is what stops it."""
        assert len(released(amount(TARGET, 1, 1 << 17)).items) == 1

    @pytest.mark.parametrize(("interval", "listed", "need"), [
        (15, False, 96), (30, False, 48), (60, False, 24), (15, True, 32), (30, True, 16), (60, True, 8),
        (1_440, False, 7), (1_440, True, 7),
    ])  # fmt: skip
    def test_exactly_so_many_intervals(self, interval: int, listed: bool, need: int) -> None:
        assert least_intervals(interval, listed=listed) == need
        enough, fewer = (Functional.of(0, interval, [1] * n, amount=False) for n in (need, need - 1))
        RULES.permit(BillBook(), items([enough], listed=listed))
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items([fewer], listed=listed))

    def test_a_result_is_of_no_listed_charge_unless_it_says_so(self) -> None:
        nine_hours = wh(range(36))
        RULES.permit(BillBook(), [Item(ORIGINAL, nine_hours, listed=True)])
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), [Item(ORIGINAL, nine_hours)])

    def test_the_list_serves_named_charges_alone(self) -> None:
        """A bundle with a listed charge in it must mix 24 hours without it."""
        short, listed = wh(range(40)), wh(range(100, 140))
        book = RULES.permit(BillBook(), items([listed], listed=True))
        with pytest.raises(ShareTooLarge):
            RULES.permit(book, items([short]))
        assert len(RULES.permit(book, items([short], listed=True)).items) == 2
        assert len(RULES.permit(book, items([wh(range(200, 296))])).items) == 2

    def test_daily_gas_across_a_price_change(self) -> None:
        """Four days before the end: the total only, prorated in the clear."""
        therms = Functional.of(0, 1_440, [1] * 30, amount=False)
        bill = Functional.of(0, 1_440, [2_100] * 26 + [2_300] * 4, amount=True)
        for alone in (therms, bill):
            RULES.permit(BillBook(), items([alone]))
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items([therms, bill]))

    def test_segments_of_other_intervals(self) -> None:
        hours = Functional.of(0, 60, [1] * 48, amount=False)
        with pytest.raises(FunctionalNotPermitted, match="cannot be joined"):
            RULES.permit(released(wh(A)), items([hours]))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), max_size=5), st.booleans())
    def test_granted_if_and_only_if_no_combination_tells_more(self, rows: list[list[int]], listed: bool) -> None:
        """Cells of 1 to 40 hours, each of one price."""
        asked = [Functional.of(0, 60, np.repeat(row, (1, 7, 9, 23, 40)), amount=True) for row in rows]
        share = largest_share([row_of(functional, 80) for functional in asked])
        try:
            RULES.permit(BillBook(), items(asked, listed=listed))
        except ShareTooLarge:
            assert share * (8 if listed else 24) > 1
        else:
            assert share * (8 if listed else 24) <= 1


class TestNeighbors:
    """An atom of 20 meters, k = 15: each released meter needs 14 others whose results do not help against it."""

    common = Held.of([], registered([FLAT]))
    rare = Held.of([released(RARE)])

    def test_a_tariff_of_its_own_that_differs_in_one_hour(self) -> None:
        """The town's total and everybody else's bill would give the target's hour."""
        before = Held.of([], registered([RARE]))
        atom = Neighbors.of([before, *[self.common] * 40])
        with pytest.raises(ShareTooLarge):
            RULES.permit_among(atom, [(before, Held.of([released(RARE)], registered([RARE])))])

    @pytest.mark.parametrize(("alike", "granted"), [(K - 2, False), (K - 1, True)])
    def test_a_tariff_that_few_hold(self, alike: int, granted: bool) -> None:
        before = Held.of([], registered([RARE]))
        atom = Neighbors.of([*[before] * (1 + alike), *[self.common] * 40])
        after = Held.of([released(RARE)], registered([RARE]))
        assert allowed(lambda: RULES.permit_among(atom, [(before, after)])) is granted

    def test_a_neighbors_later_bill_that_would_give_an_earlier_one_away(self) -> None:
        """Nothing is registered: the target went first, so the sixth of its 19 neighbors is refused."""
        atom = Neighbors.of([self.rare, *[Held.of([])] * 19])
        billed = Held.of([released(FLAT)])
        RULES.check_neighbors(atom)
        for _ in range(5):
            atom = RULES.permit_among(atom, [(Held.of([]), billed)])
        with pytest.raises(ShareTooLarge):
            RULES.permit_among(atom, [(Held.of([]), billed)])
        assert atom.counts == {self.rare: 1, Held.of([]): 14, billed: 5}

    def test_what_was_registered_does_not_harm_the_others(self) -> None:
        """All 19 bills pass where the one rare tariff, known beforehand, was refused."""
        atom = Neighbors.of([Held.of([], registered([RARE])), *[self.common] * 19])
        billed = Held.of([released(FLAT)], registered([FLAT]))
        for _ in range(18):
            atom = RULES.permit_among(atom, [(self.common, billed)])
        assert RULES.permit_among(atom, [(self.common, billed)]).counts[billed] == 19

    def test_a_whole_statement_at_once(self) -> None:
        billed = Held.of([released(FLAT)], registered([FLAT]))
        atom = Neighbors.of([Held.of([], registered([RARE])), *[self.common] * 19])
        assert RULES.permit_among(atom, [(self.common, billed)] * 19).counts[billed] == 19
        with pytest.raises(ShareTooLarge):
            RULES.permit_among(atom, [(self.common, billed), (Held.of([], registered([RARE])), self.rare)])

    def test_what_was_registered_too_late_is_refused(self) -> None:
        """Nobody looked when the others' tariff was registered: their bills stop before they give the target away."""
        billed = Held.of([released(FLAT)], registered([FLAT]))
        atom = Neighbors.of([self.rare, *[self.common] * 19])
        assert RULES.permit_among(atom, [(self.common, self.common)]) == atom
        with pytest.raises(ShareTooLarge):
            RULES.permit_among(atom, [(self.common, billed)])

    def test_a_meter_beyond_what_is_registered_for_it_is_checked_against_all(self) -> None:
        billed = Held.of([released(FLAT)], registered([FLAT]))
        atom = Neighbors.of([*[billed] * K])
        compared = Held.of([released(FLAT, amount(A, 1_000, 39_940))], registered([FLAT]))
        assert RULES.permit_among(atom, [(billed, compared)]).counts == {billed: K - 1, compared: 1}
        with pytest.raises(ShareTooLarge):
            RULES.permit_among(atom, [(billed, Held.of([released(RARE)], registered([FLAT])))])

    @pytest.mark.parametrize(("size", "granted"), [(K, True), (K - 1, False)])
    def test_a_total_of_fewer_meters_later(self, size: int, granted: bool) -> None:
        atom = Neighbors.of([Held.of([released(FLAT)])] * size)
        assert allowed(lambda: RULES.check_neighbors(atom)) is granted

    def test_meters_without_results_need_nothing(self) -> None:
        RULES.check_neighbors(Neighbors.of([Held.of([])]))

    def test_a_listed_charge_of_neighbors(self) -> None:
        """It lowers the measure of what it is combined with, and of nothing else."""
        peaks = [Item(ORIGINAL, wh(range(first, first + 40)), listed=True) for first in (0, 40)]
        listed = Held.of([RULES.permit(BillBook(), peaks)])
        flat = Held.of([released(FLAT)])
        RULES.check_neighbors(Neighbors.of([flat, *[listed] * (K - 1)]))
        with pytest.raises(ShareTooLarge):
            RULES.check_neighbors(Neighbors.of([flat, *[self.rare] * (K - 1)]))

    @pytest.mark.parametrize(
        ("kept", "mode", "hours", "granted"),
        [(1, "bill", 41.8, True), (2, "bill", 9.8, False), (2, "determinants", 9.8, False)],
    )
    def test_cycles_that_begin_a_day_later(self, kept: int, mode: str, hours: float, granted: bool) -> None:
        """One day at each end is what the difference of two sums tells; amounts of equal cycles tell nothing."""
        cycles = [Cycle(date(2026, 5, day), 30, 60) for day in (1, 2)]
        rows = [getattr(cycle, mode)("E-TOU-C")[:kept] for cycle in cycles]
        assert hours_mixed([*rows[0], *rows[1]], 60) == hours
        first, second = (Held.of([released(*own)]) for own in rows)
        atom = Neighbors.of([first, *[second] * (K - 1)])
        assert allowed(lambda: RULES.check_neighbors(atom)) is granted

    def test_earlier_and_later_cycles_change_nothing(self) -> None:
        first, second = Cycle(date(2026, 5, 1), 30, 60), Cycle(date(2026, 5, 31), 30, 60)
        held = Held.of([released(*first.bill("E-TOU-C")), released(*second.bill("E-1"))])
        RULES.check_neighbors(Neighbors.of([held] * K))

    def test_only_what_is_held_can_be_replaced(self) -> None:
        for changes in ([(self.rare, self.common)], [(self.common, self.rare)] * 2):
            with pytest.raises(ValueError, match="no meter of the atom"):
                Neighbors.of([self.common]).after(changes)

    def test_zero_adds_nothing_to_a_span(self) -> None:
        assert registered([wh(())]) == NOTHING


class TestTowns:
    """Random bills of four meters whose hourly total is known, k = 3: nothing is told of one or two meters alone."""

    k, length = 3, 60
    rules = BillRules(k)

    @pytest.mark.parametrize("seed", range(60))
    def test_nothing_that_follows_tells_more_than_the_rule_permits(self, seed: int) -> None:
        for limit, rows in self.town(seed, neighbors=True):
            assert max(self.exposure(rows)) <= limit

    def test_the_neighbors_rule_is_what_does_it(self) -> None:
        towns = [tier for seed in range(5) for tier in self.town(seed, neighbors=False)]
        told = [max(self.exposure(rows)) > limit for limit, rows in towns]
        assert any(told)

    def town(self, seed: int, *, neighbors: bool) -> list[tuple[Fraction, list[list[list[Fraction]]]]]:
        """Of each tier: the largest share permitted, and what was released of each meter."""
        random = Random(seed)
        cells = random.choices((1, 8, 24, 25, 35), k=6)
        pool = [self.functional(random, cells) for _ in range(4)]
        own = [self.registered(random, pool) for _ in range(4)]
        books = [BillBook()] * 4
        atom = Neighbors.of(Held.of([], span) for span in own)
        for _ in range(12):
            meter = random.randrange(4)
            asked = [Item(ORIGINAL, random.choice(pool), random.random() < 0.3)]
            try:
                book = self.rules.permit(books[meter], asked)
                if neighbors:
                    before, after = (Held.of([b], own[meter]) for b in (books[meter], book))
                    atom = self.rules.permit_among(atom, [(before, after)])
            except Refused:
                continue
            books[meter] = book
        return [
            (Fraction(1, hours), [[row_of(f, self.length) for f in rows] for rows in tier])
            for hours, tier in (
                (8, [book.span.every for book in books]),
                (24, [book.span.unlisted for book in books]),
            )
        ]

    def registered(self, random: Random, pool: Sequence[Functional]) -> Span:
        return Span.of((functional, random.random() < 0.3) for functional in pool if random.random() < 0.2)

    def functional(self, random: Random, cells: Sequence[int]) -> Functional:
        paid = random.random() < 0.5
        prices = random.choices((0, 1, 7, 8) if paid else (0, 1), k=len(cells))
        return Functional.of(0, 60, np.repeat(prices, cells)[: self.length], amount=paid)

    def exposure(self, rows: Sequence[Sequence[list[Fraction]]]) -> Iterable[Fraction]:
        for size in range(1, self.k):
            for touched in combinations(range(len(rows)), size):
                for meter in touched:
                    yield largest_share(derivable(rows, touched, meter))


WINTER = Cycle(date(2026, 5, 1), 30, 15)
FOUR_SUMMER_DAYS = Cycle(date(2026, 5, 6), 30, 15)
HOURLY = Cycle(date(2026, 5, 3), 33, 60)


class TestSchedules:
    """What customers can have: the hours that a bill mixes by itself, and the verdict beside E-TOU-C neighbors."""

    table: tuple[tuple[Cycle, str, str, float, str], ...] = (
        (WINTER, "E-1", "bill", 720.0, "pass"),
        (WINTER, "E-TOU-C", "bill", 150.0, "pass"),
        (WINTER, "E-TOU-D", "bill", 60.0, "pass"),
        (WINTER, "E-ELEC", "bill", 166.2, "pass"),
        (WINTER, "EV2-A", "bill", 249.1, "pass"),
        (WINTER, "E-1", "determinants", 720.0, "pass"),
        (WINTER, "E-TOU-C", "determinants", 150.0, "pass"),
        (WINTER, "E-TOU-D", "determinants", 60.0, "pass"),
        (WINTER, "E-ELEC", "determinants", 120.0, "pass"),
        (WINTER, "EV2-A", "determinants", 120.0, "pass"),
        (FOUR_SUMMER_DAYS, "E-1", "bill", 720.0, "pass"),
        (FOUR_SUMMER_DAYS, "E-TOU-C", "bill", 26.4, "pass"),
        (FOUR_SUMMER_DAYS, "E-TOU-D", "bill", 16.8, "list"),
        (FOUR_SUMMER_DAYS, "E-ELEC", "bill", 25.4, "pass"),
        (FOUR_SUMMER_DAYS, "EV2-A", "bill", 95.3, "pass"),
        (FOUR_SUMMER_DAYS, "E-1", "determinants", 96.0, "pass"),
        (FOUR_SUMMER_DAYS, "E-TOU-C", "determinants", 20.0, "list"),
        (FOUR_SUMMER_DAYS, "E-TOU-D", "determinants", 12.0, "list"),
        (FOUR_SUMMER_DAYS, "E-ELEC", "determinants", 16.0, "list"),
        (FOUR_SUMMER_DAYS, "EV2-A", "determinants", 16.0, "list"),
        (HOURLY, "E-1", "bill", 792.0, "pass"),
        (HOURLY, "E-TOU-C", "bill", 26.9, "pass"),
        (HOURLY, "E-TOU-D", "bill", 17.3, "list"),
        (HOURLY, "E-ELEC", "bill", 25.6, "pass"),
        (HOURLY, "EV2-A", "bill", 103.2, "pass"),
        (HOURLY, "E-TOU-C", "determinants", 20.0, "list"),
        (HOURLY, "E-ELEC", "determinants", 16.0, "list"),
    )

    @pytest.mark.parametrize(("cycle", "schedule", "mode", "hours", "expected"), table)
    def test_bills(self, cycle: Cycle, schedule: str, mode: str, hours: float, expected: str) -> None:
        asked = cycle.bill(schedule) if mode == "bill" else cycle.determinants(schedule)
        assert hours_mixed(asked, cycle.minutes) == hours
        assert verdict(asked, cycle) == expected

    def test_one_summer_day(self) -> None:
        """The bill needs the list, and so do its neighbors' bills; sums of the day's peak are refused."""
        cycle = Cycle(date(2026, 5, 3), 30, 60)
        book = RULES.permit(BillBook(), items(cycle.bill("E-TOU-C"), listed=True))
        RULES.check_neighbors(Neighbors.of([Held.of([book])] * K))
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items(cycle.bill("E-TOU-C")))
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items(cycle.determinants("E-TOU-C"), listed=True))

    @pytest.mark.parametrize(
        ("cycle", "mixed", "expected"), [(WINTER, 120.0, "pass"), (FOUR_SUMMER_DAYS, 24.7, "pass")]
    )
    def test_a_rate_comparison(self, cycle: Cycle, mixed: float, expected: str) -> None:
        asked = [*cycle.bill("E-TOU-C"), *(cycle.amount(cycle.prices(name)) for name in ("E-ELEC", "EV2-A"))]
        assert hours_mixed(asked, cycle.minutes) == mixed
        assert verdict(asked, cycle) == expected

    def test_a_rate_comparison_by_sums(self) -> None:
        asked = [f for name in ("E-TOU-C", "E-ELEC", "EV2-A") for f in FOUR_SUMMER_DAYS.determinants(name)]
        assert verdict(asked, FOUR_SUMMER_DAYS) == "list"

    def test_a_rebill_after_a_price_change(self) -> None:
        later = FOUR_SUMMER_DAYS.where(lambda t: t.date() >= date(2026, 5, 21))
        raised = FOUR_SUMMER_DAYS.prices("E-TOU-C") * (100 + 7 * later) // 100
        asked = [*FOUR_SUMMER_DAYS.bill("E-TOU-C"), FOUR_SUMMER_DAYS.amount(raised)]
        assert verdict(asked, FOUR_SUMMER_DAYS) == "pass"

    @pytest.mark.parametrize(("cycle", "mixed"), [(WINTER, 5.3), (FOUR_SUMMER_DAYS, 6.4)])
    def test_an_event_of_five_hours_in_the_amount(self, cycle: Cycle, mixed: float) -> None:
        tenth = cycle.first + timedelta(days=9)
        event = cycle.where(lambda t: t.date() == tenth and 16 <= t.hour < 21)
        asked = [cycle.amount(cycle.prices("E-TOU-C") + 60_000 * event), cycle.energy()]
        assert hours_mixed(asked, cycle.minutes) == mixed
        assert verdict(asked, cycle) == "refused"

    def test_export_credits_with_one_high_evening_price(self) -> None:
        """By themselves: no neighbor's bill is of the channel received."""
        evening = FOUR_SUMMER_DAYS.where(lambda t: t.month > 5 and 18 <= t.hour < 20)
        hour = np.array([t.hour for t in FOUR_SUMMER_DAYS.times])
        asked = [FOUR_SUMMER_DAYS.amount(np.where(evening, 240_000, 3_000 + 250 * hour))]
        assert hours_mixed(asked, 15) == 8.5
        with pytest.raises(ShareTooLarge):
            RULES.permit(BillBook(), items(asked))
        RULES.permit(BillBook(), items(asked, listed=True))


def verdict(asked: Sequence[Functional], cycle: Cycle) -> str:
    """Of a customer alone with its bill among customers of E-TOU-C who take amounts."""
    before, others = Held.of([]), Held.of([], registered(cycle.bill("E-TOU-C")))
    atom = Neighbors.of([before, *[others] * (K - 1)])

    def ask(*, listed: bool) -> None:
        book = RULES.permit(BillBook(), items(asked, listed=listed))
        RULES.permit_among(atom, [(before, Held.of([book]))])

    return "pass" if allowed(lambda: ask(listed=False)) else "list" if allowed(lambda: ask(listed=True)) else "refused"


def allowed(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except ShareTooLarge:
        return False
    return True


def hours_mixed(functionals: Iterable[Functional], minutes: int) -> float:
    return round(float(minutes / 60 / measure(functionals).largest_share), 1)
