"""Windows in the archive: everything is there before anything is deleted, and is answered from there as before."""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from wattseal.aggregator.archive import Archive
from wattseal.aggregator.archive_file import ArchiveFile, ArchiveWriter, Held, Row, Subject
from wattseal.aggregator.archiving import Archiving, archive_through
from wattseal.aggregator.door import Admitted, Door, Overdue, Reason
from wattseal.aggregator.intake import Intake
from wattseal.aggregator.store import (
    INLINE_LIMIT,
    Entry,
    PutStatus,
    ReportId,
    Store,
    WindowState,
    WindowStatus,
    open_store,
)
from wattseal.aggregator.store_errors import StoreUnavailable, WindowStateError
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import SECONDS_PER_DAY

pytestmark = pytest.mark.anyio
accepted, duplicate, conflict, late, archived = PutStatus
WINDOW = Window(20_000)  # 2024-10-04
ROSTER = b"\x00\xff" * 16
LARGE = os.urandom(INLINE_LIMIT + 1)


def entry(region: str, meter: str = "m", number: int = 0, body: bytes = b"body", window: int = WINDOW) -> Entry:
    return Entry(region, window, 1, 0, meter, number, body)


@pytest.fixture
def place(region: str) -> RegionId:
    return RegionId(region)


@pytest.fixture
async def closed(store: Store, region: str) -> Store:
    """A window with accepted reports, a late one and a conflict, small and large."""
    await store.put([entry(region), entry(region, number=1, body=b"edited"), entry(region, "large", body=LARGE)])
    await store.put([entry(region, window=WINDOW + 1, body=LARGE)])
    await store.close(region, WINDOW, ROSTER)
    await store.put([entry(region, "tardy", body=LARGE[::-1]), entry(region, body=b"other")])
    return store


async def everything(store: Store, region: str) -> list[object]:
    """What questions see of the window."""
    meters = ("large", "m", "tardy", "absent")
    return [
        await store.fetch(region, WINDOW, 1, 0, meters),
        await store.fetch_late(region, WINDOW, 1, 0, meters),
        await store.fetch(region, WINDOW, 1, 2, meters),
        await store.read(region, WINDOW, [ReportId(1, 0, meter, number) for meter in meters for number in (0, 1)]),
        await store.counts(region, WINDOW),
        (await store.state(region, WINDOW)).roster_digest,
    ]


async def test_an_archived_window_is_seen_as_before(closed: Store, place: RegionId, tmp_path: Path) -> None:
    before = await everything(closed, place)
    assert before[0] == [(0, LARGE), (1, b"edited"), None, None]
    assert before[1] == [None, None, (0, LARGE[::-1]), None]
    for _ in range(2):
        state = await Archiving(closed, None).archive(place, WINDOW)
        assert (state.status, state.roster_digest, state.emptied) == (WindowStatus.archived, ROSTER, True)
    assert await everything(closed, place) == before
    assert state.archive is not None
    assert [path.name for path in (tmp_path / "archive" / f"region-{place}").iterdir()] == [
        f"2024-10-04.{state.archive.hex()}.parquet"
    ]


async def test_nothing_of_it_stays_in_the_store(closed: Store, place: RegionId) -> None:
    await Archiving(closed, None).archive(place, WINDOW)
    assert await closed.accepted(place, WINDOW) == await closed.late(place, WINDOW) == []
    assert await closed.conflicts(place, WINDOW) == []
    _, names = await closed._line.read("SCAN", 0, "MATCH", f"ws:{{{place}:{WINDOW}}}:*", "COUNT", 1_000_000)
    assert names == [f"ws:{{{place}:{WINDOW}}}:state".encode()]
    assert await closed.fetch(place, WINDOW + 1, 1, 0, ["m"]) == [(0, LARGE)]
    assert [path.name for path in closed._segments._place("").iterdir()] == [f"{place}-{WINDOW + 1}"]


async def test_what_is_sent_again_is_compared_with_the_archive(closed: Store, place: RegionId) -> None:
    await Archiving(closed, None).archive(place, WINDOW)
    again = [
        entry(place),
        entry(place, number=1, body=b"edited"),
        entry(place, "large", body=LARGE),
        entry(place, "tardy", body=LARGE[::-1]),
        entry(place, body=b"other"),
        entry(place, "new"),
        entry(place, "new", window=WINDOW + 1),
    ]
    for _ in range(2):
        answers = await closed.put(again)
        assert answers[:-1] == [duplicate, duplicate, duplicate, duplicate, conflict, archived]
    assert answers[-1] == duplicate
    assert await closed.counts(place, WINDOW) == {"accepted": 3, "late": 1, "conflicts": 1}


async def test_overdue_reports_are_compared_and_never_taken(closed: Store, place: RegionId) -> None:
    """Whether their window is archived yet or not."""
    admitted: list[Admitted] = [
        Overdue(entry(place)),
        Reason.EARLY,
        Overdue(entry(place, body=b"other")),
        Overdue(entry(place, "new")),
    ]
    before = await everything(closed, place)
    for _ in range(2):
        assert await Intake(closed, cast(Door, None)).keep(admitted) == [
            duplicate,
            Reason.EARLY,
            conflict,
            Reason.ARCHIVED,
        ]
        await Archiving(closed, None).archive(place, WINDOW)
    assert await everything(closed, place) == before


