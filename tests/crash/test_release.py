"""Both halves killed at every step of a release: one value a statement, nothing forgotten, no false alarm."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.crash.halves import HALVES, Halves, answer_of, contradicting, ledger_of
from tests.crash.neighborhood import DAYS, plain_sums
from wattseal.collector.client import Client
from wattseal.collector.deployment import Places
from wattseal.collector.processes import Service
from wattseal.protocol.errors import LedgerBehind, PeerUnavailable, PinnedOtherwise
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.ledger import EntryKind
from wattseal.protocol.release import Head
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement

DECRYPTOR: HalfRole = Role.DECRYPTOR
UNBLINDER: HalfRole = Role.UNBLINDER
# What the ledger must show of the statement in the end: an attempt that was begun is not forgotten.
ATTEMPT, WITHDRAWAL, RELEASE = EntryKind.ATTEMPT, EntryKind.WITHDRAWAL, EntryKind.RELEASE
DECRYPTOR_POINTS = {
    "Ledger.intend:before:1": [ATTEMPT, RELEASE],
    "Ledger.intend:after:1": [ATTEMPT, RELEASE],
    "Ledger.attempt:before:1": [ATTEMPT, RELEASE],
    "Ledger.attempt:after:1": [ATTEMPT, ATTEMPT, RELEASE],
    "Half.check_current:after:1": [ATTEMPT, ATTEMPT, RELEASE],  # with the pads in hand
    "Ledger.finish:before:1": [ATTEMPT, ATTEMPT, RELEASE],
    "Ledger.finish:after:1": [ATTEMPT, RELEASE],
}
UNBLINDER_POINTS = {
    "Ledger.intend:before:1": [ATTEMPT, WITHDRAWAL, ATTEMPT, RELEASE],
    "Ledger.intend:after:1": [ATTEMPT, WITHDRAWAL, ATTEMPT, RELEASE],
}


def test_the_decryptor_is_killed_at_every_step(closed: Path, tmp_path: Path) -> None:
    places = Places(closed)
    days = DAYS[: len(DECRYPTOR_POINTS)]
    with Halves(places) as halves:
        for point, day in zip(DECRYPTOR_POINTS, days, strict=True):
            halves.restart_decryptor(point)
            with halves.collector(tmp_path / "heads.json") as client, pytest.raises(PeerUnavailable):
                client.release(answer_of(places, day))
            assert halves.decryptor.has_killed_itself()
            halves.restart_decryptor()
            with halves.collector(tmp_path / "heads.json") as client:
                if point != "Ledger.intend:before:1":
                    _check_nothing_else_opens(places, client, day)
                _check_finishes(places, client, day)
    _check_ledgers(places, days)
    _check_attempts(places, dict(zip(days, DECRYPTOR_POINTS.values(), strict=True)))


def test_the_unblinder_is_killed_at_every_step(closed: Path, tmp_path: Path) -> None:
    places = Places(closed)
    days = DAYS[: len(UNBLINDER_POINTS)]
    for point, day in zip(UNBLINDER_POINTS, days, strict=True):
        with Halves(places, point) as halves, halves.collector(tmp_path / "heads.json") as client:
            with pytest.raises(PeerUnavailable):
                client.release(answer_of(places, day))
            assert halves.unblinder.has_killed_itself()
        with Halves(places) as halves, halves.collector(tmp_path / "heads.json") as client:
            _check_nothing_else_opens(places, client, day)
            _check_finishes(places, client, day)
    _check_ledgers(places, days)
    _check_attempts(places, dict(zip(days, UNBLINDER_POINTS.values(), strict=True)))


def _check_nothing_else_opens(places: Places, client: Client, day: date) -> None:
    """What was intended before the kill still counts."""
    with pytest.raises(PinnedOtherwise):
        client.release(contradicting(places, answer_of(places, day)))


def _check_finishes(places: Places, client: Client, day: date) -> None:
    answer = answer_of(places, day)
    release = client.release(answer)
    assert list(release.reads) == plain_sums(day)
    assert client.release(answer) == release


def _check_ledgers(places: Places, days: list[date]) -> None:
    """Both chains are whole, hold each intent once, and know the other's head."""
    with ledger_of(places, DECRYPTOR) as decryptor, ledger_of(places, UNBLINDER) as unblinder:
        for ledger, other, role in ((decryptor, unblinder, UNBLINDER), (unblinder, decryptor, DECRYPTOR)):
            ledger.verify_chain()
            seen = ledger.seen(role)
            assert seen is not None
            head = Head.from_bytes(Envelope.from_bytes(seen).body)
            assert other.hash_at(head.counter) == head.hash
            intents = [entry.body for entry in ledger.entries(1, 1000) if entry.kind is EntryKind.INTENT]
            assert len(intents) == len(set(intents)) == len(days)


