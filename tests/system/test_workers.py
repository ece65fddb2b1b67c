"""Two aggregator processes on one store are one service: a token's budget is one over both."""

import subprocess
from pathlib import Path

import httpx

from tests.commands.shell import WATTSEAL, interrupt, start
from tests.policy.rosters import TRUST
from wattseal.edge.access import Holder, Scope, add_token
from wattseal.edge.home import Home
from wattseal.edge.private_files import write_private
from wattseal.protocol.ids import CohortId, RegionId, Window
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import SECONDS_PER_DAY, system_clock

QUESTION = TotalQuestion(purpose="research", region=RegionId("west"), cohort=CohortId("town"), window=Window(20_000))
BUDGET = 5


def url_of(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().split()[-1]


def test_a_budget_is_one_over_all_workers(tmp_path: Path) -> None:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    write_private(passphrase, b"of this test alone")
    Home.create(home, passphrase)
    write_private(home / "trust.json", TRUST.to_bytes())
    holder = Holder(
        name="university",
        scopes=(Scope.COLLECTOR,),
        token_key=bytes(32),
        expires=int(system_clock()) + SECONDS_PER_DAY,
        questions_per_day=BUDGET,
    )
    token = add_token(home / "tokens.json", holder)
    serve = [WATTSEAL, "aggregator", "serve", "--data", home, "--passphrase-file", passphrase]
    workers = [start(serve), start(serve)]
    try:
        urls = [url_of(worker) for worker in workers]
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
            asked = [client.post(f"{url}/v1/totals", content=QUESTION.to_bytes()) for url in urls * BUDGET]
        assert [answer.status_code for answer in asked] == [404] * BUDGET + [429] * BUDGET
    finally:
        for worker in workers:
            interrupt(worker)
