"""Bills over HTTP: both halves as services, one asking the other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prometheus_client import REGISTRY

from tests.edge.loopback import served
from tests.keyserver.bill_run import MAY, PURPOSE, TOKEN, Run, kinds, opened, running
from tests.policy.rosters import REGION
from wattseal.edge.client import RoleClient
from wattseal.keyserver.app import RemotePads, decryptor_app, unblinder_app
from wattseal.keyserver.bills_decryptor import BillsReleased
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.protocol.billing import BillReleaseRequest, BillStatement
from wattseal.protocol.tokens import TokenProof

FAILED = "wattseal_failed_openings_total"


@contextmanager
def services(directory: Path) -> Iterator[tuple[Run, httpx.Client]]:
    with running(directory) as run, served(unblinder_app(run.granting)) as unblinder, RoleClient(unblinder) as client:
        service = DecryptorService(run.decryptor, RemotePads(client))
        with served(decryptor_app(service)) as url, httpx.Client(base_url=url, trust_env=False) as http:
            yield run, http


def ask(
    run: Run, http: httpx.Client, statement: BillStatement, *, spoiled: int = 0, token: str = TOKEN
) -> httpx.Response:
    """With the numbers of the first so many segments wrong."""
    numbers = run.numbers(statement)
    for segment in numbers[:spoiled]:
        segment[0] = segment[1]
    answer = run.answer(statement, numbers)
    request = BillReleaseRequest(answer=answer, proof=TokenProof.issue(TOKEN, answer.statement))
    headers = {"Authorization": f"Bearer {token}"}
    return http.post("/v1/bill-releases", content=request.to_bytes(), headers=headers)


def alarms() -> float:
    return REGISTRY.get_sample_value(FAILED) or 0.0


def test_a_release(tmp_path: Path) -> None:
    with services(tmp_path) as (run, http):
        statement = run.of("m0", "m1")
        answers = [ask(run, http, statement) for _ in range(2)]
        assert [(answer.status_code, answer.content) for answer in answers] == [(200, answers[0].content)] * 2
        assert list(opened(BillsReleased(answers[0].content, 0)).results) == run.expected(statement)


def test_the_alarm_counts_items(tmp_path: Path) -> None:
    """Once each, not again when the release is asked for again."""
    with services(tmp_path) as (run, http):
        before, statement = alarms(), run.of("m0", "m1", "m2")
        for _ in range(2):
            assert ask(run, http, statement, spoiled=2).status_code == 200
            assert alarms() == before + 2


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].removeprefix("urn:wattseal:problem:")


def test_problems(tmp_path: Path) -> None:
    """An unknown token, a body that is none, and what the unblinder alone refuses, in its own words."""
    with services(tmp_path) as (run, http):
        known, other = run.of("m0"), run.statement(run.segment("m0", 1))
        run.unblinder.ledger.intend_bills(known.digest(), known.to_bytes(), REGION, MAY.minutes, PURPOSE)
        assert problem(ask(run, http, other, token="nobody")) == (401, "unauthorized")
        body = http.post("/v1/bill-releases", content=b"{}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert problem(body) == (400, "malformed")
        reconciling = http.post("/v1/reconciliations", content=b"{}", headers={"Authorization": f"Bearer {TOKEN}"})
        assert problem(reconciling) == (400, "malformed")
        assert problem(http.post("/v1/reconciliations", content=b"{}")) == (401, "unauthorized")
        assert kinds(run.decryptor) == []
        assert problem(ask(run, http, other)) == (403, "pinned-otherwise")
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal", "refusal"]
