"""CKKS, a month of quarter hours: sealing beside a transform, bills beside bare dot products and TenSEAL's."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.plain_ring import plain_dot, plain_transform
from bench.timing import Comparison, Side, compare
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bills_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID, PRIMES
from wattseal.cryptosystems.ckks.residues import byte_count, from_bytes
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.ckks.unblinder import bills_pads
from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.pads.keystream import keystreams
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.kernels.decorator import kernel
from wattseal.kernels.dot import dot
from wattseal.kernels.transform import forward, transform_tables

METERS, INTERVALS, RESULTS = 1_000, 2_976, 8
# Of actions that take less than a time slice.
SHORT = 501
CYCLE = Cycle(0, 15 * INTERVALS)
TARGET_BYTES = 40_000
# Of a keystream that masks a month.
WORDS = 2 * (INTERVALS + 8)
GENERATOR = np.random.default_rng(1)
PRICES = GENERATOR.choice((32_561, 39_940, 52_240), (RESULTS, INTERVALS))


class Meter:
    def __init__(self, number: int) -> None:
        self.label = Label(CKKS_4096.suite, MODULUS_ID, "north", f"meter-{number:06}", 2, 1, *CYCLE, 1, 0)
        self.pad_key, self.secret_key, self.error_key = (Secret(secrets.token_bytes(32)) for _ in range(3))
        self.scale = bill_scale(self.secret_key, self.label, CYCLE)
        self.reads = GENERATOR.integers(0, 2000, INTERVALS)

    def sealer(self) -> MeterSealer:
        return MeterSealer(
            CKKS_4096, self.label, pad_key=self.pad_key, secret_key=self.secret_key, error_key=self.error_key
        )


class Neighborhood:
    """Meters with a sealed month each, and the bills of all of them, or of some, under the first so many tariffs."""

    def __init__(self) -> None:
        self.meters = [Meter(number) for number in range(METERS)]
        self.reports = [meter.sealer().seal(meter.reads, meter.scale, meter.label) for meter in self.meters]
        self.functionals = [Functional.of(prices) for prices in PRICES]
        label = self.meters[0].label
        self.unmaskings = [Unmasking.of(CKKS_4096, [label], functional) for functional in self.functionals]

    def sums(self, results: int, meters: int = METERS) -> list[list[bytes]]:
        return list(bills_sums(([report] for report in self.reports[:meters]), self.functionals[:results]))

    def pads(self, results: int, meters: int = METERS) -> list[list[bytes]]:
        billed = self.meters[:meters]
        keys = [meter.pad_key for meter in billed]
        return bills_pads(CKKS_4096, [[meter.label] for meter in billed], keys, self.functionals[:results])

    def open(self, sums: Sequence[list[bytes]], results: int, meters: int = METERS) -> list[list[int | None]]:
        """What both halves do: pads, then secrets, which are expanded for this bill."""
        billed, pads = self.meters[:meters], self.pads(results, meters)
        keys, names = [meter.secret_key for meter in billed], [meter.label.meter for meter in billed]
        decryptor = BatchDecryptor(CKKS_4096, keys, billed[0].label, names, CYCLE)
        return decryptor.open_bills(sums, pads, self.unmaskings[:results])


def main() -> None:
    for comparison in comparisons():
        compare(comparison)


# All but TenSEAL's, which has threads of its own, is computed by one.
Computed = partial(Comparison, clock=time.process_time)


def comparisons() -> Iterator[Comparison]:
    row = GENERATOR.integers(-(1 << 40), 1 << 40, CKKS_4096.degree).astype(np.float64)
    tables = transform_tables(PRIMES[0], CKKS_4096.degree)
    transform = Side(lambda: [forward(row, tables) for _ in range(8)], units=8)
    values, roots, shoup = GENERATOR.integers(0, PRIMES[0], (3, CKKS_4096.degree)).astype(np.uint64)
    plain_row = Side(lambda: plain_transform(values, roots, shoup, PRIMES[0]))
    yield Computed("transform / a plain one in numba", transform, plain_row, at_most=0.5, rounds=SHORT)

    meter = Meter(0)
    sealer = meter.sealer()
    size = len(sealer.seal(meter.reads, meter.scale, meter.label))
    verdict = "met" if size <= TARGET_BYTES else "MISSED"
    print(f"{'bytes of a cycle report':58} {size:,}, at most {TARGET_BYTES:,}: {verdict}")
    seal = Side(lambda: sealer.seal(meter.reads, meter.scale, meter.label))
    first = Side(lambda: meter.sealer().seal(meter.reads, meter.scale, meter.label))
    yield Computed("seal a month / transform", seal, transform, at_most=8, rounds=SHORT)
    yield Computed("seal a meter's first month under a key / transform", first, transform, at_most=12, rounds=SHORT)

    town = Neighborhood()
    plain = np.array([from_bytes(report, INTERVALS) for report in town.reports])
    for results in (1, RESULTS):
        yield from bills(town, plain, results)
    yield from totals()
    yield from against_tenseal(town)


def bills(town: Neighborhood, plain: NDArray[np.uint64], results: int) -> Iterator[Comparison]:
    units = METERS * results
    bare = Side(lambda: bare_dots(town, plain, results), units)
    sums = town.sums(results)
    expected = [[int(meter.reads @ prices) for prices in PRICES[:results]] for meter in town.meters]
    assert town.open(sums, results) == expected
    aggregator = Side(lambda: town.sums(results), units)
    halves = Side(lambda: town.open(sums, results), units)
    named = f"a result, {results} a bill"
    yield Computed(f"{named}: aggregator / bare dot product", aggregator, bare, at_most=3, rounds=15)
    yield Computed(f"{named}: both halves / bare dot product", halves, bare, at_most=5, rounds=15)
    plain_bare = Side(lambda: plain_dots(plain, results), units)
    yield Computed(f"{named}: both halves / a plain dot product", halves, plain_bare, at_most=5, rounds=15)
    factors = np.stack([functional.prices[0] for functional in town.functionals[:results]])
    least = Side(lambda: dots_in_one_loop(plain, factors), units)
    yield Computed(f"{named}: bare dot product / all in one compiled loop", bare, least, at_most=5, rounds=15)
    keys, names = [meter.pad_key for meter in town.meters], [meter.label.encode(Use.PAD) for meter in town.meters]
    streams = Side(
        lambda: [len(keystreams(keys[i : i + 8], names[i : i + 8], WORDS)) for i in range(0, METERS, 8)], units
    )
    yield Computed(f"{named}: floor, the one keystream / bare dot product", streams, bare, at_most=5, rounds=15)


def totals() -> Iterator[Comparison]:
    """What the decryptor does for a day's total of 1,000 members, of whom ten are missing in turn."""
    layout = DEFAULT_LAYOUTS[15]
    label = Label(CKKS_4096.suite, MODULUS_ID, "north", "", 1, 1, 0, 1440, 1, 0)
    labels = [label._replace(meter=f"meter-{number:06}") for number in range(METERS)]
    keys = [Secret(secrets.token_bytes(32)) for _ in labels]
    sealed = bytes(byte_count(coefficient_count(CKKS_4096, layout)))
    missing = iter(range(1 << 30))

    def open_total(decryptor: CkksDecryptor) -> None:
        first = next(missing) * 10 % (METERS - 10) + 1
        members, own = [*labels[:first], *labels[first + 10 :]], [*keys[:first], *keys[first + 10 :]]
        with suppress(VerificationFailed):
            decryptor.open_total(sealed, sealed, members, own, keys[0])

    kept = CkksDecryptor(CKKS_4096, layout)
    again = Side(lambda: open_total(kept), METERS)
    anew = Side(lambda: open_total(CkksDecryptor(CKKS_4096, layout)), METERS)
    yield Computed("a member of a total: sums of secrets kept / made anew", again, anew, at_most=0.5)


