"""A home whose windows were answered about and archived, made over the real routes: what can be computed again."""

import asyncio
from pathlib import Path

import httpx

from tests.aggregator.billing import LONG_AFTER, POLICY
from tests.aggregator.cycles import BASIC, LAST_DAY, LAYOUT, MAY, ZONE, cycle_report, header, identity, registry
from tests.policy.rosters import REGION, TRUST, operator
from wattseal.aggregator.app import Parts, aggregator_app
from wattseal.aggregator.heads import HeadsSeen
from wattseal.aggregator.store import embedded_url
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID
from wattseal.edge.access import Scope, Tokens
from wattseal.edge.private_files import private_directory, write_private
from wattseal.protocol.billing import BillQuestion, local_day
from wattseal.protocol.ids import CohortId, Kind, MeterId, Suite, Window
from wattseal.protocol.report import FlagReason, FlagRun, frame, seal_report
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import window_date, window_minutes

METERS = [MeterId(f"m{number}") for number in range(6)]
DAYS = [Window(LAST_DAY - day) for day in range(12)]
CIPHERTEXT_BYTES = MaskingParameters(LAYOUTS_BY_ID[LAYOUT]).ciphertext_bytes


def daily_report(meter: MeterId, window: Window, number: int = 0) -> bytes:
    """Sealed under nobody's key: to sum it up needs none."""
    start, end = window_minutes(window)
    told = header(
        suite=Suite.MASKING,
        kind=Kind.DAILY,
        meter=meter,
        start=start,
        end=end,
        number=number,
        flags=(FlagRun(int(meter[1:]), 3, FlagReason.MISSING),),
    )
    seed = f"{meter} {window} {number} ".encode()
    return seal_report(told, (seed * CIPHERTEXT_BYTES)[:CIPHERTEXT_BYTES], identity(meter))


def make_home(home: Path) -> None:
    """Totals of each day and one bill question, all answered; every window archived but the first of DAYS' days."""
    private_directory(home)
    write_private(home / "trust.json", TRUST.to_bytes())
    tokens = Tokens.create(home / "tokens.json")
    parts = Parts(
        store_url=embedded_url(home / "store"),
        segments=home / "segments",
        archive=home / "archive",
        allow_loss=False,
        registry=registry(private_directory(home / "registry")),
        tokens=Tokens.load(home / "tokens.json"),
        policy=POLICY,
        signing_key=operator("aggregator"),
        clock=lambda: LONG_AFTER,
        grace_hours=None,
        horizon_days=None,
        backend=Backend.OURS,
        heads=HeadsSeen(home / "heads.json", TRUST),
    )
    asyncio.run(_fill(parts, tokens))


async def _fill(parts: Parts, tokens: dict[Scope, str]) -> None:
    app = aggregator_app(parts)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:

        async def post(scope: Scope, path: str, content: bytes) -> None:
            headers = {"Authorization": f"Bearer {tokens[scope]}"}
            answer = await client.post(f"http://aggregator{path}", content=content, headers=headers)
            assert answer.status_code == 200, answer.text
            assert b"rejected" not in answer.content

        bodies = [daily_report(meter, day, number) for day in DAYS for meter in METERS for number in (0, 2)]
        await post(Scope.FLEET, "/v1/reports", frame(bodies))
        await post(Scope.FLEET, "/v1/reports", frame([cycle_report(meter=meter) for meter in METERS]))
        for day in DAYS:
            window = f"/v1/regions/{REGION}/windows/{window_date(day)}"
            await post(Scope.OPERATOR, f"{window}/close", b"")
            question = TotalQuestion(purpose="research", region=REGION, cohort=CohortId("town"), window=day)
            await post(Scope.COLLECTOR, "/v1/totals", question.to_bytes())
        await post(Scope.BILLING, "/v1/bills", _bill_question().to_bytes())
        for day in DAYS[:-1]:
            window = f"/v1/regions/{REGION}/windows/{window_date(day)}"
            await post(Scope.OPERATOR, f"{window}/archive", b"")


def _bill_question() -> BillQuestion:
    return BillQuestion(
        purpose="billing",
        region=REGION,
        tariff=BASIC.fingerprint,
        mode=Mode.AMOUNT,
        timezone=ZONE,
        first=local_day(MAY.first),
        after=local_day(MAY.after),
        meters=tuple(METERS),
    )
