"""The two polynomials of ring LWE: the public a, and a meter's secret s. Neither is ever on the wire."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import PRIMES, CkksParameters
from wattseal.cryptosystems.ckks.residues import numbers_from_words
from wattseal.cryptosystems.ckks.streams import summed_trits, trits, uniform_residues, weighed_trits
from wattseal.cryptosystems.pads.keystream import KEY_BYTES
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.modular import center
from wattseal.kernels.transform import Tables, forward, multiply, transform_tables

# Not a secret: everybody computes a.
_NO_KEY = Secret(bytes(KEY_BYTES))


def public_polynomial(parameters: CkksParameters, label: Label) -> NDArray[np.float64]:
    """The transform of a, (2, degree), centered: one for all meters, from the label without the meter."""
    return _public_polynomial(parameters, label.encode_without_meter(Use.A))


def secret_polynomial(parameters: CkksParameters, secret_key: Secret, label: Label) -> NDArray[np.int8]:
    """The ternary s of the label's meter: one for all its reports under a key id."""
    [name] = _secret_names(label, [label.meter])
    return trits(secret_key, name, parameters.degree)


def secret_sums(
    secret_keys: Sequence[Secret], label: Label, meters: Sequence[str], residues: NDArray[np.uint64]
) -> list[list[int]]:
    """By meter of the label's region, under its key id, the scalar products of its s and `residues`, modulo q.

    Residues are (functionals, 2, degree). No s is kept: to expand one takes less time than to open a bill.
    """
    return numbers_from_words(weighed_trits(secret_keys, _secret_names(label, meters), residues))


def transformed(parameters: CkksParameters, polynomial: NDArray[np.float64]) -> NDArray[np.float64]:
    """The transform (2, degree), centered, of integers (degree,) below 2^52 in absolute value."""
    values = np.tile(polynomial, (2, 1))
    for row, tables in zip(values, _tables(parameters), strict=True):
        forward(row, tables)
    return values


def times_public(parameters: CkksParameters, label: Label, factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (2, degree), centered, of a times what `factor` is the transform of."""
    coefficients = np.empty(factor.shape)
    public = public_polynomial(parameters, label)
    for a, row, tables, result in zip(public, factor, _tables(parameters), coefficients, strict=True):
        multiply(a, row, tables, result)
    return coefficients


def summed_secrets(
    parameters: CkksParameters, secret_keys: Sequence[Secret], label: Label, meters: Sequence[str]
) -> NDArray[np.int16]:
    """The sum of the secrets of at most 32,767 meters of the label's region, under its key id."""
    return summed_trits(secret_keys, _secret_names(label, meters), parameters.degree)


def _secret_names(label: Label, meters: Sequence[str]) -> list[bytes]:
    name = label._replace(kind=0, channel=0, start=0, end=0, number=0, check_key_id=b"", registers=b"")
    return name.encode_for(Use.SECRET, meters)


@lru_cache(maxsize=64)
def _public_polynomial(parameters: CkksParameters, name: bytes) -> NDArray[np.float64]:
    residues = uniform_residues(_NO_KEY, name, parameters.degree)
    values = np.empty(residues.shape)
    for row, residue_row, tables in zip(values, residues, _tables(parameters), strict=True):
        center(residue_row, tables.prime, row)
        forward(row, tables)
    values.flags.writeable = False
    return values


@lru_cache
def _tables(parameters: CkksParameters) -> tuple[Tables, Tables]:
    first, second = (transform_tables(prime, parameters.degree) for prime in PRIMES)
    return first, second
