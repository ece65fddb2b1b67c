"""The archive: a directory of files, one a window, shared by all workers of one store. `archiving.py` moves them there.

Which file is a window's is what the store's state of it says; others of its date are copies that came to nothing.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Final
from urllib.parse import quote

from wattseal.aggregator.archive_file import (
    ArchiveFile,
    ArchiveWriter,
    Held,
    Subject,
    delete_unless_written,
    file_of,
    writing_failures_named,
)
from wattseal.aggregator.entries import ReportId
from wattseal.aggregator.store_errors import StoreUnavailable
from wattseal.protocol.ids import Window
from wattseal.protocol.time import window_date

OPEN_FILES: Final = 8
Found = list[tuple[int, bytes] | None]


class Archive:
    """Without a directory nothing can be archived."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._opened = lru_cache(maxsize=OPEN_FILES)(ArchiveFile)

    def writing(self, subject: Subject) -> ArchiveWriter:
        """A context to write a window's file in. Raises StoreUnavailable."""
        directory = self._place(subject.region)
        with writing_failures_named():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return ArchiveWriter(directory, _stem(subject.window), subject)

    def check(self, subject: Subject, digest: bytes, counts: Mapping[str, int]) -> None:
        """Read the file back. Raises StoreUnavailable unless it holds that window, whole and so many reports."""
        file = ArchiveFile(self._path(subject.region, subject.window, digest))
        if file.subject != subject or file.counts() != counts:
            raise StoreUnavailable(f"archive file {digest.hex()} does not hold what was copied")
        file.check()

    def keep_only(self, region: str, window: int, digest: bytes | None) -> None:
        """Delete copies of the window that were begun or made beside its file; a worker at one deletes it itself.

        Without a digest nothing stays. Raises StoreUnavailable.
        """
        path = None if digest is None else self._path(region, window, digest)
        directory, stem = self._place(region), _stem(window)
        with writing_failures_named():
            for other in (*directory.glob(f"{stem}.*"), *directory.glob(f".{stem}.*")):
                if other != path:
                    delete_unless_written(other)

    def fetch(
        self, region: str, window: int, digest: bytes, place: tuple[Held, int, int], meters: Sequence[str]
    ) -> Found:
        """Highest number of each meter and its report, of those held so and of this kind and channel."""
        file = self.file(region, window, digest)
        wanted = frozenset(meters)
        alike = (id_ for held, id_ in file.rows if (held, id_.kind, id_.channel) == place and id_.meter in wanted)
        highest = {id_.meter: id_ for id_ in sorted(alike, key=attrgetter("number"))}
        named = [(place[0], highest[meter]) if meter in highest else None for meter in meters]
        bodies = file.bodies(named)
        return [
            None if name is None or body is None else (name[1].number, body)
            for name, body in zip(named, bodies, strict=True)
        ]

    def held(self, region: str, window: int, digest: bytes, ids: Sequence[ReportId]) -> list[bytes | None]:
        """The digest of each report's bytes, accepted or late, that are in the window's file."""
        file = self.file(region, window, digest)
        return [file.digest(Held.ACCEPTED, id_) or file.digest(Held.LATE, id_) for id_ in ids]

    def read(self, region: str, window: int, digest: bytes, ids: Sequence[ReportId]) -> list[bytes | None]:
        """Exactly the named reports, accepted or late."""
        file = self.file(region, window, digest)
        as_held = ((held, id_) for id_ in ids for held in (Held.ACCEPTED, Held.LATE))
        there = {row[1]: row for row in as_held if row in file.rows}
        return file.bodies([there.get(id_) for id_ in ids])

    def file(self, region: str, window: int, digest: bytes) -> ArchiveFile:
        """Raises StoreUnavailable."""
        return self._opened(self._path(region, window, digest))

    def _path(self, region: str, window: int, digest: bytes) -> Path:
        return file_of(self._place(region), _stem(window), digest)

    def _place(self, region: str) -> Path:
        if self._directory is None:
            raise StoreUnavailable("there is no directory for an archive")
        return self._directory / f"region-{quote(region, safe='')}"


def _stem(window: int) -> str:
    return window_date(Window(window)).isoformat()
