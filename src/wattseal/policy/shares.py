"""How much of one interval the released results of a meter's channel can tell: exact leverage over their span.

Functionals and linear algebra only. Who may ask for which, and what neighbors add, is in `bills.py`.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.errors import FunctionalNotPermitted
from wattseal.protocol.ids import LAST_WINDOW
from wattseal.protocol.roster import Interval
from wattseal.protocol.time import window_minutes

Matrix = NDArray[np.int64]
ExactMatrix = NDArray[np.object_]

LARGEST_AMOUNT_PRICE = 250_000
# With prices up to LARGEST_AMOUNT_PRICE, inner products over this many intervals are below 2^57: int64 is exact.
MOST_INTERVALS = 1 << 20
END_OF_TIME = window_minutes(LAST_WINDOW)[1]


@dataclass(frozen=True, eq=False)
class Functional:
    """Integer prices over absolute intervals, 0 elsewhere: an amount, rounded to cents, or a sum, exact in Wh.

    `first` counts intervals since 1970 UTC, `phase_minutes` is what is left over. Without zeros at either end, so
    that equal functionals are equal however they were framed.
    """

    first: int
    interval_minutes: int
    phase_minutes: int
    prices: Matrix
    amount: bool

    @classmethod
    def of(
        cls, start_minute: int, interval_minutes: int, prices: Sequence[int] | Matrix, *, amount: bool
    ) -> "Functional":
        """`start_minute` is where the first price's interval begins, in minutes since 1970 UTC.

        Raises FunctionalNotPermitted for a price beyond what an amount (250,000) or a sum (1) may have, of either sign.
        """
        if interval_minutes not in get_args(Interval):
            raise FunctionalNotPermitted(f"no reads are of {interval_minutes} minutes")
        if not 0 <= start_minute < END_OF_TIME:
            raise FunctionalNotPermitted("a functional begins before 1970 or after 9999")
        row = _checked(prices, LARGEST_AMOUNT_PRICE if amount else 1)
        used = np.flatnonzero(row)
        if not used.size:
            return cls(0, interval_minutes, 0, _read_only(row[:0]), amount)
        first, phase = divmod(start_minute, interval_minutes)
        kept = _read_only(row[used[0] : used[-1] + 1])
        return cls(first + int(used[0]), interval_minutes, phase, kept, amount)

    @property
    def is_zero(self) -> bool:
        """Whether every price is 0. The answer to such a question is 0, and nothing is opened or recorded for it."""
        return self.prices.size == 0

    @property
    def end(self) -> int:
        return self.first + self.prices.size

    @cached_property
    def digest(self) -> bytes:
        head = struct.pack("<qqq?", self.first, self.interval_minutes, self.phase_minutes, self.amount)
        return hashlib.sha256(head + self.prices.astype("<i8").tobytes()).digest()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Functional) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)


class Measure(NamedTuple):
    """Of a span of functionals: its dimension, and the most that any combination gives to one interval.

    The share of interval t is the largest v_t^2 / |v|^2 over the combinations v that are not zero; at most 1.
    """

    rank: int
    largest_share: Fraction

    def mixes(self, intervals: int) -> bool:
        """Whether no combination gives one interval more than 1/`intervals`, and so none touches fewer."""
        return self.largest_share * intervals <= 1


def measure(functionals: Iterable[Functional]) -> Measure:
    """Exact, whatever the rows: repeated, dependent, zero, of cycles that overlap in part or not at all.

    The share of t is the leverage Y_t' (Y Y')^-1 Y_t, Y_t being the column of t in a basis of the rows (Cauchy-Schwarz
    in the metric of Y Y'). Raises FunctionalNotPermitted for functionals over different intervals.
    """
    parts = [_measure(stack) for stack in _stacks(functionals)]
    return Measure(sum(part.rank for part in parts), max((part.largest_share for part in parts), default=Fraction(0)))


def smallest_part(covers: Iterable[Functional]) -> int:
    """How many intervals the smallest part holds that the covers cut each other into; 0 if they cover nothing.

    Each covers the intervals that have a price. Which of their largest reads are equal, and which are larger, tells of
    each the parts that it lies in, and no more. Raises FunctionalNotPermitted as `measure`.
    """
    parts = (np.unique(stack[:, stack.any(axis=0)] != 0, axis=1, return_counts=True)[1] for stack in _stacks(covers))
    return min((int(counts.min()) for counts in parts), default=0)


def _checked(prices: Sequence[int] | Matrix, largest: int) -> Matrix:
    row = np.asarray(prices)
    if row.ndim != 1 or row.dtype.kind != "i":
        raise FunctionalNotPermitted("the prices are not a row of 64-bit integers")
    if row.size > MOST_INTERVALS:
        raise FunctionalNotPermitted(f"{row.size} prices are more than {MOST_INTERVALS}")
    if row.size and max(int(row.max()), -int(row.min())) > largest:
        raise FunctionalNotPermitted(
            f"a price is beyond {largest}, the most for {'a sum' if largest == 1 else 'an amount'}"
        )
    return row.astype(np.int64)


def _read_only(row: Matrix) -> Matrix:
    row = row.copy()
    row.setflags(write=False)
    return row


def _stacks(functionals: Iterable[Functional]) -> Iterator[Matrix]:
    """One matrix, a row each, for every group of functionals whose time ranges hang together.

    Spans over disjoint ranges add up, and their intervals' shares stay what they were.
    """
    rows = sorted((row for row in functionals if not row.is_zero), key=lambda row: row.first)
    if len({(row.interval_minutes, row.phase_minutes) for row in rows}) > 1:
        raise FunctionalNotPermitted("functionals over intervals of different lengths or beginnings cannot be joined")
    group: list[Functional] = []
    end = 0
    for row in rows:
        if group and row.first >= end:
            yield _stacked(group, end)
            group = []
        group.append(row)
        end = max(end, row.end)
    if group:
        yield _stacked(group, end)


def _stacked(group: Sequence[Functional], end: int) -> Matrix:
    first = group[0].first
    stack = np.zeros((len(group), end - first), dtype=np.int64)
    for line, row in zip(stack, group, strict=True):
        line[row.first - first : row.end - first] = row.prices
    return stack


def _measure(stack: Matrix) -> Measure:
    kept, adjugate, determinant = _inverse((stack @ stack.T).astype(object))
    columns = _distinct_columns(stack[kept]).astype(object)
    return Measure(len(kept), Fraction(int(((adjugate @ columns) * columns).sum(axis=0).max()), determinant))


def _distinct_columns(stack: Matrix) -> Matrix:
    """Tariffs have few: intervals of one price in every row are alike."""
    ordered = stack[:, np.lexsort(stack)]
    return ordered[:, np.concatenate(([True], (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)))]


def _inverse(gram: ExactMatrix) -> tuple[list[int], ExactMatrix, int]:
    """(rows that form a basis, adjugate of their Gram matrix, its determinant), in Python integers.

    Fraction-free Gauss-Jordan elimination (Bareiss 1968): every entry is a minor, so the divisions are exact. Gram
    matrices are positive semidefinite: a pivot of 0 means a row that depends on those before it, and is left out.
    """
    count = len(gram)
    work = np.concatenate([gram, np.eye(count, dtype=np.int64).astype(object)], axis=1)
    kept: list[int] = []
    last = 1
    for k in range(count):
        pivot = int(work[k, k])
        if pivot == 0:
            continue
        others = np.arange(count) != k
        work[others] = (pivot * work[others] - np.outer(work[others, k], work[k])) // last
        last = pivot
        kept.append(k)
    return kept, work[np.ix_(kept, [count + k for k in kept])], last
