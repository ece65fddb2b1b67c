"""Exact rational linear algebra over released sums: what a party that knows them all can work out. Slow and obvious."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import chain, combinations

from wattseal.protocol.ids import MeterId

Set = frozenset[MeterId]
Row = list[Fraction]


def smallest_support(sets: Sequence[Set]) -> int:
    """Fewest meters in any combination of the sums that is not zero.

    No combination tells the meters of one class apart, so columns are classes. One that is zero outside of some classes
    and not inside them exists if and only if the columns outside have a smaller rank than all have.
    """
    classes = classes_of(sets)
    columns = [[Fraction(part <= released) for released in sets] for part in classes]
    rank = len(echelon(columns))
    for kept in sorted(_choices(len(classes)), key=lambda kept: sum(len(classes[c]) for c in kept)):
        if len(echelon([column for c, column in enumerate(columns) if c not in kept])) < rank:
            return sum(len(classes[c]) for c in kept)
    raise AssertionError("no sum was released")


def derivable_sets(sets: Sequence[Set]) -> list[Set]:
    """Every non-empty set whose plain sum is a combination of the released sums."""
    classes = classes_of(sets)
    basis = echelon([[Fraction(part <= released) for part in classes] for released in sets])
    return [
        Set().union(*(classes[c] for c in kept))
        for kept in _choices(len(classes))
        if not any(_reduced([Fraction(c in kept) for c in range(len(classes))], basis))
    ]


def classes_of(sets: Sequence[Set]) -> list[Set]:
    """The meters of all sets, those together that no set tells apart."""
    classes: dict[tuple[bool, ...], set[MeterId]] = {}
    for meter in sorted(Set().union(*sets)):
        classes.setdefault(tuple(meter in released for released in sets), set()).add(meter)
    return [Set(members) for members in classes.values()]


def echelon(rows: Sequence[Row]) -> list[Row]:
    """A basis of the rows' span, each row with its own leading column."""
    basis: list[Row] = []
    for row in rows:
        left = _reduced(row, basis)
        if any(left):
            basis.append(left)
    return basis


def _reduced(row: Row, basis: Sequence[Row]) -> Row:
    for other in basis:
        lead = next(column for column, value in enumerate(other) if value)
        factor = row[lead] / other[lead]
        row = [a - factor * b for a, b in zip(row, other, strict=True)]
    return row


def _choices(count: int) -> list[tuple[int, ...]]:
    return list(chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1)))
