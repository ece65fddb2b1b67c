"""Both halves killed at every step of a bill's release: one value a statement, no attempt forgotten, nothing twice."""

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.commands.shell import finish, start
from tests.crash.bill_release import HOMES
from tests.crash.neighborhood import DYING
from tests.keyserver.bill_run import Run, entries, homes, opened, running
from wattseal.keyserver.half import Half
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import PinnedOtherwise
from wattseal.protocol.ledger import EntryKind
from wattseal.protocol.release import Head

ATTEMPT, INTENT, RELEASE = EntryKind.ATTEMPT, EntryKind.INTENT, EntryKind.RELEASE
# What the decryptor's ledger must show of the statement in the end. Calls of the ledger are the decryptor's first, then
# the unblinder's; `check_current` is of the other half's head, by the unblinder and then, with pads in hand, by the
# decryptor.
POINTS = {
    "Ledger.intend_bills:before:1": [INTENT, ATTEMPT, RELEASE],
    "Ledger.intend_bills:after:1": [INTENT, ATTEMPT, RELEASE],
    "Ledger.attempt_bills:before:1": [INTENT, ATTEMPT, RELEASE],
    "Ledger.attempt_bills:after:1": [INTENT, ATTEMPT, ATTEMPT, RELEASE],
    "Ledger.intend_bills:before:2": [INTENT, ATTEMPT, ATTEMPT, RELEASE],
    "Ledger.intend_bills:after:2": [INTENT, ATTEMPT, ATTEMPT, RELEASE],
    "Half.check_current:after:2": [INTENT, ATTEMPT, ATTEMPT, RELEASE],
    "Ledger.finish_bills:before:1": [INTENT, ATTEMPT, ATTEMPT, RELEASE],
    "Ledger.finish_bills:after:1": [INTENT, ATTEMPT, RELEASE],
}
METERS = {point: f"m{number}" for number, point in enumerate(POINTS)}
ROSTERS = (homes(HOMES),)
HOME = Path(__file__).parents[2]


def die(point: str, directory: Path) -> int:
    words = [sys.executable, DYING, point, "tests.crash.bill_release", directory, METERS[point]]
    return finish(start(words, PYTHONPATH=str(HOME))).status


def statements(run: Run, half: Half, meter: str) -> list[EntryKind]:
    """Kinds of the half's entries about the meter's statement."""
    statement = run.of(meter)
    digest, body = statement.digest().hex(), statement.to_bytes()
    told = [(entry.kind, json.loads(entry.body)) for entry in entries(half)]
    return [kind for kind, content in told if content.get("statement") in (digest, to_base64(body))]


def test_killed_at_every_step(tmp_path: Path) -> None:
    for point, expected in POINTS.items():
        assert die(point, tmp_path) == -signal.SIGKILL, point
        with running(tmp_path, rosters=ROSTERS) as run:
            check_finishes(run, METERS[point])
            assert (point, statements(run, run.decryptor, METERS[point])) == (point, expected)
            assert statements(run, run.unblinder, METERS[point]) == [INTENT]
            check_heads(run)


def check_finishes(run: Run, meter: str) -> None:
    """The same statement gets one value, in the same bytes however often it is asked; a second number gets none."""
    statement = run.of(meter)
    answer = run.answer(statement)
    released = run.ask(answer)
    assert list(opened(released).results) == run.expected(statement)
    assert run.ask(answer).body == released.body
    with pytest.raises(PinnedOtherwise):
        run.ask(run.answer(run.statement(run.segment(meter, 1))))


def check_heads(run: Run) -> None:
    """Each half's chain is whole and holds the head that the other one saw of it."""
    for half, other in ((run.decryptor, run.unblinder), (run.unblinder, run.decryptor)):
        half.ledger.verify_chain()
        seen = other.seen_of_other()
        assert seen is not None
        head = Head.from_bytes(seen.body)
        assert half.ledger.hash_at(head.counter) == head.hash


def test_a_run_that_lives_ends_well(tmp_path: Path) -> None:
    """So that what died was killed, and not ill."""
    words = [sys.executable, "-m", "tests.crash.bill_release", tmp_path, "m0"]
    assert finish(start(words, PYTHONPATH=str(HOME))).status == 0
    with running(tmp_path, rosters=ROSTERS) as run:
        assert statements(run, run.decryptor, "m0") == [INTENT, ATTEMPT, RELEASE]
