"""The halves over HTTP: thin routes around `DecryptorService` and `UnblinderService`."""

from contextlib import AbstractAsyncContextManager
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as FromPath
from fastapi.concurrency import run_in_threadpool
from prometheus_client import Counter

from wattseal import __version__
from wattseal.edge.access import Holder, Scope
from wattseal.edge.bodies import JSON_LIMIT, read_body
from wattseal.edge.client import RoleClient
from wattseal.edge.openapi import describe
from wattseal.edge.problems import install_problem_handlers
from wattseal.edge.routes import (
    INSTALLED,
    JSON,
    add_health_routes,
    add_operator_routes,
    json_response,
    scoped,
)
from wattseal.edge.turnstile import Turnstile
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half
from wattseal.keyserver.periods import KeyPeriods
from wattseal.keyserver.unblinder import UnblinderService
from wattseal.protocol.billing import BillReleaseRequest, BillStatement
from wattseal.protocol.codec import Message, to_base64
from wattseal.protocol.errors import VerificationRefused
from wattseal.protocol.keys import EnrolmentRequest, NextPeriod
from wattseal.protocol.reconciliation import ReconciliationQuestion
from wattseal.protocol.release import ReleaseRequest, SeenHeads
from wattseal.protocol.resets import SignedItemReset
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import system_clock

FAILED_OPENINGS = Counter(
    "wattseal_failed_openings", "Totals and bills that failed verification: somebody cheats or is broken"
)
MOST_ENTRIES = 1000
_First = Annotated[int, Query(ge=1, lt=1 << 63)]
_Most = Annotated[int, Query(ge=1, le=MOST_ENTRIES)]
_BODIES: dict[str, type[Message]] = {
    **INSTALLED,
    "/v1/enrolments": EnrolmentRequest,
    "/v1/heads": SeenHeads,
    "/v1/periods": NextPeriod,
}


class RemotePads:
    """The unblinder over HTTP."""

    def __init__(self, client: RoleClient) -> None:
        self._client = client

    def grant(self, request: Envelope) -> Envelope:
        return Envelope.parse(self._client.post("/v1/pads", request))

    def grant_bills(self, request: Envelope) -> Envelope:
        return Envelope.parse(self._client.post("/v1/bill-pads", request))

    def expect(self, names: Envelope) -> None:
        self._client.post("/v1/check-keys", names)


def decryptor_app(service: DecryptorService) -> FastAPI:
    app = _half_app(service.half, "wattseal decryptor")
    turnstile, policy = Turnstile(service.half.clock), service.half.policy

    def turn(
        holder: Holder, statement: TotalStatement | BillStatement | ReconciliationQuestion
    ) -> AbstractAsyncContextManager[None]:
        """Of a purpose that the policy lacks the service will say so, and record it."""
        rule = policy.purposes.get(statement.purpose)
        most = holder.questions_per_day if rule is None else rule.questions_per_token_day
        return turnstile.turn(holder, statement.purpose, most)

    @app.post("/v1/releases")
    async def release(request: Request) -> Response:
        """Open what a signed answer states. Body: ReleaseRequest; answer: a signed Release."""
        holder = service.half.tokens.require_bearer(request, Scope.COLLECTOR)
        asked = ReleaseRequest.parse(await read_body(request, JSON_LIMIT))
        try:
            async with turn(holder, TotalStatement.from_bytes(asked.answer.statement)):
                return Response(await run_in_threadpool(service.release, asked, holder.asker), media_type=JSON)
        except VerificationRefused:
            FAILED_OPENINGS.inc()
            raise

    @app.post("/v1/item-resets", dependencies=scoped(service.half.tokens, Scope.OPERATOR))
    async def reset_item(request: Request) -> Response:
        """Let an item be attempted again, as all three operators signed. Body: SignedItemReset."""
        signed = SignedItemReset.parse(await read_body(request, JSON_LIMIT))
        reset = await run_in_threadpool(service.half.reset_item, signed)
        return json_response({"item": reset.item.hex(), "serial": reset.serial})

    @app.post("/v1/bill-releases")
    async def release_bills(request: Request) -> Response:
        """Open the bills that a signed answer states. Body: BillReleaseRequest; answer: a signed BillRelease."""
        holder = service.half.tokens.require_bearer(request, Scope.BILLING)
        asked = BillReleaseRequest.parse(await read_body(request, JSON_LIMIT))
        async with turn(holder, BillStatement.from_bytes(asked.answer.statement)):
            released = await run_in_threadpool(service.bills.release, asked, holder.asker)
        FAILED_OPENINGS.inc(released.failed)
        return Response(released.body, media_type=JSON)

    @app.post("/v1/reconciliations")
    async def reconcile(request: Request) -> Response:
        """Whether bills that were released add up to totals. Body: ReconciliationQuestion; answer: a Reconciliation."""
        holder = service.half.tokens.require_bearer(request, Scope.BILLING)
        asked = ReconciliationQuestion.parse(await read_body(request, JSON_LIMIT))
        async with turn(holder, asked):
            return Response(await run_in_threadpool(service.reconciling.answer, asked, holder.asker), media_type=JSON)

    describe(
        app,
        {
            **_BODIES,
            "/v1/reconciliations": ReconciliationQuestion,
            "/v1/item-resets": SignedItemReset,
            "/v1/releases": ReleaseRequest,
            "/v1/bill-releases": BillReleaseRequest,
        },
    )
    return app


