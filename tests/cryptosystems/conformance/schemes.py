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
from wattseal.cryptosystems.paillier.layout import DEFAULT_LAYOUTS, SlotLayout
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.decryptor import ReferenceDecryptor
from wattseal.cryptosystems.paillier.reference.encryptor import ReferenceEncryptor
from wattseal.cryptosystems.paillier.reference.evaluator import ReferenceEvaluator
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret

METERS = 40


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
        self._public, self._slots = public, slots
        self._n_squared = mpz(public.n) ** 2

    def add_to_slot(self, ciphertext: bytes, slot: int, amount: int) -> bytes:
        return self._times(ciphertext, 1 + (amount << self._slots.offsets[slot]) * mpz(self._public.n))

    def shift_slots(self, ciphertext: bytes) -> bytes:
        number = int.from_bytes(ciphertext, "little")
        return self._encode(powmod(number, 1 << self._slots.widths[0], self._n_squared))

    def rerandomize(self, ciphertext: bytes) -> bytes:
        return self._times(ciphertext, powmod(secrets.randbelow(1 << 256) + 2, self._public.n, self._n_squared))

    def _times(self, ciphertext: bytes, factor: mpz) -> bytes:
        return self._encode(int.from_bytes(ciphertext, "little") * factor % self._n_squared)

    def _encode(self, number: mpz) -> bytes:
        encoded: bytes = number.to_bytes(self._public.parameters.ciphertext_bytes, "little")
        return encoded


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
def paillier(size: str) -> Scheme:
    key, slots = secret_key(size), layout(size)
    return Scheme(
        suite=key.public.parameters.suite,
        modulus_id=key.public.modulus_id,
        layout=slots,
        encryptor=PaillierEncryptor(key.public, slots),
        evaluator=PaillierEvaluator(key.public),
        unblinder=PaillierUnblinder(key.public),
        decryptor=PaillierDecryptor(key, slots),
        attacker=PaillierAttacker(key.public, slots),
    )


@lru_cache
def reference(size: str) -> Scheme:
    """Paillier by python-paillier."""
    key, slots = secret_key(size), layout(size)
    return replace(
        paillier(size),
        encryptor=ReferenceEncryptor(key.public, slots),
        evaluator=ReferenceEvaluator(key.public),
        decryptor=ReferenceDecryptor(key, slots),
    )


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


SCHEMES: dict[str, Callable[[], Scheme]] = {
    "paillier-insecure-1024": lambda: paillier("insecure_1024"),
    "paillier-3072": lambda: paillier("3072"),
    "python-paillier-insecure-1024": lambda: reference("insecure_1024"),
    "masking-small": lambda: masking(layout("insecure_1024")),
    "masking-15-minutes": lambda: masking(DEFAULT_LAYOUTS[15]),
    "masking-30-minutes": lambda: masking(DEFAULT_LAYOUTS[30]),
    "masking-60-minutes": lambda: masking(DEFAULT_LAYOUTS[60]),
}
