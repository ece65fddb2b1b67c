"""Real processes killed: one Valkey a directory, and every acknowledged report survives."""

import asyncio
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.aggregator.store.conftest import Repeat, ServersOn
from wattseal.aggregator.store import Entry, PutStatus, Store, open_store
from wattseal.aggregator.store_errors import StoreLocked, StoreSettingsError, StoreUnavailable
from wattseal.aggregator.valkey import SETTINGS, SOCKET_PATH_LIMIT, Supervisor

pytestmark = pytest.mark.anyio
PARENT = """
import asyncio, pathlib, sys
from wattseal.aggregator.valkey import Supervisor

async def supervise():
    async with Supervisor(pathlib.Path(sys.argv[1])) as supervisor:
        print(await supervisor.pid(), flush=True)
        await asyncio.Event().wait()

asyncio.run(supervise())
"""


@contextmanager
def orphan(directory: Path) -> Iterator[int]:
    """Process id of a Valkey whose supervising process was killed."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(directory)], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def entries(worker: int, batch: int, count: int = 20) -> list[Entry]:
    return [
        Entry("r", 1, 0, 0, f"{worker}-{batch}-{index}", 0, b"%d %d %d" % (worker, batch, index))
        for index in range(count)
    ]


async def assert_held(store: Store, acknowledged: list[Entry]) -> None:
    assert acknowledged
    found = await store.fetch("r", 1, 0, 0, [entry.meter for entry in acknowledged])
    assert found == [(0, entry.body) for entry in acknowledged]
    assert set(await store.put(acknowledged)) == {PutStatus.duplicate}


async def test_kill_between_puts_loses_nothing(tmp_path: Path, when_available: Repeat, servers_on: ServersOn) -> None:
    acknowledged: list[Entry] = []
    async with Supervisor(tmp_path) as supervisor, open_store(f"valkey+embedded://{tmp_path}") as store:

        async def upload(worker: int) -> None:
            """Puts until the store fails."""
            for batch in range(1_000_000):
                sent = entries(worker, batch)
                await store.put(sent)
                acknowledged.extend(sent)

        for round_ in range(3):
            uploads = [asyncio.create_task(upload(10 * round_ + worker)) for worker in range(4)]
            enough = len(acknowledged) + 1_000
            while len(acknowledged) < enough:
                await asyncio.sleep(0)
            killed = await supervisor.pid()
            os.kill(killed, signal.SIGKILL)
            ends = await asyncio.gather(*uploads, return_exceptions=True)
            assert [type(end) for end in ends] == [StoreUnavailable] * 4
            await when_available(store.ready)
            assert servers_on(tmp_path) == [await supervisor.pid()] != [killed]
        await assert_held(store, acknowledged)
    assert servers_on(tmp_path) == []


async def test_orphan_is_attached_to_and_stopped(tmp_path: Path, servers_on: ServersOn) -> None:
    with orphan(tmp_path) as pid:
        async with open_store(f"valkey+embedded://{tmp_path}") as store:
            await store.put(entries(0, 0))
            assert servers_on(tmp_path) == [pid]
        assert servers_on(tmp_path) == []


async def test_killed_orphan_is_replaced(tmp_path: Path, when_available: Repeat, servers_on: ServersOn) -> None:
    with orphan(tmp_path) as pid:
        async with open_store(f"valkey+embedded://{tmp_path}") as store:
            await store.put(entries(0, 0))
            os.kill(pid, signal.SIGKILL)
            await when_available(store.ready)
            assert len(servers_on(tmp_path)) == 1
            await assert_held(store, entries(0, 0))
    assert servers_on(tmp_path) == []


async def test_silent_holder_is_named(tmp_path: Path, servers_on: ServersOn) -> None:
    with orphan(tmp_path) as pid:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(StoreLocked, match=str(tmp_path)):
            await Supervisor(tmp_path, silence_seconds=0.2).start()
        os.kill(pid, signal.SIGCONT)
        assert servers_on(tmp_path) == [pid]
        async with Supervisor(tmp_path) as supervisor:
            assert await supervisor.pid() == pid


async def test_starts_that_race_share_one(tmp_path: Path, servers_on: ServersOn) -> None:
    supervisors = [Supervisor(tmp_path) for _ in range(4)]
    await asyncio.gather(*(supervisor.start() for supervisor in supervisors))
    assert servers_on(tmp_path) * 4 == [await supervisor.pid() for supervisor in supervisors]
    await asyncio.gather(*(supervisor.stop() for supervisor in supervisors))
    assert servers_on(tmp_path) == []


async def test_who_remains_takes_over(tmp_path: Path, when_available: Repeat, servers_on: ServersOn) -> None:
    first = Supervisor(tmp_path)
    await first.start()
    async with open_store(f"valkey+embedded://{tmp_path}") as store:
        await store.put(entries(0, 0))
        stopped = servers_on(tmp_path)
        await first.stop()
        await when_available(store.ready)
        assert len(servers_on(tmp_path)) == 1
        assert servers_on(tmp_path) != stopped
        await assert_held(store, entries(0, 0))
    assert servers_on(tmp_path) == []


async def test_truncated_tail_is_dropped(tmp_path: Path) -> None:
    async with open_store(f"valkey+embedded://{tmp_path}") as store:
        await store.put(entries(0, 0))
    (log,) = tmp_path.glob("appendonlydir/*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$9\r\nhalf")
    async with open_store(f"valkey+embedded://{tmp_path}") as store:
        await assert_held(store, entries(0, 0))


async def test_unreadable_log_is_an_error(tmp_path: Path, servers_on: ServersOn) -> None:
    async with Supervisor(tmp_path):
        pass
    (log,) = tmp_path.glob("appendonlydir/*.incr.aof")
    log.write_bytes(b"garbage\r\n" * 100)
    with pytest.raises(StoreUnavailable, match=r"valkey\.log"):
        await Supervisor(tmp_path, silence_seconds=0.3).start()
    assert servers_on(tmp_path) == []


async def test_full_disk_refuses_and_recovers(tmp_path: Path, when_available: Repeat) -> None:
    async with Supervisor(tmp_path) as supervisor, open_store(f"valkey+embedded://{tmp_path}") as store:
        await store.put(entries(0, 0))
        (log,) = tmp_path.glob("appendonlydir/*.incr.aof")
        room = log.stat().st_size + 500
        resource.prlimit(await supervisor.pid(), resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(StoreUnavailable):
            await store.put(entries(1, 0))
        await when_available(store.ready)
        await assert_held(store, entries(0, 0))
        assert set(await store.put(entries(1, 0))) == {PutStatus.accepted}


async def test_settings_in_force(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor, Redis(unix_socket_path=str(supervisor.socket)) as client:
        assert await client.config_get(*SETTINGS) == SETTINGS
        assert os.getsid(await supervisor.pid()) != os.getsid(0)


@pytest.mark.parametrize("length", [10, 200])
async def test_only_its_owner_can_enter(tmp_path: Path, length: int) -> None:
    """A path too long for a socket gets a private directory elsewhere, the same one at the next start."""
    directory = tmp_path / ("d" * length)
    async with Supervisor(directory) as supervisor:
        socket = supervisor.socket
        assert len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT
        assert stat.S_IMODE(directory.stat().st_mode) == stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.lstat().st_mode) & 0o077 for path in directory.rglob("*.aof")} == {0}
        assert (socket.parent == directory) == (length == 10)
    async with Supervisor(directory) as supervisor:
        assert supervisor.socket == socket
    if socket.parent != directory:
        shutil.rmtree(socket.parent)


async def test_replaced_socket_directory_is_not_trusted(tmp_path: Path) -> None:
    directory, exposed = tmp_path / ("d" * 200), tmp_path / "exposed"
    directory.mkdir(mode=0o700)
    exposed.mkdir(mode=0o755)
    (directory / "socket").symlink_to(exposed)
    async with Supervisor(directory) as supervisor:
        home = supervisor.socket.parent
        assert home != exposed
    shutil.rmtree(home)


async def test_directory_open_to_others_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(StoreSettingsError, match="open to others: chmod 700"):
        await Supervisor(tmp_path).start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
async def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(StoreSettingsError, match="belongs to another user"):
        await Supervisor(tmp_path).start()


async def test_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreSettingsError, match="File exists"):
        await Supervisor(tmp_path / "file").start()
