"""The process that deletes is killed at each step: again, and it ends the same; nothing else goes."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from tests.commands.shell import finish, module, start, valkeys_of
from tests.crash.neighborhood import DYING
from tests.crash.test_archive import METERS, REGION, WINDOW, entry, fill, on_the_store
from wattseal.aggregator.archiving import Archiving
from wattseal.aggregator.store import Store, WindowStatus
from wattseal.protocol.ids import RegionId, Window
from wattseal.protocol.time import system_clock, window_date, window_of

KEPT = Window(window_of(system_clock()) - 100)
STEPS = (
    "Store.append:before:1",
    "Store.append:after:1",
    "Store.forget:before:1",
    "Archive.keep_only:before:1",
    "Archive.keep_only:after:1",
    "Store.forget:after:1",
)


async def make(store: Store) -> None:
    """Two archived windows and one that is still open."""
    await fill(store)
    await store.put([entry(1)._replace(window=KEPT), entry(1)._replace(window=KEPT + 1)])
    await store.close(REGION, KEPT, bytes(32))
    for window in (WINDOW, KEPT):
        await Archiving(store, None).archive(RegionId(REGION), Window(window))


async def check_others(store: Store) -> None:
    for window in (KEPT, KEPT + 1):
        assert await store.fetch(REGION, window, 1, 1, ["m0001"]) == [(0, entry(1).body)]
    assert await store.counts(REGION, WINDOW) == {"accepted": METERS + 1, "late": 1, "conflicts": 1}


async def check_gone(store: Store) -> None:
    await check_others(store)
    assert (await store.state(REGION, WINDOW)).status is WindowStatus.deleted
    assert len(await store.read_log(f"retention:{REGION}")) == 1


def test_killed_at_each_step(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    on_the_store(home, make)
    words = ["expire", "--data", home, "--region", REGION]
    (due,) = module("aggregator", *words).json["due"]
    assert (due["date"], due["accepted"], due["late"], due["conflicts"]) == ("2024-10-04", METERS + 1, 1, 1)
    for step in STEPS:
        died = finish(start([sys.executable, DYING, step, "wattseal.aggregator", *words, "--delete"]))
        assert died.status == -signal.SIGKILL, (step, died.stderr)
        for pid in valkeys_of(home / "store"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        on_the_store(home, check_others)
    assert [one["date"] for one in module("aggregator", *words, "--delete").json["deleted"]] == []
    on_the_store(home, check_gone)
    (left,) = (home / "archive" / f"region-{REGION}").iterdir()
    assert left.name.startswith(window_date(KEPT).isoformat())
