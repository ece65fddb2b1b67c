"""Archived windows go once no purpose keeps them; what is open, closed or needed by a billing cycle stays."""

import asyncio
from pathlib import Path

import pytest

from wattseal.aggregator.archive import Archive
from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.retention import LEAST_DAYS, Retention
from wattseal.aggregator.store import Entry, PutStatus, Store, WindowStatus
from wattseal.aggregator.store_errors import StoreUnavailable, WindowStateError
from wattseal.policy.pack import Policy, trial_policy
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY

pytestmark = pytest.mark.anyio
OLD, OPEN, CLOSED = Window(20_000), Window(20_001), Window(20_002)  # 2024-10-04 and later
ROSTER = bytes(32)
END = (OLD + 1.0) * SECONDS_PER_DAY
TRIAL = trial_policy()


def keeping(*days: int) -> Policy:
    """A pack whose purposes keep so many days, the first ones as given and the others the last."""
    rules = list(TRIAL.purposes.items())
    kept = [*days, *[days[-1]] * (len(rules) - len(days))]
    changed = {
        name: rule.model_copy(update={"retention_days": most}) for (name, rule), most in zip(rules, kept, strict=True)
    }
    return TRIAL.model_copy(update={"purposes": changed})


@pytest.fixture
def place(region: str) -> RegionId:
    return RegionId(region[:16])


@pytest.fixture
async def filled(store: Store, place: RegionId) -> Store:
    """An archived window, an open one and one that is closed; an answer in a log."""
    for window in (OLD, OPEN, CLOSED):
        await store.put([Entry(place, window, 1, 0, "m", 0, b"body"), Entry(place, window, 1, 0, "n", 0, b"body")])
    for window in (OLD, CLOSED):
        await store.close(place, window, ROSTER)
    await store.put([Entry(place, OLD, 1, 0, "tardy", 0, b"body")])
    await store.append(f"totals:delivered:{place}", 0, [b"an answer"])
    await Archiving(store, None).archive(place, OLD)
    return store


def files(tmp_path: Path, place: RegionId) -> list[Path]:
    return sorted((tmp_path / "archive" / f"region-{place}").iterdir())


async def test_kept_to_the_last_second_of_the_longest_purpose_and_not_longer(
    filled: Store, place: RegionId, tmp_path: Path
) -> None:
    policy = keeping(100, 400, 200)
    early = Retention(filled, policy, lambda: END + 400 * SECONDS_PER_DAY - 1)
    assert await early.due(place) == await early.delete_due([place]) == []
    assert len(files(tmp_path, place)) == 1
    late = Retention(filled, policy, lambda: END + 400 * SECONDS_PER_DAY)
    digest = (await filled.state(place, OLD)).archive
    assert digest is not None
    (due,) = await late.due(place)
    assert len(files(tmp_path, place)) == 1
    assert await late.deleted(place) == []
    assert await late.delete_due([place]) == [due] == await late.deleted(place)
    assert files(tmp_path, place) == []
    assert due.told() == {
        "date": "2024-10-04",
        "accepted": 2,
        "late": 1,
        "conflicts": 0,
        "file": digest.hex(),
        "policy": "trial",
        "revision": TRIAL.revision,
        "kept_days": 400,
        "at": END + 400 * SECONDS_PER_DAY,
    }


async def test_windows_that_are_open_or_not_archived_stay(filled: Store, place: RegionId) -> None:
    retention = Retention(filled, keeping(100), lambda: END + 10_000 * SECONDS_PER_DAY)
    assert [deletion.window for deletion in await retention.delete_due([place])] == [OLD]
    for window in (OPEN, CLOSED):
        assert await filled.fetch(place, window, 1, 0, ["m"]) == [(0, b"body")]
        with pytest.raises(WindowStateError, match="is not archived yet"):
            await filled.forget(place, window)
        assert await filled.fetch(place, window, 1, 0, ["m"]) == [(0, b"body")]
    assert await filled.read_log(f"totals:delivered:{place}") == [b"an answer"]


async def test_a_short_retention_does_not_take_what_a_billing_cycle_needs(filled: Store, place: RegionId) -> None:
    assert LEAST_DAYS == 33 + 45
    early = Retention(filled, keeping(1), lambda: END + LEAST_DAYS * SECONDS_PER_DAY - 1)
    assert await early.due(place) == []
    assert len(await Retention(filled, keeping(1), lambda: END + LEAST_DAYS * SECONDS_PER_DAY).due(place)) == 1


async def test_of_a_deleted_window_the_state_and_counts_are_left(filled: Store, place: RegionId) -> None:
    retention = Retention(filled, keeping(100), lambda: END + 10_000 * SECONDS_PER_DAY)
    await retention.delete_due([place])
    state = await filled.state(place, OLD)
    assert (state.status, state.roster_digest, state.archive) == (WindowStatus.deleted, ROSTER, None)
    assert await filled.counts(place, OLD) == {"accepted": 2, "late": 1, "conflicts": 0}
    assert await filled.fetch(place, OLD, 1, 0, ["m"]) == await filled.fetch_late(place, OLD, 1, 0, ["tardy"]) == [None]
    assert await filled.put([Entry(place, OLD, 1, 0, "m", 0, b"body")]) == [PutStatus.archived]
    assert await Archiving(filled, None).archive(place, OLD) == state
    assert not await Archiving(filled, None).is_due(place, OLD)
    assert await retention.delete_due([place]) == []
    assert len(await retention.deleted(place)) == 1


async def test_interrupted_before_the_file_went_it_is_finished_and_noted_once(
    filled: Store, place: RegionId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = Retention(filled, keeping(100), lambda: END + 10_000 * SECONDS_PER_DAY)

    def no_disk(*_: object) -> None:
        raise StoreUnavailable("archive: Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "keep_only", no_disk)
        with pytest.raises(StoreUnavailable):
            await retention.delete_due([place])
    half = await filled.state(place, OLD)
    assert half.status is WindowStatus.deleted
    assert await Archiving(filled, None).archive(place, OLD) == half
    assert len(files(tmp_path, place)) == 1
    await retention.delete_due([place])
    assert files(tmp_path, place) == []
    (noted,) = await retention.deleted(place)
    assert noted.file != ""


async def test_two_workers_at_once_note_a_window_once(filled: Store, place: RegionId, tmp_path: Path) -> None:
    retention = Retention(filled, keeping(100), lambda: END + 10_000 * SECONDS_PER_DAY)
    await asyncio.gather(*(retention.delete_due([place]) for _ in range(8)))
    assert files(tmp_path, place) == []
    assert [deletion.window for deletion in await retention.deleted(place)] == [OLD]
