"""The decryptor's side of bills: one secret sum taken off one number. Nothing that is sent meets a meter's secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.checks import require_bill_labels, require_own_labels
from wattseal.cryptosystems.ckks.functional import Functional, weighted
from wattseal.cryptosystems.ckks.opening import nearest_multiple
from wattseal.cryptosystems.ckks.parameters import PRIMES, VALUE_BITS, CkksParameters
from wattseal.cryptosystems.ckks.polynomials import secret_polynomial, times_public, transformed
from wattseal.cryptosystems.ckks.residues import number_from_bytes, number_of, sum_residues
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.errors import CiphertextError, VerificationFailed
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.modular import uncenter


@dataclass(frozen=True, eq=False)
class Unmasking:
    """Of a functional and the labels that it weighs: computed once, for all meters.

    The scalar product of `residues` (2, degree) and a meter's s is what a s adds to its bill; see `Functional` for
    `bound`.
    """

    residues: NDArray[np.uint64]
    bound: int

    @classmethod
    def of(cls, parameters: CkksParameters, labels: Sequence[Label], functional: Functional) -> "Unmasking":
        """Raises ParameterError for labels that do not belong in one bill. Their meter, whichever, does not matter."""
        require_bill_labels(labels, len(functional.prices), parameters)
        terms = (_unmasking(parameters, *term) for term in zip(labels, functional.prices, strict=True))
        return cls(sum_residues(terms, parameters.degree), functional.bound)


class BillDecryptor:
    """Opens the bills of one meter and cycle."""

    def __init__(self, parameters: CkksParameters, secret_key: Secret, label: Label, cycle: Cycle) -> None:
        """Of the label, region, meter and key id count."""
        require_own_labels([label], parameters)
        self._secret = secret_polynomial(parameters, secret_key, label)
        self._scale = bill_scale(secret_key, label, cycle)

    def open_bill(self, sealed: bytes, pad: bytes, unmasking: Unmasking) -> int:
        """The exact sum of values times prices.

        Raises VerificationFailed, the same after the same work, for everything that aggregator, unblinder or a
        statement can get wrong.
        """
        received = received_number(sealed, pad)
        value = accepted_value(received, self._decrypted(received.unblinded, unmasking), self._scale, unmasking.bound)
        if value is None:
            raise VerificationFailed
        return value

    def _decrypted(self, unblinded: int, unmasking: Unmasking) -> int:
        """Modulo q, the scaled value with its errors."""
        first, second = (weighted(row, self._secret) for row in unmasking.residues)
        return unblinded + number_of(first, second)


class Received(NamedTuple):
    """Modulo q, the aggregator's number without the unblinder's; something to work on if one of them is malformed."""

    unblinded: int
    well_formed: bool


def received_number(sealed: bytes, pad: bytes) -> Received:
    """Of whatever bytes were sent."""
    blinded, pads = _parsed(sealed), _parsed(pad)
    return Received((blinded or 0) - (pads or 0), blinded is not None and pads is not None)


def accepted_value(received: Received, decrypted: int, scale: int, bound: int) -> int | None:
    """What a bill opens to, if it is to be believed. Everything is computed before the one decision."""
    value, distance = nearest_multiple(decrypted, scale)
    return value if all((received.well_formed, distance <= bound, abs(value) < 1 << VALUE_BITS)) else None


def _unmasking(parameters: CkksParameters, label: Label, prices: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Coefficient 0 of m y' is the sum of m_t y_t, with y'(X) = y(1/X): once with m = a s, then with a y' for s."""
    padded = np.zeros(parameters.degree)
    padded[: len(prices)] = prices
    product = times_public(parameters, label, transformed(parameters, _reflected(padded)))
    residues = np.empty(product.shape, dtype=np.uint64)
    for row, residue_row, prime in zip(product, residues, PRIMES, strict=True):
        uncenter(_reflected(row), float(prime), residue_row)
    return residues


def _reflected(polynomial: NDArray[np.float64]) -> NDArray[np.float64]:
    """At 1/X, where X^t becomes -X^(N-t)."""
    return np.concatenate((polynomial[:1], -polynomial[:0:-1]))


def _parsed(encoded: bytes) -> int | None:
    try:
        return number_from_bytes(encoded)
    except CiphertextError:
        return None
