"""The rules for bills: what one party spends on each of 1,000 bills of a statement.

Measured on one of 2 virtual cores (AMD EPYC): 13 us a bill, of one profile or of 50; 42 us while 50 are still unknown.
"""

import time
from collections.abc import Sequence

import numpy as np

from wattseal.policy.bills import BillBook, BillRules, Held, Item, Neighbors, Source, Span
from wattseal.policy.shares import Functional
from wattseal.protocol.ids import Kind

BILLS, INTERVALS, LEAST_GROUP, ATOM = 1_000, 30 * 96, 15, 250
ORIGINAL = Source(Kind.CYCLE, 0, 0)


def main() -> None:
    for profiles in (1, 50):
        print(f"{BILLS:,} bills of {profiles} profiles, amount and energy of {INTERVALS:,} quarter hours")
        tariffs = [tariff(number) for number in range(profiles)]
        rules = BillRules(LEAST_GROUP)
        for remembered in ("nothing measured before", "all measured before"):
            print(f"  {remembered:40}{microseconds_a_bill(rules, tariffs):12,.1f} us a bill")


def microseconds_a_bill(rules: BillRules, tariffs: Sequence[Sequence[Functional]]) -> float:
    """A meter's own rules, then its neighbors', atom by atom; its tariff was registered beforehand."""
    asked = [[Item(ORIGINAL, functional) for functional in tariffs[bill % len(tariffs)]] for bill in range(BILLS)]
    registered = [Held.of([], Span.of((f, False) for f in tariffs[bill % len(tariffs)])) for bill in range(BILLS)]
    atoms = [range(first, first + ATOM) for first in range(0, BILLS, ATOM)]
    before = [Neighbors.of(registered[bill] for bill in atom) for atom in atoms]
    began = time.perf_counter()
    for atom, neighbors in zip(atoms, before, strict=True):
        books = [rules.permit(BillBook(), asked[bill]) for bill in atom]
        after = [Held.of([book], registered[bill].possible) for bill, book in zip(atom, books, strict=True)]
        rules.permit_among(neighbors, zip(registered[atom.start : atom.stop], after, strict=True))
    return (time.perf_counter() - began) / BILLS * 1e6


def tariff(number: int) -> list[Functional]:
    """A peak of five hours, one of ten; its price is of this number alone. The energy as well."""
    quarter, start = np.arange(INTERVALS) % 96, 4 * (10 + number % 10)
    prices = 36_757 + (3_000 + 10 * number) * ((quarter >= start) & (quarter < start + 20))
    return [
        Functional.of(0, 15, prices, amount=True),
        Functional.of(0, 15, np.ones(INTERVALS, dtype=np.int64), amount=False),
    ]


if __name__ == "__main__":
    main()
