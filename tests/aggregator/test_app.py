"""Bills and tariffs over HTTP: who may ask, and what comes back."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.aggregator.cycles import BASIC, END, MAY, OTHER, ZONE, cycle_report, registry
from tests.policy.rosters import REGION, TRUST, operator
from wattseal.aggregator.app import Parts, aggregator_app
from wattseal.aggregator.heads import HeadsSeen
from wattseal.aggregator.store import embedded_url
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope, Tokens
from wattseal.policy.pack import Policy, trial_policy
from wattseal.protocol.billing import BillAnswer, BillQuestion, local_day
from wattseal.protocol.billing_route import RouteMeters, RouteQuestion
from wattseal.protocol.codec import to_base64
from wattseal.protocol.ids import CohortId, MeterId
from wattseal.protocol.report import frame
from wattseal.protocol.tariff.charges import Mode

QUESTION = BillQuestion(
    purpose="billing",
    region=REGION,
    tariff=BASIC.fingerprint,
    mode=Mode.AMOUNT,
    timezone=ZONE,
    first=local_day(MAY.first),
    after=local_day(MAY.after),
    meters=(MeterId("m0"),),
)
POLICY = trial_policy()
_ABOUT = ("purpose", "region", "tariff", "mode", "timezone", "first", "after")
ROUTE = RouteQuestion(**{name: value for name, value in QUESTION if name in _ABOUT}, cohort=CohortId("town"))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def served(directory: Path, policy: Policy = POLICY) -> AsyncIterator[dict[Scope, httpx.AsyncClient]]:
    """A client for each scope."""
    tokens = Tokens.create(directory / "tokens.json")
    parts = Parts(
        store_url=embedded_url(directory / "store"),
        segments=directory / "segments",
        archive=directory / "archive",
        allow_loss=False,
        registry=registry(directory / "registry"),
        tokens=Tokens.load(directory / "tokens.json"),
        policy=policy,
        signing_key=operator("aggregator"),
        clock=lambda: END * 60.0,
        grace_hours=None,
        horizon_days=None,
        backend=Backend.OURS,
        heads=HeadsSeen(directory / "heads.json", TRUST),
    )
    app = aggregator_app(parts)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app):
        yield {
            scope: httpx.AsyncClient(
                transport=transport, base_url="http://aggregator", headers={"Authorization": f"Bearer {token}"}
            )
            for scope, token in tokens.items()
        }


@pytest.mark.anyio
async def test_from_an_upload_to_a_bill(tmp_path: Path) -> None:
    """What is missing is told as a problem; afterwards the same bytes come every time."""
    async with served(tmp_path) as clients:
        missing = await clients[Scope.BILLING].post("/v1/bills", content=QUESTION.to_bytes())
        assert (missing.status_code, missing.json()["type"]) == (403, "urn:wattseal:problem:nobody-reported")
        uploaded = await clients[Scope.FLEET].post("/v1/reports", content=frame([cycle_report()]))
        assert uploaded.json() == {"reports": [{"status": "accepted"}]}
        answers = [await clients[Scope.BILLING].post("/v1/bills", content=QUESTION.to_bytes()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    statement = BillAnswer.from_bytes(answers[0].content).approval.opened(operator("aggregator").verify_key.encode())
    assert [segment.meter for segment in statement.segments] == ["m0"]


@pytest.mark.anyio
async def test_which_tariffs_are_registered(tmp_path: Path) -> None:
    async with served(tmp_path) as clients:
        listed = json.loads((await clients[Scope.COLLECTOR].get("/v1/tariffs")).content)
    assert listed == [
        {
            "name": tariff.name,
            "revision": tariff.revision,
            "digest": to_base64(tariff.fingerprint),
            "class": "residential",
            "commodity": "electricity",
            "listed": "",
        }
        for tariff in (BASIC, OTHER)
    ]


@pytest.mark.anyio
async def test_names_on_a_route_are_for_whoever_bills_it(tmp_path: Path) -> None:
    async with served(tmp_path) as clients:
        told = await clients[Scope.BILLING].post("/v1/billing-routes", content=ROUTE.to_bytes())
        others = [
            (await clients[scope].post("/v1/billing-routes", content=ROUTE.to_bytes())).status_code
            for scope in Scope
            if scope is not Scope.BILLING
        ]
    assert [one.meter for one in RouteMeters.parse(told.content).meters] == [f"m{i}" for i in range(6)]
    assert set(others) == {403}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("change", "answers"),
    [
        ({"recipients": ("A University",)}, [(403, "purpose-not-permitted")] * 2),
        ({"questions_per_token_day": 1}, [(200, ""), (429, "budget-spent")]),
    ],
)
async def test_a_route_is_asked_about_as_bills_are(
    tmp_path: Path, change: dict[str, object], answers: list[tuple[int, str]]
) -> None:
    """By the purpose's recipients alone, and as often as its rule says."""
    rule = POLICY.purposes["billing"].model_copy(update=change)
    policy = POLICY.model_copy(update={"purposes": {**POLICY.purposes, "billing": rule}})
    async with served(tmp_path, policy) as clients:
        told = [await clients[Scope.BILLING].post("/v1/billing-routes", content=ROUTE.to_bytes()) for _ in range(2)]
    assert [(one.status_code, one.json().get("type", "").rpartition(":")[2]) for one in told] == answers


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [Scope.FLEET, Scope.OPERATOR])
async def test_only_a_collector_asks(tmp_path: Path, scope: Scope) -> None:
    async with served(tmp_path) as clients:
        answers = [
            await clients[scope].post("/v1/bills", content=QUESTION.to_bytes()),
            await clients[scope].get("/v1/tariffs"),
        ]
        document = (await clients[scope].get("/openapi.json")).json()
    assert [answer.status_code for answer in answers] == [403, 403]
    body = document["paths"]["/v1/bills"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/BillQuestion"}
