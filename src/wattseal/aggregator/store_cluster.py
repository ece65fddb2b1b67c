"""The line to a Redis Cluster: which node has a key; what a node is told, and how it answers, is `store_valkey.py`'s.

Every window's keys are on one node. A call that meets a node which does not have them (any more) did nothing there, so
it goes on to the one that has; after a failure nobody knows: the caller is told, and the next call looks who is there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Final, Self
from urllib.parse import urlsplit

from redis import exceptions as redis_errors
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from wattseal.aggregator.store_errors import StoreUnavailable
from wattseal.aggregator.store_valkey import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Answer,
    Argument,
    Command,
    Line,
    failures_named,
)

MOST_MOVES: Final = 5
MOVE_SECONDS: Final = 0.05
_MOVED: Final = (redis_errors.AskError, redis_errors.TryAgainError)  # MOVED is a kind of the former
_SCAN_PATTERN: Final = 3


class ClusterLine:
    """As `Line`. Each primary has a line of its own: its settings are checked, and its replicas awaited."""

    def __init__(self, url: str, *, allow_loss: bool) -> None:
        self._url = url
        self._allow_loss = allow_loss
        self._lines: dict[str, Line] = {}
        self._probe_keys: dict[str, str] = {}
        self._stale = True
        self._one_at_a_time = asyncio.Lock()
        retry = Retry(NoBackoff(), 0)
        self._cluster = RedisCluster.from_url(
            url, retry=retry, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=CONNECT_SECONDS
        )

    @classmethod
    async def open(cls, url: str, *, allow_loss: bool) -> Self:
        """Raises as `Line.open`, of any node."""
        line = cls(url, allow_loss=allow_loss)
        try:
            await line.check()
        except BaseException:
            await line.aclose()
            raise
        return line

    async def aclose(self) -> None:
        for line in self._lines.values():
            await line.aclose()
        await self._cluster.aclose()

    async def check(self) -> None:
        """See `Line`: of every node that has slots now."""
        self._stale = True
        for line in await self._primaries():
            await line.check()

    async def probe(self) -> None:
        """See `Line`."""
        for line in await self._primaries():
            await line.probe()

    async def read(self, *command: Argument) -> Answer:
        return await self._on_node(_key_of(command), lambda line: line.read(*command))

    async def write(self, *command: Argument) -> Answer:
        return await self._on_node(_key_of(command), lambda line: line.write(*command))

    async def call(
        self, function: str, keys: Sequence[str], arguments: Sequence[Argument], before: Command | None = None
    ) -> Answer:
        """See `Line`; `before` may be of another node, and is done when the function begins."""
        if before is not None:
            await self.write(*before)
        return await self._on_node(keys[0], lambda line: line.call(function, keys, arguments))

    async def _on_node(self, key: str, act: Callable[[Line], Awaitable[Answer]]) -> Answer:
        for _ in range(MOST_MOVES):
            line = await self._line_of(key)
            try:
                return await act(line)
            except _MOVED:
                self._stale = True
                await asyncio.sleep(MOVE_SECONDS)
            except StoreUnavailable:
                self._stale = True
                raise
        raise StoreUnavailable("the store is unavailable: its slots are moving between nodes")

    async def _line_of(self, key: str) -> Line:
        await self._look()
        with _topology_named():
            node = self._cluster.get_node_from_key(key)
        if node is None:
            raise StoreUnavailable("the store is unavailable: a slot has no node")
        return await self._line_at(node)

    async def _primaries(self) -> list[Line]:
        await self._look()
        return [await self._line_at(node) for node in self._cluster.get_primaries()]

    async def _look(self) -> None:
        """Ask who has which slots, if what is known was wrong."""
        async with self._one_at_a_time:
            if self._stale:
                with failures_named(), _topology_named():
                    await self._cluster.initialize()
                    await self._cluster.nodes_manager.initialize()
                self._stale = False
                self._probe_keys = {}

    async def _line_at(self, node: ClusterNode) -> Line:
        async with self._one_at_a_time:
            if node.name not in self._probe_keys:
                self._probe_keys[node.name] = self._probe_key(node)
            probe_key = self._probe_keys[node.name]
            if node.name not in self._lines:
                url = _url_of(self._url, node)
                self._lines[node.name] = await Line.open(url, allow_loss=self._allow_loss, probe_key=probe_key)
        line = self._lines[node.name]
        line.probe_key = probe_key
        return line

    def _probe_key(self, node: ClusterNode) -> str:
        """A key that the node has."""
        with _topology_named():
            places = ((name, self._cluster.get_node_from_key(name)) for name in map("ws:probe:{}".format, count()))
            return next(name for name, place in places if place is not None and place.name == node.name)


@contextmanager
def _topology_named() -> Iterator[None]:
    try:
        yield
    except (redis_errors.RedisClusterException, redis_errors.SlotNotCoveredError) as error:
        raise StoreUnavailable(f"the store is unavailable: {error}") from error


def _key_of(command: Command) -> str:
    """All keys of one command are on one node; a pattern of SCAN has their tag."""
    return str(command[_SCAN_PATTERN if command[0] == "SCAN" else 1])


def _url_of(url: str, node: ClusterNode) -> str:
    """The node's address with the user, password and transport of the cluster's."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    host = f"[{node.host}]" if ":" in str(node.host) else node.host
    return parts._replace(netloc=f"{user}{at}{host}:{node.port}").geturl()
