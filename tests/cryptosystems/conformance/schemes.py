"""The schemes under test, each with a cohort of meters and what an attacker can do to its ciphertexts.

A further scheme joins by adding itself to `SCHEMES`.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from gmpy2 import mpz, powmod
from numpy.typing import NDArray

from tests.cryptosystems.paillier.vectors import layout, secret_key
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, PRIMES, CkksParameters
from wattseal.cryptosystems.ckks.parameters import MODULUS_ID as CKKS_MODULUS_ID
from wattseal.cryptosystems.ckks.parameters import insecure_parameters as insecure_ring
from wattseal.cryptosystems.ckks.reference.decryptor import SealDecryptor
from wattseal.cryptosystems.ckks.residues import from_bytes, to_bytes
from wattseal.cryptosystems.ckks.unblinder import CkksUnblinder
from wattseal.cryptosystems.interface import Decryptor, Encryptor, Evaluator, MeterKeys, Total, Unblinder
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.encryptor import MaskingEncryptor
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MODULUS_ID, SUITE, MaskingParameters
from wattseal.cryptosystems.masking.unblinder import MaskingUnblinder
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.numbers import joined, split
from wattseal.cryptosystems.paillier.parameters import INSECURE_2048
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.decryptor import ReferenceDecryptor
from wattseal.cryptosystems.paillier.reference.encryptor import ReferenceEncryptor
from wattseal.cryptosystems.paillier.reference.evaluator import ReferenceEvaluator
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import Chunk, SlotLayout, default_bucket_edges
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, WIDE_LAYOUTS

METERS = 40
LARGEST_READS = SlotLayout(96, 31, 14, default_bucket_edges())
_MODULI = np.array(PRIMES, dtype=object)[:, np.newaxis]


class Attacker(Protocol):
    """What anyone with the public numbers can do to a ciphertext."""

    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        """Slots are reads, count, buckets, check; `amount` may be negative or wrap a slot around."""

    def shift_slots(self, ciphertext: bytes) -> bytes:
        """Every read one slot up."""

    def rerandomize(self, ciphertext: bytes) -> bytes:
        """Other bytes for the same plaintext, where the scheme has any."""


class PaillierAttacker:
    def __init__(self, public: PublicKey, slots: SlotLayout) -> None:
        self._n, self._size = mpz(public.n), public.parameters.ciphertext_bytes
        self._n_squared = self._n**2
        self._chunks = slots.chunks(public.parameters.modulus_bits)

    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        """Count, buckets and check are those of the first chunk."""
        in_reads = [chunk for chunk in self._chunks if chunk.first <= slot < chunk.end]
        chunk, *_ = in_reads or self._chunks
        own_slot = slot - chunk.first if in_reads else slot - self._chunks[-1].end + chunk.end
        return self.add_to_chunk(ciphertext, chunk, own_slot, amount)

    def add_to_chunk(self, ciphertext: bytes, chunk: Chunk, own_slot: int, amount: int) -> bytes:
        """`own_slot` counts from the chunk's first."""
        numbers = split(ciphertext, self._size)
        factor = 1 + (amount << chunk.offsets[own_slot]) * self._n
        numbers[chunk.number] = numbers[chunk.number] * factor % self._n_squared
        return joined(numbers, self._size)

    def shift_slots(self, ciphertext: bytes) -> bytes:
        shift = 1 << self._chunks[0].widths[0]
        shifted = (powmod(number, shift, self._n_squared) for number in split(ciphertext, self._size))
        return joined(shifted, self._size)

    def rerandomize(self, ciphertext: bytes) -> bytes:
        factors = (powmod(secrets.randbelow(1 << 256) + 2, self._n, self._n_squared) for _ in self._chunks)
        numbers = zip(split(ciphertext, self._size), factors, strict=True)
        return joined((number * factor % self._n_squared for number, factor in numbers), self._size)


class MaskingAttacker:
    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        """The first check word is meant by the check slot."""
        words = np.frombuffer(ciphertext, dtype="<u8").copy()
        words[slot : slot + 1] += np.uint64(amount % (1 << 64))
        return words.tobytes()

    def shift_slots(self, ciphertext: bytes) -> bytes:
        return bytes(8) + ciphertext[:-8]

    def rerandomize(self, ciphertext: bytes) -> bytes:
        return ciphertext


