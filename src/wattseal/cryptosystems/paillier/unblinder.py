"""The unblinder's side: sums of pads, and nothing that was encrypted."""

from collections.abc import Sequence

from gmpy2 import mpz

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.paillier.checks import require_own_labels
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.secret import Secret


class PaillierUnblinder:
    """Adds the pads of stated members mod n."""

    def __init__(self, public: PublicKey) -> None:
        self._public, self._n = public, mpz(public.n)

    def pad_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret]) -> bytes:
        """See `Unblinder`. Raises ParameterError for labels of another suite or modulus, or not one a key."""
        if len(labels) != len(pad_keys):
            raise ParameterError(f"{len(labels)} labels and {len(pad_keys)} pad keys do not match")
        require_own_labels(labels, self._public)
        pads = (uniform_below(key, label.encode(Use.PAD), self._n) for label, key in zip(labels, pad_keys, strict=True))
        encoded: bytes = (sum(pads, mpz(0)) % self._n).to_bytes(self._public.parameters.plaintext_bytes, "little")
        return encoded
