"""Help answers without loading what only the work needs."""

import sys

import pytest

from tests.commands.shell import ended, wattseal

HEAVY = ("numpy", "polars", "matplotlib", "numba", "cryptography", "fastapi", "httpx", "nacl", "redis")
COLLECTOR = ["demo", "run", "up", "fleet", "close", "total", "bill", "ledger", "roster", "audit", "bench"]
ROLES = {
    "aggregator": ["init", "countersign", "serve"],
    "keyserver": ["init", "countersign", "serve", "rotate", "destroy", "enrol", "backup", "restore", "reset-item"],
    "bench": [],
    "meter_sim": ["init", "prepare", "send", "tariff"],
}
UNDER = ["roster check", "audit verify", "audit report", "audit mine"]
HELPS = [("collector", verb) for verb in (*COLLECTOR, *UNDER) if verb != "bench"] + [
    (role, verb) for role, verbs in ROLES.items() for verb in verbs
]


@pytest.mark.parametrize(("role", "verb"), [(role, "") for role in ("collector", *ROLES)] + HELPS)
def test_help_loads_nothing_heavy(role: str, verb: str) -> None:
    words = [*verb.split(), "--help"]
    done = ended([sys.executable, "-X", "importtime", "-m", f"wattseal.{role}", *words])
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert done.status == 0
    assert "Usage" in done.stdout
    assert "wattseal.edge.command" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_installed_command_leads_to_every_role() -> None:
    overview = wattseal("--help")
    assert overview.status == 0
    assert all(verb in overview.stdout for verb in COLLECTOR)
    for role in ("aggregator", "keyserver"):
        answer = wattseal(role, "--help")
        assert answer.status == 0
        assert all(verb in answer.stdout for verb in ROLES[role])


def test_an_unknown_verb() -> None:
    done = wattseal("open-everything")
    assert done.status == 2
    assert "open-everything" in done.stderr
    assert "Traceback" not in done.stderr
