"""Routes that every service has: is it alive, is it ready, its metrics, and the documents that operators install."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from wattseal.edge.access import Scope, Tokens
from wattseal.edge.bodies import JSON_LIMIT, ROSTER_LIMIT, read_body
from wattseal.edge.registry import Registry
from wattseal.edge.serving import keep_for_good
from wattseal.protocol.codec import Message, canonical_json, to_base64
from wattseal.protocol.consent import Consent, SignedConsent, SignedRevocation
from wattseal.protocol.measures import SignedBudgetExtension, SignedQuarantine, SignedWaiver
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.charge_list import SignedChargeList
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import window_date

JSON = "application/json"
INSTALLED: dict[str, type[Message]] = {
    "/v1/keys": Envelope,
    "/v1/rosters": SignedRoster,
    "/v1/tariffs": SignedTariff,
    "/v1/charge-lists": SignedChargeList,
    "/v1/waivers": SignedWaiver,
    "/v1/consents": SignedConsent,
    "/v1/consent-revocations": SignedRevocation,
    "/v1/quarantines": SignedQuarantine,
    "/v1/budget-extensions": SignedBudgetExtension,
}
"""What the bodies of `add_operator_routes` are, for the OpenAPI document."""


def add_health_routes(app: FastAPI, ready: Callable[[], Awaitable[None]]) -> None:
    """`ready` raises whatever keeps the service from its work."""

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        await ready()
        return {"status": "ready"}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def add_operator_routes(app: FastAPI, registry: Registry, tokens: Tokens) -> None:
    operator = scoped(tokens, Scope.OPERATOR)
    _add_measure_routes(app, registry, operator)
    _add_consent_routes(app, registry, tokens)

    @app.post("/v1/keys", dependencies=operator)
    async def install_key(request: Request) -> Response:
        """Install a key notice. Body: a signed KeyNotice."""
        notice = registry.install_key(Envelope.parse(await read_body(request, JSON_LIMIT)))
        return json_response({"key_id": notice.key_id})

    @app.post("/v1/rosters", dependencies=operator)
    async def install_roster(request: Request) -> Response:
        """Install a countersigned roster. Body: SignedRoster."""
        body = await read_body(request, ROSTER_LIMIT)
        roster = await run_in_threadpool(lambda: registry.install_roster(SignedRoster.parse(body)))
        keep_for_good()
        return json_response({"region": roster.region, "effective": window_date(roster.effective).isoformat()})

    @app.post("/v1/tariffs", dependencies=operator)
    async def install_tariff(request: Request) -> Response:
        """Register a countersigned tariff. Body: SignedTariff."""
        body = await read_body(request, ROSTER_LIMIT)
        tariff = await run_in_threadpool(lambda: registry.install_tariff(SignedTariff.parse(body)))
        return json_response(
            {"tariff": tariff.name, "revision": tariff.revision, "digest": to_base64(tariff.fingerprint)}
        )

    @app.post("/v1/charge-lists", dependencies=operator)
    async def install_charge_list(request: Request) -> Response:
        """Register the countersigned list of a registered tariff's charges. Body: SignedChargeList."""
        signed = SignedChargeList.parse(await read_body(request, JSON_LIMIT))
        charges = await run_in_threadpool(registry.install_charge_list, signed)
        return json_response({"tariff": to_base64(charges.tariff), "charges": list(charges.charges)})


def _add_measure_routes(app: FastAPI, registry: Registry, operator: list[Any]) -> None:
    @app.post("/v1/waivers", dependencies=operator)
    async def install_waiver(request: Request) -> Response:
        """Install a countersigned waiver. Body: SignedWaiver."""
        waiver = registry.measures.install_waiver(SignedWaiver.parse(await read_body(request, JSON_LIMIT)))
        return json_response({"waiver": to_base64(waiver.fingerprint), "cohort": waiver.cohort})

    @app.post("/v1/quarantines", dependencies=operator)
    async def install_quarantine(request: Request) -> Response:
        """Install a countersigned quarantine, of windows that have not begun. Body: SignedQuarantine."""
        body = await read_body(request, JSON_LIMIT)
        quarantine = registry.measures.install_quarantine(SignedQuarantine.parse(body))
        return json_response({"quarantine": to_base64(quarantine.fingerprint), "meter": quarantine.meter})

    @app.post("/v1/budget-extensions", dependencies=operator)
    async def install_budget_extension(request: Request) -> Response:
        """Install a countersigned budget extension. Body: SignedBudgetExtension."""
        body = await read_body(request, JSON_LIMIT)
        extension = registry.measures.install_extension(SignedBudgetExtension.parse(body))
        return json_response({"extension": to_base64(extension.fingerprint), "region": extension.region})


def _add_consent_routes(app: FastAPI, registry: Registry, tokens: Tokens) -> None:
    """What customers agreed to: the signatures count, whoever brings them."""
    operator = scoped(tokens, Scope.OPERATOR)

    @app.post("/v1/consents", dependencies=operator)
    async def install_consent(request: Request) -> Response:
        """Keep a consent that the customer or the utility signed. Body: SignedConsent."""
        signed = SignedConsent.parse(await read_body(request, JSON_LIMIT))
        consent = await run_in_threadpool(registry.consents.install, signed)
        return json_response({"consent": to_base64(consent.fingerprint), "recipient": consent.recipient})

    @app.post("/v1/consent-revocations", dependencies=operator)
    async def revoke_consent(request: Request) -> Response:
        """Take a consent back, for good. Body: SignedRevocation."""
        signed = SignedRevocation.parse(await read_body(request, JSON_LIMIT))
        revocation = await run_in_threadpool(registry.consents.revoke, signed)
        return json_response({"revoked": to_base64(revocation.consent)})

    @app.get("/v1/consents", dependencies=scoped(tokens, Scope.OPERATOR, Scope.AUDITOR))
    async def consents() -> Response:
        """All consents that are known here, each with its state: in force, revoked or expired."""
        return json_response([_told(consent, state) for consent, state in registry.consents.listed()])


def _told(consent: Consent, state: str) -> dict[str, str]:
    days = {name: window_date(getattr(consent, name)).isoformat() for name in ("first", "last", "until")}
    named = {name: getattr(consent, name) for name in ("region", "meter", "account", "recipient", "purpose")}
    return {"consent": to_base64(consent.fingerprint), **named, **days, "state": state}


def scoped(tokens: Tokens, *scopes: Scope) -> list[Any]:
    """Dependencies of a route that asks for a token of one of these scopes, before its body is read."""

    async def check(request: Request) -> None:
        tokens.require_bearer(request, *scopes)

    return [Depends(check)]


def json_response(value: object) -> Response:
    return Response(canonical_json(value), media_type=JSON)
