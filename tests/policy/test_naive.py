"""What is quick against what is plain: the same verdict on every question, after whatever was granted before."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policy import naive
from tests.policy.test_dominance import EDGES_WH, opened, random_energies
from tests.policy.test_sets import alike, lie
from tests.policy.trees import Meters, grant, meters, policy, random_tree
from wattseal.policy.dominance import Opened, OpenedSets, check_dominance
from wattseal.policy.sets import Day, Grant, permit_set
from wattseal.protocol.errors import CoverageTooLow, DominatedGroup, GroupTooSmall, Refused

RULES, LARGEST = policy(least_group=4, coverage_percent=80), 40
_TOO_FEW = {GroupTooSmall.slug, CoverageTooLow.slug}


def verdict(ask: Callable[[], object]) -> str | None:
    """A refusal's slug; which of too few and too low is told first is left open."""
    try:
        ask()
    except Refused as refusal:
        return "too few" if refusal.slug in _TOO_FEW else refusal.slug
    return None


def answered_alike(day: Day, granted: list[Grant], question: Grant) -> str | None:
    found = verdict(partial(permit_set, day, question, RULES, LARGEST))
    assert found == verdict(partial(naive.check_set, granted, question, RULES, LARGEST))
    return found


def test_random_trees() -> None:
    random, outcomes = Random(11), Counter[str | None]()
    for _ in range(400):
        nodes, day, granted = random_tree(random), Day(), list[Grant]()
        reported = frozenset(meter for meter in sorted(nodes[0]) if random.random() < random.choice((1.0, 0.9)))
        for _ in range(12):
            question = lie(random, random.choice(nodes), reported)
            outcome = answered_alike(day, granted, question)
            outcomes[outcome] += 1
            if outcome is None:
                day = day.after(question)
                granted.append(question)
                assert (day.pins, set(day.atoms())) == (naive.pins(granted), set(naive.atoms(granted)))
    assert all(outcomes[outcome] > 100 for outcome in (None, "too few", "pinned-otherwise", "nobody-reported"))


COHORTS = st.builds(
    lambda first, size, missing: grant(
        meters(range(first, first + size)), meters(number for number in range(first, first + size) if number != missing)
    ),
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 200),
)


@given(st.lists(COHORTS, max_size=8), st.sets(st.integers(0, 45)))
def test_cohorts_that_cross(asked: list[Grant], some: set[int]) -> None:
    day, granted = Day(), list[Grant]()
    for question in asked:
        if answered_alike(day, granted, question) is None:
            day = day.after(question)
            granted.append(question)
    assert alike(day, Day.of(granted))
    wanted = meters(some)
    assert set(day.atoms_with(wanted)) == {atom for atom in naive.atoms(granted) if atom.active & wanted}


def test_dominance_in_random_trees() -> None:
    random, outcomes = Random(13), Counter[str | None]()
    for _ in range(300):
        root, *nodes = random_tree(random)
        energies, share = random_energies(random, root), random.choice((15, 30, 60))
        released: list[Opened] = []
        sets = OpenedSets()
        for members in filter(None, random.choices([root, *nodes], k=8)):
            question = opened(members, energies)
            found = verdict(partial(check_dominance, question, sets, EDGES_WH, share))
            assert found == verdict(partial(naive.check_dominance, question, released, EDGES_WH, share))
            outcomes[found] += 1
            if found is None:
                sets = sets.after(question)
                released.append(question)
    assert min(outcomes.values()) > 500


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=6))
def test_sets_that_cross_are_refused_whatever_came_before(ranges: list[tuple[int, int]]) -> None:
    energies = dict.fromkeys(meters(range(20)), 900)
    released: list[Opened] = []
    sets = OpenedSets()
    for first, size in ranges:
        question = opened(Meters(meters(range(first, first + size))), energies)
        found = verdict(partial(check_dominance, question, sets, EDGES_WH, 100))
        assert found == verdict(partial(naive.check_dominance, question, released, EDGES_WH, 100))
        if found != DominatedGroup.slug:
            sets, released = sets.after(question), [*released, question]
