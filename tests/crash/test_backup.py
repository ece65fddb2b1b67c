"""Backups of running halves: the latest goes on where it stood; an old one is seen by everybody who was there."""

import shutil
from pathlib import Path

import pytest

from tests.commands.shell import Ended, module
from tests.crash.halves import HALVES, Halves, answer_of
from tests.crash.neighborhood import DAYS, plain_sums
from wattseal.collector.deployment import Places
from wattseal.edge.private_files import write_private
from wattseal.protocol.errors import LedgerBehind
from wattseal.protocol.ids import HalfRole, Role

DECRYPTOR: HalfRole = Role.DECRYPTOR
UNBLINDER: HalfRole = Role.UNBLINDER


class Backups:
    """Of both halves, under a passphrase of their own."""

    def __init__(self, places: Places, directory: Path) -> None:
        self.places, self.directory = places, directory
        self.passphrase = directory / "passphrase"
        write_private(self.passphrase, b"another horse, another battery")

    def make(self, name: str) -> None:
        for role in HALVES:
            assert self.order("backup", role, "--out", self.file(name, role)).status == 0

    def restore(self, name: str, role: HalfRole) -> None:
        shutil.rmtree(self.places.of(role))
        assert self.order("restore", role, "--from", self.file(name, role)).status == 0

    def file(self, name: str, role: HalfRole) -> Path:
        return self.directory / f"{name}-{role}"

    def order(self, verb: str, role: HalfRole, *words: object) -> Ended:
        home = ("--data", self.places.of(role), "--passphrase-file", self.places.passphrase(role))
        return module("keyserver", verb, *home, *words, "--backup-passphrase-file", self.passphrase)


def test_backups_of_running_halves(closed: Path, tmp_path: Path) -> None:
    places, heads = Places(closed), tmp_path / "heads.json"
    backups = Backups(places, tmp_path)
    with Halves(places) as halves, halves.collector(heads) as client:
        client.release(answer_of(places, DAYS[0]))
        backups.make("old")
        released = client.release(answer_of(places, DAYS[1]))
        backups.make("new")
    for role in HALVES:
        backups.restore("new", role)
    with Halves(places) as halves, halves.collector(heads) as client:
        assert client.release(answer_of(places, DAYS[1])) == released
        assert list(client.release(answer_of(places, DAYS[2])).reads) == plain_sums(DAYS[2])
    backups.restore("old", UNBLINDER)
    with (
        Halves(places) as halves,
        halves.collector(tmp_path / "stranger.json") as stranger,
        pytest.raises(LedgerBehind),
    ):
        stranger.release(answer_of(places, DAYS[3]))
    _check_refused(backups)


def _check_refused(backups: Backups) -> None:
    """Each with one line, and nothing half-written."""
    again = backups.order("backup", DECRYPTOR, "--out", backups.file("new", DECRYPTOR))
    there = backups.order("restore", DECRYPTOR, "--from", backups.file("new", DECRYPTOR))
    assert (again.status, again.words.endswith("is there already")) == (2, True)
    assert (there.status, "restored into a new directory" in there.words) == (2, True)
    shutil.rmtree(backups.places.of(DECRYPTOR))
    whole = backups.file("new", DECRYPTOR).read_bytes()
    backups.file("cut", DECRYPTOR).write_bytes(whole[:-1])
    cut = backups.order("restore", DECRYPTOR, "--from", backups.file("cut", DECRYPTOR))
    assert (cut.status, "altered or cut" in cut.words) == (2, True)
    assert not backups.places.of(DECRYPTOR).exists()
    assert list(backups.places.directory.glob(".restore-*")) == []
