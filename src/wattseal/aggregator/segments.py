"""Bodies of large reports: appended to files and synced before the store commits where they stand.

What was appended but never committed, by a process that died between, is passed over for good.
"""

import hashlib
import os
import secrets
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wattseal.aggregator.store_errors import StoreUnavailable

MAGIC: Final = b"\0wattseal-segment"
"""No report begins so: its first byte is its version."""

FILE_LIMIT: Final = 1 << 28
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


class Segments:
    """One process appends to files of its own and reads those of all: workers of one store share the directory.

    Without a directory nothing large can be kept.
    """

    def __init__(self, directory: Path | None, file_limit: int = FILE_LIMIT) -> None:
        self._directory = directory
        self._limit = file_limit
        self._one_at_a_time = threading.Lock()
        self._file, self._descriptor, self._end = "", -1, 0
        self._open: dict[str, int] = {}

    def close(self) -> None:
        for descriptor in (*self._open.values(), self._descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._open, self._descriptor = {}, -1

    def append(self, bodies: Sequence[bytes]) -> list[bytes]:
        """A reference a body; all are on disk when it returns. Raises StoreUnavailable."""
        directory = self._place()
        with self._one_at_a_time:
            try:
                return self._append(directory, bodies)
            except OSError as error:
                self._give_up()
                raise StoreUnavailable(f"segment files: {error.strerror}") from None

    def _place(self) -> Path:
        if self._directory is None:
            raise StoreUnavailable("there is no directory for the bodies of large reports")
        return self._directory

    def _append(self, directory: Path, bodies: Sequence[bytes]) -> list[bytes]:
        if self._descriptor < 0 or self._end >= self._limit:
            self._begin_file(directory)
        start, references = self._end, []
        for body in bodies:
            references.append(Reference(hashlib.sha256(body).digest(), self._file, self._end, len(body)).to_bytes())
            self._end += len(body)
        _write(self._descriptor, b"".join(bodies), start)
        os.fsync(self._descriptor)
        return references

    def _begin_file(self, directory: Path) -> None:
        self._give_up()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor, self._file, self._end = os.open(directory / name, flags, 0o600), name, 0
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _give_up(self) -> None:
        """After a failed write nobody knows what the file holds: the next append begins another."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def read(self, references: Sequence[bytes]) -> list[bytes]:
        """Bodies in order. Raises StoreUnavailable if one is not there as it was written."""
        with self._one_at_a_time:
            return [self._read(Reference.from_bytes(reference)) for reference in references]

    def _read(self, reference: Reference) -> bytes:
        try:
            if reference.file not in self._open:
                path = self._place() / reference.file
                self._open[reference.file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            body = os.pread(self._open[reference.file], reference.length, reference.offset)
        except OSError as error:
            raise StoreUnavailable(f"segment file {reference.file}: {error.strerror}") from None
        if hashlib.sha256(body).digest() != reference.digest:
            raise StoreUnavailable(f"segment file {reference.file} is not as it was written")
        return body


def _write(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
