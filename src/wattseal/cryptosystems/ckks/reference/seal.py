"""Microsoft SEAL under our parameters: opens what ours sealed.

SEAL wants one more prime in its chain, for keys that nobody has, and so its own judgment of security is off: ours has
been passed. It takes objects from files in its own format only; these are in memory, since one is a secret key.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import PRIMES, CkksParameters
from wattseal.cryptosystems.ckks.reference.library import library
from wattseal.kernels.modular import center, uncenter
from wattseal.kernels.transform import forward, inverse, transform_tables

_CHAIN = (*PRIMES, 9_007_199_254_331_393)
# magic, header size, version, compression (none), reserved, size
_HEADER = struct.Struct("<HB2sBHQ")
_MAGIC = 0xA15E


@lru_cache
def seal_of(parameters: CkksParameters) -> "Seal":
    """Its tables take longer than twenty totals. Raises BackendError if TenSEAL is not installed."""
    return Seal(parameters)


class Seal:
    """SEAL at one ring degree. Holds no secret: a sum of them serves one total."""

    def __init__(self, parameters: CkksParameters) -> None:
        self.api = library()
        self._degree = parameters.degree
        chosen = self.api.EncryptionParameters(self.api.SCHEME_TYPE.CKKS)
        chosen.set_poly_modulus_degree(parameters.degree)
        chosen.set_coeff_modulus([self.api.Modulus(prime) for prime in _CHAIN])
        self.context = self.api.SEALContext(chosen, True, self.api.SEC_LEVEL_TYPE.NONE)
        self._tables = [transform_tables(prime, parameters.degree) for prime in _CHAIN]
        self._version = _version(self.api)

    def open(self, ciphertext: Any, secret: NDArray[np.float64]) -> NDArray[np.uint64]:  # noqa: ANN401 - has no types
        """Coefficients (2, degree) of c0 + c1 s; `secret` is s, or a sum of such."""
        plaintext = self.api.Plaintext()
        self.api.Decryptor(self.context, self._secret_key(secret)).decrypt(ciphertext, plaintext)
        return self.coefficients([plaintext.data(i) for i in range(2 * self._degree)])

    def ciphertext(self, c0: NDArray[np.uint64], c1: NDArray[np.float64]) -> Any:  # noqa: ANN401
        """Of residues (2, degree or fewer), and of a transform, (2, degree), centered."""
        words = np.concatenate((_residues(self.transform(c0)), _residues(c1)))
        parts = (*self.context.first_parms_id(), True, 2, self._degree, len(PRIMES), 1.0, 1)
        return self._loaded(self.api.Ciphertext(), struct.pack("<4Q?QQQdQ", *parts), words)

    def transform(self, residues: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Of coefficients (2, degree or fewer), the others zero: (2, degree), centered."""
        rows = np.zeros((2, self._degree))
        rows[:, : residues.shape[1]] = _centered(residues)
        return self._transformed(rows)

    def coefficients(self, values: list[int]) -> NDArray[np.uint64]:
        """Residues (2, degree) of both rows of a transform, one after the other."""
        rows = _centered(np.array(values, dtype=np.uint64).reshape(2, self._degree))
        for row, tables in zip(rows, self._tables, strict=False):
            inverse(row, tables)
        return _residues(rows)

    def _secret_key(self, secret: NDArray[np.float64]) -> Any:  # noqa: ANN401
        rows = self._transformed(np.tile(secret, (len(_CHAIN), 1)))
        parts = struct.pack("<4QQd", *self.context.key_parms_id(), rows.size, 1.0)
        return self._loaded(self.api.SecretKey(), parts, _residues(rows))

    def _transformed(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """In place."""
        for row, tables in zip(rows, self._tables, strict=False):
            forward(row, tables)
        return rows

    def _loaded(self, empty: Any, parts: bytes, words: NDArray[np.uint64]) -> Any:  # noqa: ANN401
        array = self._framed(struct.pack("<Q", words.size) + words.astype("<u8").tobytes())
        with _memory_file(self._framed(parts + array)) as path:
            empty.load(self.context, path)
        return empty

    def _framed(self, content: bytes) -> bytes:
        return _HEADER.pack(_MAGIC, _HEADER.size, self._version, 0, 0, _HEADER.size + len(content)) + content


def _version(api: Any) -> bytes:  # noqa: ANN401
    """What SEAL writes into its headers, and expects there."""
    with _memory_file(b"") as path:
        api.Plaintext().save(path)
        with open(path, "rb") as saved:  # noqa: PTH123 - a descriptor, whose name is only its path here
            version: bytes = _HEADER.unpack(saved.read(_HEADER.size))[2]
    return version


@contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    with os.fdopen(os.memfd_create("seal"), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _centered(residues: NDArray[np.uint64]) -> NDArray[np.float64]:
    rows = np.empty(residues.shape)
    for row, residue_row, prime in zip(rows, residues, PRIMES, strict=True):
        center(residue_row, float(prime), row)
    return rows


def _residues(rows: NDArray[np.float64]) -> NDArray[np.uint64]:
    residues = np.empty(rows.shape, dtype=np.uint64)
    for row, residue_row, prime in zip(rows, residues, _CHAIN, strict=False):
        uncenter(row, float(prime), residue_row)
    return residues
