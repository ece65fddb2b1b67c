"""Questions about bills at a worker over a real store, and the reports that it needs, through the real door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.aggregator.cycles import BASIC, END, MAY, ZONE, cycle_report
from tests.policy.packs import flat
from tests.policy.rosters import REGION, operator
from wattseal.aggregator.bills import Billing
from wattseal.aggregator.days import Days
from wattseal.aggregator.door import Door, Reason
from wattseal.aggregator.logs import bills_log
from wattseal.aggregator.store import Entry, PutStatus, Store, embedded_url, open_store
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.registry import Registry
from wattseal.policy.levels import Levels
from wattseal.protocol.billing import BillAnswer, BillQuestion, BillStatement, Cancels, Rebill, local_day
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import frame
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode

LOG = bills_log(REGION)
POLICY = flat(4)
LONG_AFTER = END * 60.0 + 40 * 86_400


@asynccontextmanager
async def opened(directory: Path, archive: Path | None = None) -> AsyncIterator[Store]:
    async with open_store(embedded_url(directory / "store"), archive=archive) as store:
        yield store


def door(known: Registry) -> Door:
    return Door(known, lambda: LONG_AFTER, horizon_days=None, backend=Backend.OURS)


def worker(store: Store, known: Registry, now_s: float = LONG_AFTER) -> Billing:
    return Billing(store, known, POLICY, operator("aggregator"), lambda: now_s, Days(store, known, Levels(POLICY)))


async def upload(store: Store, known: Registry, *bodies: bytes) -> list[Reason | PutStatus]:
    admitted = door(known).admit(frame(bodies))
    stored = iter(await store.put([one for one in admitted if isinstance(one, Entry)]))
    return [one if isinstance(one, Reason) else next(stored) for one in admitted]


async def upload_of(
    store: Store,
    known: Registry,
    *meters: str,
    **changes: Any,  # noqa: ANN401 - any field's value
) -> None:
    """One report of each, taken in time."""
    bodies = [cycle_report(meter=MeterId(meter), **changes) for meter in meters]
    assert await upload(store, known, *bodies) == [PutStatus.accepted] * len(meters)


def question(
    *meters: str,
    cycle: Cycle = MAY,
    cancels: BillStatement | None = None,
    **changes: Any,  # noqa: ANN401 - any field's value
) -> BillQuestion:
    """`cancels`: the statement of an earlier bill of the first meter, under the release that a collector names."""
    rebills = []
    if cancels is not None:
        of_statement = Cancels(statement=cancels.digest(), release=bytes(32))
        rebills = [Rebill(meter=MeterId(meters[0]), cancels=of_statement)]
    fields: dict[str, Any] = {
        "purpose": "billing",
        "region": REGION,
        "tariff": BASIC.fingerprint,
        "mode": Mode.AMOUNT,
        "timezone": ZONE,
        "first": local_day(cycle.first),
        "after": local_day(cycle.after),
        "meters": tuple(map(MeterId, meters)),
        "rebills": tuple(rebills),
    }
    return BillQuestion(**{**fields, **changes})


def told(answer: bytes) -> tuple[BillAnswer, BillStatement]:
    """The answer, and its statement under the aggregator's signature."""
    parsed = BillAnswer.from_bytes(answer)
    return parsed, parsed.approval.opened(operator("aggregator").verify_key.encode())
