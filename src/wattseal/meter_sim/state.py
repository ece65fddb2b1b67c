"""What a fleet keeps on disk: the meters' keys, and an outbox that never lets a number be used twice.

One SQLite file, synchronous=FULL. It must never be restored from a copy: an older outbox would use numbers again.
"""

import hmac
import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from wattseal.edge.database import open_database
from wattseal.edge.private_files import private_directory
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Kind, MeterId, checked_id
from wattseal.protocol.report import MAX_NUMBER

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB) STRICT;
CREATE TABLE IF NOT EXISTS meters (
    meter TEXT PRIMARY KEY, name TEXT UNIQUE, identity BLOB, sealing BLOB) STRICT;
CREATE TABLE IF NOT EXISTS meter_keys (
    key_id INTEGER, meter TEXT, pad_key BLOB, tag_key BLOB, PRIMARY KEY (key_id, meter)) STRICT;
CREATE TABLE IF NOT EXISTS check_keys (key_id INTEGER, month TEXT, key BLOB, PRIMARY KEY (key_id, month)) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
    meter TEXT, channel TEXT, start INTEGER, number INTEGER, kind INTEGER, content BLOB, state TEXT, sealed BLOB,
    reason TEXT, PRIMARY KEY (meter, channel, start, number, kind)) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS outbox_pending ON outbox (start) WHERE state = 'sealed';
"""


_SALT = "salt of meter ids"
MOST_BYTES = 6 << 20
"""Of reports that are sent together: the aggregator takes 8 MiB a request."""
_ERROR_KEY = "error key"


class State(StrEnum):
    """Of one numbered report. The number is taken from `reserved` on; sealed bytes are kept until acknowledged."""

    RESERVED = "reserved"
    SEALED = "sealed"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"


class MeterRow(NamedTuple):
    """One meter's own keys: for signing, and for what is sealed to it."""

    meter: MeterId
    name: str
    identity: bytes
    sealing: bytes


class SharedKeys(NamedTuple):
    """One meter's keys of a key period: with the unblinder, and with the decryptor."""

    pad_key: bytes
    tag_key: bytes


class Slot(NamedTuple):
    """A place in the outbox: one number of one meter's day, or segment of a cycle, and channel."""

    meter: MeterId
    channel: str
    start: int
    number: int
    kind: Kind = Kind.DAILY


_FILE = "fleet.sqlite"


def require_fleet(directory: Path) -> None:
    """For whoever needs one that was made before: raises UsageError where none is, and makes none."""
    if not (directory / _FILE).is_file():
        raise UsageError(f"{directory} holds no prepared fleet")


