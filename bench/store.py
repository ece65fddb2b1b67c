"""Durable puts of the embedded store beside plain MSET of the same bytes to the same Valkey, in one run."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from statistics import median

from redis.asyncio import Redis

from wattseal.aggregator.store import Entry, PutStatus, Store, open_store
from wattseal.aggregator.valkey import Supervisor

CALLS, REPORTS, REPORT_BYTES = 30, 1_000, 912


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_compare(Path(directory)))


async def _compare(directory: Path) -> None:
    puts, again, plain = [], [], []
    async with (
        Supervisor(directory) as supervisor,
        open_store(f"valkey+embedded://{directory}") as store,
        Redis(unix_socket_path=str(supervisor.socket)) as client,
    ):
        for call, entries in enumerate(_calls()):
            puts.append(await _seconds(_put(store, entries, PutStatus.accepted)))
            again.append(await _seconds(_put(store, entries, PutStatus.duplicate)))
            plain.append(await _seconds(client.mset({f"{call}:{entry.meter}": entry.body for entry in entries})))
    base = median(plain)
    print(f"MSET, {REPORTS:,} of {REPORT_BYTES} B a call, fsync always: {REPORTS / base:,.0f} a second")
    for name, seconds in (("put", median(puts)), ("put again, all duplicates", median(again))):
        print(f"{name}: {REPORTS / seconds:,.0f} a second, {base / seconds:.2f} of MSET's rate")


def _calls() -> Iterator[list[Entry]]:
    for call in range(CALLS):
        meters = (f"meter-{REPORTS * call + index:09}" for index in range(REPORTS))
        yield [Entry("region", 20_000, 0, 0, meter, 0, os.urandom(REPORT_BYTES)) for meter in meters]


async def _put(store: Store, entries: list[Entry], expected: PutStatus) -> None:
    assert set(await store.put(entries)) == {expected}


async def _seconds(call: Awaitable[object]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
