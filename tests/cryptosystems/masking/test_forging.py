"""The forging probability of the parameters page, counted on words small enough to try every secret.

Two read slots and a count slot in words of 8 bits, weights of 3 bits in place of 24. In a stream cipher an attacker may
add any constant to any word; what else it may do to the members is counted on words of 2 bits.
"""

import itertools
import operator
from collections import Counter
from collections.abc import Callable

import numpy as np

WORD = 1 << 8
WEIGHTS = list(itertools.product(range(8), repeat=3))
MEMBERS, LARGEST_READ = 2, 3
HONEST = (3, 1, MEMBERS)


def opened(added: tuple[int, ...]) -> tuple[int, ...] | None:
    """The slots after the tests of ranges and count."""
    values = tuple((value + more) % WORD for value, more in zip(HONEST, added, strict=True))
    in_range = all(read <= MEMBERS * LARGEST_READ for read in values[:2]) and values[2] == MEMBERS
    return values if in_range else None


def test_an_added_constant_passes_each_check_for_at_most_one_value_of_a_weight() -> None:
    """Whatever is added to the slots, no number added to a check word suits more than 1 in 8 weights."""
    weights = np.array(WEIGHTS)
    most = 0
    for added in itertools.product(range(WORD), range(WORD), (0,)):
        values = opened(added)
        if values is not None and added != (0, 0, 0):
            change = weights @ (np.array(values) - np.array(HONEST)) % WORD
            most = max(most, np.bincount(change).max())
    # The bound, and it is reached. The weights of the second check are drawn apart, so the shares multiply.
    assert most * 8 == len(WEIGHTS)


def test_ranges_come_first() -> None:
    """Half a word on two slots leaves both checks as they were for one in four, and is in no range."""
    half, weights = WORD // 2, np.array(WEIGHTS)
    unchanged = int((weights @ np.array([half, half, 0]) % WORD == 0).sum())
    assert unchanged * 2 == len(WEIGHTS)
    assert opened((half, half, 0)) is None


QUARTER = range(4)
PAIRS = [(first, second) for first in QUARTER for second in QUARTER]
Submission = Callable[[int, int], int]


def linear(i: int, j: int, k: int) -> Submission:
    return lambda first, second: i * first + j * second + k


def views(reads: tuple[int, int], submitted: Submission) -> Counter[tuple[int, int, int]]:
    """What aggregator and unblinder see of both members, with what the decryptor then opens, for every mask."""
    seen: Counter[tuple[int, int, int]] = Counter()
    for masks in PAIRS:
        first, second = ((read + mask) % 4 for read, mask in zip(reads, masks, strict=True))
        seen[first, second, (submitted(first, second) - sum(masks)) % 4] += 1
    return seen


def test_whatever_is_submitted_only_the_stated_sum_is_opened() -> None:
    """Threat 33, without tags: for every linear form of two reports, and others, reads of one sum give one view.

    The masks are uniform and the decryptor takes off exactly those of the stated members, so what it opens is their
    sum plus a number that the attackers knew before.
    """
    submissions = [linear(i, j, k) for i, j, k in itertools.product(QUARTER, repeat=3)]
    submissions += [operator.mul, max, lambda first, second: 40 * first if second else second]
    for submitted in submissions:
        for reads, other in itertools.combinations(PAIRS, 2):
            same_sum = (sum(reads) - sum(other)) % 4 == 0
            assert (views(reads, submitted) == views(other, submitted)) == same_sum
