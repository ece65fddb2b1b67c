"""External stores: refused if they could lose reports, unavailable rather than wrong while they fail."""

import os
import signal
import socket
from pathlib import Path
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.aggregator.store.conftest import SAFE, RunValkey
from wattseal.aggregator import store_valkey
from wattseal.aggregator.store import Entry, PutStatus, open_store
from wattseal.aggregator.store_errors import StoreSettingsError, StoreUnavailable
from wattseal.aggregator.store_valkey import LOSSLESS, check_settings

pytestmark = pytest.mark.anyio
ENTRY = Entry("r", 1, 0, 0, "m", 0, b"body")


async def test_default_settings_are_refused(run_valkey: RunValkey) -> None:
    url = run_valkey({})
    with pytest.raises(StoreSettingsError) as refusal:
        async with open_store(url):
            pass
    assert str(refusal.value) == (
        "the store is refused: appendonly is no: set it to yes; appendfsync is everysec: set it to always"
    )
    async with open_store(url, allow_loss=True) as store:
        await store.ready()
        assert await store.put([ENTRY]) == [PutStatus.accepted]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("no-appendfsync-on-rewrite", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
    ],
)
async def test_each_lossy_setting_is_named(run_valkey: RunValkey, name: str, value: str) -> None:
    with pytest.raises(StoreSettingsError, match=f"refused: {name} is {value}: set it to {LOSSLESS[name]}$"):
        async with open_store(run_valkey({**SAFE, name: value})):
            pass


async def test_settings_changed_later_end_readiness(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        await store.ready()
        await admin.config_set("appendfsync", "no")
        with pytest.raises(StoreUnavailable, match="appendfsync is no"):
            await store.ready()


async def test_hidden_settings_are_refused(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with Redis.from_url(url) as admin:
        await admin.acl_setuser("blind", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-config"])
    url = url.replace("unix://", "unix://blind:any@")
    with pytest.raises(StoreSettingsError, match=r"cannot be read .*: permit CONFIG GET"):
        async with open_store(url):
            pass
    async with open_store(url, allow_loss=True) as store:
        assert await store.put([ENTRY]) == [PutStatus.accepted]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host", "scheme 'http'"),
        ("/var/lib", "scheme ''"),
        ("valkey+embedded://relative/path", "absolute directory"),
        ("valkey+embedded:relative", "absolute directory"),
        ("valkey+embedded:///a?b", "absolute directory"),
        ("valkey+embedded:///a#b", "absolute directory"),
    ],
)
async def test_bad_urls_are_errors(url: str, message: str) -> None:
    with pytest.raises(StoreSettingsError, match=message):
        async with open_store(url):
            pass


async def test_absent_store_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        async with open_store(f"unix://{tmp_path}/none"):
            pass


async def test_full_memory_refuses_and_keeps(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        await store.put([ENTRY])
        await admin.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.put([ENTRY._replace(meter="n")])
        with pytest.raises(StoreUnavailable, match="maxmemory"):
            await store.ready()
        await admin.config_set("maxmemory", 0)
        await store.ready()
        assert await store.fetch("r", 1, 0, 0, ["m", "n"]) == [(0, b"body"), None]


async def test_demoted_store_is_unavailable(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        await admin.replicaof("127.0.0.1", "1")
        with pytest.raises(StoreUnavailable, match="read only"):
            await store.put([ENTRY])
        with pytest.raises(StoreUnavailable, match="it is a replica: name its primary"):
            await store.ready()


async def test_too_few_replicas_refuse(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        await admin.config_set("min-replicas-to-write", 1)
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            await store.put([ENTRY])


async def test_unanswered_put_is_settled_by_putting_again(
    run_valkey: RunValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_valkey, "ANSWER_SECONDS", 0.5)
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        pid = (await admin.info("server"))["process_id"]
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match="Timeout"):
            await store.put([ENTRY])
        os.kill(pid, signal.SIGCONT)
        assert (await store.put([ENTRY]))[0] in {PutStatus.accepted, PutStatus.duplicate}
        assert await store.counts("r", 1) == {"accepted": 1, "late": 0, "conflicts": 0}


async def test_errors_of_ours_are_not_hidden(run_valkey: RunValkey) -> None:
    url = run_valkey(SAFE)
    async with open_store(url) as store, Redis.from_url(url) as admin:
        await admin.set("ws:log:name", "no list")
        with pytest.raises(ResponseError, match="WRONGTYPE"):
            await store.read_log("name")


async def test_every_replica_is_awaited(run_valkey: RunValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_valkey, "REPLICA_MILLISECONDS", 15_000)  # a new replica rewrites its log first
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    primary = run_valkey({**SAFE, "port": port, "bind": "127.0.0.1", "repl-diskless-sync-delay": "0"})
    async with Redis.from_url(run_valkey({**SAFE, "replicaof": f"127.0.0.1 {port}"})) as replica:
        pid = (await replica.info("server"))["process_id"]
        while (await replica.info("replication"))["master_link_status"] != "up":
            pass
        async with open_store(primary) as store, open_store(primary) as other_worker:
            assert await store.put([ENTRY]) == [PutStatus.accepted]
            assert await replica.get("ws:{r:1}:report:0:0:0:m") == b"body"

            os.kill(pid, signal.SIGSTOP)
            with monkeypatch.context() as impatient:
                impatient.setattr(store_valkey, "REPLICA_MILLISECONDS", 300)
                for worker in (store, other_worker):  # a duplicate, too, is answered only once it is safe
                    with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
                        await worker.put([ENTRY._replace(meter="n")])
            os.kill(pid, signal.SIGCONT)
            assert await store.put([ENTRY._replace(meter="n")]) == [PutStatus.duplicate]
            assert await replica.get("ws:{r:1}:report:0:0:0:n") == b"body"


class Described:
    """Answers INFO and CONFIG GET as a store of some version would."""

    def __init__(self, **info: object) -> None:
        self._info = {"role": "master", "connected_slaves": 0, "cluster_enabled": 0, **info}

    async def info(self) -> dict[str, Any]:
        return self._info

    async def config_get(self, *_: str) -> dict[str, str]:
        return LOSSLESS


@pytest.mark.parametrize(
    ("info", "replicas"),
    [
        ({"redis_version": "7.0.15"}, 0),
        ({"redis_version": "7.2.4", "connected_slaves": 2}, 2),
        ({"redis_version": "8.0.0", "connected_slaves": 1}, 1),
    ],
)
async def test_usable_versions(info: dict[str, object], replicas: int) -> None:
    assert await check_settings(cast(Redis, Described(**info)), allow_loss=False) == replicas
    assert await check_settings(cast(Redis, Described(**info)), allow_loss=True) == 0


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"redis_version": "6.2.14"}, "no functions: run 7.0"),
        ({"redis_version": "7.2.4", "role": "slave"}, "name its primary"),
    ],
)
async def test_unusable_stores_are_refused_always(info: dict[str, object], message: str) -> None:
    with pytest.raises(StoreSettingsError, match=message):
        await check_settings(cast(Redis, Described(**info)), allow_loss=True)


async def test_replicas_before_waitaof_are_refused() -> None:
    old = cast(Redis, Described(redis_version="7.0.15", connected_slaves=1))
    with pytest.raises(StoreSettingsError, match=r"version 7\.0\.15 with replicas"):
        await check_settings(old, allow_loss=False)
    assert await check_settings(old, allow_loss=True) == 0
