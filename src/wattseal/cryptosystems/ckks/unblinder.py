"""The unblinder's side: sums of pads, plain or priced, and nothing that was encrypted."""

from collections.abc import Sequence

from wattseal.cryptosystems.ckks.checks import require_bill_labels, require_own_labels
from wattseal.cryptosystems.ckks.functional import Functional, common_lengths
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.residues import number_to_bytes, sum_residues, to_bytes
from wattseal.cryptosystems.ckks.streams import pads
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


class CkksUnblinder:
    """Adds the pads of stated members, of so many coefficients each."""

    def __init__(self, parameters: CkksParameters, coefficients: int) -> None:
        self._parameters, self._coefficients = parameters, coefficients

    def pad_sum(self, labels: Sequence[Label], pad_keys: Sequence[Secret]) -> bytes:
        """See `Unblinder`. Raises ParameterError for labels of another suite or modulus, or not one a key."""
        if len(labels) != len(pad_keys):
            raise ParameterError(f"{len(labels)} labels and {len(pad_keys)} pad keys do not match")
        require_own_labels(labels, self._parameters)
        drawn = (pads(key, label, self._coefficients) for key, label in zip(pad_keys, labels, strict=True))
        return to_bytes(sum_residues(drawn, self._coefficients))


def bill_pads(
    parameters: CkksParameters, labels: Sequence[Label], pad_key: Secret, functionals: Sequence[Functional]
) -> list[bytes]:
    """One number for each functional of these reports of one meter.

    Raises ParameterError for labels that do not belong in one bill, or functionals that weigh other reports.
    """
    lengths = common_lengths(functionals)
    require_bill_labels(labels, len(lengths), parameters)
    drawn = [pads(pad_key, label, length) for label, length in zip(labels, lengths, strict=True)]
    return [number_to_bytes(functional.weigh(drawn)) for functional in functionals]
