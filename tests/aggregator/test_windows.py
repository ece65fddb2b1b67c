"""Windows close when their grace period is over, under the roster in force, and not before they end."""

from pathlib import Path

import pytest

from tests.policy.rosters import REGION, TODAY, TRUST, countersigned, roster, rows_of
from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.retention import Retention
from wattseal.aggregator.store import Entry, Store, WindowStatus, embedded_url, open_store
from wattseal.aggregator.windows import Closing
from wattseal.edge.registry import Registry
from wattseal.policy.pack import trial_policy
from wattseal.protocol.errors import Rejected, UnknownSubject
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY

ROSTER = roster(rows_of("town", 2))
HOUR = 3600


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    opened = Registry(tmp_path, TRUST, lambda: 0.0, replay=True, least_change=2, check_key=lambda _: None)
    opened.install_roster(countersigned(ROSTER))
    return opened


def closing(store: Store, registry: Registry, now_s: float, grace_hours: float | None = 36.0) -> Closing:
    return Closing(
        store,
        registry,
        lambda: now_s,
        grace_hours,
        Archiving(store, horizon_days=45),
        Retention(store, trial_policy(), lambda: now_s),
    )


async def put(store: Store, *windows: int) -> None:
    await store.put([Entry(REGION, window, 1, 1, "m0000", 0, b"report") for window in windows])


async def statuses(store: Store, *windows: int) -> list[WindowStatus]:
    return [(await store.state(REGION, window)).status for window in windows]


@pytest.mark.anyio
async def test_closed_once_the_grace_period_is_over(tmp_path: Path, registry: Registry) -> None:
    end = (TODAY + 1) * SECONDS_PER_DAY
    days = (TODAY, TODAY + 1)
    async with open_store(embedded_url(tmp_path / "store")) as store:
        await put(store, *days)
        await closing(store, registry, end + 36 * HOUR - 1).close_due()
        assert await statuses(store, *days) == [WindowStatus.open, WindowStatus.open]
        await closing(store, registry, end + 36 * HOUR + 1, grace_hours=None).close_due()
        assert await statuses(store, *days) == [WindowStatus.open, WindowStatus.open]
        await closing(store, registry, end + 36 * HOUR + 1).close_due()
        assert await statuses(store, *days) == [WindowStatus.closed, WindowStatus.open]
        assert (await store.state(REGION, TODAY)).roster_digest == ROSTER.fingerprint


@pytest.mark.anyio
async def test_refused_before_its_end_and_without_a_roster(tmp_path: Path, registry: Registry) -> None:
    async with open_store(embedded_url(tmp_path / "store")) as store:
        early = closing(store, registry, (TODAY + 1) * SECONDS_PER_DAY - 1)
        with pytest.raises(Rejected, match="not over yet"):
            await early.close(REGION, TODAY)
        late = closing(store, registry, (TODAY + 1) * SECONDS_PER_DAY)
        with pytest.raises(UnknownSubject):
            await late.close(REGION, Window(TODAY - 1))
        with pytest.raises(UnknownSubject):
            await late.close(RegionId("elsewhere"), TODAY)
        first = await late.close(REGION, TODAY)
        assert await late.close(REGION, TODAY) == first


@pytest.mark.anyio
@pytest.mark.parametrize(("horizon_days", "left"), [(45, 0), (None, 1)], ids=["live", "replay"])
async def test_retention_is_off_where_windows_of_any_age_are_taken(
    tmp_path: Path, registry: Registry, horizon_days: int | None, left: int
) -> None:
    now_s = (TODAY + 10_000.0) * SECONDS_PER_DAY
    async with open_store(embedded_url(tmp_path / "store"), archive=tmp_path / "archive") as store:
        await put(store, TODAY)
        subject = closing(store, registry, now_s)._replace(archiving=Archiving(store, horizon_days))
        await subject.close(REGION, TODAY)
        await subject.archiving.archive(REGION, TODAY)
        await subject.delete_due()
        assert len(list((tmp_path / "archive" / f"region-{REGION}").iterdir())) == left
