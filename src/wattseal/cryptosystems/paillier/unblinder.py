"""The unblinder's side: sums of pads, and nothing that was encrypted."""

from collections.abc import Sequence

from gmpy2 import mpz

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import require_own_labels
from wattseal.cryptosystems.paillier.numbers import combined, joined
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout


class PaillierUnblinder:
    """Adds the pads of stated members mod n, chunk by chunk."""

    def __init__(self, public: PublicKey, layout: SlotLayout) -> None:
        """Raises ParameterError if the layout does not fit the modulus."""
        self._public, self._n = public, mpz(public.n)
        self._chunks = layout.chunks(public.parameters.modulus_bits)

    def pad_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret]) -> bytes:
        """See `Unblinder`. Raises ParameterError for labels of another suite or modulus, or not one a key."""
        if len(labels) != len(pad_keys):
            raise ParameterError(f"{len(labels)} labels and {len(pad_keys)} pad keys do not match")
        require_own_labels(labels, self._public)
        sums = (self._chunk_sum(labels, pad_keys, chunk.number) for chunk in self._chunks)
        return joined(sums, self._public.parameters.plaintext_bytes)

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """See `Unblinder`."""
        return combined(added, taken, self._n, self._public.parameters.plaintext_bytes, len(self._chunks))

    def _chunk_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret], chunk: int) -> mpz:
        total = mpz(0)
        for label, key in zip(labels, pad_keys, strict=True):
            total += uniform_below(key, label.encode(Use.PAD, chunk), self._n)
        return total % self._n
