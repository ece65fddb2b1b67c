"""Sums over a total's members that either half may have made ahead: of pads, and of what the decryptor knows of each.

They form a group: a sum over a whole cohort becomes that over some of it by taking the others' away.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from wattseal.cryptosystems.interface import Decryptor, Total
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


class MemberSums(NamedTuple):
    """How one half adds up what follows from members' labels and keys; see `Unblinder`, `SummingDecryptor`."""

    of: Callable[[Sequence[Label], Sequence[Secret]], bytes]
    combined: Callable[[Sequence[bytes], Sequence[bytes]], bytes]


class Stated(NamedTuple):
    """So many different members of a total, all with labels like this one but for meter and number."""

    label: Label
    members: int


@runtime_checkable
class SummingDecryptor(Decryptor, Protocol):
    """One that needs of its members' keys no more than one sum, of their tags say."""

    def tag_sum(self, labels: Sequence[Label], tag_keys: Sequence[Secret]) -> bytes:
        """As secret as the keys. Raises ParameterError for unusable keys."""

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """As `Unblinder.combined`, of tag sums."""

    def open_summed(
        self, ciphertext: bytes, pad_sum: bytes, stated: Stated, tag_sum: bytes, check_key: Secret
    ) -> Total:
        """As `open_total`, for a sum over the stated members."""