class FleetState:
    """Opens or makes the state in a private directory."""

    def __init__(self, directory: Path) -> None:
        self._database = open_database(private_directory(directory) / _FILE, _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def fact(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def keep_fact(self, name: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def make_meters(self, names: Sequence[str]) -> None:
        """Fresh keys for every name that has none yet. Raises UsageError if two names give one id."""
        known = {row.name for row in self.meters()}
        rows = [_fresh(name, self._own_secret(_SALT)) for name in names if name not in known]
        try:
            with self._transaction():
                self._database.executemany("INSERT INTO meters VALUES (?, ?, ?, ?)", rows)
        except sqlite3.IntegrityError:
            raise UsageError("two meter names give the same id") from None

    def error_key(self) -> bytes:
        """What CKKS draws errors by, one for all meters, whom labels name; made once and shared with nobody."""
        return self._own_secret(_ERROR_KEY)

    def _own_secret(self, name: str) -> bytes:
        secret = self.fact(name)
        if secret is None:
            secret = secrets.token_bytes(32)
            self.keep_fact(name, secret)
        return secret

    def meters(self) -> list[MeterRow]:
        """Sorted by id."""
        return [MeterRow(*row) for row in self._database.execute("SELECT * FROM meters ORDER BY meter")]

    def keep_meter_keys(self, key_id: int, column: str, keys: Iterable[tuple[MeterId, bytes]]) -> None:
        """`column` is pad_key or tag_key."""
        assert column in ("pad_key", "tag_key")  # noqa: S101 - never from outside
        query = (
            f"INSERT INTO meter_keys (key_id, meter, {column}) VALUES (?, ?, ?)"  # noqa: S608
            f" ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
        )
        with self._transaction():
            self._database.executemany(query, ((key_id, meter, key) for meter, key in keys))

    def meter_keys(self, key_id: int) -> dict[MeterId, SharedKeys]:
        """Of the meters that are enrolled with both halves for that key period."""
        columns = "meter, pad_key, tag_key"
        query = f"SELECT {columns} FROM meter_keys WHERE key_id = ? AND pad_key NOTNULL AND tag_key NOTNULL"  # noqa: S608
        return {meter: SharedKeys(*keys) for meter, *keys in self._database.execute(query, (key_id,))}

    def keep_check_keys(self, key_id: int, keys: Mapping[str, bytes]) -> None:
        """By month, for good. Raises UsageError if one differs from what was kept: it would tell meters apart."""
        known = self.check_keys(key_id)
        if any(known.get(month, key) != key for month, key in keys.items()):
            raise UsageError("the decryptor hands out another check key for a month than it did before")
        with self._transaction():
            rows = ((key_id, month, key) for month, key in keys.items())
            self._database.executemany("INSERT OR IGNORE INTO check_keys VALUES (?, ?, ?)", rows)

    def check_keys(self, key_id: int) -> dict[str, bytes]:
        """By month, of a key period."""
        return dict(self._database.execute("SELECT month, key FROM check_keys WHERE key_id = ?", (key_id,)))

    def reserve(
        self, channel: str, start: int, contents: Sequence[tuple[MeterId, bytes]], kind: Kind = Kind.DAILY
    ) -> list[Slot]:
        """Take, durably, a number for each meter whose content is new, before anything is encrypted.

        Nothing is taken for content that was sealed before. A number that was reserved but never sealed, by a
        process that died between, stays unused. Raises UsageError when a meter has no number left.
        """
        latest = self._latest(channel, start, kind)
        slots: list[tuple[Slot, bytes]] = []
        for meter, content in contents:
            number, known, state = latest.get(meter, (-1, b"", ""))
            if known == content and state != State.RESERVED:
                continue
            if number >= MAX_NUMBER:
                raise UsageError(f"meter {meter} has no report number left for that day or cycle")
            slots.append((Slot(meter, channel, start, number + 1, kind), content))
        with self._transaction():
            self._database.executemany(
                "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, 'reserved', NULL, NULL)",
                [(*slot, content) for slot, content in slots],
            )
        return [slot for slot, _ in slots]

    def keep_sealed(self, sealed: Iterable[tuple[Slot, bytes]]) -> None:
        """Keep the sealed bytes: from here on only these are ever sent under their numbers."""
        query = (
            "UPDATE outbox SET state = 'sealed', sealed = ? WHERE state = 'reserved'"
            " AND meter = ? AND channel = ? AND start = ? AND number = ? AND kind = ?"
        )
        with self._transaction():
            self._database.executemany(query, [(body, *slot) for slot, body in sealed])

    def pending(self, most: int, most_bytes: int = MOST_BYTES) -> list[tuple[Slot, bytes]]:
        """Sealed reports that were not acknowledged, oldest day first: at least one, if there is one."""
        columns = "meter, channel, start, number, kind, sealed"
        query = f"SELECT {columns} FROM outbox WHERE state = 'sealed' ORDER BY start LIMIT ?"  # noqa: S608
        found: list[tuple[Slot, bytes]] = []
        for meter, channel, start, number, kind, sealed in self._database.execute(query, (most,)):
            most_bytes -= len(sealed)
            if found and most_bytes < 0:
                break
            found.append((Slot(meter, channel, start, number, Kind(kind)), sealed))
        return found

    def settle(self, outcomes: Iterable[tuple[Slot, State, str]]) -> None:
        """Final state and the aggregator's word for each report; its bytes are not needed any more."""
        query = (
            "UPDATE outbox SET state = ?, reason = ?, sealed = NULL"
            " WHERE meter = ? AND channel = ? AND start = ? AND number = ? AND kind = ?"
        )
        with self._transaction():
            self._database.executemany(query, [(state, reason, *slot) for slot, state, reason in outcomes])

    def outcomes(self) -> dict[str, int]:
        """How many reports ended with each word of the aggregator's."""
        rows = self._database.execute("SELECT reason, COUNT(*) FROM outbox WHERE reason IS NOT NULL GROUP BY reason")
        return dict(rows)

    def _latest(self, channel: str, start: int, kind: Kind) -> dict[str, tuple[int, bytes, str]]:
        columns = "meter, number, content, state"
        query = f"SELECT {columns} FROM outbox WHERE channel = ? AND start = ? AND kind = ? ORDER BY number"  # noqa: S608
        rows = self._database.execute(query, (channel, start, kind))
        return {meter: (number, content, state) for meter, number, content, state in rows}

    def _transaction(self) -> sqlite3.Connection:
        self._database.execute("BEGIN IMMEDIATE")
        return self._database


def meter_id_of(name: str, salt: bytes) -> MeterId:
    """The name itself where it is an id, else one made of its hash, keyed so that nobody can try account numbers."""
    try:
        return MeterId(checked_id(name))
    except ValueError:
        return MeterId("x" + hmac.digest(salt, name.encode(), "sha256").hex()[:15])


def _fresh(name: str, salt: bytes) -> MeterRow:
    return MeterRow(meter_id_of(name, salt), name, bytes(SigningKey.generate()), bytes(PrivateKey.generate()))
