"""Where a ledger is read from: a half's home, a copy of its file, or the running half over HTTP."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

from wattseal.edge.client import RoleClient
from wattseal.protocol.codec import Bytes32, Count, Message, canonical_json
from wattseal.protocol.errors import MalformedMessage, Rejected, UsageError
from wattseal.protocol.ledger import Checkpoint, Entry, EntryKind
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.trust import TrustAnchors

_PAGE = 1000


class LedgerSource(Protocol):
    """One half's ledger. Every method raises UsageError or MalformedMessage for what is none."""

    name: str

    def entries(self) -> Iterator[Entry]:
        """In order of their counters, as they are: nothing is verified."""

    def checkpoints(self) -> Iterator[Envelope]:
        """Signed ones, in order of their counters."""

    def rosters(self, trust: TrustAnchors) -> list[Roster]:
        """The rosters installed there, each with its three signatures verified."""


class LedgerFile:
    """A ledger's file, or the home that it lies in: then the home's rosters are known as well."""

    def __init__(self, path: Path, rosters: tuple[Path, ...] = ()) -> None:
        home = path if path.is_dir() else path.parent
        self.name = str(path)
        self._file = path / "ledger.sqlite" if path.is_dir() else path
        if not self._file.is_file():
            raise UsageError(f"{path}: there is no ledger")
        self._rosters = (*sorted((home / "registry" / "rosters").glob("*.json")), *rosters)

    def entries(self) -> Iterator[Entry]:
        for counter, kind, body, hash_ in self._rows("SELECT counter, kind, body, hash FROM entries ORDER BY counter"):
            yield _entry(self.name, counter, kind, body, hash_)

    def checkpoints(self) -> Iterator[Envelope]:
        for (checkpoint,) in self._rows("SELECT checkpoint FROM checkpoints ORDER BY counter"):
            yield Envelope.from_bytes(checkpoint)

    def rosters(self, trust: TrustAnchors) -> list[Roster]:
        return [_roster_of(path, trust) for path in self._rosters]

    def _rows(self, query: str) -> Iterator[tuple]:  # type: ignore[type-arg]  # rows of any column types
        try:
            with closing(sqlite3.connect(f"{self._file.absolute().as_uri()}?mode=ro", uri=True)) as database:
                yield from database.execute(query)
        except sqlite3.Error as error:
            raise UsageError(f"{self._file}: cannot be read as a ledger ({error})") from None


class RemoteLedger:
    """A running half, with an auditor's or operator's token."""

    def __init__(self, client: RoleClient) -> None:
        self._client = client
        self.name = client.url

    def entries(self) -> Iterator[Entry]:
        for row in self._pages("/v1/ledger", 1, lambda row: _Row.parse(canonical_json(row)).counter):
            parsed = _Row.parse(canonical_json(row))
            yield _entry(self.name, parsed.counter, parsed.kind, parsed.body.encode(), parsed.hash)

    def checkpoints(self) -> Iterator[Envelope]:
        for row in self._pages("/v1/checkpoints", 0, lambda row: _counter(_envelope(row))):
            yield _envelope(row)

    def rosters(self, trust: TrustAnchors) -> list[Roster]:
        digests = self._listed("/v1/rosters")
        bodies = (self._client.get(f"/v1/rosters/{str(digest)[:64]}") for digest in digests)
        return [SignedRoster.parse(body).opened(trust) for body in bodies]

    def _pages(self, path: str, first: int, counter: Callable[[object], int]) -> Iterator[object]:
        while rows := self._listed(path, first=first, most=_PAGE):
            yield from rows
            following = counter(rows[-1]) + 1
            if following <= first:
                raise MalformedMessage(f"{self.name}{path} does not go on")
            first = following

    def _listed(self, path: str, **params: int) -> list[object]:
        try:
            rows = json.loads(self._client.get(path, **params))
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise MalformedMessage(f"{self.name}{path} is no list")
        return rows


class _Row(Message):
    counter: Count
    kind: str
    body: str
    hash: Bytes32


def _envelope(row: object) -> Envelope:
    return Envelope.parse(canonical_json(row))


def _counter(envelope: Envelope) -> int:
    return Checkpoint.from_bytes(envelope.body).counter


def _entry(name: str, counter: int, kind: str, body: bytes, hash_: bytes) -> Entry:
    if kind not in list(EntryKind):
        raise UsageError(f"{name}: entry {counter} is of a kind that this version does not know")
    return Entry(counter, EntryKind(kind), body, hash_)


def _roster_of(path: Path, trust: TrustAnchors) -> Roster:
    try:
        return SignedRoster.from_bytes(path.read_bytes()).opened(trust)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Rejected as error:
        raise UsageError(f"{path}: {error}") from None
