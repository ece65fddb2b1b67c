"""The archiving process and its store are killed at each step: every report stays, in one place or the other."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from tests.commands.shell import Ended, finish, module, start, valkeys_of
from tests.crash.neighborhood import DYING
from wattseal.aggregator.store import INLINE_LIMIT, Entry, PutStatus, Store, embedded_url, open_store

REGION, WINDOW, METERS = "region-1", 20_000, 1_500
STEPS = (
    "ArchiveWriter.add:after:1",
    "ArchiveWriter.finish:before:1",
    "ArchiveWriter.finish:after:1",
    "Archive.check:after:1",
    # The first write of a process loads the functions; the state is set from here on.
    "Line.write:before:2",
    "Line.write:before:3",
    "Segments.drop:before:1",
    "Archive.keep_only:before:1",
    "Archive.keep_only:after:1",
)


def entry(meter: int, number: int = 0, large: bool = False) -> Entry:
    body = b"%d/%d" % (meter, number) * (INLINE_LIMIT if large else 1)
    return Entry(REGION, WINDOW, 1, 1, f"m{meter:04}", number, body[: INLINE_LIMIT + 7])


REPORTS = [entry(meter) for meter in range(METERS)]
LARGE, TARDY = entry(METERS, large=True), entry(7, number=1)


def on_the_store(home: Path, act: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_store(embedded_url(home / "store"), home / "segments", home / "archive") as store:
            await act(store)

    asyncio.run(run())


async def fill(store: Store) -> None:
    assert set(await store.put([*REPORTS, LARGE])) == {PutStatus.accepted}
    await store.close(REGION, WINDOW, bytes(32))
    assert await store.put([TARDY, entry(7)._replace(body=b"other")]) == [PutStatus.late, PutStatus.conflict]


async def check_whole(store: Store) -> None:
    """Every report is read and, sent again, known."""
    meters = [report.meter for report in (*REPORTS, LARGE)]
    bodies = [(0, report.body) for report in (*REPORTS, LARGE)]
    assert await store.fetch(REGION, WINDOW, 1, 1, meters) == bodies
    assert await store.fetch_late(REGION, WINDOW, 1, 1, ["m0007", "m0008"]) == [(1, TARDY.body), None]
    assert await store.counts(REGION, WINDOW) == {"accepted": METERS + 1, "late": 1, "conflicts": 1}
    assert set(await store.known([*REPORTS, LARGE, TARDY])) == {PutStatus.duplicate}


def words(home: Path) -> list[object]:
    return ["archive", "--data", home, "--region", REGION, "--through", "2024-10-05"]


def die(home: Path, step: str) -> Ended:
    return finish(start([sys.executable, DYING, step, "wattseal.aggregator", *words(home)]))


def test_killed_at_each_step(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    on_the_store(home, fill)
    for step in STEPS:
        assert die(home, step).status == -signal.SIGKILL, step
        for pid in valkeys_of(home / "store"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        on_the_store(home, check_whole)
    moved = [{"date": "2024-10-04", "accepted": METERS + 1, "late": 1, "conflicts": 1}]
    assert module("aggregator", *words(home)).json == {"region": REGION, "archived": moved}
    assert json.loads(module("aggregator", *words(home)).stdout)["archived"] == []
    on_the_store(home, check_whole)
    assert len(list((home / "archive" / f"region-{REGION}").iterdir())) == 1
    assert not list((home / "segments").iterdir())
