"""`recomputing_run.py HOME pool|local`: computes a home's answers again while workers are killed; tells what came.

A process of its own, as the command is one: Ray warns of what it leaves to the garbage collector.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tests.aggregator.cycles import LAST_DAY
from tests.policy.rosters import REGION
from wattseal.aggregator.recompute import Places, Recomputed, Shard, recompute
from wattseal.aggregator.recomputing import archived_answers
from wattseal.aggregator.shards import OnRay, Pool
from wattseal.aggregator.store import embedded_url, open_store


class Deadly(NamedTuple):
    """A shard at which the first worker that takes it is killed, if it has a place to note that."""

    shard: Shard
    note: str


def recompute_or_die(deadly: Deadly) -> Recomputed:
    if deadly.note and not Path(deadly.note).exists():
        Path(deadly.note).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return recompute(deadly.shard)


def shards_of(home: Path) -> list[Shard]:
    async def answers() -> list[Shard]:
        async with open_store(embedded_url(home / "store"), home / "segments", home / "archive") as store:
            return await archived_answers(store, REGION, LAST_DAY, Places(str(home), str(home / "archive")))

    return asyncio.run(answers())


def main() -> None:
    home, where = Path(sys.argv[1]), sys.argv[2]
    shards = shards_of(home)
    notes = [str(home / f"{where}-killed-{place}") if place in (3, 7) else "" for place in range(len(shards))]
    workers = Pool(2) if where == "pool" else OnRay(where, cores=2)
    with redirect_stdout(sys.stderr):
        results = list(workers.run(recompute_or_die, list(map(Deadly, shards, notes))))
    sys.stdout.write(json.dumps([[result.subject, result.sums.hex(), result.agrees] for result in results]))


if __name__ == "__main__":
    main()
