"""What an operator and an auditor ask of running halves from the command line: periods, enrolment, resets, ledgers."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.edge.loopback import served
from tests.keyserver.bill_run import FIRST, KEY, Run, homes, running
from tests.keyserver.test_resets import exhausted, signed
from tests.policy.rosters import TRUST
from wattseal.collector.audit.sources import RemoteLedger
from wattseal.collector.audit.verify import audit, compare
from wattseal.edge.access import Holder, Scope, Tokens
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import write_private
from wattseal.keyserver import app as app_module
from wattseal.keyserver.app import decryptor_app, unblinder_app
from wattseal.keyserver.operations import begin_period, destroy_period, fetch_enrolment, hand_in_reset
from wattseal.protocol.errors import Forbidden, Rejected, UsageError
from wattseal.protocol.keys import Enrolment, KeyNotice
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import SECONDS_PER_DAY, window_date


class Site(NamedTuple):
    run: Run
    decryptor: str
    unblinder: str
    tokens: dict[Scope, Path]


@contextmanager
def site(directory: Path) -> Iterator[Site]:
    """Both halves served, with a token for each scope."""
    made = Tokens.create(directory / "tokens.json")
    files = {scope: directory / scope for scope in made}
    for scope, token in made.items():
        write_private(files[scope], token.encode())
    holders: list[Holder] = [*Tokens.load(directory / "tokens.json")._current()]
    with ExitStack() as resources:
        run = resources.enter_context(running(directory))
        for half in (run.decryptor, run.unblinder):
            half.tokens = Tokens([*half.tokens._current(), *holders])
        decryptor = resources.enter_context(served(decryptor_app(run.service)))
        unblinder = resources.enter_context(served(unblinder_app(run.granting)))
        yield Site(run, decryptor, unblinder, files)


@pytest.fixture
def long_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "system_clock", lambda: (FIRST + 700) * float(SECONDS_PER_DAY))


@pytest.mark.usefixtures("long_after")
def test_periods_begin_and_end_over_http(tmp_path: Path) -> None:
    with site(tmp_path) as found:
        token, out = found.tokens[Scope.OPERATOR], tmp_path / "notice"
        first, last = str(window_date(KEY.last_window)), "2028-12-31"
        for _ in range(2):
            told = begin_period(found.decryptor, token, 2, first, last, out)
            assert told == {"period": 2, "notice": str(out)}
        notice = Envelope.from_bytes(out.read_bytes()).opened(KeyNotice, TRUST.decryptor)
        assert (notice.key_id, notice.first_window) == (2, KEY.last_window)
        assert begin_period(found.unblinder, token, 2, None, None, None) == {"period": 2}
        with pytest.raises(Rejected, match="needs a first and a last window"):
            begin_period(found.decryptor, token, 3, None, None, None)
        with pytest.raises(Forbidden):
            destroy_period(found.decryptor, found.tokens[Scope.AUDITOR], 1)
        assert destroy_period(found.decryptor, token, 1) == {"destroyed": 1}
        assert [period.root is None for period in found.run.decryptor.vault.periods] == [True, False]


def test_an_enrolment_as_a_file(tmp_path: Path) -> None:
    with site(tmp_path) as found:
        token, out, window = found.tokens[Scope.FLEET], tmp_path / "enrolment", str(window_date(FIRST))
        told = fetch_enrolment(found.unblinder, token, "west", window, ["2026-04", "2026-05"], 1, out)
        assert told == {"role": "unblinder", "meters": 6, "enrolment": str(out)}
        enrolment = Envelope.from_bytes(out.read_bytes()).opened(Enrolment, TRUST.unblinder)
        assert [box.meter for box in enrolment.boxes] == list(homes().by_meter)
        with pytest.raises(UsageError, match="months"):
            fetch_enrolment(found.unblinder, token, "west", window, ["May"], 1, tmp_path / "none")
        assert not (tmp_path / "none").exists()


def test_a_reset_is_handed_in(tmp_path: Path) -> None:
    with site(tmp_path) as found:
        item, document = exhausted(found.run), tmp_path / "reset.json"
        document.write_bytes(signed(item).to_bytes())
        told = hand_in_reset(found.decryptor, found.tokens[Scope.OPERATOR], document)
        assert told == {"item": item.hex(), "serial": 1}
        assert found.run.decryptor.ledger.attempts(item) == 0
        with pytest.raises(UsageError, match="No such file"):
            hand_in_reset(found.decryptor, found.tokens[Scope.OPERATOR], tmp_path / "none")


def test_an_auditor_walks_ledgers_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattseal.collector.audit.sources._PAGE", 2)
    with site(tmp_path) as found:
        for meter in ("m0", "m1", "m2"):
            found.run.release(found.run.of(meter))
        token = found.tokens[Scope.AUDITOR].read_text()
        with RoleClient(found.decryptor, token) as decryptor, RoleClient(found.unblinder, token) as unblinder:
            sources = RemoteLedger(decryptor), RemoteLedger(unblinder)
            one, other = (audit(source, TRUST) for source in sources)
            assert (one.head.counter, other.head.counter, one.findings, other.findings) == (9, 3, [], [])
            assert compare(one, other, audit(sources[0], TRUST), TRUST) == []
            assert [roster.fingerprint for roster in sources[0].rosters(TRUST)] == [homes().fingerprint]


def test_a_half_whose_checkpoints_fail_is_not_ready(tmp_path: Path) -> None:
    with site(tmp_path) as found, httpx.Client(trust_env=False) as client:
        for _ in range(2):
            assert client.get(f"{found.unblinder}/readyz").status_code == 200
            with found.run.unblinder.checkpoints.round():
                raise sqlite3.OperationalError("database or disk is full")
        told = client.get(f"{found.unblinder}/readyz")
        assert (told.status_code, told.json()["type"]) == (503, "urn:wattseal:problem:keeper-failing")
        assert told.json()["detail"].startswith("checkpoints of the unblinder: failing since ")
        assert "disk" not in told.text
        assert client.get(f"{found.decryptor}/readyz").status_code == 200
