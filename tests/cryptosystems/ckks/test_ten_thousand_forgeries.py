"""Ten thousand forged bills of many kinds, opened by the decryptor's own code: each is refused, and no honest one is.

Forgeries are what aggregator and unblinder could send together: any two numbers. How probable it is that one of them
opens, `test_forging.py` counts; here the attacks themselves are mounted.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import NamedTuple

import numpy as np

from tests.cryptosystems.ckks.household import CYCLE, Household, random_secret
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.evaluator import bills_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, NUMBER_BYTES
from wattseal.cryptosystems.ckks.residues import number_from_bytes, number_to_bytes
from wattseal.cryptosystems.ckks.scales import Cycle
from wattseal.cryptosystems.ckks.unblinder import bills_pads

FORGERIES, METERS, INTERVALS = 10_000, 25, 120
RNG = random.Random()  # other forgeries in every run: none may ever open
READS = np.random.default_rng(7)
HOMES = [Household(f"meter-{number}") for number in range(METERS)]
MONTHS = READS.integers(0, 4000, (METERS, INTERVALS))
PEAK, FLAT = (Functional.of(READS.integers(low, high, INTERVALS)) for low, high in ((30_000, 60_000), (1, 2)))
SELECTOR = Functional.of([1] + [0] * (INTERVALS - 1))
NEXT_MONTH = Cycle(CYCLE.end, 2 * CYCLE.end)
UNMASKING = Unmasking.of(CKKS_4096, [HOMES[0].label()], PEAK)


class Sent(NamedTuple):
    """The aggregator's number and the unblinder's, of each meter."""

    numbers: list[int]
    pads: list[int]


class Forged(NamedTuple):
    number: bytes
    pad: bytes


def sent(functional: Functional, number: int = 0, segment: tuple[int, int] = CYCLE) -> Sent:
    """By honest code: of that functional and report, under the scale of that cycle."""
    labels = [home.label(number=number, segment=segment) for home in HOMES]
    reports = [[home.seal(reads, label)] for home, reads, label in zip(HOMES, MONTHS, labels, strict=True)]
    pads = bills_pads(CKKS_4096, [[label] for label in labels], [home.pad_key for home in HOMES], [functional])
    return Sent(*(list(map(_only, found)) for found in (bills_sums(reports, [functional]), pads)))


def _only(numbers: list[bytes]) -> int:
    [number] = numbers
    return number_from_bytes(number)


HONEST = sent(PEAK)
OTHERS = {
    "another functional": sent(FLAT),
    "a selector": sent(SELECTOR),
    "another report number": sent(PEAK, number=1),
    "another month": sent(PEAK, segment=NEXT_MONTH),
}


def constant() -> int:
    """Of any size that could move the value: below it, a number with its errors still opens to what it held."""
    size = RNG.getrandbits(RNG.randrange((4 * PEAK.bound).bit_length(), 106)) + 4 * PEAK.bound
    return RNG.choice((1, -1)) * size


def scale_guess() -> int:
    return (1 << 63) + RNG.choice((0, 1 << 62, (1 << 63) - 1, RNG.getrandbits(63)))


def encoded(number: int, pad: int) -> Forged:
    return Forged(number_to_bytes(number), number_to_bytes(pad))


def with_constant(meter: int) -> Forged:
    return encoded(HONEST.numbers[meter] + constant(), HONEST.pads[meter])


def with_scale_guesses(meter: int) -> Forged:
    moved = RNG.choice((1, -1)) * RNG.randrange(1, 1 << 20) * scale_guess()
    return encoded(HONEST.numbers[meter] + moved, HONEST.pads[meter])


def of_another_meter(meter: int) -> Forged:
    other = (meter + RNG.randrange(1, METERS)) % METERS
    return encoded(HONEST.numbers[other], HONEST.pads[RNG.choice((meter, other))])


def of_another_statement(meter: int) -> Forged:
    """A functional, number or month that was not stated, with its own pads or the stated ones."""
    other = OTHERS[RNG.choice(list(OTHERS))]
    return encoded(other.numbers[meter], RNG.choice((other, HONEST)).pads[meter])


def multiplied(meter: int) -> Forged:
    """The number, and perhaps its pad, times something: without a pad that fits, or on the way to a power sum."""
    factor = RNG.choice((0, -1, 2, 3, 1000, MODULUS // 2, RNG.randrange(2, MODULUS)))
    pad = HONEST.pads[meter]
    return encoded(HONEST.numbers[meter] * factor, RNG.choice((pad, pad * factor)))


def sums_of_meters(meter: int) -> Forged:
    other = (meter + RNG.randrange(1, METERS)) % METERS
    sign = RNG.choice((1, -1))
    numbers, pads = HONEST.numbers, HONEST.pads
    return encoded(numbers[meter] + sign * numbers[other], pads[meter] + sign * pads[other])


def random_numbers(meter: int) -> Forged:
    return encoded(RNG.randrange(MODULUS), RNG.choice((HONEST.pads[meter], 0, RNG.randrange(MODULUS))))


def without_a_pad(meter: int) -> Forged:
    return encoded(HONEST.numbers[meter], RNG.choice((0, -HONEST.pads[meter], HONEST.numbers[meter])))


def malformed(meter: int) -> Forged:
    """Bytes that are no number, though their value would be the right one."""
    number, pad = HONEST.numbers[meter], HONEST.pads[meter]
    honest = number.to_bytes(NUMBER_BYTES, "little")
    wrong = RNG.choice((honest + b"\0", honest[:-1], b"", (number + MODULUS).to_bytes(NUMBER_BYTES, "little")))
    return Forged(*RNG.choice(((wrong, number_to_bytes(pad)), (honest, number_to_bytes(pad)[:-1]))))


KINDS: tuple[Callable[[int], Forged], ...] = (
    with_constant,
    with_scale_guesses,
    of_another_meter,
    of_another_statement,
    multiplied,
    sums_of_meters,
    random_numbers,
    without_a_pad,
    malformed,
)


def forgeries() -> Iterator[Forged]:
    """One after the other of every kind, about one after the other of the meters."""
    for place, forge in zip(range(FORGERIES), cycle(KINDS)):
        yield forge(place % METERS)


def opened(bills: list[Forged]) -> list[int | None]:
    homes = list(islice(cycle(HOMES), len(bills)))
    keys, names = [home.secret_key for home in homes], [home.meter for home in homes]
    decryptor = BatchDecryptor(CKKS_4096, keys, HOMES[0].label(), names, CYCLE)
    numbers, pads = ([[one] for one in column] for column in zip(*bills, strict=True))
    return [value for [value] in decryptor.open_bills(numbers, pads, [UNMASKING])]


def test_ten_thousand_forged_bills_are_all_refused() -> None:
    assert Counter(opened(list(forgeries()))) == {None: FORGERIES}


def test_honest_bills_between_them_open() -> None:
    """So that the others are refused for what they are, and not all for one mistake of these tests."""
    honest = [encoded(number, pad) for number, pad in zip(*HONEST, strict=True)]
    assert opened(honest) == (MONTHS @ PEAK.prices[0]).tolist()


def test_a_constant_within_the_errors_changes_nothing() -> None:
    """The one thing that may be added to a number: it moves no value."""
    moved = [encoded(number + RNG.randrange(PEAK.bound // 4), pad) for number, pad in zip(*HONEST, strict=True)]
    assert opened(moved) == (MONTHS @ PEAK.prices[0]).tolist()


def test_another_meters_secret_opens_none_of_them() -> None:
    keys, names = [random_secret() for _ in HOMES], [home.meter for home in HOMES]
    decryptor = BatchDecryptor(CKKS_4096, keys, HOMES[0].label(), names, CYCLE)
    numbers, pads = ([[number_to_bytes(one)] for one in column] for column in HONEST)
    assert decryptor.open_bills(numbers, pads, [UNMASKING]) == [[None]] * METERS
