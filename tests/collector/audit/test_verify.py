"""What an auditor finds in ledgers of real halves: nothing, or each thing that was done to a copy."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.keyserver.bill_run import Run, running
from tests.policy.rosters import TRUST, operator
from wattseal.collector.audit.sources import LedgerFile
from wattseal.collector.audit.verify import Audited, audit, compare
from wattseal.keyserver.half import Half
from wattseal.protocol.errors import Refused, UsageError
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.ledger import EMPTY, Checkpoint, link
from wattseal.protocol.signing import Envelope

DECRYPTOR: HalfRole = Role.DECRYPTOR
UNBLINDER: HalfRole = Role.UNBLINDER


@pytest.fixture
def ledgers(tmp_path: Path) -> Path:
    """Two releases, and a refusal of the decryptor's."""
    with running(tmp_path) as run:
        run.release(run.of("m0", "m1"))
        run.release(run.of("m2"))
        with pytest.raises(Refused):
            run.ask(run.answer(run.of("m3", purpose="curiosity")))
        _closed(run)
    return tmp_path


def _closed(run: Run) -> None:
    for half in (run.decryptor, run.unblinder):
        half.ledger.checkpoint()


def audited(directory: Path, role: HalfRole) -> Audited:
    return audit(LedgerFile(directory / f"{role}.sqlite"), TRUST)


def compared(directory: Path, first: HalfRole = DECRYPTOR) -> list[str]:
    one, other = audited(directory, first), audited(directory, UNBLINDER if first is DECRYPTOR else DECRYPTOR)
    return compare(one, other, audited(directory, first), TRUST)


def changed(directory: Path, role: HalfRole, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(directory / f"{role}.sqlite")) as database, database:
        database.execute(statement, values)


def rewritten(directory: Path, role: HalfRole, kept: Sequence[int]) -> None:
    """Only these entries, chained anew: what a half would write that has something to hide."""
    with closing(sqlite3.connect(directory / f"{role}.sqlite")) as database, database:
        rows = [database.execute("SELECT kind, body FROM entries WHERE counter = ?", (at,)).fetchone() for at in kept]
        database.execute("DELETE FROM entries")
        previous = EMPTY
        for counter, (kind, body) in enumerate(rows, 1):
            previous = link(previous, counter, kind, body)
            database.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", (counter, kind, body, previous))
        signed = Envelope.issue(
            Checkpoint(role=role, counter=len(rows), hash=previous, at=0), operator(role)
        ).to_bytes()
        database.execute("DELETE FROM checkpoints")
        database.execute("INSERT INTO checkpoints VALUES (?, ?)", (len(rows), signed))


def test_honest_ledgers_verify(ledgers: Path) -> None:
    one, other = audited(ledgers, DECRYPTOR), audited(ledgers, UNBLINDER)
    assert (one.role, other.role) == (DECRYPTOR, UNBLINDER)
    assert one.findings == other.findings == compared(ledgers) == compared(ledgers, UNBLINDER) == []
    assert (one.head.counter, other.head.counter) == (7, 2)
    # Of each intent, of the head in each release, and the last.
    assert (one.checkpoints, other.checkpoints) == (5, 2)
    assert [len(found.book.releases) for found in (one, other)] == [2, 0]


@pytest.mark.parametrize("role", [DECRYPTOR, UNBLINDER])
def test_a_changed_entry(ledgers: Path, role: HalfRole) -> None:
    changed(
        ledgers, role, "UPDATE entries SET body = CAST(replace(body, 'billing', 'general') AS BLOB) WHERE counter = 1"
    )
    with pytest.raises(UsageError, match="broken at entry 1"):
        audited(ledgers, role)


def test_an_entry_left_out(ledgers: Path) -> None:
    changed(ledgers, DECRYPTOR, "DELETE FROM entries WHERE counter = 7")
    assert audited(ledgers, DECRYPTOR).findings == [
        "the decryptor's ledger does not have its own checkpoint at entry 7"
    ]
    changed(ledgers, DECRYPTOR, "DELETE FROM entries WHERE counter = 2")
    with pytest.raises(UsageError, match="broken at entry 2"):
        audited(ledgers, DECRYPTOR)


def test_a_checkpoint_of_somebody_elses(ledgers: Path) -> None:
    forged = Envelope.issue(Checkpoint(role=DECRYPTOR, counter=0, hash=EMPTY, at=0), operator("utility")).to_bytes()
    changed(ledgers, DECRYPTOR, "INSERT INTO checkpoints VALUES (0, ?)", forged)
    with pytest.raises(UsageError, match="a checkpoint is not the decryptor's"):
        audited(ledgers, DECRYPTOR)
    changed(ledgers, DECRYPTOR, "DELETE FROM checkpoints")
    with pytest.raises(UsageError, match="nobody has signed it"):
        audited(ledgers, DECRYPTOR)


def test_a_chain_written_anew_by_its_own_half(ledgers: Path) -> None:
    """By itself it looks sound but for what releases carry; the other half's ledger tells."""
    rewritten(ledgers, UNBLINDER, [2])
    assert audited(ledgers, UNBLINDER).findings == []
    expected = [
        "release 3 of the decryptor was never granted by the unblinder",
        "release 3 carries a head that the unblinder's ledger does not have",
        "release 6 carries a head that the unblinder's ledger does not have",
    ]
    assert compared(ledgers) == compared(ledgers, UNBLINDER) == expected


def test_a_release_hidden_by_the_decryptor(ledgers: Path) -> None:
    rewritten(ledgers, DECRYPTOR, [1, 2, 3])
    assert audited(ledgers, DECRYPTOR).findings == []
    assert compared(ledgers) == ["grant 2 of the unblinder is for nothing that the decryptor recorded"]


def test_a_release_whose_intent_was_hidden(ledgers: Path) -> None:
    rewritten(ledgers, DECRYPTOR, [2, 3])
    assert audited(ledgers, DECRYPTOR).findings == [
        "release 2 has no intent",
        "release 2 carries a head that the decryptor's ledger does not have",
    ]


def test_two_ledgers_of_one_half(ledgers: Path) -> None:
    one = audited(ledgers, DECRYPTOR)
    with pytest.raises(UsageError, match="both ledgers are the decryptor's"):
        compare(one, one, one, TRUST)


def test_another_purpose_in_the_other_ledger(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        _intend(run.unblinder, run, "research")
        run.release(statement)
    assert compared(tmp_path) == [
        "grant 1 of the unblinder is for another purpose than the decryptor recorded",
    ]


def _intend(half: Half, run: Run, purpose: str) -> None:
    statement = run.of("m0")
    cycle = statement.cycle.minutes
    half.ledger.intend_bills(statement.digest(), statement.to_bytes(), statement.region, cycle, purpose)


def test_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no ledger"):
        LedgerFile(tmp_path)
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(UsageError, match="cannot be read as a ledger"):
        audit(LedgerFile(tmp_path), TRUST)
