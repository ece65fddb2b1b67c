"""Random questions about towns of a realistic size, true ones and all kinds of lies; what was granted, checked plainly.

`python -m tests.policy.random_towns 1000000` asks so many and prints what came of them.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.policy.trees import Meters, meters, policy
from wattseal.policy.sets import Day, Grant, Waived, permit_set
from wattseal.protocol.errors import Refused
from wattseal.protocol.ids import MeterId

K, COVERAGE, LARGEST = 15, 90, 16_384
RULES = policy(least_group=K, coverage_percent=COVERAGE)
QUESTIONS_A_TOWN = 50


@dataclass
class Town:
    """One channel and day: the cohorts of the roster in force and of one before it, and who reported."""

    random: Random
    nodes: list[Meters] = field(default_factory=list)
    reported: Meters = frozenset()
    waived: tuple[Waived, ...] = ()
    granted: list[Grant] = field(default_factory=list)

    @classmethod
    def drawn(cls, random: Random) -> "Town":
        leaves = list(_leaves(random))
        nodes = list(_tree(random, leaves))
        if random.random() < 0.3:  # a roster that has moved some homes, and another kind of report under the old one
            nodes += _tree(random, _moved(random, leaves))
        everybody = Meters().union(*leaves)
        silent = {meter for meter in sorted(everybody) if random.random() < random.choice((0, 0.01, 0.03))}
        for leaf in random.sample(leaves, random.randint(0, 2)):  # a collector failed, or all of them came late
            silent |= {meter for meter in sorted(leaf) if random.random() < random.choice((0.3, 1))}
        # A whole cohort that came late is asked about as if it had reported.
        late = {meter for leaf in random.sample(leaves, 1) if leaf <= silent for meter in leaf}
        waived = tuple(
            Waived(node, random.randint(50, 89)) for node in random.sample(nodes, 2) if random.random() < 0.4
        )
        return cls(random, nodes, everybody - silent | late, waived)

    def question(self) -> Grant:
        active, trick = self.random.choice(self.nodes), self.random.random()
        members = dict.fromkeys(active & self.reported, 0)
        if trick < 0.1:  # carved
            members = {meter: 0 for meter in sorted(members) if self.random.random() > 0.04}
        elif trick < 0.15 and members:  # all but one
            members.pop(self.random.choice(sorted(members)))
        elif trick < 0.2 and members:  # another report of one meter
            members[self.random.choice(sorted(members))] = self.random.randint(1, 7)
        elif trick < 0.25:  # somebody who did not report
            members |= dict.fromkeys(self.random.sample(sorted(active), min(3, len(active))), 0)
        return Grant(active, members)

    def ask(self, count: int) -> Counter[str]:
        day, outcomes = Day(), Counter[str]()
        for _ in range(count):
            question = self.question()
            try:
                day = permit_set(day, question, RULES, LARGEST, self.waived)
            except Refused as refusal:
                outcomes[refusal.slug] += 1
                continue
            outcomes["granted"] += 1
            self.granted.append(question)
        return outcomes

    def check(self) -> None:
        """No combination of the totals touches fewer than k meters, and none a part of too low a coverage.

        Meters that are in the same sums have the same weight in every combination, so it touches all of such a class
        or none: every class of at least k meters is all there is to show.
        """
        sets = _classes([frozenset(grant.members) for grant in self.granted])
        assert all(len(part) >= K for part in sets)
        counted = Meters().union(*(grant.members for grant in self.granted))
        for cell in _classes([grant.active for grant in self.granted]):
            needed = min([COVERAGE, *(one.coverage_percent for one in self.waived if cell <= one.meters)])
            present = len(cell & counted)
            assert not present or 100 * present >= needed * len(cell)
        numbers: dict[MeterId, set[int | None]] = {}
        for grant in self.granted:
            for meter in grant.active:
                numbers.setdefault(meter, set()).add(grant.members.get(meter))
        assert all(len(used) == 1 for used in numbers.values())


def _leaves(random: Random) -> Iterator[Meters]:
    last = 0
    for _ in range(random.randint(3, 30)):
        size = random.choice((8, 15, 16, 20, 24, 30, 40))
        yield meters(range(last, last + size))
        last += size


def _tree(random: Random, leaves: Sequence[Meters]) -> Iterator[Meters]:
    """Leaves, feeders of a few of them, and the town; some homes hang on the town itself."""
    yield from leaves
    step = random.randint(2, 6)
    for first in range(0, len(leaves), step):
        yield Meters().union(*leaves[first : first + step])
    yield Meters().union(*leaves) | meters(range(100_000, 100_000 + random.choice((0, 0, 5, 20))))


def _moved(random: Random, leaves: Sequence[Meters]) -> list[Meters]:
    """Some homes of the first leaf are in the second now."""
    gone = frozenset(random.sample(sorted(leaves[0]), random.choice((1, 8))))
    return [leaves[0] - gone, leaves[1] | gone, *leaves[2:]]


def _classes(sets: Sequence[Meters]) -> list[Meters]:
    """Meters that are in the same sets."""
    places: dict[MeterId, int] = {}
    for place, one in enumerate(sets):
        for meter in one:
            places[meter] = places.get(meter, 0) | 1 << place
    parts: dict[int, set[MeterId]] = {}
    for meter, where in places.items():
        parts.setdefault(where, set()).add(meter)
    return [Meters(part) for part in parts.values()]


def ask_and_check(questions: int, seed: int) -> Counter[str]:
    """What became of them. Raises AssertionError if anything unsafe was granted."""
    random, outcomes = Random(seed), Counter[str]()
    while outcomes.total() < questions:
        town = Town.drawn(random)
        outcomes += town.ask(QUESTIONS_A_TOWN)
        town.check()
    return outcomes


if __name__ == "__main__":
    for outcome, count in ask_and_check(int(sys.argv[1]), seed=1).most_common():
        sys.stdout.write(f"{outcome:20}{count:10,}\n")