async def test_the_file_holds_conflicts_too(closed: Store, place: RegionId) -> None:
    state = await Archiving(closed, None).archive(place, WINDOW)
    assert state.archive is not None
    file = closed.files.file(place, WINDOW, state.archive)
    assert file.subject == Subject(place, WINDOW, ROSTER)
    assert [(held, id_.meter, id_.number) for held, id_ in file.rows] == [
        (Held.ACCEPTED, "large", 0),
        (Held.ACCEPTED, "m", 0),
        (Held.ACCEPTED, "m", 1),
        (Held.LATE, "tardy", 0),
        (Held.CONFLICT, "m", 0),
    ]
    assert file.bodies([(Held.CONFLICT, ReportId(1, 0, "m", 0)), None]) == [b"other", None]


async def test_an_open_window_stays(store: Store, place: RegionId, tmp_path: Path) -> None:
    await store.put([entry(place)])
    with pytest.raises(WindowStateError, match=r"window 2024-10-04 of region .* is open: close it first"):
        await Archiving(store, None).archive(place, WINDOW)
    assert await store.fetch(place, WINDOW, 1, 0, ["m"]) == [(0, b"body")]
    assert not (tmp_path / "archive").exists()


async def test_a_late_report_amid_the_copy_is_not_lost(
    closed: Store, place: RegionId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Archive.check
    loop = asyncio.get_running_loop()

    def and_one_more(self: Archive, *arguments: object) -> None:
        check(self, *arguments)  # type: ignore[arg-type]
        put = asyncio.run_coroutine_threadsafe(closed.put([entry(place, "very tardy")]), loop)
        assert put.result() in ([late], [archived])

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "check", and_one_more)
        with pytest.raises(WindowStateError, match="has grown since it was copied"):
            await Archiving(closed, None).archive(place, WINDOW)
    assert await closed.state(place, WINDOW) == WindowState(WindowStatus.closed, ROSTER)
    await Archiving(closed, None).archive(place, WINDOW)
    assert await closed.fetch_late(place, WINDOW, 1, 0, ["very tardy"]) == [(0, b"body")]
    assert len(list((tmp_path / "archive" / f"region-{place}").iterdir())) == 1


