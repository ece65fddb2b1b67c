"""A hash chain of entries in a file, with signed checkpoints of its head: each entry durable before what it announces.

What the entries say is `ledger`'s.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from wattseal.edge.database import open_database
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ledger import EMPTY, Entry, EntryKind, link
from wattseal.protocol.time import Clock, system_clock

Notary = Callable[[int, bytes, int], bytes]
"""From counter and hash of a head, and the time, to a signed checkpoint."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (counter INTEGER PRIMARY KEY, kind TEXT, body BLOB, hash BLOB) STRICT;
CREATE TABLE IF NOT EXISTS checkpoints (counter INTEGER PRIMARY KEY, checkpoint BLOB) STRICT;
"""


class Chain:
    """What a method wrote has reached the disk when it returns. Raises UsageError for a file that is no ledger.

    `views` are the tables that follow from entries, written in the entry's own transaction.
    """

    def __init__(self, path: Path, views: str = "", clock: Clock = system_clock) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._notary: Notary | None = None
        self._database = open_database(path, _SCHEMA + views)

    def sign_with(self, notary: Notary) -> None:
        """From now on checkpoints are kept: of each intent, and of each head that a release carries."""
        self._notary = notary

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> tuple[int, bytes]:
        """Counter and hash of the last entry; (0, zeros) for an empty ledger."""
        row = self._one("SELECT counter, hash FROM entries ORDER BY counter DESC LIMIT 1")
        return (row[0], row[1]) if row else (0, EMPTY)

    def hash_at(self, counter: int) -> bytes | None:
        """Hash of the chain after that many entries, or None if the ledger is shorter."""
        if counter == 0:
            return EMPTY
        row = self._one("SELECT hash FROM entries WHERE counter = ?", counter)
        return row[0] if row else None

    def entries(self, first: int, most: int) -> list[Entry]:
        rows = self._all("SELECT * FROM entries WHERE counter >= ? ORDER BY counter LIMIT ?", first, most)
        return [Entry(counter, EntryKind(kind), body, hash_) for counter, kind, body, hash_ in rows]

    def verify_chain(self) -> None:
        """Raises UsageError at the first entry whose hash does not follow from the one before."""
        previous = EMPTY
        for counter, kind, body, hash_ in self._all("SELECT * FROM entries ORDER BY counter"):
            previous = link(previous, counter, kind, body)
            if previous != hash_:
                raise UsageError(f"the ledger's chain is broken at entry {counter}")

    def checkpoint(self) -> None:
        """Keep a checkpoint of the head, unless there is one."""
        with self._transaction():
            self._checkpoint()

    def checkpoints(self, first: int, most: int) -> list[bytes]:
        """Signed checkpoints of counters from `first` on."""
        query = "SELECT checkpoint FROM checkpoints WHERE counter >= ? ORDER BY counter LIMIT ?"
        return [row[0] for row in self._all(query, first, most)]

    def _append(self, kind: EntryKind, content: Mapping[str, object]) -> int:
        counter, previous = self.head
        body = canonical_json({"at": int(self._clock()), **content})
        row = (counter + 1, kind, body, link(previous, counter + 1, kind, body))
        self._run("INSERT INTO entries VALUES (?, ?, ?, ?)", *row)
        return counter + 1

    def _checkpoint(self) -> None:
        if self._notary is not None:
            counter, hash_ = self.head
            signed = self._notary(counter, hash_, int(self._clock()))
            self._run("INSERT OR IGNORE INTO checkpoints VALUES (?, ?)", counter, signed)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:  # SQLite ends it by itself when the disk is full
                    self._run("ROLLBACK")
                raise
            self._run("COMMIT")

    def _run(self, query: str, *values: object) -> None:
        with self._lock:
            self._database.execute(query, values)

    def _run_each(self, query: str, values: Iterable[bytes]) -> None:
        with self._lock:
            self._database.executemany(query, ((value,) for value in values))

    def _all(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]  # rows of any column types
        with self._lock:
            return self._database.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> tuple | None:  # type: ignore[type-arg]
        rows = self._all(query, *values)
        return rows[0] if rows else None
