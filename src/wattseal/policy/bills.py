"""What may be asked about single meters: rank budget, share rule, neighbors. Why each rule is: `docs/bill-rules.md`.

Pure functions over what one party remembers; the aggregator and both halves of the key server each apply them to their
own ledger. The arithmetic is in `shares.py`; what a tariff compiles to, and which tariffs are registered, is not here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple, Self

from wattseal.policy.shares import Functional, measure, smallest_part
from wattseal.protocol.errors import FunctionalNotPermitted, RankExhausted, ShareTooLarge
from wattseal.protocol.ids import Kind
from wattseal.protocol.time import MINUTES_PER_DAY

LARGEST_RANK, LARGEST_EXTENDED_RANK = 8, 12
LEAST_HOURS, LEAST_HOURS_LISTED, LEAST_DAYS = 24, 8, 7
_REMEMBERED_SPANS, _REMEMBERED_PAIRS, _REMEMBERED_BOOKS = 1 << 12, 1 << 16, 1 << 10


class Source(NamedTuple):
    """The report that a result is of, among those of one meter, channel and billing cycle."""

    kind: Kind
    start_minute: int
    number: int


class Opaque(NamedTuple):
    """A functional of values that are no interval reads: a register's demand, entries of a vector.

    `cover`: the intervals of whose reads it is the largest, as a sum over them; None: of no reads at all.
    """

    digest: bytes
    cover: Functional | None = None


class Item(NamedTuple):
    """One result, asked or released. `listed`: of a charge that the signed list names."""

    source: Source
    functional: Functional | Opaque
    listed: bool = False


class Span(NamedTuple):
    """Functionals that may be combined: all of them, and those of charges that the signed list does not name."""

    every: frozenset[Functional] = frozenset()
    unlisted: frozenset[Functional] = frozenset()

    @classmethod
    def of(cls, charges: Iterable[tuple[Functional, bool]]) -> Self:
        """`charges`: functionals, each with whether it is listed."""
        used = [(functional, listed) for functional, listed in charges if not functional.is_zero]
        every = frozenset(functional for functional, _ in used)
        return cls(every, frozenset(functional for functional, listed in used if not listed))

    def of_tier(self, *, listed: bool) -> frozenset[Functional]:
        """What must mix 8 hours (`listed`: everything), or 24."""
        return self.every if listed else self.unlisted

    def joined(self, other: "Span") -> "Span":
        return Span(self.every | other.every, self.unlisted | other.unlisted)


NOTHING = Span()


@dataclass(frozen=True)
class BillBook:
    """What one party remembers of one (meter, channel, cycle): the released results that told something new.

    Each stands for a dimension: amounts and opaque results always, sums if no combination of sums released from the
    same report gives them. A result that is not here was 0, or followed from those that are.
    """

    items: tuple[Item, ...] = ()

    @cached_property
    def span(self) -> Span:
        return Span.of((item.functional, item.listed) for item in self.items if isinstance(item.functional, Functional))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Meters that were asked alike share a book, which is looked up for each of them."""
        return hash(self.items)

    @cached_property
    def covers(self) -> frozenset[Functional]:
        """What the demands are the largest reads of."""
        opaque = (item.functional for item in self.items if isinstance(item.functional, Opaque))
        return frozenset(one.cover for one in opaque if one.cover is not None)

    def has(self, asked: Item) -> bool:
        return any((item.source, item.functional) == (asked.source, asked.functional) for item in self.items)

    def sums(self, source: Source) -> frozenset[Functional]:
        """Of one report; linearly independent."""
        functionals = (item.functional for item in self.items if item.source == source)
        return frozenset(f for f in functionals if isinstance(f, Functional) and not f.amount)


class Held(NamedTuple):
    """Of one meter and channel, over all cycles that hang together: what was released, and what also may be."""

    released: Span
    possible: Span

    @classmethod
    def of(cls, books: Iterable[BillBook], registered: Span = NOTHING) -> Self:
        """`registered`: the functionals of the tariff that the meter is billed under, released or not."""
        released = NOTHING
        for book in books:
            released = released.joined(book.span)
        return cls(released, released.joined(registered))


@dataclass(frozen=True)
class Neighbors:
    """The meters of one atom, which no total tells apart, counted by what is held of each."""

    counts: Mapping[Held, int]

    @classmethod
    def of(cls, held: Iterable[Held]) -> Self:
        return cls(Counter(held))

    def after(self, changes: Iterable[tuple[Held, Held]]) -> "Neighbors":
        """These once meters' holdings changed from one to the other. Raises ValueError if no meter has the former."""
        counts = Counter(self.counts)
        for before, after in changes:
            if not counts[before]:
                raise ValueError("no meter of the atom holds what is to be replaced")
            counts[before] -= 1
            counts[after] += 1
        return Neighbors(+counts)


