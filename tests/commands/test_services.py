"""`wattseal up` and the verbs beside it: a whole day of questions, then a restart, and everything is as it was."""

import json
import os
import signal
import socket
import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.commands.shell import WATTSEAL, Ended, Up, interrupt, module, processes_of, start, wattseal
from wattseal.collector.client import Client
from wattseal.collector.deployment import Places, Urls
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import sole_use, write_private
from wattseal.meter_sim.load_model import have_panels, simulate
from wattseal.protocol.errors import Forbidden, Unauthorized, UnknownSubject, UsageError
from wattseal.protocol.ids import Channel, CohortId, RegionId, Role
from wattseal.protocol.release import ReleaseRequest
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import parse_window
from wattseal.protocol.tokens import TokenProof

METERS, DAY = 80, "2026-03-02"
FLEET = ("--meters", METERS, "--leaf-size", 40, "--first-date", DAY)
REPORTS = METERS + int(have_panels(1, range(METERS)).sum())
COHORTS = {"town": range(80), "town/feeder-1/transformer-002": range(40, 80)}


class Verbs:
    """The verbs on one deployment, with --json."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, verb: str, *words: object) -> Ended:
        return wattseal(verb, *words, "--dir", self._directory, "--json")


def exposed(directory: Path) -> list[str]:
    """Files and directories that somebody else than their owner may touch."""
    return [
        str(path.relative_to(directory))
        for path in (directory, *directory.rglob("*"))
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def released_bytes(directory: Path, cohort: str) -> bytes:
    """The release as it came over the wire."""
    places = Places(directory)
    question = TotalQuestion(
        purpose="grid-planning",
        region=RegionId("region-1"),
        cohort=CohortId(cohort),
        channel=Channel.DELIVERED,
        window=parse_window(DAY),
    )
    with Client.of_directory(directory) as client:
        answer = client.answer(question)
    token = places.token(Role.UNBLINDER, Scope.COLLECTOR)
    request = ReleaseRequest(answer=answer, proof=TokenProof.issue(token, answer.statement))
    with RoleClient(places.urls().decryptor, places.token(Role.DECRYPTOR, Scope.COLLECTOR)) as decryptor:
        return decryptor.post("/v1/releases", request)


def kinds(entries: list[dict[str, Any]]) -> list[str]:
    """Refusals left out."""
    return [entry["kind"] for entry in entries if entry["kind"] != "refusal"]


def test_everything_is_there_again_after_a_restart(deployment: Path) -> None:
    order = Verbs(deployment)
    with Up(deployment) as up:
        first = order("fleet", *FLEET).json
        assert (first["meters"], first["sealed_reports"], first["outcomes"]) == (METERS, REPORTS, {"accepted": REPORTS})
        early = order("total", "town", DAY)
        assert (early.status, early.words[:27]) == (3, "refused (window-not-closed)")
        assert order("close", DAY).json["status"] == "closed"
        _check_totals(order)
        _check_refusals(order)
        releases = {cohort: released_bytes(deployment, cohort) for cohort in COHORTS}
        ledgers = {half: order("ledger", half).json["entries"] for half in ("decryptor", "unblinder")}
        assert kinds(ledgers["decryptor"]) == [
            "intent",
            "attempt",
            "release",
            "intent",
            "attempt",
            "release",
        ]
        assert kinds(ledgers["unblinder"]) == ["intent", "intent"]
        assert order("ledger", "decryptor", "--first", 2, "--most", 1).json["entries"] == ledgers["decryptor"][1:2]
        _check_audit(order, deployment)
        assert exposed(deployment) == []
        stopped = up.stop()
    assert (stopped.status, stopped.stderr, stopped.stdout) == (130, "", "")
    assert processes_of(deployment) == {}
    gone = order("total", "town", DAY)
    assert (gone.status, "wattseal up" in gone.words) == (2, True)

    with Up(deployment):
        again = order("fleet", *FLEET).json
        assert (again["sealed_reports"], again["outcomes"]) == (0, {"accepted": REPORTS})
        assert order("close", DAY).json["status"] == "closed"
        _check_totals(order)
        assert {cohort: released_bytes(deployment, cohort) for cohort in COHORTS} == releases
        assert {half: order("ledger", half).json["entries"] for half in ledgers} == ledgers


def _check_totals(order: Verbs) -> None:
    reads = simulate(1, range(METERS), parse_window(DAY), 15)
    for cohort, meters in COHORTS.items():
        rows = order("total", cohort, DAY).json["rows"]
        assert [row["total_wh"] for row in rows] == reads[list(meters)].sum(axis=0).tolist()
        assert rows[1]["interval_start"] == f"{DAY}T00:15:00Z"
        assert {(row["meters"], row["estimated"]) for row in rows} == {(len(meters), 0)}


def _check_audit(order: Verbs, deployment: Path) -> None:
    """Over HTTP and from the halves' files alike; a ledger without its last entries does not verify."""
    verified = order("audit", "verify").json
    assert [(one["half"], one["releases"]) for one in verified["ledgers"]] == [("decryptor", 2), ("unblinder", 0)]
    assert (verified["compared"], verified["compared_with_aggregator"], verified["findings"]) == (True, True, [])
    places = Places(deployment)
    files = ("--ledger", places.of(Role.DECRYPTOR), "--other", places.of(Role.UNBLINDER), "--trust", places.trust)
    log = ("--aggregator-url", places.urls().aggregator, "--aggregator-token")
    token = deployment.parent / "auditor"
    write_private(token, places.token(Role.AGGREGATOR, Scope.AUDITOR).encode())
    from_files = wattseal("audit", "verify", *files, *log, token, "--json").json
    assert from_files["compared_with_aggregator"]
    assert [one["hash"] for one in from_files["ledgers"]] == [one["hash"] for one in verified["ledgers"]]
    out = deployment.parent / "audit"
    told = order("audit", "report", "--year", datetime.now(UTC).year, "--out", out).json
    assert [(one["purpose"], one["released"], one["meters"]) for one in told["purposes"]] == [
        ("grid-planning", 2, METERS)
    ]
    assert {path.suffix for path in out.iterdir()} == {".html", ".json"}
    (leaf,) = [one for one in COHORTS if one != "town"]
    for meter, cohorts in (("meter-00001", {"town"}), ("meter-00079", {"town", leaf})):
        mine = order("audit", "mine", meter).json["releases"]
        assert {row["what"] for row in mine} == {f"total of {cohort} on {DAY}, delivered" for cohort in cohorts}
    cut = deployment.parent / "cut.sqlite"
    with closing(sqlite3.connect(places.of(Role.DECRYPTOR) / "ledger.sqlite")) as ledger:
        ledger.execute("VACUUM INTO ?", (str(cut),))
    with closing(sqlite3.connect(cut)) as copy, copy:
        copy.execute("DELETE FROM entries WHERE counter > 3")
    done = wattseal("audit", "verify", "--ledger", cut, "--trust", places.trust)
    assert (done.status, "do not verify" in done.words) == (2, True)
    assert "does not have its own checkpoint" in done.stdout


