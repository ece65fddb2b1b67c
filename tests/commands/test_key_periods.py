"""Key rotation in the middle of a month, a billing cycle across it, and a destroyed key, on real processes."""

import json
from datetime import date
from pathlib import Path

import pytest

from tests.commands.shell import Up, wattseal
from wattseal.collector.client import Client
from wattseal.collector.deployment import Places
from wattseal.collector.trial import close_windows
from wattseal.collector.up import destroy, ledger
from wattseal.edge.home import Home
from wattseal.keyserver.vault import Vault
from wattseal.meter_sim.load_model import simulate
from wattseal.protocol.errors import KeyDestroyed, Rejected
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.tariff.bill import parse_cycle
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import parse_window

METERS = 60
ROTATED = "2026-03-17"
CYCLE, ZONE = "2026-03-03..2026-03-31", "America/Los_Angeles"
BEFORE, LATER_BEFORE, AFTER, LATER_AFTER = "2026-03-10", "2026-03-11", "2026-03-17", "2026-03-20"
FLEET = ("--meters", METERS, "--leaf-size", 0, "--first-date", "2026-03-02", "--days", 30, "--interval", 60)
HALVES: tuple[HalfRole, HalfRole] = (Role.DECRYPTOR, Role.UNBLINDER)


def test_rotation_amid_a_month_and_a_destroyed_key(deployment: Path) -> None:
    """Threat C23: totals and bills on both sides of the boundary, then none of the destroyed period, ever again."""
    places = Places(deployment)
    with Up(deployment):
        assert wattseal("keys", "rotate", "--first-date", ROTATED, "--dir", deployment, "--json").json == {
            "key_period": 2, "first_date": ROTATED, "last_date": "2099-12-31",
        }  # fmt: skip
        billed = ("--tariff", "E-TOU-D", "--cycle", CYCLE, "--cycle-timezone", ZONE)
        sent = wattseal("fleet", *FLEET, *billed, "--dir", deployment, "--json").json
        assert (set(sent["outcomes"]), sent["cycle_reports"] > 0) == ({"accepted"}, True)
        close_windows(places, [date.fromisoformat(day) for day in (BEFORE, LATER_BEFORE, AFTER, LATER_AFTER)])
        with Client.of_directory(deployment) as client:
            for day in (BEFORE, AFTER):
                assert total(client, day) == expected(day)
            amount = bill(client)
            with pytest.raises(Rejected, match=r"is not over before|is the latest"):
                destroy(deployment, 2)
            done = wattseal("keys", "destroy", "--period", 1, "--dir", deployment, "--json")
            assert done.json == destroy(deployment, 1) == {"destroyed": 1}
            check_destroyed(client)
            assert bill(client) == amount
        for role in HALVES:
            entries = ledger(deployment, role, 1, 1000)["entries"]
            acts = [json.loads(entry["body"]) for entry in entries if entry["kind"] == "period"]
            assert [(act["period"], act["act"]) for act in acts] == [(2, "begun"), (1, "destroyed")]
    for role in HALVES:
        vault = Vault.open(Home(places.of(role), places.passphrase(role)), role)
        with pytest.raises(KeyDestroyed):
            vault.root(1)
        assert vault.root(2)


def check_destroyed(client: Client) -> None:
    """Neither what was released before nor what was never asked; nothing else has changed."""
    for day in (BEFORE, LATER_BEFORE):
        with pytest.raises(KeyDestroyed):
            client.total("town", day)
    for day in (AFTER, LATER_AFTER):
        assert total(client, day) == expected(day)


def total(client: Client, day: str) -> list[int]:
    return client.total("town", day)["total_wh"].to_list()


def expected(day: str) -> list[int]:
    sums: list[int] = simulate(1, range(METERS), parse_window(day), 60).sum(axis=0).tolist()
    return sums


def bill(client: Client) -> list[dict[str, object]]:
    found = client.bill(["meter-00001"], parse_cycle(CYCLE, ZONE), packaged("E-TOU-D")).to_dicts()
    assert found[0]["amount"]
    return found