class CkksAttacker:
    def __init__(self, coefficients: int) -> None:
        self._coefficients = coefficients

    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        """In steps of the likeliest scale. A spare coefficient is meant by the check slot."""
        return self.add_to_coefficient(ciphertext, slot, amount * 3 << 62)

    def add_to_coefficient(self, ciphertext: bytes, coefficient: int, amount: int) -> bytes:
        numbers = from_bytes(ciphertext, self._coefficients).astype(object)
        numbers[:, coefficient] += amount
        return to_bytes((numbers % _MODULI).astype(np.uint64))

    def shift_slots(self, ciphertext: bytes) -> bytes:
        """Times X, as far as the coefficients in use go."""
        residues = from_bytes(ciphertext, self._coefficients)
        return to_bytes(np.roll(residues, 1, axis=1))

    def rerandomize(self, ciphertext: bytes) -> bytes:
        """Anyone can add to the errors."""
        for coefficient in range(self._coefficients):
            ciphertext = self.add_to_coefficient(ciphertext, coefficient, secrets.choice((-2, -1, 1, 2)))
        return ciphertext


@dataclass(frozen=True)
class Scheme:
    """One cryptosystem at one size."""

    suite: int
    modulus_id: bytes
    layout: SlotLayout
    encryptor: Encryptor
    evaluator: Evaluator
    unblinder: Unblinder
    decryptor: Decryptor
    attacker: Attacker

    def label(self, meter: int, start: int = 0, number: int = 0) -> Label:
        return Label(self.suite, self.modulus_id, "north", f"meter-{meter}", 1, 1, start, start + 1440, 1, number)


@dataclass(frozen=True)
class Cohort:
    """Meters with their keys and reads, and one sealed window."""

    scheme: Scheme
    reads: NDArray[np.int64]
    labels: list[Label]
    keys: list[MeterKeys]
    sealed: list[bytes]

    @property
    def check_key(self) -> Secret:
        return self.keys[0].check_key

    def pads(self, members: Sequence[int]) -> bytes:
        return self.scheme.unblinder.pad_sum([self.labels[m] for m in members], [self.keys[m].pad_key for m in members])

    def open(self, ciphertext: bytes, members: Sequence[int] | None = None, *, pads: bytes | None = None) -> Total:
        """Open a ciphertext under the statement that `members`, by default all, make it up."""
        stated = range(len(self.labels)) if members is None else members
        return self.scheme.decryptor.open_total(
            ciphertext,
            self.pads(stated) if pads is None else pads,
            [self.labels[m] for m in stated],
            [self.keys[m].tag_key for m in stated],
            self.check_key,
        )

    def expected(self, members: Sequence[int]) -> Total:
        """The same in plain integers."""
        days = self.reads[list(members)]
        edges = self.scheme.layout.bucket_edges
        buckets = [sum(int(day.sum()) > edge for edge in edges) for day in days]
        histogram = tuple(buckets.count(bucket) for bucket in range(len(edges) + 1))
        return Total(tuple(days.sum(axis=0).tolist()), len(days), histogram)


def random_keys(meters: int) -> list[MeterKeys]:
    check_key = Secret(secrets.token_bytes(32))
    return [
        MeterKeys(Secret(secrets.token_bytes(32)), Secret(secrets.token_bytes(32)), check_key) for _ in range(meters)
    ]


def sealed_cohort(scheme: Scheme, start: int = 0, keys: list[MeterKeys] | None = None) -> Cohort:
    """Meters 0 and 1 at the limits, the others of all sizes."""
    generator = np.random.default_rng(7 + start)
    limits = 1 << generator.integers(1, scheme.layout.read_bits, (METERS, 1))
    reads = generator.integers(0, limits, (METERS, scheme.layout.intervals))
    reads[0], reads[1] = 0, scheme.layout.largest_read
    labels = [scheme.label(meter, start) for meter in range(METERS)]
    held = random_keys(METERS) if keys is None else keys
    return Cohort(scheme, reads, labels, held, scheme.encryptor.encrypt(reads, labels, held))