def _check_refusals(order: Verbs) -> None:
    """Status 2 for what does not exist, 3 for what the rules forbid; each with one line."""
    expected = {
        ("total", "village", DAY): (2, "village"),
        ("total", "town", "2026-03-01"): (2, "2026-03-01"),
        ("total", "town", "2026-03-03"): (3, "refused (window-not-closed)"),
        ("total", "town", DAY, "--region", "region-9"): (2, "region-9"),
        ("total", "town/feeder-1/transformer-001", DAY, "--channel", "received"): (3, "refused (group-too-small)"),
        ("total", "town", DAY, "--purpose", "marketing"): (3, "refused (purpose-not-permitted)"),
        ("close", "2099-01-01"): (2, "not over yet"),
        ("ledger", "aggregator"): (2, "aggregator"),
    }
    for words, (status, named) in expected.items():
        done = order(*words)
        assert (done.status, named in done.words) == (status, True), (words, done)


def test_a_second_one_beside_it_is_refused(up: Up) -> None:
    second = wattseal("up", "--dir", up.places.directory)
    assert (second.status, second.words) == (2, f"{up.places.directory} is in use by another process")
    with RoleClient(up.places.urls().aggregator) as aggregator:
        assert json.loads(aggregator.get("/v1/../readyz")) == {"status": "ready"}


def test_another_process_keeps_out_of_a_running_half(up: Up) -> None:
    """Two on one ledger would not see each other's grants."""
    for role in (Role.DECRYPTOR, Role.UNBLINDER):
        with pytest.raises(UsageError, match="in use by another process"), sole_use(up.places.of(role), 0):
            pass


def test_services_that_are_away(deployment: Path) -> None:
    """As after a kill of `wattseal up`: the addresses are still written down."""
    order = Verbs(deployment)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        Places(deployment).services.write_text(json.dumps(Urls(url, url, url)._asdict()))
        for words in (("total", "town", DAY), ("close", DAY), ("ledger", "unblinder")):
            done = order(*words)
            assert (done.status, "does not answer" in done.words) == (4, True), done


def test_a_service_that_dies_stops_the_others(up: Up) -> None:
    os.kill(up.pid_of("unblinder"), signal.SIGKILL)
    stdout, stderr = up.process.communicate(timeout=60)
    assert (up.process.returncode, stdout) == (4, "")
    assert stderr.startswith("wattseal: the unblinder ended")
    assert processes_of(up.places.directory) == {}


