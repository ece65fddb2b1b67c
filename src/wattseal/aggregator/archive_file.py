"""The file of one archived window: Parquet, every report's whole bytes, named for the digest of what it holds.

The digest is over the content, not over Parquet's encoding of it, so that two copies of one window have one name. Rows
are sorted: accepted reports, late ones, then the first bytes refused under a number.
"""

import fcntl
import hashlib
import json
import os
import secrets
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from wattseal.aggregator.entries import ReportId
from wattseal.aggregator.store_errors import StoreUnavailable
from wattseal.protocol.codec import canonical_json

ROWS_A_GROUP: Final = 1_000
_METADATA: Final = b"wattseal"
_VERSION: Final = 1
_SCHEMA: Final = pa.schema(
    [
        ("held", pa.uint8()),
        ("kind", pa.int64()),
        ("channel", pa.int64()),
        ("meter", pa.string()),
        ("number", pa.int64()),
        ("digest", pa.binary(32)),
        ("report", pa.large_binary()),
    ]
)
_INDEX: Final = [name for name in _SCHEMA.names if name != "report"]
_NAME: Final = struct.Struct(">BI")
_DAMAGE: Final = (OSError, pa.ArrowException, KeyError, ValueError, TypeError)


class Held(IntEnum):
    """As what the store held a report."""

    ACCEPTED = 0
    LATE = 1
    CONFLICT = 2


class Row(NamedTuple):
    """A report with its bytes."""

    held: Held
    id: ReportId
    body: bytes


class Subject(NamedTuple):
    """Which window a file holds, and under which roster it was closed."""

    region: str
    window: int
    roster_digest: bytes

    def to_bytes(self) -> bytes:
        return canonical_json(
            {"version": _VERSION, "region": self.region, "window": self.window, "roster": self.roster_digest.hex()}
        )

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Raises KeyError, TypeError or ValueError for anything else."""
        told = json.loads(encoded)
        subject = cls(str(told["region"]), int(told["window"]), bytes.fromhex(told["roster"]))
        if subject.to_bytes() != encoded:
            raise ValueError("an archive's metadata is of another version")
        return subject


class _Content:
    """The digest of a window's content, row by row."""

    def __init__(self, subject: Subject) -> None:
        self._hash = hashlib.sha256(b"wattseal/1 archive\0" + hashlib.sha256(subject.to_bytes()).digest())

    def add(self, held: int, id_: ReportId, digest: bytes) -> None:
        name = f"{id_.kind}:{id_.channel}:{id_.number}:{id_.meter}".encode()
        self._hash.update(_NAME.pack(held, len(name)) + name + digest)

    def digest(self) -> bytes:
        return self._hash.digest()


@contextmanager
def writing_failures_named() -> Iterator[None]:
    """Raises StoreUnavailable for whatever the disk or Parquet says."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise StoreUnavailable(f"archive: {getattr(error, 'strerror', None) or type(error).__name__}") from error


class ArchiveWriter:
    """Writes under a temporary name beside the final one; `finish` gives the file its place, else nothing remains.

    The file is locked meanwhile, so that others can tell a writer at work from one that was killed.
    """

    def __init__(self, directory: Path, stem: str, subject: Subject) -> None:
        self._directory, self._stem = directory, stem
        self._temporary = directory / f".{stem}.{secrets.token_hex(4)}"
        self._content = _Content(subject)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        schema = _SCHEMA.with_metadata({_METADATA: subject.to_bytes()})
        # Ciphertexts do not shrink, names do.
        compression = {name: "zstd" if name in ("meter", "number") else "none" for name in schema.names}
        self._parquet = pq.ParquetWriter(
            self._file, schema, compression=compression, use_dictionary=["meter"], write_statistics=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, pa.ArrowException):
            self._parquet.close()
        self._parquet.is_open = False  # else it would close itself once more when it is collected
        try:
            with writing_failures_named():
                self._file.close()
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, rows: Sequence[Row]) -> None:
        """One group of rows; the order of all rows is the caller's duty. Raises StoreUnavailable."""
        digests = [hashlib.sha256(row.body).digest() for row in rows]
        for row, digest in zip(rows, digests, strict=True):
            self._content.add(row.held, row.id, digest)
        ids = [row.id for row in rows]
        columns: list[Sequence[object]] = [[int(row.held) for row in rows]]
        columns += [[getattr(id_, name) for id_ in ids] for name in ("kind", "channel", "meter", "number")]
        columns += [digests, [row.body for row in rows]]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
        with writing_failures_named():
            self._parquet.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), row_group_size=max(1, len(rows)))

    def finish(self) -> bytes:
        """The content's digest, once the file is on disk under its name. Raises StoreUnavailable."""
        digest = self._content.digest()
        with writing_failures_named():
            self._parquet.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._temporary.rename(file_of(self._directory, self._stem, digest))
            _sync(self._directory)
        return digest