def unblinder_app(service: UnblinderService) -> FastAPI:
    app = _half_app(service.half, "wattseal unblinder")

    @app.post("/v1/pads")
    async def pads(request: Request) -> Response:
        """Grant pad sums to the decryptor, whose signature is the way in. Body: a signed PadRequest."""
        envelope = Envelope.parse(await read_body(request, JSON_LIMIT))
        return _message(await run_in_threadpool(service.grant, envelope))

    @app.post("/v1/bill-pads")
    async def bill_pads(request: Request) -> Response:
        """The same for the bills of a statement. Body: a signed BillPadRequest."""
        envelope = Envelope.parse(await read_body(request, JSON_LIMIT))
        return _message(await run_in_threadpool(service.grant_bills, envelope))

    @app.post("/v1/check-keys")
    async def check_keys(request: Request) -> Response:
        """Learn for which check keys pads may be summed ahead. Body: a signed CheckKeyNames."""
        service.expect(Envelope.parse(await read_body(request, JSON_LIMIT)))
        return json_response({})

    describe(app, {**_BODIES, "/v1/pads": Envelope, "/v1/bill-pads": Envelope, "/v1/check-keys": Envelope})
    return app


def _half_app(half: Half, title: str) -> FastAPI:
    """Routes that both halves have."""
    app = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    add_health_routes(app, lambda: _ready(half))
    add_operator_routes(app, half.registry, half.tokens)

    @app.get("/v1/head")
    async def head() -> Response:
        """Where this half's ledger stands, signed."""
        return _message(half.head())

    @app.get("/v1/keys")
    async def keys() -> Response:
        """The key notices installed here, each signed by the decryptor."""
        return json_response([notice.model_dump(mode="json") for notice in half.registry.notices()])

    @app.post("/v1/heads", dependencies=scoped(half.tokens, Scope.COLLECTOR, Scope.BILLING))
    async def heads(request: Request) -> Response:
        """Show this half the heads that a collector knows, past the other half. Body: SeenHeads."""
        seen = SeenHeads.parse(await read_body(request, JSON_LIMIT))
        await run_in_threadpool(half.compare_heads, seen.heads)
        return _message(half.head())

    @app.post("/v1/enrolments", dependencies=scoped(half.tokens, Scope.FLEET))
    async def enrol(request: Request) -> Response:
        """This half's keys for the meters of a roster, sealed to each. Body: EnrolmentRequest."""
        asked = EnrolmentRequest.parse(await read_body(request, JSON_LIMIT))
        return _message(await run_in_threadpool(half.enrol, asked))

    _add_period_routes(app, half)
    _add_audit_routes(app, half)
    return app


def _add_period_routes(app: FastAPI, half: Half) -> None:
    operator = scoped(half.tokens, Scope.OPERATOR)
    periods = KeyPeriods(half, system_clock)

    @app.post("/v1/periods", dependencies=operator)
    async def begin(request: Request) -> Response:
        """Begin the next key period. Body: NextPeriod; answer: its number and, of the decryptor, its key notice."""
        asked = NextPeriod.parse(await read_body(request, JSON_LIMIT))
        notice = await run_in_threadpool(periods.begin, asked)
        return json_response(
            {"period": asked.period, "notice": None if notice is None else notice.model_dump(mode="json")}
        )

    @app.post("/v1/periods/{number}/destruction", dependencies=operator)
    async def destroy(number: Annotated[int, FromPath(ge=1, lt=1 << 32)]) -> Response:
        """Destroy a key period for good: nobody can open its reports any more."""
        await run_in_threadpool(periods.destroy, number)
        return json_response({"destroyed": number})


def _add_audit_routes(app: FastAPI, half: Half) -> None:
    """What an auditor reads: the ledger, its checkpoints, and the rosters that its statements name."""
    auditor = scoped(half.tokens, Scope.OPERATOR, Scope.AUDITOR)

    @app.get("/v1/ledger", dependencies=auditor)
    async def ledger(first: _First = 1, most: _Most = 100) -> Response:
        """Entries of this half's ledger from `first` on."""
        entries = await run_in_threadpool(half.ledger.entries, first, most)
        return json_response(
            [
                {"counter": e.counter, "kind": e.kind, "body": e.body.decode(), "hash": to_base64(e.hash)}
                for e in entries
            ]
        )

    @app.get("/v1/checkpoints", dependencies=auditor)
    async def checkpoints(first: Annotated[int, Query(ge=0, lt=1 << 63)] = 0, most: _Most = 100) -> Response:
        """Signed checkpoints of this half's ledger, of counters from `first` on."""
        kept = await run_in_threadpool(half.ledger.checkpoints, first, most)
        return json_response([Envelope.from_bytes(one).model_dump(mode="json") for one in kept])

    @app.get("/v1/rosters", dependencies=auditor)
    async def rosters() -> Response:
        """The rosters installed here, by digest."""
        return json_response([fingerprint.hex() for fingerprint in half.registry.rosters.fingerprints()])

    @app.get("/v1/rosters/{digest}", dependencies=auditor)
    async def roster(digest: Annotated[str, FromPath(pattern="^[0-9a-f]{64}$")]) -> Response:
        """One of them, with its signatures."""
        return Response(await run_in_threadpool(half.registry.rosters.signed, bytes.fromhex(digest)), media_type=JSON)


async def _ready(half: Half) -> None:
    half.compare_heads(())
    half.checkpoints.check()


def _message(message: Envelope) -> Response:
    return Response(message.to_bytes(), media_type=JSON)
