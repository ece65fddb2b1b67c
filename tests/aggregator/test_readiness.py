"""A service whose background work fails says so, and is ready again once it works."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.aggregator.cycles import END, registry
from tests.policy.rosters import REGION, TRUST, operator
from wattseal.aggregator.app import Parts, aggregator_app
from wattseal.aggregator.heads import HeadsSeen
from wattseal.aggregator.store import Entry, embedded_url, open_store
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Tokens
from wattseal.policy.pack import trial_policy
from wattseal.protocol.ids import Window
from wattseal.protocol.time import SECONDS_PER_DAY

NOW = END * 60.0
SINCE = "wattseal_keeper_failing_since_seconds"
WINDOW = Window(int(NOW) // SECONDS_PER_DAY - 50)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def parts_of(home: Path) -> Parts:
    Tokens.create(home / "tokens.json")
    return Parts(
        store_url=embedded_url(home / "store"),
        segments=home / "segments",
        archive=home / "archive",
        allow_loss=False,
        registry=registry(home / "registry"),
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
    async with asyncio.timeout(30):
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
