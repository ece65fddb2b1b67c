"""What a running aggregator does by itself: it archives and deletes, and is not ready while that fails."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.aggregator.cycles import END, region, registry
from tests.policy.rosters import REGION, TRUST, operator
from wattseal.aggregator.app import Parts, aggregator_app
from wattseal.aggregator.heads import HeadsSeen
from wattseal.aggregator.store import Entry, embedded_url, open_store
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope, Tokens
from wattseal.policy.pack import trial_policy
from wattseal.protocol.ids import Channel, CohortId, Window
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import SECONDS_PER_DAY, window_date

NOW = END * 60.0
SINCE = "wattseal_keeper_failing_since_seconds"
WINDOW = Window(int(NOW) // SECONDS_PER_DAY - 50)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def parts_of(home: Path) -> Parts:
    tokens = Tokens.create(home / "tokens.json")
    (home / "auditor").write_text(tokens[Scope.AUDITOR])
    (home / "collector").write_text(tokens[Scope.COLLECTOR])
    return Parts(
        store_url=embedded_url(home / "store"),
        segments=home / "segments",
        archive=home / "archive",
        allow_loss=False,
        registry=registry(home / "registry", [region(effective=WINDOW - 500)]),
        tokens=Tokens.load(home / "tokens.json"),
        policy=trial_policy(),
        signing_key=operator("aggregator"),
        clock=lambda: NOW,
        grace_hours=None,
        horizon_days=45,
        backend=Backend.OURS,
        heads=HeadsSeen(home / "heads.json", TRUST),
    )


async def until(ask: Callable[[], Awaitable[httpx.Response]], status: int) -> httpx.Response:
    async with asyncio.timeout(60):
        while (answer := await ask()).status_code != status:
            await asyncio.sleep(0.02)
    return answer


@pytest.mark.anyio
async def test_not_ready_while_nothing_can_be_archived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattseal.aggregator.app.LOOK_EVERY_S", 0.01)
    parts = parts_of(tmp_path)
    async with open_store(parts.store_url, parts.segments, parts.archive) as store:
        await store.put([Entry(REGION, WINDOW, 1, 1, "m0", 0, b"report")])
        await store.close(REGION, WINDOW, bytes(32))
    parts.archive.write_text("no directory can be made here")
    app = aggregator_app(parts)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        told = await until(lambda: client.get("http://aggregator/readyz"), 503)
        problem = told.json()
        assert problem["type"] == "urn:wattseal:problem:keeper-failing"
        assert problem["detail"] == "archiving windows: failing since 2026-05-31T07:00:00Z, see this service's log"
        metrics = (await client.get("http://aggregator/metrics")).text
        (line,) = [line for line in metrics.splitlines() if line.startswith(f'{SINCE}{{keeper="archiving windows"}}')]
        assert float(line.split()[-1]) == NOW
        assert f'{SINCE}{{keeper="closing windows"}} 0.0' in metrics
        parts.archive.unlink()
        await until(lambda: client.get("http://aggregator/readyz"), 200)
    async with open_store(parts.store_url, parts.segments, parts.archive) as store:
        assert (await store.state(REGION, WINDOW)).emptied
        assert await store.fetch(REGION, WINDOW, 1, 1, ["m0"]) == [(0, b"report")]


async def statuses(client: httpx.AsyncClient, place: str, headers: dict[str, str]) -> dict[str, str]:
    answer = await client.get(f"{place}/windows", headers=headers)
    return {one["date"]: one["status"] for one in answer.json()}


@pytest.mark.anyio
async def test_what_is_past_its_retention_is_deleted_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattseal.aggregator.app.LOOK_EVERY_S", 0.01)
    parts, old = parts_of(tmp_path), Window(WINDOW - 400)
    async with open_store(parts.store_url, parts.segments, parts.archive) as store:
        for window in (old, WINDOW):
            await store.put([Entry(REGION, window, 1, 1, "m0", 0, b"report")])
            await store.close(REGION, window, bytes(32))
    app = aggregator_app(parts)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        auditor = {"Authorization": f"Bearer {(tmp_path / 'auditor').read_text()}"}
        place = f"http://aggregator/v1/regions/{REGION}"
        expected = {window_date(old).isoformat(): "deleted", window_date(WINDOW).isoformat(): "archived"}
        async with asyncio.timeout(60):
            while await statuses(client, place, auditor) != expected:
                await asyncio.sleep(0.02)
        deleted = (await client.get(f"{place}/deletions", headers=auditor)).json()
        assert [(one["date"], one["accepted"], one["kept_days"]) for one in deleted] == [
            (window_date(old).isoformat(), 1, 365)
        ]
        collector = {"Authorization": f"Bearer {(tmp_path / 'collector').read_text()}"}
        refused = await client.get(f"{place}/deletions", headers=collector)
        assert refused.json()["type"] == "urn:wattseal:problem:forbidden"
        question = TotalQuestion(
            purpose="grid-planning", region=REGION, cohort=CohortId("town"), channel=Channel.DELIVERED, window=old
        )
        unknown = await client.post("http://aggregator/v1/totals", headers=collector, content=question.to_bytes())
        assert unknown.status_code == 404
        assert unknown.json()["detail"] == f"window {window_date(old)} was deleted: its retention is over"
