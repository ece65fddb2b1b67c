"""The line to a Redis-protocol store: durable calls, errors in the store's words, refusal of lossy settings.

What the calls mean lives in store.py; the functions that run inside the store in store_functions.lua.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, Self

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from wattseal.aggregator.store_errors import StoreSettingsError, StoreUnavailable

CONNECTIONS: Final = 16
CONNECT_SECONDS: Final = 2
ANSWER_SECONDS: Final = 20
REPLICA_MILLISECONDS: Final = 5_000
LOSSLESS: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}
FUNCTIONS_VERSION: Final = (7, 0)
WAITAOF_VERSION: Final = (7, 2)
_PROBE: Final = "ws:probe"
_DOWN: Final = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.OutOfMemoryError,
    redis_errors.ReadOnlyError,
    redis_errors.NoPermissionError,
    redis_errors.ClusterDownError,
)
_DOWN_CODES: Final = frozenset({"MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED"})
_SOURCE: Final = files(__package__).joinpath("store_functions.lua").read_text()
_VERSION: Final = sha256(_SOURCE.encode()).hexdigest()[:12]

Argument = str | bytes | int
Command = tuple[Argument, ...]
Answer = Any  # each command's own


@contextmanager
def failures_named() -> Iterator[None]:
    """Turn every failure of the store itself into StoreUnavailable; errors of ours pass through."""
    try:
        yield
    except _DOWN as error:
        raise StoreUnavailable(f"the store is unavailable: {error}") from error
    except redis_errors.ResponseError as error:
        if str(error).partition(" ")[0] not in _DOWN_CODES:
            raise
        raise StoreUnavailable(f"the store is unavailable: {error}") from error


class Line:
    """Calls to one store. A write is as durable as promised once its answer is here.

    Nothing is retried after a broken connection, because the outcome of the first attempt is unknown.
    """

    def __init__(self, client: Redis, *, allow_loss: bool, probe_key: str = _PROBE) -> None:
        self._client = client
        self._allow_loss = allow_loss
        self._replicas = 0
        self.probe_key = probe_key

    @classmethod
    async def open(cls, url: str, *, allow_loss: bool, probe_key: str = _PROBE) -> Self:
        """Raises StoreUnavailable, and StoreSettingsError if acknowledged reports could be lost."""
        line = cls(_client(url), allow_loss=allow_loss, probe_key=probe_key)
        try:
            await line.check()
            await line._load_functions()
        except BaseException:
            await line.aclose()
            raise
        return line

    async def aclose(self) -> None:
        await self._client.aclose()

    async def check(self) -> None:
        """Read the settings again; a replica once seen stays awaited, so losing one is noticed."""
        with failures_named():
            replicas = await check_settings(self._client, allow_loss=self._allow_loss)
        self._replicas = max(self._replicas, replicas)

    async def probe(self) -> None:
        """Write one number, which shows that writes are accepted and replicas follow."""
        await self.write("INCR", self.probe_key)

    async def read(self, *command: Argument) -> Answer:
        return (await self._send([command]))[0]

    async def write(self, *command: Argument) -> Answer:
        return (await self._write([command]))[0]

    async def call(
        self, function: str, keys: Sequence[str], arguments: Sequence[Argument], before: Command | None = None
    ) -> Answer:
        """Answer of one of our functions, after `before` on the same connection."""
        fcall = ("FCALL", f"wattseal_{function}_{_VERSION}", len(keys), *keys, *arguments)
        commands = [fcall] if before is None else [before, fcall]
        try:
            answers = await self._write(commands)
        except redis_errors.ResponseError as error:
            if "Function not found" not in str(error):
                raise
            await self._load_functions()  # the store came back without them, and so ran nothing
            answers = await self._write(commands)
        return answers[-1]

    async def _load_functions(self) -> None:
        await self.write("FUNCTION", "LOAD", "REPLACE", _SOURCE.replace("VERSION", _VERSION))

    async def _write(self, commands: Sequence[Command]) -> list[Answer]:
        """Answers of commands sent in order on one connection, once every replica has them on disk."""
        if not self._replicas:
            return await self._send(commands)
        # WAITAOF covers this connection's own writes only, and a duplicate writes nothing: hence the INCR.
        wait = ("WAITAOF", 1, self._replicas, REPLICA_MILLISECONDS)
        *answers, _, (_, reached) = await self._send([*commands, ("INCR", self.probe_key), wait])
        if reached < self._replicas:
            raise StoreUnavailable(f"only {reached} of {self._replicas} replicas have the write on disk")
        return answers

    async def _send(self, commands: Sequence[Command]) -> list[Answer]:
        with failures_named():
            async with self._client.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                answers: list[Answer] = await pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, redis_errors.RedisError):
                    raise answer
        return answers


def _client(url: str) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


async def is_cluster(url: str) -> bool:
    """Whether the store at the URL is a node of a cluster. Raises StoreUnavailable."""
    client = _client(url)
    try:
        with failures_named():
            return bool((await client.info("cluster"))["cluster_enabled"])
    finally:
        await client.aclose()


async def check_settings(client: Redis, *, allow_loss: bool) -> int:
    """How many replicas every answer must wait for. Raises StoreSettingsError, naming each bad setting."""
    info = await client.info()
    replicas = int(info["connected_slaves"])
    version = tuple(int(part) for part in info["redis_version"].split(".")[:2])
    faults = _unusable(info, version)
    if not allow_loss:
        faults += await _lossy(client)
        if replicas and version < WAITAOF_VERSION:
            faults.append(f"version {info['redis_version']} with replicas: run 7.2 or newer, or no replica")
    if faults:
        raise StoreSettingsError("the store is refused: " + "; ".join(faults))
    return 0 if allow_loss else replicas


def _unusable(info: dict[str, Any], version: tuple[int, ...]) -> list[str]:
    faults = []
    if version < FUNCTIONS_VERSION:
        faults.append(f"version {info['redis_version']} has no functions: run 7.0 or newer, better 7.2")
    if info["role"] != "master":
        faults.append("it is a replica: name its primary")
    return faults


async def _lossy(client: Redis) -> list[str]:
    try:
        found = await client.config_get(*LOSSLESS)
    except redis_errors.ResponseError as error:
        return [f"its settings cannot be read ({error}): permit CONFIG GET"]
    return [
        f"{name} is {found.get(name, 'unknown')}: set it to {wanted}"
        for name, wanted in LOSSLESS.items()
        if found.get(name) != wanted
    ]
