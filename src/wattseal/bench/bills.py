"""One bill of each meter over a month of quarter hours: by our three parties, by TenSEAL's `dot`, and in the clear."""

import secrets
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wattseal.bench.lanes import SEED, Kind, Party
from wattseal.bench.peers import TENSEAL_DEGREE, TENSEAL_PRIMES, TENSEAL_SCALE, missing
from wattseal.bench.results import BillResult
from wattseal.bench.timing import Action, Timed, alternate
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bills_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.residues import from_bytes
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.ckks.unblinder import bills_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.dot import dot

INTERVALS = 31 * 96
CYCLE = Cycle(0, 15 * INTERVALS)
_PRICES = (32_561, 39_940, 52_240)


class _Meter:
    """A meter with a sealed month."""

    def __init__(self, number: int, reads: Sequence[int]) -> None:
        self.label = Label(CKKS_4096.suite, MODULUS_ID, "bench", f"meter-{number:06}", 2, 1, *CYCLE, 1, 0)
        self.pad_key, self.secret_key, error_key = (Secret(secrets.token_bytes(32)) for _ in range(3))
        self.reads = np.asarray(reads, dtype=np.int64)
        sealer = MeterSealer(
            CKKS_4096, self.label, pad_key=self.pad_key, secret_key=self.secret_key, error_key=error_key
        )
        self.report = sealer.seal(self.reads, bill_scale(self.secret_key, self.label, CYCLE), self.label)


class Run:
    """So many bills under one tariff; every party's part is one pass over all of them."""

    def __init__(self, bills: int) -> None:
        generator = np.random.default_rng(SEED)
        reads = generator.integers(0, 2_000, (bills, INTERVALS))
        self.prices = generator.choice(_PRICES, INTERVALS)
        self.functional = Functional.of(self.prices)
        self.meters = [_Meter(number, row) for number, row in enumerate(reads)]
        self.unmasking = Unmasking.of(CKKS_4096, [self.meters[0].label], self.functional)
        self.residues = [from_bytes(meter.report, INTERVALS) for meter in self.meters]

    def aggregator(self) -> list[list[bytes]]:
        return list(bills_sums(([meter.report] for meter in self.meters), [self.functional]))

    def unblinder(self) -> list[list[bytes]]:
        labels, keys = [[meter.label] for meter in self.meters], [meter.pad_key for meter in self.meters]
        return bills_pads(CKKS_4096, labels, keys, [self.functional])

    @cached_property
    def numbers(self) -> tuple[list[list[bytes]], list[list[bytes]]]:
        return self.aggregator(), self.unblinder()

    def decryptor(self) -> list[int | None]:
        """With each meter's secret expanded for this bill: nothing is kept from an earlier one."""
        keys, names = [meter.secret_key for meter in self.meters], [meter.label.meter for meter in self.meters]
        decryptor = BatchDecryptor(CKKS_4096, keys, self.meters[0].label, names, CYCLE)
        return [value for [value] in decryptor.open_bills(*self.numbers, [self.unmasking])]

    def bare(self) -> None:
        """The dot products alone, over residues that are unpacked already, for both primes."""
        prices = self.functional.prices[0]
        for first, second in self.residues:
            dot(first, prices)
            dot(second, prices)

    @property
    def error(self) -> float:
        expected = [int(meter.reads @ self.prices) for meter in self.meters]
        opened = zip(self.decryptor(), expected, strict=True)
        return float(max(np.inf if value is None else abs(value - exact) for value, exact in opened))


class _Measured(NamedTuple):
    party: Party
    action: Action
    bills: int


def measure_bills(bills: int, rounds: int, done: Action) -> list[BillResult]:
    """Ours and the peers', alternating."""
    run = Run(bills)
    steps = [
        _Measured(Party.AGGREGATOR, run.aggregator, bills),
        _Measured(Party.UNBLINDER, run.unblinder, bills),
        _Measured(Party.DECRYPTOR, run.decryptor, bills),
        _Measured(Party.AGGREGATOR, run.bare, bills),
    ]
    peer = None if "tenseal" in missing() else _TensealBill(run)
    if peer is not None:
        steps.append(_Measured(Party.AGGREGATOR, peer.dot, 1))
    seconds = alternate([step.action for step in steps], rounds, done)
    timed = [(step.party, Timed.of(s).over(step.bills)) for step, s in zip(steps, seconds, strict=True)]
    found = [
        BillResult("ckks", Kind.SCHEME, bills, tuple(timed[:3]), run.error, "one result a bill"),
        BillResult("plain", Kind.FLOOR, bills, (timed[3],), 0.0, "bare dot products over unpacked residues"),
    ]
    if peer is not None:
        note = f"rotations, N = {TENSEAL_DEGREE:,}"
        found.append(BillResult("tenseal-dot", Kind.PEER, 1, (timed[4],), peer.error, note))
    return found


class _TensealBill:
    """The first meter's bill as TenSEAL's documentation would compute it: one encrypted dot product."""

    def __init__(self, run: Run) -> None:
        import tenseal

        context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, TENSEAL_DEGREE, coeff_mod_bit_sizes=list(TENSEAL_PRIMES))
        context.global_scale = TENSEAL_SCALE
        context.generate_galois_keys()
        self._prices = run.prices.astype(float).tolist()
        self._vector = tenseal.ckks_vector(context, run.meters[0].reads.tolist())
        self._expected = int(run.meters[0].reads @ run.prices)

    def dot(self) -> object:
        return self._vector.dot(self._prices)

    @property
    def error(self) -> float:
        return abs(float(self._vector.dot(self._prices).decrypt()[0]) - self._expected)