class BillRules:
    """The rules under one policy. What was measured is remembered: meters are many, tariffs and so spans are few."""

    def __init__(self, least_group: int) -> None:
        self._least_neighbors = least_group - 1
        self._measure = lru_cache(_REMEMBERED_SPANS)(measure)
        self._smallest_part = lru_cache(_REMEMBERED_SPANS)(smallest_part)
        self._joined_mixes = lru_cache(_REMEMBERED_PAIRS)(self._mixes_joined)
        self._after_all = lru_cache(_REMEMBERED_BOOKS)(self._with)
        self._permitted = lru_cache(_REMEMBERED_BOOKS)(self._permit)

    def recorded(self, items: Iterable[Item]) -> BillBook:
        """The book of what a ledger says was released, in that order. Refuses nothing."""
        return self._after_all(BillBook(), tuple(items))

    def permit(self, book: BillBook, asked: Iterable[Item], *, sums_only: bool = False, more: int = 0) -> BillBook:
        """The book with all of `asked` released, or the same one if that would tell nothing new.

        `sums_only`: of class large. `more`: by how much the rank budget is extended; whatever it says, not beyond
        LARGEST_EXTENDED_RANK. Raises FunctionalNotPermitted, RankExhausted or ShareTooLarge.
        """
        largest_rank = min(LARGEST_RANK + more, LARGEST_EXTENDED_RANK)
        return self._permitted(book, tuple(asked), sums_only, largest_rank)

    def _permit(self, book: BillBook, asked: tuple[Item, ...], sums_only: bool, largest_rank: int) -> BillBook:
        functionals = (item.functional for item in asked if isinstance(item.functional, Functional))
        if sums_only and any(functional.amount for functional in functionals):
            raise FunctionalNotPermitted("large meters are billed by sums only")
        after = self._after_all(book, asked)
        if after == book:
            return book
        if len(after.items) > largest_rank:
            raise RankExhausted(f"more than {largest_rank} independent results of one meter, channel and billing cycle")
        if not all(self._mixes(after.span.of_tier(listed=listed), listed=listed) for listed in (False, True)):
            raise ShareTooLarge("a combination of the results would tell too much about one interval")
        if not self._wide(after.covers):
            raise ShareTooLarge("the largest reads of demand periods would be told of too few intervals")
        return after

    def permit_among(self, neighbors: Neighbors, changes: Iterable[tuple[Held, Held]]) -> Neighbors:
        """The atom after all of `changes` of its meters' holdings, or none. Raises ShareTooLarge.

        To be asked for every atom that the meters are in. The requests must give away neither them nor any meter that
        was billed earlier.
        """
        after = neighbors.after(changes)
        if after != neighbors:
            self.check_neighbors(after)
        return after

    def check_neighbors(self, neighbors: Neighbors) -> None:
        """Raises ShareTooLarge unless each meter that gave results has enough others that hide it.

        To be asked also before a total that makes a new atom, and before a tariff is registered for meters.
        """
        for held in neighbors.counts:
            if not all(self._hidden(held, neighbors, listed=listed) for listed in (False, True)):
                raise ShareTooLarge("with the neighbors' results, one interval of one meter would show too much")

    def _with(self, book: BillBook, items: tuple[Item, ...]) -> BillBook:
        after = book
        for item in items:
            after = self._after(after, item)
        return after

    def _after(self, book: BillBook, item: Item) -> BillBook:
        functional = item.functional
        if isinstance(functional, Functional):
            if functional.is_zero:
                return book
            sums = book.sums(item.source)
            if not functional.amount and self._measure(sums | {functional}).rank == len(sums):
                return book
        return book if book.has(item) else BillBook((*book.items, item))

    def _hidden(self, held: Held, neighbors: Neighbors, *, listed: bool) -> bool:
        """Of a meter that gave nothing follows no more than its neighbors' own results permit."""
        own = held.released.of_tier(listed=listed)
        if not own:
            return True
        # The meter does not hide itself.
        hiding = -self._joined_mixes(own, held.possible.of_tier(listed=listed), listed)
        for other, count in neighbors.counts.items():
            hiding += count * self._joined_mixes(own, other.possible.of_tier(listed=listed), listed)
            if hiding >= self._least_neighbors:
                return True
        return False

    def _mixes_joined(self, one: frozenset[Functional], other: frozenset[Functional], listed: bool) -> bool:
        return self._mixes(one | other, listed=listed)

    def _wide(self, covers: frozenset[Functional]) -> bool:
        lengths = {cover.interval_minutes for cover in covers}
        return all(self._smallest_part(covers) >= least_intervals(length, listed=False) for length in lengths)

    def _mixes(self, rows: frozenset[Functional], *, listed: bool) -> bool:
        lengths = {row.interval_minutes for row in rows}
        return all(self._measure(rows).mixes(least_intervals(length, listed=listed)) for length in lengths)


def least_intervals(interval_minutes: int, *, listed: bool) -> int:
    """How many intervals any combination mixes at least. The list changes nothing for daily reads."""
    if interval_minutes == MINUTES_PER_DAY:
        return LEAST_DAYS
    return (LEAST_HOURS_LISTED if listed else LEAST_HOURS) * 60 // interval_minutes
