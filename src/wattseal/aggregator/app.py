"""The aggregator over HTTP: uploads, windows, encrypted totals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from nacl.signing import SigningKey
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from starlette.routing import Route

from wattseal import __version__
from wattseal.aggregator.batching import Batcher
from wattseal.aggregator.door import Door, Reason
from wattseal.aggregator.store import PutStatus, Store, open_store
from wattseal.aggregator.totals import Totals
from wattseal.aggregator.windows import Closing
from wattseal.edge.access import Scope, Tokens
from wattseal.edge.bodies import JSON_LIMIT, ROSTER_LIMIT, read_body
from wattseal.edge.openapi import describe
from wattseal.edge.problems import install_problem_handlers
from wattseal.edge.registry import Registry
from wattseal.policy.pack import Policy
from wattseal.protocol.codec import Message, canonical_json
from wattseal.protocol.errors import WattsealError
from wattseal.protocol.ids import Channel, RegionId, Window
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import Clock, parse_window, window_date

UPLOAD_LIMIT = 8 << 20
REPORTS = Counter("wattseal_reports", "Reports by what became of them", ["status"])
JSON = "application/json"


@dataclass(frozen=True)
class Parts:
    """What a running aggregator is made of. `grace_hours` and `horizon_days` None switch both limits off."""

    store_url: str
    allow_loss: bool
    registry: Registry
    tokens: Tokens
    policy: Policy
    signing_key: SigningKey
    clock: Clock
    grace_hours: float | None
    horizon_days: int | None


class _Running:
    """What exists only while the service runs."""

    def __init__(self, parts: Parts, store: Store) -> None:
        self.store = store
        self.door = Door(parts.registry, parts.clock, horizon_days=parts.horizon_days)
        self.batcher = Batcher(store)
        self.totals = Totals(store, parts.registry, self.door, parts.policy, parts.signing_key)
        self.closing = Closing(store, parts.registry, parts.clock, parts.grace_hours)


def aggregator_app(parts: Parts) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as resources:
            try:
                store = await resources.enter_async_context(open_store(parts.store_url, allow_loss=parts.allow_loss))
            except WattsealError as error:
                app.state.failure = error
                yield
                return
            app.state.running = _Running(parts, store)
            closer = asyncio.create_task(app.state.running.closing.keep_closing())
            try:
                yield
            finally:
                closer.cancel()
                with suppress(asyncio.CancelledError):
                    await closer

    app = FastAPI(title="wattseal aggregator", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    install_problem_handlers(app)
    _health_routes(app)
    _operator_routes(app, parts)
    _collector_routes(app, parts)
    # A plain route: FastAPI's handling of parameters halves the throughput of uploads.
    app.router.routes.append(Route("/v1/reports", _upload(parts), methods=["POST"]))
    bodies: dict[str, type[Message]] = {"/v1/keys": Envelope, "/v1/rosters": SignedRoster, "/v1/totals": TotalQuestion}
    describe(app, bodies, {"/v1/reports": "application/vnd.wattseal.reports"})
    return app


def _running(app: FastAPI) -> _Running:
    running = app.state.running
    assert isinstance(running, _Running)  # noqa: S101 - the lifespan sets it
    return running


def _upload(parts: Parts) -> Callable[[Request], Awaitable[Response]]:
    async def upload(request: Request) -> Response:
        """Framed reports; one status each, in order. An accepted report is on disk when the answer leaves."""
        parts.tokens.require_bearer(request, Scope.FLEET)
        running = _running(request.app)
        admitted = await run_in_threadpool(running.door.admit, await read_body(request, UPLOAD_LIMIT))
        statuses = iter(await running.batcher.put([found for found in admitted if not isinstance(found, Reason)]))
        words = [_word(found if isinstance(found, Reason) else next(statuses)) for found in admitted]
        for word in words:
            REPORTS.labels(word["status"]).inc()
        return _json({"reports": words})

    return upload


def _word(found: Reason | PutStatus) -> dict[str, str]:
    if isinstance(found, Reason):
        return {"status": "rejected", "reason": found}
    if found is PutStatus.archived:
        return {"status": "rejected", "reason": Reason.ARCHIVED}
    return {"status": found.value}


def _health_routes(app: FastAPI) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        await _running(app).store.ready()
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _operator_routes(app: FastAPI, parts: Parts) -> None:
    operator = [Depends(_scoped(parts, Scope.OPERATOR))]

    @app.post("/v1/keys", dependencies=operator)
    async def install_key(request: Request) -> Response:
        """Install a key notice. Body: a signed KeyNotice."""
        notice = parts.registry.install_key(Envelope.parse(await read_body(request, JSON_LIMIT)))
        return _json({"key_id": notice.key_id})

    @app.post("/v1/rosters", dependencies=operator)
    async def install_roster(request: Request) -> Response:
        """Install a countersigned roster. Body: SignedRoster."""
        signed = SignedRoster.parse(await read_body(request, ROSTER_LIMIT))
        roster = await run_in_threadpool(parts.registry.install_roster, signed)
        return _json({"region": roster.region, "effective": window_date(roster.effective).isoformat()})

    @app.post("/v1/regions/{region}/windows/{date}/close", dependencies=operator)
    async def close(region: str, date: str) -> Response:
        """Freeze a window's set of reports for good."""
        state = await _running(app).closing.close(RegionId(region), parse_window(date))
        return _json({"region": region, "date": date, "status": state.status})


def _collector_routes(app: FastAPI, parts: Parts) -> None:
    collector = [Depends(_scoped(parts, Scope.COLLECTOR))]

    @app.post("/v1/totals", dependencies=collector)
    async def total(request: Request) -> Response:
        """An encrypted total with its statement, signed. Body: TotalQuestion."""
        question = TotalQuestion.parse(await read_body(request, JSON_LIMIT))
        return Response(await _running(app).totals.answer(question), media_type=JSON)

    @app.get("/v1/regions", dependencies=collector)
    async def regions() -> Response:
        """The rosters known here: intervals, cohorts and how many meters each has."""
        return _json([_described(roster) for roster in parts.registry.rosters()])

    @app.get("/v1/regions/{region}/windows", dependencies=collector)
    async def windows(region: str) -> Response:
        """Windows that have reports, with their state and counts."""
        store = _running(app).store
        return _json([await _window(store, region, Window(number)) for number in await store.windows(region)])


async def _window(store: Store, region: str, window: Window) -> dict[str, object]:
    state, counts = await store.state(region, window), await store.counts(region, window)
    return {"date": window_date(window).isoformat(), "status": state.status, **counts}


def _described(roster: Roster) -> dict[str, object]:
    cohorts = {
        cohort: {channel: len(roster.active(cohort, channel)) for channel in Channel}
        for cohort in sorted(roster.cohorts)
    }
    return {
        "region": roster.region,
        "effective": window_date(roster.effective).isoformat(),
        "interval_minutes": roster.interval_minutes,
        "cohorts": cohorts,
    }


def _scoped(parts: Parts, scope: Scope) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        parts.tokens.require_bearer(request, scope)

    return check


def _json(value: object) -> Response:
    return Response(canonical_json(value), media_type=JSON)
