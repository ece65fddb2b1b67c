"""What follows from totals and bills together, over every meter's every day: exact elimination. Slow and obvious."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from gmpy2 import mpq

from tests.policy.bill_oracle import largest_share
from wattseal.protocol.ids import MeterId

Unknown = tuple[MeterId, int]
Known = Mapping[Unknown, mpq]
"""A released sum: the weight of each meter's read of each day."""


def total(members: Iterable[MeterId], day: int) -> Known:
    return {(meter, day): mpq(1) for meter in members}


def bill(meter: MeterId, prices: Sequence[int]) -> Known:
    return {(meter, day): mpq(price) for day, price in enumerate(prices) if price}


def most_told(released: Sequence[Known], meters: Collection[MeterId], few: int, days: int) -> Fraction:
    """The largest share of one day of one meter, in any combination that is about at most `few` meters."""
    found = [Fraction(0)]
    for size in range(1, few + 1):
        for touched in combinations(sorted(meters), size):
            rows = _about(released, frozenset(touched))
            for meter in touched:
                found.append(largest_share([_row(row, meter, days) for row in rows]))
    return max(found)


def _about(released: Sequence[Known], touched: frozenset[MeterId]) -> Sequence[Known]:
    """A basis of the combinations in which everybody else has no weight: all else is eliminated, column by column."""
    rows = [dict(row) for row in released]
    while True:
        place, column = next(
            ((place, column) for place, row in enumerate(rows) for column in row if column[0] not in touched),
            (-1, None),
        )
        if column is None:
            return rows
        pivot = rows.pop(place)
        for row in rows:
            if column in row:
                _subtract(row, pivot, row[column] / pivot[column])


def _subtract(row: dict[Unknown, mpq], pivot: Known, factor: mpq) -> None:
    for column, weight in pivot.items():
        left = row.get(column, mpq(0)) - factor * weight
        if left:
            row[column] = left
        else:
            row.pop(column, None)


def _row(row: Known, meter: MeterId, days: int) -> list[Fraction]:
    weights = (row.get((meter, day), mpq(0)) for day in range(days))
    return [Fraction(int(weight.numerator), int(weight.denominator)) for weight in weights]
