"""Microsoft SEAL, by TenSEAL's binding, under our primes: opens and adds what ours sealed.

SEAL wants one more prime in its chain, for keys only, and objects from files in its own format.
"""

import struct
from pathlib import Path

import numpy as np
import tenseal.sealapi as sealapi
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.parameters import PRIMES
from wattseal.kernels.modular import center, uncenter
from wattseal.kernels.transform import forward, inverse, transform_tables

DEGREE = 4096
CHAIN = (*PRIMES, 9_007_199_254_331_393)
TABLES = [transform_tables(prime, DEGREE) for prime in CHAIN]
_HEADER = struct.Struct("<HBBBBHQ")
_MAGIC, _MAJOR, _MINOR, _UNCOMPRESSED = 0xA15E, 4, 3, 0


class Seal:
    """Holds one secret."""

    def __init__(self, directory: Path, secret: NDArray[np.int8]) -> None:
        parameters = sealapi.EncryptionParameters(sealapi.SCHEME_TYPE.CKKS)
        parameters.set_poly_modulus_degree(DEGREE)
        parameters.set_coeff_modulus([sealapi.Modulus(prime) for prime in CHAIN])
        self._context = sealapi.SEALContext(parameters, True, sealapi.SEC_LEVEL_TYPE.NONE)
        self._directory = directory
        self._decryptor = sealapi.Decryptor(self._context, self._secret_key(secret))
        self._evaluator = sealapi.Evaluator(self._context)

    def ciphertext(self, c0: NDArray[np.uint64], a: NDArray[np.float64]) -> sealapi.Ciphertext:
        """Of residues (2, degree or fewer), and of the transform of a."""
        rows = np.zeros((2, DEGREE))
        rows[:, : c0.shape[1]] = _centered(c0)
        for row, tables in zip(rows, TABLES, strict=False):
            forward(row, tables)
        content = struct.pack("<4Q?QQQdQ", *self._context.first_parms_id(), True, 2, DEGREE, len(PRIMES), 1.0, 1)
        content += _array(np.concatenate((_residues(rows), _residues(a))))
        loaded = sealapi.Ciphertext()
        loaded.load(self._context, self._file(content))
        return loaded

    def open(self, ciphertext: sealapi.Ciphertext) -> NDArray[np.uint64]:
        """Coefficients (2, degree)."""
        plaintext = sealapi.Plaintext()
        self._decryptor.decrypt(ciphertext, plaintext)
        return _coefficients([plaintext.data(i) for i in range(2 * DEGREE)])

    def add(self, *ciphertexts: sealapi.Ciphertext) -> sealapi.Ciphertext:
        total = sealapi.Ciphertext()
        self._evaluator.add_many(list(ciphertexts), total)
        return total

    def first_polynomial(self, ciphertext: sealapi.Ciphertext) -> NDArray[np.uint64]:
        """Coefficients (2, degree) of what c0 became."""
        words = ciphertext.dyn_array()
        return _coefficients([words.at(i) for i in range(2 * DEGREE)])

    def _secret_key(self, secret: NDArray[np.int8]) -> sealapi.SecretKey:
        rows = np.tile(secret.astype(np.float64), (len(CHAIN), 1))
        for row, tables in zip(rows, TABLES, strict=True):
            forward(row, tables)
        content = struct.pack("<4QQd", *self._context.key_parms_id(), rows.size, 1.0) + _array(_residues(rows))
        key = sealapi.SecretKey()
        key.load(self._context, self._file(content))
        return key

    def _file(self, content: bytes) -> str:
        path = self._directory / "object.seal"
        path.write_bytes(_framed(content))
        return str(path)


def _coefficients(values: list[int]) -> NDArray[np.uint64]:
    """Of both rows of a transform, one after the other."""
    rows = _centered(np.array(values, dtype=np.uint64).reshape(2, DEGREE))
    for row, tables in zip(rows, TABLES, strict=False):
        inverse(row, tables)
    return _residues(rows)


def _centered(residues: NDArray[np.uint64]) -> NDArray[np.float64]:
    rows = np.empty(residues.shape)
    for row, residue_row, prime in zip(rows, residues, PRIMES, strict=True):
        center(residue_row, float(prime), row)
    return rows


def _residues(rows: NDArray[np.float64]) -> NDArray[np.uint64]:
    residues = np.empty(rows.shape, dtype=np.uint64)
    for row, residue_row, prime in zip(rows, residues, CHAIN, strict=False):
        uncenter(row, float(prime), residue_row)
    return residues


def _array(words: NDArray[np.uint64]) -> bytes:
    return _framed(struct.pack("<Q", words.size) + words.astype("<u8").tobytes())


def _framed(content: bytes) -> bytes:
    size = _HEADER.size + len(content)
    return _HEADER.pack(_MAGIC, _HEADER.size, _MAJOR, _MINOR, _UNCOMPRESSED, 0, size) + content