def _check_attempts(places: Places, expected: dict[date, list[EntryKind]]) -> None:
    with ledger_of(places, DECRYPTOR) as ledger:
        bodies = [(entry.kind, json.loads(entry.body)) for entry in ledger.entries(1, 1000)]
    for day, steps in expected.items():
        digest = TotalStatement.from_bytes(answer_of(places, day).statement).digest().hex()
        assert (day, [kind for kind, body in bodies if body.get("statement") == digest]) == (day, steps)


def test_an_old_copy_of_a_ledger_is_detected(closed: Path, tmp_path: Path) -> None:
    """By the other half, a collector that was there, or the aggregator that it told; without opening anything."""
    places = Places(closed)
    heads = tmp_path / "heads.json"
    home = ("--data", places.of(Role.AGGREGATOR), "--passphrase-file", places.passphrase(Role.AGGREGATOR))
    aggregator = Service("aggregator", places.logs / "aggregator.log", *home, "--replay")
    try:
        _roll_back(places, tmp_path, heads, aggregator.url)
    finally:
        aggregator.stop()


def _roll_back(places: Places, tmp_path: Path, heads: Path, aggregator: str) -> None:
    with Halves(places) as halves, halves.collector(heads) as client:
        client.release(answer_of(places, DAYS[0]))
    _copy_ledgers(places, tmp_path / "old")
    with Halves(places) as halves, halves.collector(heads, aggregator) as client:
        client.release(answer_of(places, DAYS[1]))
    _copy_ledgers(places, tmp_path / "new")
    for rolled_back in ((DECRYPTOR,), (UNBLINDER,), HALVES):
        for role in HALVES:
            _restore_ledger(places, role, tmp_path / ("old" if role in rolled_back else "new"))
        with Halves(places) as halves:
            away = {} if rolled_back != HALVES else {"aggregator": aggregator}
            stranger_heads = tmp_path / f"stranger to {len(rolled_back)} {rolled_back[0]}.json"
            with halves.collector(stranger_heads, **away) as stranger, pytest.raises(LedgerBehind):
                stranger.release(answer_of(places, DAYS[2]))
            with halves.collector(heads) as client:
                for _ in range(2):
                    with pytest.raises(LedgerBehind):
                        client.release(answer_of(places, DAYS[2]))
        with ledger_of(places, DECRYPTOR) as ledger:
            kinds = [entry.kind for entry in ledger.entries(1, 1000)]
        assert kinds.count(EntryKind.RELEASE) == (1 if DECRYPTOR in rolled_back else 2)


def _copy_ledgers(places: Places, target: Path) -> None:
    for role in HALVES:
        (target / role).mkdir(parents=True)
        for path in places.of(role).glob("ledger.sqlite*"):
            shutil.copy2(path, target / role)


def _restore_ledger(places: Places, role: HalfRole, source: Path) -> None:
    for path in places.of(role).glob("ledger.sqlite*"):
        path.unlink()
    for path in (source / role).iterdir():
        shutil.copy2(path, places.of(role))
