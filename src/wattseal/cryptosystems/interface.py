"""What every cryptosystem offers the roles. Read this page first.

A report's life: a meter's `Encryptor` packs its reads, blinds them with a pad and encrypts them; the aggregator's
`Evaluator` adds ciphertexts; the `Unblinder` adds the pads of the stated members; the `Decryptor` opens the total,
and refuses it unless it is exactly what was stated. Ciphertexts and pad sums are opaque bytes of fixed length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


@dataclass(frozen=True, slots=True)
class MeterKeys:
    """What a meter shares: `pad_key` with the unblinder, `tag_key` and `check_key` with the decryptor."""

    pad_key: Secret
    tag_key: Secret
    check_key: Secret


class Total(NamedTuple):
    """An opened total: the sum of each interval, how many meters, and how many of them per size bucket."""

    reads: tuple[int, ...]
    members: int
    buckets: tuple[int, ...]


class Encryptor(Protocol):
    """Held by meters."""

    def encrypt(self, reads: NDArray[np.int64], labels: Sequence[Label], keys: Sequence[MeterKeys]) -> list[bytes]:
        """One ciphertext a meter; reads are (meters, intervals).

        Raises PlaintextError for reads that the layout cannot hold, ParameterError for labels or keys that do
        not belong to this encryptor.
        """


class Evaluator(Protocol):
    """Held by the aggregator: public numbers only."""

    def malformed(self, ciphertexts: Sequence[bytes]) -> list[int]:
        """Positions of those that are no ciphertexts. The other methods expect what passed here."""

    def add(self, a: bytes, b: bytes) -> bytes: ...

    def sum_many(self, ciphertexts: Sequence[bytes]) -> bytes:
        """Raises CiphertextError if there are none, or one has the wrong length."""

    def linear(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        """The sum of coefficient times ciphertext; coefficients may be negative."""


class Unblinder(Protocol):
    """Held by the unblinder half of the key server: never meets a ciphertext."""

    def pad_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret]) -> bytes:
        """The sum of the pads of the stated members."""

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """All pad sums of `added` less all of `taken`, as `pad_sum` would give it; of none, that of no member."""


class Decryptor(Protocol):
    """Held by the decryptor half of the key server: never meets a pad key."""

    def open_total(
        self,
        ciphertext: bytes,
        pad_sum: bytes,
        labels: Sequence[Label],
        tag_keys: Sequence[Secret],
        check_key: Secret,
    ) -> Total:
        """The total of exactly the stated members, `labels` and `tag_keys` in the same order.

        Raises VerificationFailed, the same after the same work, for everything that the aggregator, the
        unblinder or a statement can get wrong; ParameterError only for unusable keys and labels of the caller's own.
        """
