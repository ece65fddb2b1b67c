"""Two roles run attackers' code, as processes of their own with their own directories, against the honest third."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.system.forging import ciphertext_of
from tests.system.services import HALVES
from tests.system.town import Day, Town
from tests.system.uniform import assert_uniform
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.protocol.codec import to_base64


def start(program: str, loot: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", f"tests.system.attackers.{program}", str(loot)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def findings(attackers: "subprocess.Popen[str]", say: str = "") -> dict[str, Any]:
    output, _ = attackers.communicate(say, timeout=120)
    assert attackers.returncode == 0
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def test_aggregator_and_decryptor_learn_totals_only(town: Town, tmp_path: Path) -> None:
    """Threat C19: single reports stay blinded, ungranted sets get no pads; what is granted opens, and nothing else."""
    day = town.day()
    loot = town.loot(tmp_path, (AGGREGATOR, DECRYPTOR), day)
    assert not (loot / UNBLINDER).exists()
    granted = town.counter(UNBLINDER)
    found = findings(start("aggregator_and_decryptor", loot))
    assert found["refusals"] == {
        "one meter": "group-too-small",
        "two meters": "group-too-small",
        "one less than the least": "group-too-small",
        "the target and fourteen of their own": "coverage-too-low",
        "a small cohort": "group-too-small",
        "a selector": "functional-not-permitted",
        "another suite": "contradiction",
        "another key": "unknown-subject",
        "another layout": "unknown-subject",
        "another roster": "contradiction",
        "another region": "unknown-subject",
        "the same without one": "pinned-otherwise",
        "the town without one": "pinned-otherwise",
        "one of them under a second number": "pinned-otherwise",
        "all of them under a second number": "pinned-otherwise",
    }
    assert found["totals"] == {cohort: [*day.total(day.members(cohort))] for cohort in found["totals"]}
    assert list(found["totals"]) == ["town", "town/a", "town/b", "row"]
    assert (found["recognized"], found["opened"]) == (["town", "town/a", "town/b", "row"], [])
    assert_uniform([int(value) for value in found["blinded"]])
    kinds = [kind for kind, _ in town.entries(UNBLINDER, granted)]
    assert (kinds.count("intent"), kinds.count("refusal")) == (4, 10)
    town.opens_exactly(day, "town/c")


def test_aggregator_and_unblinder_open_nothing_else(town: Town, tmp_path: Path) -> None:
    """Threats C20, E33: whatever the pads, tags of the stated members are missing or others are there."""
    today, yesterday = town.day(), town.day()
    loot = town.loot(tmp_path, (AGGREGATOR, UNBLINDER), today, yesterday)
    assert not (loot / DECRYPTOR).exists()
    before = town.counter(DECRYPTOR)
    honest, attackers = town.deployment.relay.target, start("aggregator_and_unblinder", loot)
    assert attackers.stdout is not None
    try:
        town.deployment.relay.target = attackers.stdout.readline().strip()
        found = findings(attackers, "go\n")
    finally:
        town.deployment.relay.target = honest
    assert set(found["outcomes"].values()) == {"verification-failed"}
    assert len(found["asked"]) == len(found["outcomes"]) == 12
    kinds = [kind for kind, _ in town.entries(DECRYPTOR, before)]
    assert {kind: kinds.count(kind) for kind in kinds} == {"intent": 4, "attempt": 12, "refusal": 12}
    town.opens_exactly(today, "row")
    town.opens_exactly(yesterday, "town/a")


def test_decryptor_and_unblinder_get_no_ciphertext_outside_the_rules(town: Town, tmp_path: Path) -> None:
    """Threat C21: roster, size, coverage, overlap and closed windows hold at the aggregator, for any collector."""
    day = town.day(without=["b-00", "b-01", "b-02", "b-03", *(f"y-{home:02d}" for home in range(8))])
    still_open = town.day(only=("town/a",), close=False)
    loot = town.loot(tmp_path, HALVES, day, still_open)
    assert not (loot / AGGREGATOR).exists()
    assert not (loot / "reports").exists()
    found = findings(start("decryptor_and_unblinder", loot))
    assert found["refusals"] == {
        "a small cohort": "group-too-small",
        "a thin cohort": "coverage-too-low",
        "a cohort that is none": "unknown-subject",
        "one meter as a cohort": "unknown-subject",
        "a window that is open": "window-not-closed",
        "members of their choice": "malformed",
        "a functional of their choice": "malformed",
        "another region": "unknown-subject",
        "another channel": "nobody-reported",
        "what is left of the town": "coverage-too-low",
    }
    assert found["totals"] == {cohort: [*day.total(day.members(cohort))] for cohort in ("town", "town/a")}
    assert_no_report_in(found["readable"], day)
    town.close(still_open.window)
    town.opens_exactly(still_open, "town/a")


def assert_no_report_in(readable: dict[str, str], day: Day) -> None:
    assert {"get /v1/regions", "post /v1/totals"} <= readable.keys()
    forbidden = {route for route, answer in readable.items() if answer == "forbidden"}
    documents = (
        "keys",
        "rosters",
        "tariffs",
        "charge-lists",
        "waivers",
        "quarantines",
        "budget-extensions",
        "consents",
        "consent-revocations",
    )
    operators = {f"post /v1/{name}" for name in documents} | {"get /v1/consents"}
    operators |= {"get /v1/regions/{region}/deletions"}
    operators |= {"get /v1/answers/totals/{region}/{channel}/{date}", "get /v1/answers/bills/{region}"}
    operators |= {f"post /v1/regions/{{region}}/windows/{{date}}/{act}" for act in ("close", "archive")}
    assert forbidden == operators | {"post /v1/reports", "post /v1/bills", "post /v1/billing-routes"}
    everything = "".join(readable.values())
    for body in day.bodies.values():
        ciphertext = ciphertext_of(body)
        for form in (to_base64(ciphertext)[:64], ciphertext.hex()[:64]):
            assert form not in everything