def bare_dots(town: Neighborhood, plain: NDArray[np.uint64], results: int) -> None:
    """Over unpacked residues, unreduced: the least that any of the three could do, called one by one."""
    for residues in plain:
        for functional in town.functionals[:results]:
            dot(residues[0], functional.prices[0])
            dot(residues[1], functional.prices[0])


@kernel
def dots_in_one_loop(plain: NDArray[np.uint64], factors: NDArray[np.int32]) -> np.int64:
    """The same without the interpreter, limited by memory."""
    total = np.int64(0)
    for meter in range(plain.shape[0]):
        for row in range(factors.shape[0]):
            for i in range(2):
                high, low = dot(plain[meter, i], factors[row])
                total ^= high ^ low
    return total


def plain_dots(plain: NDArray[np.uint64], results: int) -> None:
    prices = PRICES.astype(np.uint64)
    for residues in plain:
        for row in prices[:results]:
            plain_dot(residues[0], row)
            plain_dot(residues[1], row)


def against_tenseal(town: Neighborhood) -> Iterator[Comparison]:
    """One bill by all three of ours against one encrypted dot product with rotations."""
    try:
        import tenseal
    except ImportError:
        print("TenSEAL is not installed: nothing to compare a bill with")
        return
    context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 40, 60])
    context.global_scale = 2.0**40
    context.generate_galois_keys()
    meter = town.meters[0]
    theirs, prices = tenseal.ckks_vector(context, meter.reads.tolist()), PRICES[0].astype(float).tolist()

    batch = 100
    ours = Side(lambda: town.open(town.sums(1, batch), 1, batch), batch)
    yield Comparison(
        "a bill, exact / TenSEAL's dot, N = 8192", ours, Side(lambda: theirs.dot(prices)), at_most=1 / 1000, rounds=3
    )


if __name__ == "__main__":
    main()
