"""The aggregator over HTTP: uploads, windows, encrypted totals and bills."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from nacl.signing import SigningKey
from prometheus_client import Counter as Metric
from starlette.routing import Route

from wattseal import __version__
from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.auditing import add_audit_routes
from wattseal.aggregator.bills import Billing
from wattseal.aggregator.days import Days
from wattseal.aggregator.door import Door, Reason
from wattseal.aggregator.folds import Folds
from wattseal.aggregator.heads import HeadsSeen
from wattseal.aggregator.intake import Intake, answer_of
from wattseal.aggregator.retention import Retention
from wattseal.aggregator.store import PutStatus, Store, open_store
from wattseal.aggregator.totals import Totals
from wattseal.aggregator.windows import FOLD_EVERY_S, LOOK_EVERY_S, Closing, Folding
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Holder, Scope, Tokens
from wattseal.edge.bodies import JSON_LIMIT, read_body
from wattseal.edge.keepers import Keeper, ended, keep_doing
from wattseal.edge.openapi import describe
from wattseal.edge.problems import install_problem_handlers
from wattseal.edge.registry import RegisteredTariff, Registry
from wattseal.edge.routes import (
    INSTALLED,
    JSON,
    add_health_routes,
    add_operator_routes,
    json_response,
    scoped,
)
from wattseal.edge.turnstile import Turnstile
from wattseal.policy.levels import Levels
from wattseal.policy.limits import check_asker
from wattseal.policy.pack import Policy
from wattseal.protocol.billing import BillQuestion
from wattseal.protocol.billing_route import RouteQuestion
from wattseal.protocol.codec import Message, to_base64
from wattseal.protocol.errors import UnknownSubject, WattsealError
from wattseal.protocol.ids import Channel, RegionId, Window
from wattseal.protocol.release import SeenHeads
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.time import Clock, parse_window, window_date

UPLOAD_LIMIT = 8 << 20
REPORTS = Metric("wattseal_reports", "Reports by what became of them", ["status"])


@dataclass(frozen=True)
class Parts:
    """What a running aggregator is made of. `grace_hours` and `horizon_days` None switch both limits off."""

    store_url: str
    segments: Path
    archive: Path
    allow_loss: bool
    registry: Registry
    tokens: Tokens
    policy: Policy
    signing_key: SigningKey
    clock: Clock
    grace_hours: float | None
    horizon_days: int | None
    backend: Backend
    heads: HeadsSeen


class _Running:
    """What exists only while the service runs."""

    def __init__(self, parts: Parts, store: Store) -> None:
        self.store = store
        self.door = Door(parts.registry, parts.clock, horizon_days=parts.horizon_days, backend=parts.backend)
        self.intake = Intake(store, self.door)
        days = Days(store, parts.registry, Levels(parts.policy))
        self.billing = Billing(store, parts.registry, parts.policy, parts.signing_key, parts.clock, days)
        folds = Folds(store, parts.registry, self.door)
        self.totals = Totals(store, parts.registry, folds, parts.signing_key, self.billing, days)
        self.archiving = Archiving(store, parts.horizon_days)
        self.folding = Folding(store, parts.registry, parts.clock, folds)
        self.retention = Retention(store, parts.policy, parts.clock)
        self.closing = Closing(store, parts.registry, parts.clock, parts.grace_hours, self.archiving, self.retention)
        self.kept: list[tuple[Callable[[], Awaitable[None]], float, Keeper]] = [
            (self.closing.close_due, LOOK_EVERY_S, Keeper("closing windows", parts.clock)),
            (self.closing.archive_due, LOOK_EVERY_S, Keeper("archiving windows", parts.clock)),
            (self.closing.delete_due, LOOK_EVERY_S, Keeper("deleting windows", parts.clock)),
            (self.folding.fold, FOLD_EVERY_S, Keeper("folding reports ahead", parts.clock)),
        ]

    async def ready(self) -> None:
        """Raises StoreUnavailable or KeeperFailing."""
        await self.store.ready()
        for *_, keeper in self.kept:
            keeper.check()


def aggregator_app(parts: Parts) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as resources:
            try:
                store = await resources.enter_async_context(
                    open_store(parts.store_url, parts.segments, parts.archive, allow_loss=parts.allow_loss)
                )
            except WattsealError as error:
                app.state.failure = error
                yield
                return
            app.state.running = _Running(parts, store)
            keeping = [asyncio.create_task(keep_doing(*kept)) for kept in app.state.running.kept]
            try:
                yield
            finally:
                await ended(keeping)

    app = FastAPI(title="wattseal aggregator", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    install_problem_handlers(app)
    add_health_routes(app, lambda: _running(app).ready())
    _operator_routes(app, parts)
    _collector_routes(app, parts)
    add_audit_routes(app, parts.tokens, lambda: (_running(app).store, _running(app).retention))
    # A plain route: FastAPI's handling of parameters halves the throughput of uploads.
    app.router.routes.append(Route("/v1/reports", _upload(parts), methods=["POST"]))
    bodies: dict[str, type[Message]] = {
        **INSTALLED,
        "/v1/totals": TotalQuestion,
        "/v1/explanations": TotalQuestion,
        "/v1/bills": BillQuestion,
        "/v1/billing-routes": RouteQuestion,
        "/v1/heads": SeenHeads,
    }
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
        statuses = await running.intake.take(await read_body(request, UPLOAD_LIMIT))
        for status, count in Counter(map(_word, statuses)).items():
            REPORTS.labels(status).inc(count)
        return Response(answer_of(statuses), media_type=JSON)

    return upload


def _word(status: PutStatus | Reason) -> str:
    return "rejected" if isinstance(status, Reason) else status.value


def _operator_routes(app: FastAPI, parts: Parts) -> None:
    add_operator_routes(app, parts.registry, parts.tokens)

    @app.post("/v1/regions/{region}/windows/{date}/close", dependencies=scoped(parts.tokens, Scope.OPERATOR))
    async def close(region: str, date: str) -> Response:
        """Freeze a window's set of reports for good."""
        state = await _running(app).closing.close(RegionId(region), parse_window(date))
        return json_response({"region": region, "date": date, "status": state.status})

    @app.post("/v1/regions/{region}/windows/{date}/archive", dependencies=scoped(parts.tokens, Scope.OPERATOR))
    async def archive(region: str, date: str) -> Response:
        """Move a closed window's reports from the store to a file of the archive."""
        window = parse_window(date)
        _known(parts.registry, region)
        state = await _running(app).archiving.archive(RegionId(region), window)
        return json_response({"region": region, "date": date, "status": state.status})