async def test_a_slower_worker_s_older_copy_counts_for_nothing(
    closed: Store, place: RegionId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies before a late report, another worker archives after, and the first goes on."""
    slow, check = Archiving(closed, None), Archive.check
    copied, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def pause(self: Archive, *arguments: object) -> None:
        check(self, *arguments)  # type: ignore[arg-type]
        loop.call_soon_threadsafe(copied.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    with monkeypatch.context() as patched:
        patched.setattr(Archive, "check", pause)
        first = asyncio.create_task(slow.archive(place, WINDOW))
        await copied.wait()
    await closed.put([entry(place, "very tardy")])
    state = await Archiving(closed, None).archive(place, WINDOW)
    go_on.set()
    assert await first == state
    assert await closed.fetch_late(place, WINDOW, 1, 0, ["very tardy"]) == [(0, b"body")]
    assert len(list((tmp_path / "archive" / f"region-{place}").iterdir())) == 1


async def test_many_workers_archive_at_once(closed: Store, place: RegionId) -> None:
    """Some may find that reports went while they copied; once more, and it is done."""
    before = await everything(closed, place)
    results = await asyncio.gather(
        *(Archiving(closed, None).archive(place, WINDOW) for _ in range(8)), return_exceptions=True
    )
    assert all(isinstance(result, WindowState | StoreUnavailable) for result in results)
    assert (await Archiving(closed, None).archive(place, WINDOW)).emptied
    assert await everything(closed, place) == before


async def test_past_the_horizon_by_itself(closed: Store, place: RegionId) -> None:
    """And only what is closed."""
    end = (WINDOW + 1) * SECONDS_PER_DAY
    await Archiving(closed, None).archive_due([place], end + 1000 * SECONDS_PER_DAY)
    await Archiving(closed, 45).archive_due([place], end + 45 * SECONDS_PER_DAY - 1)
    assert (await closed.state(place, WINDOW)).status is WindowStatus.closed
    await Archiving(closed, 45).archive_due([place], end + 47 * SECONDS_PER_DAY)
    states = [(await closed.state(place, window)).status for window in (WINDOW, WINDOW + 1)]
    assert states == [WindowStatus.archived, WindowStatus.open]


async def test_by_command_up_to_a_day(closed: Store, place: RegionId) -> None:
    assert await archive_through(closed, place, Window(WINDOW - 1)) == []
    moved = await archive_through(closed, place, Window(WINDOW + 1))
    assert moved == [(WINDOW, {"accepted": 3, "late": 1, "conflicts": 1})]
    assert await archive_through(closed, place, Window(WINDOW + 1)) == []


@pytest.fixture
async def archived_file(closed: Store, place: RegionId, tmp_path: Path) -> Path:
    await Archiving(closed, None).archive(place, WINDOW)
    (path,) = (tmp_path / "archive" / f"region-{place}").iterdir()
    return path


async def test_damage_is_noticed(
    closed: Store, place: RegionId, archived_file: Path, store_url: str, tmp_path: Path
) -> None:
    whole = archived_file.read_bytes()
    (at,) = (place_ for place_ in range(len(whole)) if whole.startswith(LARGE[:64], place_))
    async with open_store(store_url, tmp_path / "segments", tmp_path / "archive") as other:
        archived_file.write_bytes(whole[:at] + bytes(64) + whole[at + 64 :])
        with pytest.raises(StoreUnavailable, match=f"{archived_file.name} is not as it was written"):
            await other.fetch(place, WINDOW, 1, 0, ["large"])
    for damaged in (whole[: len(whole) // 2], b"", whole.replace(b"tardy", b"Tardy")):
        archived_file.write_bytes(damaged)
        with pytest.raises(StoreUnavailable, match="is not as it was written"):
            ArchiveFile(archived_file)
    archived_file.unlink()
    with pytest.raises(StoreUnavailable, match="is missing"):
        ArchiveFile(archived_file)


async def test_without_a_directory_a_window_stays(store: Store, place: RegionId, store_url: str) -> None:
    async with open_store(store_url) as other:
        await other.put([entry(place)])
        await other.close(place, WINDOW, ROSTER)
        with pytest.raises(StoreUnavailable, match="no directory for an archive"):
            await Archiving(other, None).archive(place, WINDOW)
        assert await other.fetch(place, WINDOW, 1, 0, ["m"]) == [(0, b"body")]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file of this process may grow further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, len(LARGE) + 100, 2 * len(LARGE) + 1000], ids=["head", "rows", "end"])
async def test_a_full_disk_loses_nothing_and_is_told(closed: Store, place: RegionId, tmp_path: Path, room: int) -> None:
    before = await everything(closed, place)
    now = (WINDOW + 1000.0) * SECONDS_PER_DAY
    for _ in range(2):
        with disk_of(room), pytest.raises(StoreUnavailable, match=r"^1 windows stay in the store for now$"):
            await Archiving(closed, 45).archive_due([place], now)
        assert await closed.state(place, WINDOW) == WindowState(WindowStatus.closed, ROSTER)
        assert list((tmp_path / "archive" / f"region-{place}").iterdir()) == []
    assert await everything(closed, place) == before
    await Archiving(closed, 45).archive_due([place], now)
    assert (await closed.state(place, WINDOW)).emptied
    assert await everything(closed, place) == before


async def test_a_full_disk_is_named(closed: Store, place: RegionId) -> None:
    with disk_of(len(LARGE)), pytest.raises(StoreUnavailable, match=r"^archive: File too large$"):
        await Archiving(closed, None).archive(place, WINDOW)


async def test_one_window_that_cannot_be_archived_does_not_keep_the_next(
    closed: Store, place: RegionId, tmp_path: Path
) -> None:
    await closed.put([entry(place, body=b"small", window=WINDOW + 2)])
    await closed.close(place, WINDOW + 2, ROSTER)
    with disk_of(len(LARGE)), pytest.raises(StoreUnavailable):
        await Archiving(closed, 45).archive_due([place], (WINDOW + 1000.0) * SECONDS_PER_DAY)
    assert (await closed.state(place, WINDOW + 2)).emptied
    assert not (await closed.state(place, WINDOW)).emptied


async def test_a_window_that_grew_meanwhile_is_no_failure(
    closed: Store, place: RegionId, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def grown(*_: object) -> None:
        raise WindowStateError("has grown since it was copied")

    monkeypatch.setattr(Archiving, "archive", grown)
    await Archiving(closed, 45).archive_due([place], (WINDOW + 1000.0) * SECONDS_PER_DAY)


async def test_a_writer_at_work_keeps_its_file_and_a_dead_one_does_not(
    closed: Store, place: RegionId, tmp_path: Path
) -> None:
    directory = tmp_path / "archive" / f"region-{place}"
    directory.mkdir(parents=True)
    subject = Subject(place, WINDOW, ROSTER)
    killed = "import os, signal, sys; from pathlib import Path; from wattseal.aggregator.archive_file import *\n"
    killed += (
        "ArchiveWriter(Path(sys.argv[1]), '2024-10-04', Subject('r', 1, b''))\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed, str(directory)], check=False)
    (dead,) = directory.iterdir()
    with ArchiveWriter(directory, "2024-10-04", subject) as writer:
        state = await Archiving(closed, None).archive(place, WINDOW)
        assert not dead.exists()
        writer.add([Row(Held.ACCEPTED, ReportId(1, 0, "m", 0), b"body")])
        other = writer.finish()
    assert (directory / f"2024-10-04.{other.hex()}.parquet").is_file()
    assert state.archive is not None
    closed.files.keep_only(place, WINDOW, state.archive)
    assert [path.name for path in directory.iterdir()] == [f"2024-10-04.{state.archive.hex()}.parquet"]
