"""Trees of cohorts as the set rules see them: each node is the set of its active meters."""

from collections.abc import Iterable
from random import Random

from wattseal.policy.sets import Grant, SizeRule
from wattseal.protocol.ids import MeterId

Meters = frozenset[MeterId]


def meters(numbers: Iterable[int]) -> Meters:
    return frozenset(MeterId(f"m{number}") for number in numbers)


def grant(active: Iterable[MeterId], members: Iterable[MeterId], number: int = 0) -> Grant:
    return Grant(frozenset(active), dict.fromkeys(members, number))


def policy(least_group: int = 15, coverage_percent: int = 90) -> SizeRule:
    return SizeRule(least_group, coverage_percent)


def regular_tree(leaves: int, leaf_size: int, branching: int) -> list[Meters]:
    """Root first, then its `branching` children, then the leaves below them."""
    of_leaf = [meters(range(leaf * leaf_size, (leaf + 1) * leaf_size)) for leaf in range(leaves)]
    step = leaves // branching
    inner = [Meters().union(*of_leaf[first : first + step]) for first in range(0, leaves, step)]
    return [Meters().union(*of_leaf), *inner, *of_leaf]


def random_tree(random: Random) -> list[Meters]:
    """Three levels. Some meters hang on an inner node, some leaves are empty, some nodes have one child."""
    nodes: list[Meters] = []
    last, root = 0, Meters()
    for _ in range(random.randint(1, 2)):
        feeder = Meters()
        for size in random.choices((0, 2, 4, 5, 6, 12, 20), k=random.randint(1, 3)):
            leaf = meters(range(last, last := last + size))
            nodes.append(leaf)
            feeder |= leaf
        feeder |= meters(range(last, last := last + random.choice((0, 0, 1, 6))))
        nodes.append(feeder)
        root |= feeder
    root |= meters(range(last, last + random.choice((0, 0, 1, 8))))
    return [root, *nodes]
