"""A ledger is a hash chain whose views cannot disagree with it, and what it wrote survives."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattseal.keyserver.ledger import About, Ledger
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, RegionDay, RegionId, Window
from wattseal.protocol.ledger import EMPTY, EntryKind

DAY = Window(20_000)
DIGEST, ITEM = b"d" * 32, b"i" * 32
ABOUT = About(DIGEST, RegionId("west"), "research")
TODAY = RegionDay(RegionId("west"), Channel.DELIVERED, DAY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger(path) as opened:
        yield opened


def intend(ledger: Ledger, digest: bytes = DIGEST, window: Window = DAY) -> None:
    ledger.intend(digest, b"statement " + digest, TODAY._replace(window=window), "research")


def test_an_empty_ledger_has_a_head(ledger: Ledger) -> None:
    assert ledger.head == (0, EMPTY)
    assert ledger.hash_at(0) == EMPTY
    assert ledger.hash_at(1) is None


def test_the_chain_is_the_documented_one(ledger: Ledger) -> None:
    intend(ledger)
    ledger.refuse(ABOUT, "pinned-otherwise")
    previous = EMPTY
    for entry in ledger.entries(1, 10):
        previous = hashlib.sha256(previous + f"{entry.counter} {entry.kind} ".encode() + entry.body).digest()
        assert entry.hash == previous == ledger.hash_at(entry.counter)
    assert ledger.head == (2, previous)
    assert [entry.kind for entry in ledger.entries(2, 10)] == [EntryKind.REFUSAL]
    assert len(ledger.entries(1, 1)) == 1
    ledger.verify_chain()


def test_an_intent_is_written_once(ledger: Ledger) -> None:
    intend(ledger)
    head = ledger.head
    intend(ledger)
    assert ledger.head == head
    assert ledger.is_intended(DIGEST)
    assert not ledger.is_intended(ITEM)


def test_statements_of_a_day_in_order(ledger: Ledger) -> None:
    for digest in (b"b", b"a"):
        intend(ledger, digest)
    intend(ledger, b"c", Window(DAY + 1))
    assert ledger.statements_of(TODAY) == [(1, b"statement b"), (2, b"statement a")]
    assert ledger.statements_of(TODAY, after=1) == [(2, b"statement a")]
    assert ledger.statements_of(TODAY, after=2) == []
    assert ledger.statements_of(TODAY._replace(channel=Channel.RECEIVED)) == []
    assert ledger.statements_of(TODAY._replace(region=RegionId("east"))) == []


def test_attempts_and_the_last_word(ledger: Ledger) -> None:
    assert ledger.attempts(ITEM) == 0
    for count in (1, 2, 3):
        ledger.attempt(ITEM, DIGEST)
        assert ledger.attempts(ITEM) == count
    ledger.refuse(ABOUT, "verification-failed")
    assert ledger.refusal(ITEM) is None
    ledger.refuse(ABOUT, "dominated-group", final_for=ITEM)
    assert ledger.refusal(ITEM) == "dominated-group"


def test_an_attempt_that_came_to_nothing_or_to_a_release_does_not_count(ledger: Ledger) -> None:
    ledger.attempt(ITEM, DIGEST)
    ledger.attempt(ITEM, DIGEST)
    ledger.withdraw(ITEM, DIGEST)
    assert ledger.attempts(ITEM) == 1
    ledger.finish(DIGEST, ITEM, TODAY, b"release", b"opened", ())
    assert ledger.attempts(ITEM) == 0
    kinds = [EntryKind.ATTEMPT, EntryKind.ATTEMPT, EntryKind.WITHDRAWAL, EntryKind.RELEASE]
    assert [entry.kind for entry in ledger.entries(1, 10)] == kinds


def test_a_release_is_finished_once(ledger: Ledger) -> None:
    ledger.finish(DIGEST, ITEM, TODAY, b"release", b"opened", ())
    head = ledger.head
    with pytest.raises(sqlite3.IntegrityError):
        ledger.finish(DIGEST, ITEM, TODAY, b"another", b"opened", ())
    assert (ledger.head, ledger.release(DIGEST)) == (head, b"release")
    assert ledger.opened_of(TODAY) == [(1, b"opened")]
    assert ledger.opened_of(TODAY, after=1) == []
    assert ledger.opened_of(TODAY._replace(region=RegionId("east"))) == []


def test_only_later_heads_of_the_other_half_replace_known_ones(ledger: Ledger) -> None:
    assert ledger.seen("unblinder") is None
    for counter, head in ((5, b"five"), (4, b"four"), (5, b"other five"), (6, b"six")):
        ledger.note_seen("unblinder", counter, head)
        assert ledger.seen("unblinder") == (b"six" if counter == 6 else b"five")
    assert ledger.head == (0, EMPTY)


def test_everything_is_there_after_reopening(path: Path) -> None:
    with Ledger(path) as first:
        intend(first)
        first.attempt(ITEM, DIGEST)
        first.finish(DIGEST, ITEM, TODAY, b"release", b"opened", ())
        head = first.head
    with Ledger(path) as again:
        again.verify_chain()
        assert (again.head, again.attempts(ITEM), again.release(DIGEST)) == (head, 0, b"release")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET body = 'x' WHERE counter = 1",
        "UPDATE entries SET kind = 'release' WHERE counter = 2",
        "DELETE FROM entries WHERE counter = 1",
        "UPDATE entries SET counter = 9 WHERE counter = 2",
    ],
)
def test_a_changed_entry_breaks_the_chain(path: Path, change: str) -> None:
    with Ledger(path) as ledger:
        intend(ledger)
        ledger.attempt(ITEM, DIGEST)
    with sqlite3.connect(path) as database:
        database.execute(change.replace("'x'", "X'00'"))
    database.close()
    with Ledger(path) as ledger, pytest.raises(UsageError, match="chain is broken"):
        ledger.verify_chain()


def test_a_file_that_is_no_ledger(path: Path) -> None:
    path.write_bytes(b"not a database, and long enough to be looked at" * 10)
    with pytest.raises(UsageError, match=r"ledger\.sqlite"):
        Ledger(path)