def delete_unless_written(path: Path) -> None:
    """A writer's lock goes with it, however it ends."""
    with suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def file_of(directory: Path, stem: str, digest: bytes) -> Path:
    return directory / f"{stem}.{digest.hex()}.parquet"


class ArchiveFile:
    """An archived window at hand: what it holds, checked against the file's name, and the reports one by one."""

    def __init__(self, path: Path) -> None:
        """Raises StoreUnavailable if the file is missing or its content is not what its name says."""
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self.subject = Subject.from_bytes(file.schema_arrow.metadata[_METADATA])
                groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
                index = file.read(columns=_INDEX).to_pydict()
            self._read_index(index)
        except _DAMAGE as error:
            raise self._damaged(error) from None
        self._starts = [sum(groups[:group]) for group in range(len(groups) + 1)]

    def _read_index(self, index: dict[str, list[Any]]) -> None:
        content = _Content(self.subject)
        self.rows: dict[tuple[Held, ReportId], int] = {}
        self._digests: list[bytes] = index["digest"]
        ids = map(ReportId, index["kind"], index["channel"], index["meter"], index["number"])
        for place, (held, id_) in enumerate(zip(index["held"], ids, strict=True)):
            content.add(held, id_, self._digests[place])
            self.rows[Held(held), id_] = place
        if self._path.name.split(".")[-2] != content.digest().hex():
            raise ValueError("the content is another")

    def _damaged(self, error: Exception) -> StoreUnavailable:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "is not as it was written"
        return StoreUnavailable(f"archive file {self._path.name} {reason}")

    def counts(self) -> dict[str, int]:
        """As the store's."""
        names = {Held.ACCEPTED: "accepted", Held.LATE: "late", Held.CONFLICT: "conflicts"}
        return {name: sum(1 for row, _ in self.rows if row is held) for held, name in names.items()}

    def digest(self, held: Held, id_: ReportId) -> bytes | None:
        """Of the report's bytes, if there are any."""
        place = self.rows.get((held, id_))
        return None if place is None else self._digests[place]

    def bodies(self, wanted: Sequence[tuple[Held, ReportId] | None]) -> list[bytes | None]:
        """Of each report that is here, checked against its digest. Raises StoreUnavailable."""
        places = [None if named is None else self.rows.get(named) for named in wanted]
        try:
            found = dict(self._bodies(sorted({place for place in places if place is not None})))
        except _DAMAGE as error:
            raise self._damaged(error) from None
        return [None if place is None else found[place] for place in places]

    def check(self) -> None:
        """Read every report. Raises StoreUnavailable unless all bytes are what their digests say."""
        try:
            for _ in self._bodies(range(len(self._digests))):
                pass
        except _DAMAGE as error:
            raise self._damaged(error) from None

    def _bodies(self, places: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        with pq.ParquetFile(self._path) as file:
            for group, (start, end) in enumerate(pairwise(self._starts)):
                inside = [place for place in places if start <= place < end]
                if inside:
                    column = file.read_row_group(group, columns=["report"]).column("report")
                    yield from self._checked(inside, column.take(pa.array([place - start for place in inside])))

    def _checked(self, places: Iterable[int], column: Any) -> Iterator[tuple[int, bytes]]:  # noqa: ANN401 - pyarrow's
        for place, body in zip(places, column.to_pylist(), strict=True):
            if hashlib.sha256(body).digest() != self._digests[place]:
                raise ValueError("a report is another")
            yield place, body


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
