"""What follows from results about single meters, by Gram-Schmidt and elimination over fractions. Slow and obvious."""

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce

from tests.policy.oracle import Row, echelon
from wattseal.policy.shares import Functional


def row_of(functional: Functional, length: int) -> Row:
    """Over intervals 0 to `length`."""
    after = length - functional.first - functional.prices.size
    return [Fraction(0)] * functional.first + [Fraction(int(p)) for p in functional.prices] + [Fraction(0)] * after


def rank(rows: Sequence[Row]) -> int:
    return len(orthogonal(rows))


def shares(rows: Sequence[Row]) -> list[Fraction]:
    """Of each interval: the squared length of its projection on the span."""
    basis = [(row, _inner(row, row)) for row in orthogonal(rows)]
    length = len(rows[0]) if rows else 0
    return [sum((row[t] ** 2 / square for row, square in basis), Fraction(0)) for t in range(length)]


def largest_share(rows: Sequence[Row]) -> Fraction:
    return max(shares(rows), default=Fraction(0))


def orthogonal(rows: Sequence[Row]) -> list[Row]:
    basis: list[Row] = []
    for row in rows:
        left = row
        for other in basis:
            factor = _inner(left, other) / _inner(other, other)
            left = [a - factor * b for a, b in zip(left, other, strict=True)]
        if any(left):
            basis.append(left)
    return basis


def derivable(released: Sequence[Sequence[Row]], touched: Sequence[int], meter: int) -> list[Row]:
    """All that can be known of `meter`'s reads, together with those of the other `touched` meters and nobody else's.

    Known are each meter's released rows and, for every interval, the total of all meters. A combination that touches
    nobody outside takes the totals by a row that each of the others can cancel by its own releases.
    """
    others = [rows for number, rows in enumerate(released) if number not in touched]
    return [*reduce(_meet, others), *released[meter]]


def _meet(one: Sequence[Row], other: Sequence[Row]) -> list[Row]:
    """A basis of the rows in both spans (Zassenhaus)."""
    if not one or not other:
        return []
    width = len(one[0])
    doubled = [*([*row, *row] for row in one), *([*row, *[Fraction(0)] * width] for row in other)]
    return [row[width:] for row in echelon(doubled) if not any(row[:width])]


def _inner(one: Row, other: Row) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))
