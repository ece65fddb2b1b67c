"""What an auditor reads of the aggregator's logs: which statements it has answered, and what it has deleted."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Response
from fastapi.concurrency import run_in_threadpool

from wattseal.aggregator.logs import bills_log, totals_log
from wattseal.aggregator.retention import Retention
from wattseal.aggregator.store import Store
from wattseal.edge.access import Scope, Tokens
from wattseal.edge.routes import json_response, scoped
from wattseal.protocol.billing import BillAnswer, BillStatement
from wattseal.protocol.ids import Channel, RegionDay, RegionField
from wattseal.protocol.statement import Answer, TotalStatement
from wattseal.protocol.time import parse_window


def add_audit_routes(app: FastAPI, tokens: Tokens, running: Callable[[], tuple[Store, Retention]]) -> None:
    auditor = scoped(tokens, Scope.OPERATOR, Scope.AUDITOR)

    @app.get("/v1/answers/totals/{region}/{channel}/{date}", dependencies=auditor)
    async def totals(region: RegionField, channel: Channel, date: str) -> Response:
        """Digests of the statements about totals of a region's day that were answered, in hexadecimal, in order."""
        store, _ = running()
        answers = await store.read_log(totals_log(RegionDay(region, channel, parse_window(date))))
        return json_response(await run_in_threadpool(_of_totals, answers))

    @app.get("/v1/answers/bills/{region}", dependencies=auditor)
    async def bills(region: RegionField) -> Response:
        """The same of a region's bills."""
        store, _ = running()
        return json_response(await run_in_threadpool(_of_bills, await store.read_log(bills_log(region))))

    @app.get("/v1/regions/{region}/deletions", dependencies=auditor)
    async def deletions(region: RegionField) -> Response:
        """Windows whose reports were deleted because their retention was over."""
        _, retention = running()
        return json_response([one.told() for one in await retention.deleted(region)])


def _of_totals(answers: Sequence[bytes]) -> list[str]:
    return [TotalStatement.from_bytes(Answer.from_bytes(one).statement).digest().hex() for one in answers]


def _of_bills(answers: Sequence[bytes]) -> list[str]:
    return [BillStatement.from_bytes(BillAnswer.from_bytes(one).statement).digest().hex() for one in answers]
