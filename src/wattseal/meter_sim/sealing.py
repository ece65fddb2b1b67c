"""From reads to signed reports, on all cores. Each worker process builds the encryption tables once."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import NamedTuple

import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray

from wattseal.cryptosystems.backend import Backend, require_backend
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.errors import BackendError, ParameterError
from wattseal.cryptosystems.interface import Encryptor, MeterKeys
from wattseal.cryptosystems.masking.encryptor import MaskingEncryptor
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.pads.label import Label, check_key_id
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.encryptor import ReferenceEncryptor
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Suite
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, seal_report

_MOST_IN_A_TASK = 64
_encryptor: Encryptor | None = None


class SealingKeys(NamedTuple):
    """One meter's keys as bytes, because they travel to a worker process of the fleet's own."""

    identity: bytes
    pad_key: bytes
    tag_key: bytes
    check_key: bytes


class Unsealed(NamedTuple):
    """Reads of shape (reports, intervals) with the header and keys of each report."""

    reads: NDArray[np.int64]
    headers: tuple[Header, ...]
    keys: tuple[SealingKeys, ...]


class Sealer:
    """A pool of workers for one key notice and layout."""

    def __init__(
        self,
        notice: KeyNotice,
        layout: SlotLayout,
        backend: Backend = Backend.OURS,
        error_key: bytes | None = None,
    ) -> None:
        """`error_key` is the fleet's own; only CKKS needs one.

        Raises UsageError for a suite, or a backend or layout of it, that this fleet cannot encrypt with.
        """
        _check(notice.suite, layout, backend, error_key)
        self.modulus_id = modulus_id_of(notice)
        self._workers = os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(
            self._workers,
            mp_context=get_context("spawn"),  # numba's and SQLite's threads do not survive a fork
            initializer=_prepare,
            initargs=(notice, layout, backend, error_key),
        )

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def seal(self, unsealed: Unsealed) -> list[bytes]:
        """Signed report bytes in order. Raises PlaintextError for reads that the layout cannot hold."""
        parts = list(_parts(unsealed, self._workers))
        return [body for bodies in self._pool.map(_seal, parts, [self.modulus_id] * len(parts)) for body in bodies]


def modulus_id_of(notice: KeyNotice) -> bytes:
    return MODULUS_IDS[notice.suite] if notice.suite in MODULUS_IDS else _public_key_of(notice).modulus_id


def _encryptor_of(notice: KeyNotice, layout: SlotLayout, backend: Backend, error_key: bytes | None) -> Encryptor:
    match notice.suite, error_key:
        case Suite.CKKS, bytes(key):
            return CkksEncryptor(CKKS_4096, layout, Secret(key))
        case Suite.MASKING, _:
            return MaskingEncryptor(MaskingParameters(layout))
    encryptor = PaillierEncryptor if backend is Backend.OURS else ReferenceEncryptor
    return encryptor(_public_key_of(notice), layout)


def _check(suite: int, layout: SlotLayout, backend: Backend, error_key: bytes | None) -> None:
    """Here, because in a worker it would be a broken pool. Raises UsageError."""
    try:
        require_backend(backend, suite)
        match suite:
            case Suite.CKKS:
                coefficient_count(CKKS_4096, layout)
            case Suite.MASKING:
                MaskingParameters(layout)
    except BackendError as error:
        raise UsageError(f"--backend {backend}: {error}") from None
    except ParameterError as error:
        raise UsageError(f"suite {suite}: {error}") from None
    if suite == Suite.CKKS and error_key is None:
        raise UsageError(f"suite {suite} needs an error key of the fleet's own")


def _public_key_of(notice: KeyNotice) -> PublicKey:
    if notice.suite not in PARAMETERS_BY_SUITE:
        raise UsageError(f"suite {notice.suite} is not one that these meters can encrypt for")
    return PublicKey.from_bytes(PARAMETERS_BY_SUITE[notice.suite], notice.public_key)


def _parts(unsealed: Unsealed, workers: int) -> Iterator[Unsealed]:
    count = len(unsealed.headers)
    size = max(1, min(_MOST_IN_A_TASK, -(-count // workers)))
    for first in range(0, count, size):
        part = slice(first, first + size)
        yield Unsealed(unsealed.reads[part], unsealed.headers[part], unsealed.keys[part])


def _prepare(notice: KeyNotice, layout: SlotLayout, backend: Backend, error_key: bytes | None) -> None:
    global _encryptor
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _encryptor = _encryptor_of(notice, layout, backend, error_key)


def _end_with_parent() -> None:
    """A killed parent leaves no worker behind that holds meters' keys."""
    parent = parent_process()
    assert parent is not None  # noqa: S101 - a worker has one
    parent.join()
    os._exit(1)


def _seal(part: Unsealed, modulus_id: bytes) -> list[bytes]:
    assert _encryptor is not None  # noqa: S101 - the initializer ran
    keys = [MeterKeys(Secret(key.pad_key), Secret(key.tag_key), Secret(key.check_key)) for key in part.keys]
    labels = [label_of(header, modulus_id, key.check_key) for header, key in zip(part.headers, keys, strict=True)]
    ciphertexts = _encryptor.encrypt(part.reads, labels, keys)
    return [
        seal_report(header, ciphertext, SigningKey(key.identity))
        for header, ciphertext, key in zip(part.headers, ciphertexts, part.keys, strict=True)
    ]


def label_of(header: Header, modulus_id: bytes, check_key: Secret) -> Label:
    """Of a daily report."""
    return Label(
        suite=header.suite,
        modulus_id=modulus_id,
        region=header.region,
        meter=header.meter,
        kind=header.kind,
        channel=header.channel.code,
        start=header.start,
        end=header.end,
        key_id=header.key_id,
        number=header.number,
        check_key_id=check_key_id(check_key),
    )
