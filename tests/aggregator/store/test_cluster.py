"""A cluster's own troubles: slots that move, primaries and replicas that fail, one node's settings, many workers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aggregator.store.cluster import Cluster
from tests.aggregator.store.conftest import Repeat
from wattseal.aggregator import store_valkey
from wattseal.aggregator.store import Entry, PutStatus, Store, open_store
from wattseal.aggregator.store_cluster import _url_of
from wattseal.aggregator.store_errors import StoreSettingsError, StoreUnavailable

pytestmark = pytest.mark.anyio
WINDOW = 20_000
PUTTING = Path(__file__).with_name("putting.py")


def entry(region: str, meter: str = "m", window: int = WINDOW) -> Entry:
    return Entry(region, window, 1, 0, meter, 0, b"body")


def tag(region: str, window: int = WINDOW) -> str:
    return f"{{{region}:{window}}}"


async def test_windows_are_spread_over_the_nodes(cluster: Cluster, region: str) -> None:
    async with open_store(cluster.url) as store:
        windows = range(WINDOW, WINDOW + 30)
        assert set(await store.put([entry(region, window=window) for window in windows])) == {PutStatus.accepted}
        assert await store.windows(region) == list(windows)
        await store.ready()
    assert {cluster.owner(tag(region, window)).port for window in windows} == {node.port for node in cluster.primaries}


async def test_one_node_that_may_lose_reports_is_enough_to_refuse(cluster: Cluster) -> None:
    node = cluster.primaries[1].client
    async with open_store(cluster.url) as store:
        node.config_set("appendfsync", "everysec")
        try:
            with pytest.raises(StoreUnavailable, match="appendfsync is everysec: set it to always"):
                await store.ready()
            with pytest.raises(StoreSettingsError, match="appendfsync is everysec: set it to always"):
                async with open_store(cluster.url):
                    pass
        finally:
            node.config_set("appendfsync", "always")
        await store.ready()


async def test_a_slot_that_moved_is_followed(cluster: Cluster, region: str) -> None:
    """Two workers know the old place; the new node has to be asked, and is told our functions before."""
    async with open_store(cluster.url) as store, open_store(cluster.url) as other:
        assert await store.put([entry(region)]) == [PutStatus.accepted]
        giver = cluster.owner(tag(region))
        taker = next(node for node in cluster.primaries if node is not giver)
        cluster.move(tag(region), taker)
        assert cluster.owner(tag(region)) is taker
        assert await other.put([entry(region), entry(region, "n")]) == [PutStatus.duplicate, PutStatus.accepted]
        assert await store.fetch(region, WINDOW, 1, 0, ["m", "n"]) == [(0, b"body"), (0, b"body")]
        await store.close(region, WINDOW, b"roster")
        assert await other.put([entry(region, "o")]) == [PutStatus.late]


def test_many_processes_put_while_one_closes(cluster: Cluster, region: str) -> None:
    """What the workers were told was accepted, no more and no less, is in the window."""
    count = 900
    words = [[cluster.url, region, WINDOW, first, 3, count] for first in range(3)]
    workers = [
        subprocess.Popen(
            [sys.executable, str(PUTTING), *map(str, each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in words
    ]

    async def close_amid() -> None:
        async with open_store(cluster.url) as store:
            for worker in workers:
                assert worker.stdin is not None
                worker.stdin.write("go\n")
                worker.stdin.flush()
            while (await store.counts(region, WINDOW))["accepted"] < count // 3:
                await asyncio.sleep(0.005)
            await store.close(region, WINDOW, b"roster")

    asyncio.run(close_amid())
    accepted = {meter for worker in workers for meter in json.loads(worker.communicate()[0])}
    found = asyncio.run(_fetched(cluster.url, region, [f"{number:04}" for number in range(count)]))
    assert accepted == found
    assert count // 3 <= len(accepted) < count


async def _fetched(url: str, region: str, meters: list[str]) -> set[str]:
    async with open_store(url) as store:
        stored = await store.fetch(region, WINDOW, 1, 0, meters)
        return {meter for meter, found in zip(meters, stored, strict=True) if found is not None}


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("replicated"), replicas=1) as cluster:
        yield cluster


async def test_the_replica_of_the_window_s_node_is_awaited_and_takes_over(
    replicated: Cluster, when_available: Repeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region on the first primary: its replica silent, then its primary dead."""
    monkeypatch.setattr(store_valkey, "REPLICA_MILLISECONDS", 15_000)
    primary = replicated.primaries[0]
    region = next(name for name in map("r{}".format, range(100)) if replicated.owner(tag(name)) is primary)
    replica = replicated.nodes[3]
    async with open_store(replicated.url) as store:
        assert await store.put([entry(region)]) == [PutStatus.accepted]
        os.kill(replica.process.pid, signal.SIGSTOP)
        with monkeypatch.context() as impatient:
            impatient.setattr(store_valkey, "REPLICA_MILLISECONDS", 300)
            with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
                await store.put([entry(region, "n")])
        os.kill(replica.process.pid, signal.SIGCONT)
        assert await store.put([entry(region, "n")]) == [PutStatus.duplicate]

        primary.end()
        with pytest.raises(StoreUnavailable):
            await store.put([entry(region, "o")])
        await when_available(lambda: _put(store, region))
        assert replicated.owner(tag(region)) is replica
        found = await store.fetch(region, WINDOW, 1, 0, ["m", "n", "o"])
        assert found == [(0, b"body"), (0, b"body"), (0, b"body")]


async def _put(store: Store, region: str) -> None:
    assert await store.put([entry(region, "o")]) in ([PutStatus.accepted], [PutStatus.duplicate])


class Named:
    """What a node of a cluster is called."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("redis://seed:1/0", "10.0.0.1", "redis://10.0.0.1:7/0"),
        ("rediss://u:p%40@seed:1?ssl_ca_certs=/ca", "n.example", "rediss://u:p%40@n.example:7?ssl_ca_certs=/ca"),
        ("redis://seed", "::1", "redis://[::1]:7"),
    ],
)
def test_nodes_are_reached_as_the_first_one(url: str, host: str, expected: str) -> None:
    assert _url_of(url, Named(host, 7)) == expected  # type: ignore[arg-type]
