"""An aggregator's worker that takes one home's cycle report and answers for its bill: `bill_answer.py DIRECTORY METER`.

Over a real store, with the report in a segment file. `dying.py` kills it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.aggregator.billing import question, upload, worker
from tests.aggregator.cycles import cycle_report, home, region, registry
from wattseal.aggregator.store import Store, embedded_url, open_store
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import MeterId

HOMES = 9


def known(directory: Path) -> Registry:
    return registry(directory / "registry", [region(*(home(f"m{number}") for number in range(HOMES)))])


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Store]:
    async with open_store(embedded_url(directory / "store"), directory / "segments") as store:
        yield store


async def take_and_answer(directory: Path, meter: str) -> None:
    registered = known(directory)
    async with opened(directory) as store:
        await upload(store, registered, cycle_report(meter=MeterId(meter)))
        await worker(store, registered).answer(question(meter))


if __name__ == "__main__":
    asyncio.run(take_and_answer(Path(sys.argv[1]), sys.argv[2]))
