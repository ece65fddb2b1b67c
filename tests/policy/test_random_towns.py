"""A hundred thousand random questions, honest or not, and no totals that fewer than k meters can be isolated from."""

from random import Random

import pytest

from tests.policy.oracle import derivable_sets, smallest_support
from tests.policy.random_towns import K, Town, ask_and_check
from tests.policy.trees import grant, meters


@pytest.mark.parametrize("seed", range(4))
def test_twenty_five_thousand_questions(seed: int) -> None:
    """Threats A5, E35, E36, E40 in bulk; `python -m tests.policy.random_towns 1000000` asks more."""
    outcomes = ask_and_check(25_000, seed)
    assert all(outcomes[outcome] > 1_000 for outcome in ("granted", "group-too-small", "pinned-otherwise"))
    assert all(outcomes[outcome] > 10 for outcome in ("coverage-too-low", "nobody-reported"))


@pytest.mark.parametrize("few", [1, 14])
def test_the_check_sees_what_is_unsafe(few: int) -> None:
    """Two levels that differ by a few meters, as if the rules had let them pass."""
    town, street = meters(range(100)), meters(range(few, 100))
    unsafe = Town(Random(0), granted=[grant(town, town), grant(street, street)])
    with pytest.raises(AssertionError):
        unsafe.check()
    with pytest.raises(AssertionError):
        Town(Random(0), granted=[grant(town, meters(range(89)))]).check()
    with pytest.raises(AssertionError):
        Town(Random(0), granted=[grant(street, street), grant(street, street, number=1)]).check()


def test_classes_say_what_exact_algebra_says() -> None:
    """On towns of a few cohorts: the smallest combination of all is the smallest class."""
    random, compared = Random(5), 0
    while compared < 40:
        town = Town.drawn(random)
        town.nodes = random.sample(town.nodes, min(5, len(town.nodes)))
        town.ask(12)
        if town.granted:
            sets = list({frozenset(question.members) for question in town.granted})
            assert smallest_support(sets) >= K
            assert all(len(part) >= K for part in derivable_sets(sets))
            compared += 1
