"""The unblinder's side: sums of pads, plain or priced, and nothing that was encrypted."""

from collections.abc import Sequence

from wattseal.cryptosystems.ckks.checks import require_bill_labels, require_own_labels
from wattseal.cryptosystems.ckks.functional import Functional, factors_of
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.residues import (
    added_numbers,
    differences,
    from_bytes,
    numbers_to_bytes,
    sum_residues,
    to_bytes,
)
from wattseal.cryptosystems.ckks.streams import pads, weighed_pads
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

    def combined(self, added: Sequence[bytes], taken: Sequence[bytes]) -> bytes:
        """See `Unblinder`."""
        totals = (
            sum_residues((from_bytes(encoded, self._coefficients) for encoded in some), self._coefficients)
            for some in (added, taken)
        )
        return to_bytes(differences(*totals))


def bill_pads(
    parameters: CkksParameters, labels: Sequence[Label], pad_key: Secret, functionals: Sequence[Functional]
) -> list[bytes]:
    """One number for each functional of these reports of one meter. See `bills_pads`."""
    [of_bill] = bills_pads(parameters, [labels], [pad_key], functionals)
    return of_bill


def bills_pads(
    parameters: CkksParameters,
    bills: Sequence[Sequence[Label]],
    pad_keys: Sequence[Secret],
    functionals: Sequence[Functional],
) -> list[list[bytes]]:
    """The same for many bills under the same functionals: the labels of each, in the order of their prices, and a key.

    Raises ParameterError for labels that do not belong in one bill, or functionals that weigh other reports.
    """
    factors = factors_of(functionals)
    for labels in bills:
        require_bill_labels(labels, len(factors), parameters)
    if len(bills) != len(pad_keys):
        raise ParameterError(f"labels of {len(bills)} bills and {len(pad_keys)} pad keys do not match")
    weighed = [
        weighed_pads(pad_keys, [labels[report] for labels in bills], prices) for report, prices in enumerate(factors)
    ]
    return numbers_to_bytes(added_numbers(weighed))
