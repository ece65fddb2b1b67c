"""Who is on a billing route when a cycle ends, and of whom no report came: for the collector that bills them."""

from pathlib import Path
from typing import Any

import pytest

from tests.aggregator.billing import opened, upload_of, worker
from tests.aggregator.cycles import BASIC, END, LAST_DAY, MAY, OTHER, START, ZONE, home, region, registry
from tests.policy.rosters import REGION
from wattseal.protocol.billing import local_day
from wattseal.protocol.billing_route import RouteQuestion
from wattseal.protocol.errors import PurposeNotPermitted, UnknownSubject, WindowNotClosed
from wattseal.protocol.ids import Channel, Window
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import MINUTES_PER_DAY


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def question(route: str = "north", **changes: Any) -> RouteQuestion:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "purpose": "billing",
        "region": REGION,
        "route": route,
        "tariff": BASIC.fingerprint,
        "mode": Mode.AMOUNT,
        "timezone": ZONE,
        "first": local_day(MAY.first),
        "after": local_day(MAY.after),
    }
    return RouteQuestion(**{**fields, **changes})


@pytest.mark.anyio
async def test_who_is_on_a_route_and_who_reported(tmp_path: Path) -> None:
    """A move makes two segments, of which one report is not enough; nobody is listed whose energy has no price."""
    day = Window(START // MINUTES_PER_DAY + 10)
    cut = day * MINUTES_PER_DAY
    both = tuple(Channel)
    rows = [home(f"m{i}", billing_route="north", channels=both if i == 2 else both[:1]) for i in range(5)]
    apart = [home("x0", cohort="hamlet", billing_route="south"), home("x1", cohort="village")]
    other = home("y0", billing_route="north", tariff=OTHER.name)
    moved = home("m1", billing_route="north", account="next", tenure_since=day)
    after = region(*(row for row in rows if row.meter != "m1"), moved, *apart, other, effective=day)
    known = registry(tmp_path / "registry", [region(*rows, *apart, other), after])
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", "m2", "m3", "x0")
        await upload_of(store, known, "m1", start=cut)
        billing = worker(store, known)
        told = await billing.route(question())
        assert [(one.meter, one.segments, one.reported) for one in told.meters] == [
            ("m0", 1, True),
            ("m1", 2, False),
            ("m3", 1, True),
            ("m4", 1, False),
        ]
        assert told.others == 2  # one under another tariff, and one with panels
        await upload_of(store, known, "m1", end=cut)
        assert [one.reported for one in (await billing.route(question())).meters] == [True, True, True, False]
        assert [one.meter for one in (await billing.route(question("south"))).meters] == ["x0"]
        with pytest.raises(UnknownSubject, match="no meter is on that billing route"):
            await billing.route(question("elsewhere"))
        with pytest.raises(PurposeNotPermitted):
            await billing.route(question(purpose="curiosity"))
        with pytest.raises(WindowNotClosed):
            await worker(store, known, now_s=END * 60.0 - 1).route(question())


@pytest.mark.anyio
async def test_both_meters_of_an_exchange_are_listed(tmp_path: Path) -> None:
    """The old one, which no roster has when the cycle ends, and the new one."""
    day = Window(LAST_DAY - 5)
    rows = [home(f"m{i}", billing_route="north") for i in range(6)]
    new = home("m9", billing_route="north", service_point="point of m0", account="account of m0", installed=day)
    known = registry(tmp_path / "registry", [region(*rows), region(*rows[1:], new, effective=day)])
    async with opened(tmp_path) as store:
        await upload_of(store, known, "m0", end=day * MINUTES_PER_DAY)
        told = await worker(store, known).route(question())
    assert {one.meter: (one.segments, one.reported) for one in told.meters} == {
        "m0": (1, True),
        **{f"m{i}": (1, False) for i in (1, 2, 3, 4, 5, 9)},
    }
