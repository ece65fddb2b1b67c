"""Halves killed at every step of a rotation and a destruction: no half-written vault, no lost root, one entry each."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands.conftest import make_deployment
from tests.commands.made_once import made_once
from tests.crash.halves import HalfProcess, ledger_of
from wattseal.collector.deployment import Places
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.vault import Vault
from wattseal.protocol.errors import PeerUnavailable
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.keys import KeyNotice, NextPeriod
from wattseal.protocol.ledger import EntryKind
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import parse_window

# A serving half registers its notices at start, and all of them again when a period begins.
BEGINNING = {
    Role.UNBLINDER: ("Home.replace_secret:after:1", "Ledger.begin_period:after:1"),
    Role.DECRYPTOR: ("Home.replace_secret:before:1", "Registry.install_key:before:3"),
}
DESTROYING = {
    Role.UNBLINDER: ("Home.replace_secret:before:1", "Home.replace_secret:after:1"),
    Role.DECRYPTOR: ("Ledger.destroy_period:before:1", "Ledger.destroy_period:after:1"),
}
HALVES: tuple[HalfRole, HalfRole] = (Role.UNBLINDER, Role.DECRYPTOR)
Act = Callable[[RoleClient], object]


@pytest.mark.parametrize("role", HALVES)
def test_a_half_is_killed_while_it_rotates_and_destroys(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, role: HalfRole
) -> None:
    fresh = made_once(tmp_path_factory, "fresh", make_deployment)
    places = Places(Path(shutil.copytree(fresh, tmp_path / "deployment", symlinks=True)))
    first_root = vault_of(places, role).root(1)

    def begin(half: RoleClient) -> object:
        asked = NextPeriod(period=2, first_window=parse_window("2026-03-01"), last_window=parse_window("2026-12-31"))
        return json.loads(half.post("/v1/periods", asked))

    def destroy(half: RoleClient) -> object:
        return json.loads(half.post("/v1/periods/1/destruction", b""))

    for point in BEGINNING[role]:
        dies(places, role, point, begin)
        assert vault_of(places, role).root(1) == first_root

    def begin_twice(half: RoleClient) -> object:
        """And tell the unblinder, which needs to know when period 1 ended."""
        told = [begin(half) for _ in range(2)]
        if role is Role.UNBLINDER:
            half.post("/v1/keys", second_notice(places))
        return told

    first, second = answers(places, role, begin_twice)
    assert first == second
    assert vault_of(places, role).root(2) == first_root.next()
    for point in DESTROYING[role]:
        dies(places, role, point, destroy)
        assert vault_of(places, role).root(2) == first_root.next()
    assert answers(places, role, destroy) == {"destroyed": 1}
    assert [period.root is None for period in vault_of(places, role).periods] == [True, False]
    with ledger_of(places, role) as ledger:
        ledger.verify_chain()
        acts = [json.loads(entry.body) for entry in ledger.entries(1, 100) if entry.kind is EntryKind.PERIOD]
    assert [(act["period"], act["act"]) for act in acts] == [(2, "begun"), (1, "destroyed")]


def dies(places: Places, role: HalfRole, point: str, act: Act) -> None:
    """At once or, where the last one died after the vault had changed, while it makes up for what was left undone."""
    process = HalfProcess(places, role, point, *_more(role))
    if process.url:
        with asking(places, role, process) as half, pytest.raises(PeerUnavailable):
            act(half)
    assert process.has_killed_itself(), point
    process.stop()


def answers(places: Places, role: HalfRole, act: Act) -> Any:  # noqa: ANN401 - whatever the act answers
    process = HalfProcess(places, role, None, *_more(role))
    with asking(places, role, process) as half:
        answer = act(half)
    process.stop()
    return answer


def asking(places: Places, role: HalfRole, process: HalfProcess) -> RoleClient:
    return RoleClient(process.url, places.token(role, Scope.OPERATOR))


def _more(role: HalfRole) -> tuple[str, ...]:
    return () if role is Role.UNBLINDER else ("--unblinder-url", "http://127.0.0.1:1")


def home_of(places: Places, role: Role) -> Home:
    return Home(places.of(role), places.passphrase(role))


def vault_of(places: Places, role: HalfRole) -> Vault:
    """As it lies on the disk: it opens, whatever happened."""
    return Vault.open(home_of(places, role), role)


def second_notice(places: Places) -> Envelope:
    """What the decryptor would tell the unblinder; which key it names does not matter here."""
    first = Envelope.from_bytes((places.of(Role.DECRYPTOR) / "key-notice.json").read_bytes())
    changes = {"key_id": 2, "first_window": parse_window("2026-03-01"), "last_window": parse_window("2026-12-31")}
    notice = KeyNotice.from_bytes(first.body).model_copy(update=changes)
    return Envelope.issue(notice, home_of(places, Role.DECRYPTOR).signing_key(SERVICE))
