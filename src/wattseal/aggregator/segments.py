"""Bodies of large reports: appended to files and synced before the store commits where they stand.

Each window has a folder of its own, which goes when the window is archived. What was appended but never committed, by
a process that died between, is passed over until then.
"""

import hashlib
import os
import secrets
import shutil
import struct
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattseal.aggregator.store_errors import StoreUnavailable

MAGIC: Final = b"\0wattseal-segment"
"""No report begins so: its first byte is its version."""

FILE_LIMIT: Final = 1 << 28
MOST_OPEN: Final = 64
_REFERENCE: Final = struct.Struct(f">{len(MAGIC)}s32s8sQI")


class Reference(NamedTuple):
    """Where a body stands; the store compares references by their digests alone."""

    digest: bytes
    file: str
    offset: int
    length: int

    def to_bytes(self) -> bytes:
        return _REFERENCE.pack(MAGIC, self.digest, bytes.fromhex(self.file), self.offset, self.length)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> "Reference":
        _, digest, file, offset, length = _REFERENCE.unpack(encoded)
        return cls(digest, file.hex(), offset, length)


class _Growing:
    """A file that this process alone appends to."""

    def __init__(self, folder: Path) -> None:
        for directory in (folder.parent, folder):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._name, self.end = secrets.token_hex(8), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(folder / self._name, flags, 0o600)
        _sync(folder)
        _sync(folder.parent)

    def append(self, bodies: Sequence[bytes]) -> list[bytes]:
        start, references = self.end, []
        for body in bodies:
            references.append(Reference(hashlib.sha256(body).digest(), self._name, self.end, len(body)).to_bytes())
            self.end += len(body)
        _write(self._descriptor, b"".join(bodies), start)
        os.fsync(self._descriptor)
        return references

    def close(self) -> None:
        os.close(self._descriptor)


class Segments:
    """One process appends to files of its own and reads those of all: workers of one store share the directory.

    Without a directory nothing large can be kept.
    """

    def __init__(self, directory: Path | None, file_limit: int = FILE_LIMIT) -> None:
        self._directory = directory
        self._limit = file_limit
        self._one_at_a_time = threading.Lock()
        self._growing: dict[str, _Growing] = {}

    def close(self) -> None:
        for folder in list(self._growing):
            self._give_up(folder)

    def append(self, folder: str, bodies: Sequence[bytes]) -> list[bytes]:
        """A reference a body; all are on disk when it returns. Raises StoreUnavailable."""
        directory = self._place(folder)
        with self._one_at_a_time:
            try:
                return self._file(folder, directory).append(bodies)
            except OSError as error:
                self._give_up(folder)
                raise StoreUnavailable(f"segment files: {error.strerror}") from None

    def _place(self, folder: str) -> Path:
        if self._directory is None:
            raise StoreUnavailable("there is no directory for the bodies of large reports")
        return self._directory / folder

    def _file(self, folder: str, directory: Path) -> _Growing:
        """The one to append to now; of those not used for the longest time some are given up."""
        known = self._growing.pop(folder, None)
        if known is not None and known.end >= self._limit:
            known.close()
            known = None
        while len(self._growing) >= MOST_OPEN:
            self._give_up(next(iter(self._growing)))
        self._growing[folder] = _Growing(directory) if known is None else known
        return self._growing[folder]

    def _give_up(self, folder: str) -> None:
        """After a failed write nobody knows what the file holds: the next append begins another."""
        growing = self._growing.pop(folder, None)
        if growing is not None:
            growing.close()

    def read(self, folder: str, references: Sequence[bytes]) -> list[bytes]:
        """Bodies in order. Raises StoreUnavailable if one is not there as it was written."""
        found = [Reference.from_bytes(reference) for reference in references]
        descriptors: dict[str, int] = {}
        try:
            for name in {reference.file for reference in found}:
                descriptors[name] = self._opened(folder, name)
            return [_read(descriptors[reference.file], reference) for reference in found]
        finally:
            _close_all(descriptors.values())

    def _opened(self, folder: str, name: str) -> int:
        try:
            return os.open(self._place(folder) / name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StoreUnavailable(f"segment file {name}: {error.strerror}") from None

    def drop(self, folder: str) -> None:
        """Delete what the folder holds, if there is one: nothing refers to it any more."""
        if self._directory is None:
            return
        with self._one_at_a_time:
            self._give_up(folder)
            try:
                shutil.rmtree(self._place(folder))
            except FileNotFoundError:
                return
            except OSError as error:
                raise StoreUnavailable(f"segment files: {error.strerror}") from None


def _read(descriptor: int, reference: Reference) -> bytes:
    try:
        body = os.pread(descriptor, reference.length, reference.offset)
    except OSError as error:
        raise StoreUnavailable(f"segment file {reference.file}: {error.strerror}") from None
    if hashlib.sha256(body).digest() != reference.digest:
        raise StoreUnavailable(f"segment file {reference.file} is not as it was written")
    return body


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
