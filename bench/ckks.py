"""CKKS, a month of quarter hours: sealing beside a transform, bills beside bare dot products and TenSEAL's."""

import secrets
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.plain_ring import plain_dot, plain_transform
from bench.timing import Comparison, Side, compare
from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID, PRIMES
from wattseal.cryptosystems.ckks.residues import from_bytes
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.dot import dot
from wattseal.kernels.transform import forward, transform_tables

METERS, INTERVALS, RESULTS = 1_000, 2_976, 8
# Of actions that take less than a time slice.
SHORT = 501
CYCLE = Cycle(0, 15 * INTERVALS)
TARGET_BYTES = 40_000
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

    def decryptor(self) -> BillDecryptor:
        return BillDecryptor(CKKS_4096, self.secret_key, self.label, CYCLE)


class Neighborhood:
    """Meters with a sealed month each, and the bills of all of them under the first so many tariffs."""

    def __init__(self) -> None:
        self.meters = [Meter(number) for number in range(METERS)]
        self.reports = [meter.sealer().seal(meter.reads, meter.scale, meter.label) for meter in self.meters]
        self.decryptors = [meter.decryptor() for meter in self.meters]
        self.functionals = [Functional.of(prices) for prices in PRICES]
        label = self.meters[0].label
        self.unmaskings = [Unmasking.of(CKKS_4096, [label], functional) for functional in self.functionals]

    def sums(self, results: int) -> list[list[bytes]]:
        return [bill_sums([report], self.functionals[:results]) for report in self.reports]

    def pads(self, results: int) -> list[list[bytes]]:
        asked = self.functionals[:results]
        return [bill_pads(CKKS_4096, [meter.label], meter.pad_key, asked) for meter in self.meters]

    def open(self, sums: Sequence[list[bytes]], results: int, *, anew: bool = False) -> list[list[int]]:
        """What both halves do; `anew`: with secrets expanded for this bill."""
        decryptors = [meter.decryptor() for meter in self.meters] if anew else self.decryptors
        return [
            [decryptor.open_bill(*bill) for bill in zip(sealed, pads, self.unmaskings, strict=False)]
            for decryptor, sealed, pads in zip(decryptors, sums, self.pads(results), strict=True)
        ]


def main() -> None:
    for comparison in comparisons():
        compare(comparison)


def comparisons() -> Iterator[Comparison]:
    row = GENERATOR.integers(-(1 << 40), 1 << 40, CKKS_4096.degree).astype(np.float64)
    tables = transform_tables(PRIMES[0], CKKS_4096.degree)
    transform = Side(lambda: [forward(row, tables) for _ in range(8)], units=8)
    values, roots, shoup = GENERATOR.integers(0, PRIMES[0], (3, CKKS_4096.degree)).astype(np.uint64)
    plain_row = Side(lambda: plain_transform(values, roots, shoup, PRIMES[0]))
    yield Comparison("transform / a plain one in numba", transform, plain_row, at_most=0.5, rounds=SHORT)

    meter = Meter(0)
    sealer = meter.sealer()
    size = len(sealer.seal(meter.reads, meter.scale, meter.label))
    verdict = "met" if size <= TARGET_BYTES else "MISSED"
    print(f"{'bytes of a cycle report':58} {size:,}, at most {TARGET_BYTES:,}: {verdict}")
    seal = Side(lambda: sealer.seal(meter.reads, meter.scale, meter.label))
    first = Side(lambda: meter.sealer().seal(meter.reads, meter.scale, meter.label))
    yield Comparison("seal a month / transform", seal, transform, at_most=8, rounds=SHORT)
    yield Comparison("seal a meter's first month under a key / transform", first, transform, at_most=12, rounds=SHORT)

    town = Neighborhood()
    plain = np.array([from_bytes(report, INTERVALS) for report in town.reports])
    for results in (1, RESULTS):
        yield from bills(town, plain, results)
    yield from against_tenseal(town)


def bills(town: Neighborhood, plain: NDArray[np.uint64], results: int) -> Iterator[Comparison]:
    bare = Side(lambda: bare_dots(town, plain, results), METERS * results)
    sums = town.sums(results)
    expected = [[int(meter.reads @ prices) for prices in PRICES[:results]] for meter in town.meters]
    assert town.open(sums, results) == expected
    aggregator = Side(lambda: town.sums(results), METERS * results)
    halves = Side(lambda: town.open(sums, results), METERS * results)
    named = f"a result, {results} a bill"
    yield Comparison(f"{named}: aggregator / bare dot product", aggregator, bare, at_most=3, rounds=5)
    yield Comparison(f"{named}: both halves / bare dot product", halves, bare, at_most=5, rounds=5)
    plain_bare = Side(lambda: plain_dots(plain, results), METERS * results)
    yield Comparison(f"{named}: both halves / a plain dot product", halves, plain_bare, at_most=5, rounds=5)
    anew = Side(lambda: town.open(sums, results, anew=True), METERS * results)
    yield Comparison(f"{named}: secrets expanded anew / kept", anew, halves, at_most=2, rounds=5)


def bare_dots(town: Neighborhood, plain: NDArray[np.uint64], results: int) -> None:
    """Over unpacked residues, unreduced: the least that any of the three could do."""
    for residues in plain:
        for functional in town.functionals[:results]:
            dot(residues[0], functional.prices[0])
            dot(residues[1], functional.prices[0])


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

    def bill() -> int:
        [sealed] = bill_sums(town.reports[:1], town.functionals[:1])
        [pad] = bill_pads(CKKS_4096, [meter.label], meter.pad_key, town.functionals[:1])
        return town.decryptors[0].open_bill(sealed, pad, town.unmaskings[0])

    ours, peer = Side(lambda: [bill() for _ in range(100)], units=100), Side(lambda: theirs.dot(prices))
    yield Comparison("a bill, exact / TenSEAL's dot, N = 8192", ours, peer, at_most=1 / 500, rounds=3)


if __name__ == "__main__":
    main()