def _collector_routes(app: FastAPI, parts: Parts) -> None:
    turnstile = Turnstile(parts.clock, lambda *asked: _running(app).store.spend(*asked))

    def turn(holder: Holder, purpose: str) -> AbstractAsyncContextManager[None]:
        """Before any ciphertext is looked for. Raises PurposeNotPermitted; when entered BudgetSpent, Busy."""
        rule = check_asker(parts.policy, purpose, holder.asker)
        return turnstile.turn(holder, purpose, rule.questions_per_token_day)

    @app.post("/v1/totals")
    async def total(request: Request) -> Response:
        """An encrypted total with its statement, signed. Body: TotalQuestion."""
        holder = parts.tokens.require_bearer(request, Scope.COLLECTOR)
        question = TotalQuestion.parse(await read_body(request, JSON_LIMIT))
        async with turn(holder, question.purpose):
            return Response(await _running(app).totals.answer(question, holder.asker), media_type=JSON)

    @app.post("/v1/explanations")
    async def explanation(request: Request) -> Response:
        """Which rule would decide a question about a total, by what is known here. Body: TotalQuestion."""
        holder = parts.tokens.require_bearer(request, Scope.COLLECTOR, Scope.AUDITOR)
        question = TotalQuestion.parse(await read_body(request, JSON_LIMIT))
        async with turnstile.turn(holder, question.purpose, holder.questions_per_day):
            return json_response(await _running(app).totals.explain(question))

    @app.post("/v1/bills")
    async def bills(request: Request) -> Response:
        """Encrypted results of meters' billing cycles with their statement, signed. Body: BillQuestion."""
        holder = parts.tokens.require_bearer(request, Scope.BILLING)
        question = BillQuestion.parse(await read_body(request, JSON_LIMIT))
        async with turn(holder, question.purpose):
            return Response(await _running(app).billing.answer(question, holder.asker), media_type=JSON)

    @app.post("/v1/billing-routes")
    async def route(request: Request) -> Response:
        """Who is on a billing route, and whether their reports are there. Body: RouteQuestion; answer: RouteMeters."""
        holder = parts.tokens.require_bearer(request, Scope.BILLING)
        question = RouteQuestion.parse(await read_body(request, JSON_LIMIT))
        async with turn(holder, question.purpose):
            return Response((await _running(app).billing.route(question)).to_bytes(), media_type=JSON)

    _listing_routes(app, parts)


def _listing_routes(app: FastAPI, parts: Parts) -> None:
    """What is known here of rosters, tariffs and windows: nothing that was read."""
    anyone = scoped(parts.tokens, Scope.COLLECTOR, Scope.BILLING, Scope.AUDITOR)
    rosters = parts.registry.rosters
    # A roster that nobody asked for lately is read from its file, but its description is small.
    described = lru_cache(maxsize=None)(lambda fingerprint: _described(rosters.named(fingerprint)))

    @app.post("/v1/heads", dependencies=anyone)
    async def heads(request: Request) -> Response:
        """Show the heads that a collector knows, and learn the latest that anybody has shown. Body: SeenHeads."""
        shown = SeenHeads.parse(await read_body(request, JSON_LIMIT))
        return Response((await run_in_threadpool(parts.heads.note, shown)).to_bytes(), media_type=JSON)

    @app.get("/v1/tariffs", dependencies=anyone)
    async def tariffs() -> Response:
        """The tariffs that are registered here, by name, then revision."""
        known = parts.registry
        return json_response([_registered(known.tariff(tariff.fingerprint)) for tariff in known.tariffs()])

    @app.get("/v1/regions", dependencies=anyone)
    async def regions() -> Response:
        """The rosters known here: intervals, cohorts and how many meters each has."""
        return json_response(await run_in_threadpool(lambda: [described(each) for each in rosters.fingerprints()]))

    @app.get("/v1/regions/{region}/windows", dependencies=anyone)
    async def windows(region: str) -> Response:
        """Windows that have reports, with their state and counts."""
        store = _running(app).store
        _known(parts.registry, region)
        return json_response([await _window(store, region, Window(number)) for number in await store.windows(region)])


def _known(registry: Registry, region: str) -> None:
    """Raises UnknownSubject, before the name reaches the store."""
    if region not in registry.rosters.regions():
        raise UnknownSubject("no such region here")


async def _window(store: Store, region: str, window: Window) -> dict[str, object]:
    state, counts = await store.state(region, window), await store.counts(region, window)
    return {"date": window_date(window).isoformat(), "status": state.status, **counts}


def _registered(registered: RegisteredTariff) -> dict[str, str]:
    tariff, _, listed = registered
    return {
        "name": tariff.name,
        "revision": tariff.revision,
        "digest": to_base64(tariff.fingerprint),
        "class": tariff.customer_class,
        "commodity": tariff.commodity,
        "listed": ", ".join(sorted(listed.charges)) if listed is not None else "",
    }


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