@lru_cache
def paillier(size: str, slots: SlotLayout | None = None) -> Scheme:
    """By default with the layout of the size's vectors."""
    key, held = key_of(size), layout(size) if slots is None else slots
    return Scheme(
        suite=key.public.parameters.suite,
        modulus_id=key.public.modulus_id,
        layout=held,
        encryptor=PaillierEncryptor(key.public, held),
        evaluator=PaillierEvaluator(key.public, held),
        unblinder=PaillierUnblinder(key.public, held),
        decryptor=PaillierDecryptor(key, held),
        attacker=PaillierAttacker(key.public, held),
    )


@lru_cache
def reference(size: str, slots: SlotLayout | None = None) -> Scheme:
    """Paillier by python-paillier."""
    key, held = key_of(size), layout(size) if slots is None else slots
    return replace(
        paillier(size, slots),
        encryptor=ReferenceEncryptor(key.public, held),
        evaluator=ReferenceEvaluator(key.public, held),
        decryptor=ReferenceDecryptor(key, held),
    )


@lru_cache
def key_of(size: str) -> SecretKey:
    """That of the vectors, but for the one size without any."""
    return SecretKey.generate(INSECURE_2048) if size == "insecure_2048" else secret_key(size)


def masking(slots: SlotLayout) -> Scheme:
    parameters = MaskingParameters(slots)
    return Scheme(
        suite=SUITE,
        modulus_id=MODULUS_ID,
        layout=slots,
        encryptor=MaskingEncryptor(parameters),
        evaluator=MaskingEvaluator(parameters),
        unblinder=MaskingUnblinder(parameters),
        decryptor=MaskingDecryptor(parameters),
        attacker=MaskingAttacker(),
    )


def ckks(parameters: CkksParameters, slots: SlotLayout) -> Scheme:
    coefficients = coefficient_count(parameters, slots)
    return Scheme(
        suite=parameters.suite,
        modulus_id=CKKS_MODULUS_ID,
        layout=slots,
        encryptor=CkksEncryptor(parameters, slots, Secret(secrets.token_bytes(32))),
        evaluator=CkksEvaluator(coefficients),
        unblinder=CkksUnblinder(parameters, coefficients),
        decryptor=CkksDecryptor(parameters, slots),
        attacker=CkksAttacker(coefficients),
    )


def seal(parameters: CkksParameters, slots: SlotLayout) -> Scheme:
    """CKKS, opened by SEAL."""
    return replace(ckks(parameters, slots), decryptor=SealDecryptor(parameters, slots))


SCHEMES: dict[str, Callable[[], Scheme]] = {
    "paillier-insecure-1024": lambda: paillier("insecure_1024"),
    "paillier-3072": lambda: paillier("3072"),
    "python-paillier-insecure-1024": lambda: reference("insecure_1024"),
    "paillier-insecure-2048-2-chunks": lambda: paillier("insecure_2048", DEFAULT_LAYOUTS[15]),
    "paillier-3072-wide-2-chunks": lambda: paillier("3072", WIDE_LAYOUTS[15]),
    "paillier-3072-largest-reads-2-chunks": lambda: paillier("3072", LARGEST_READS),
    "python-paillier-insecure-1024-5-chunks": lambda: reference("insecure_1024", DEFAULT_LAYOUTS[15]),
    "masking-small": lambda: masking(layout("insecure_1024")),
    "masking-15-minutes": lambda: masking(DEFAULT_LAYOUTS[15]),
    "masking-30-minutes": lambda: masking(DEFAULT_LAYOUTS[30]),
    "masking-60-minutes": lambda: masking(DEFAULT_LAYOUTS[60]),
    "ckks-insecure-16": lambda: ckks(insecure_ring(16), SlotLayout(3, 9, 6, (0, 100))),
    "ckks-15-minutes": lambda: ckks(CKKS_4096, DEFAULT_LAYOUTS[15]),
    "ckks-60-minutes-wide": lambda: ckks(CKKS_4096, WIDE_LAYOUTS[60]),
    "seal-insecure-16": lambda: seal(insecure_ring(16), SlotLayout(3, 9, 6, (0, 100))),
}