def test_tokens(up: Up) -> None:
    places = up.places
    question = b"{}"
    for url, role, path, scope in (
        (places.urls().aggregator, Role.AGGREGATOR, "/v1/reports", Scope.FLEET),
        (places.urls().aggregator, Role.AGGREGATOR, "/v1/totals", Scope.COLLECTOR),
        (places.urls().aggregator, Role.AGGREGATOR, "/v1/bills", Scope.BILLING),
        (places.urls().decryptor, Role.DECRYPTOR, "/v1/bill-releases", Scope.BILLING),
        (places.urls().aggregator, Role.AGGREGATOR, "/v1/rosters", Scope.OPERATOR),
        (places.urls().aggregator, Role.AGGREGATOR, "/v1/keys", Scope.OPERATOR),
        (places.urls().aggregator, Role.AGGREGATOR, f"/v1/regions/region-1/windows/{DAY}/close", Scope.OPERATOR),
        (places.urls().decryptor, Role.DECRYPTOR, "/v1/releases", Scope.COLLECTOR),
        (places.urls().decryptor, Role.DECRYPTOR, "/v1/rosters", Scope.OPERATOR),
        (places.urls().unblinder, Role.UNBLINDER, "/v1/enrolments", Scope.FLEET),
        (places.urls().unblinder, Role.UNBLINDER, "/v1/keys", Scope.OPERATOR),
    ):
        for other in set(Scope) - {scope}:
            with RoleClient(url, places.token(role, other)) as client, pytest.raises(Forbidden):
                client.post(path, question)
        wrong = {None: "none", "not-a-token": "unknown", places.token(_other(role), scope): "of another service"}
        for token in wrong:
            with RoleClient(url, token) as client, pytest.raises(Unauthorized):
                client.post(path, question)


def _other(role: Role) -> Role:
    return Role.DECRYPTOR if role is not Role.DECRYPTOR else Role.UNBLINDER


@pytest.mark.parametrize("role", [Role.AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER])
def test_what_others_could_read_is_not_served(deployment: Path, role: Role) -> None:
    places = Places(deployment)
    paths = [(places.of(role), 0o750, str(role)), (places.passphrase(role), 0o640, "passphrases")]
    if role is Role.UNBLINDER:
        paths += [(places.of(role) / name, 0o604, name) for name in ("tokens.json", "service-key.sealed")]
    for path, mode, named in paths:
        before = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode)
        done = serve(places, role, places.passphrase(role))
        assert (done.status, "chmod go-rwx" in done.words, named in done.words) == (2, True, True), done
        path.chmod(before)


@pytest.mark.parametrize("role", [Role.AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER])
def test_another_passphrase(deployment: Path, role: Role) -> None:
    places = Places(deployment)
    done = serve(places, role, places.passphrase(_other(role)))
    assert (done.status, "wrong passphrase" in done.words) == (2, True), done


def serve(places: Places, role: Role, passphrase: Path) -> Ended:
    common = ("--data", places.of(role), "--passphrase-file", passphrase)
    if role is Role.AGGREGATOR:
        return module("aggregator", "serve", *common)
    return module("keyserver", "serve", *common, "--role", role, "--unblinder-url", "http://127.0.0.1:1")


def windows_of(places: Places) -> list[dict[str, int]]:
    """None while the aggregator does not know the region."""
    with RoleClient(places.urls().aggregator, places.token(Role.AGGREGATOR, Scope.COLLECTOR)) as aggregator:
        try:
            windows: list[dict[str, int]] = json.loads(aggregator.get("/v1/regions/region-1/windows"))
        except UnknownSubject:
            return []
    return windows


def test_ctrl_c_while_a_fleet_sends(up: Up) -> None:
    """Nothing is left running, and the next run finishes the work."""
    places = up.places
    many = ("--meters", 100, "--days", 3, "--dir", places.directory, "--json")
    running = start([WATTSEAL, "fleet", *many])
    while not any(window["accepted"] for window in windows_of(places)):
        assert running.poll() is None
    done = interrupt(running)
    assert (done.status, done.stdout, done.stderr.strip()) == (130, "", "")
    assert [line for line in processes_of(places.fleet).values() if "meter_sim" in line] == []
    # What was on its way goes again: the aggregator knows it already, or takes it now.
    assert sum(wattseal("fleet", *many).json["outcomes"].values()) == 3 * (100 + have_panels(1, range(100)).sum())
    counts = [(window["accepted"], window["conflicts"], window["late"]) for window in windows_of(places)]
    assert counts == [(100 + have_panels(1, range(100)).sum(), 0, 0)] * 3
