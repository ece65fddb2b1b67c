"""The halves over HTTP: thin routes around `DecryptorService` and `UnblinderService`."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest

from wattseal import __version__
from wattseal.edge.access import Scope
from wattseal.edge.bodies import JSON_LIMIT, ROSTER_LIMIT, read_body
from wattseal.edge.client import RoleClient
from wattseal.edge.openapi import describe
from wattseal.edge.problems import install_problem_handlers
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half
from wattseal.keyserver.unblinder import UnblinderService
from wattseal.protocol.codec import Message, canonical_json, to_base64
from wattseal.protocol.errors import VerificationRefused
from wattseal.protocol.keys import EnrolmentRequest
from wattseal.protocol.release import ReleaseRequest
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import window_date

FAILED_OPENINGS = Counter("wattseal_failed_openings", "Totals that failed verification: somebody cheats or is broken")
JSON = "application/json"
MOST_ENTRIES = 1000
_BODIES: dict[str, type[Message]] = {
    "/v1/keys": Envelope,
    "/v1/rosters": SignedRoster,
    "/v1/enrolments": EnrolmentRequest,
}


class RemotePads:
    """The unblinder over HTTP."""

    def __init__(self, client: RoleClient) -> None:
        self._client = client

    def grant(self, request: Envelope) -> Envelope:
        return Envelope.parse(self._client.post("/v1/pads", request))


def decryptor_app(service: DecryptorService) -> FastAPI:
    app = _half_app(service.half, "wattseal decryptor")

    @app.post("/v1/releases")
    async def release(request: Request) -> Response:
        """Open what a signed answer states. Body: ReleaseRequest; answer: a signed Release."""
        service.half.tokens.require_bearer(request, Scope.COLLECTOR)
        asked = ReleaseRequest.parse(await read_body(request, JSON_LIMIT))
        try:
            return Response(await run_in_threadpool(service.release, asked), media_type=JSON)
        except VerificationRefused:
            FAILED_OPENINGS.inc()
            raise

    describe(app, {**_BODIES, "/v1/releases": ReleaseRequest})
    return app


def unblinder_app(service: UnblinderService) -> FastAPI:
    app = _half_app(service.half, "wattseal unblinder")

    @app.post("/v1/pads")
    async def pads(request: Request) -> Response:
        """Grant pad sums to the decryptor, whose signature is the way in. Body: a signed PadRequest."""
        envelope = Envelope.parse(await read_body(request, JSON_LIMIT))
        return _message(await run_in_threadpool(service.grant, envelope))

    describe(app, {**_BODIES, "/v1/pads": Envelope})
    return app


def _half_app(half: Half, title: str) -> FastAPI:
    """Routes that both halves have."""
    app = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None)
    install_problem_handlers(app)
    operator = [Depends(_scoped(half, Scope.OPERATOR))]

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        half.compare_heads(())
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/head")
    async def head() -> Response:
        """Where this half's ledger stands, signed."""
        return _message(half.head())

    @app.get("/v1/keys")
    async def keys() -> Response:
        """The key notices installed here, each signed by the decryptor."""
        return _json([notice.model_dump(mode="json") for notice in half.registry.notices()])

    @app.post("/v1/keys", dependencies=operator)
    async def install_key(request: Request) -> Response:
        """Install a key notice. Body: a signed KeyNotice."""
        notice = half.registry.install_key(Envelope.parse(await read_body(request, JSON_LIMIT)))
        return _json({"key_id": notice.key_id})

    @app.post("/v1/rosters", dependencies=operator)
    async def install_roster(request: Request) -> Response:
        """Install a countersigned roster. Body: SignedRoster."""
        signed = SignedRoster.parse(await read_body(request, ROSTER_LIMIT))
        roster = await run_in_threadpool(half.registry.install_roster, signed)
        return _json({"region": roster.region, "effective": window_date(roster.effective).isoformat()})

    @app.post("/v1/enrolments", dependencies=[Depends(_scoped(half, Scope.FLEET))])
    async def enrol(request: Request) -> Response:
        """This half's keys for the meters of a roster, sealed to each. Body: EnrolmentRequest."""
        asked = EnrolmentRequest.parse(await read_body(request, JSON_LIMIT))
        return _message(await run_in_threadpool(half.enrol, asked))

    @app.get("/v1/ledger", dependencies=operator)
    async def ledger(
        first: Annotated[int, Query(ge=1)] = 1, most: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100
    ) -> Response:
        """Entries of this half's ledger from `first` on."""
        entries = half.ledger.entries(first, most)
        return _json(
            [
                {"counter": e.counter, "kind": e.kind, "body": e.body.decode(), "hash": to_base64(e.hash)}
                for e in entries
            ]
        )

    return app


def _scoped(half: Half, scope: Scope) -> Callable[[Request], Awaitable[None]]:
    async def check(request: Request) -> None:
        half.tokens.require_bearer(request, scope)

    return check


def _message(message: Envelope) -> Response:
    return Response(message.to_bytes(), media_type=JSON)


def _json(value: object) -> Response:
    return Response(canonical_json(value), media_type=JSON)
