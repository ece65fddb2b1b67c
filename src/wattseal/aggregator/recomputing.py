"""Which stored answers the archive can tell about, and what all of them came to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wattseal.aggregator.logs import bills_log, totals_log
from wattseal.aggregator.recompute import Places, Shard, recompute, windows_of_bills
from wattseal.aggregator.shards import Workers
from wattseal.aggregator.store import Store
from wattseal.protocol.billing import BillAnswer, BillStatement
from wattseal.protocol.ids import Channel, RegionDay, RegionId, Window


class Summary(NamedTuple):
    """How many answers of each kind were computed again, and what those that differ are about."""

    totals: int
    bills: int
    differ: list[str]


async def archived_answers(store: Store, region: RegionId, last: Window, places: Places) -> list[Shard]:
    """Of the region, about windows up to `last`, all of whose reports are archived. Raises StoreUnavailable."""
    archived: dict[int, bytes] = {}
    for window in await store.windows(region):
        digest = (await store.state(region, window)).archive
        if window <= last and digest is not None:
            archived[window] = digest
    shards: list[Shard] = []
    for window in archived:
        for channel in Channel:
            answers = await store.read_log(totals_log(RegionDay(region, channel, Window(window))))
            shards += [Shard(places, "total", answer, {window: archived[window]}) for answer in answers]
    return shards + list(_bills(places, archived, await store.read_log(bills_log(region))))


def recomputed(workers: Workers, shards: Sequence[Shard]) -> Summary:
    """Raises as `recompute`, and Unavailable if workers die again and again."""
    differ = [result.subject for result in workers.run(recompute, shards) if not result.agrees]
    totals = sum(1 for shard in shards if shard.kind == "total")
    return Summary(totals, len(shards) - totals, differ)


def _bills(places: Places, archived: Mapping[int, bytes], answers: Sequence[bytes]) -> Iterator[Shard]:
    for answer in answers:
        windows = windows_of_bills(BillStatement.from_bytes(BillAnswer.from_bytes(answer).statement))
        if windows <= archived.keys():
            yield Shard(places, "bills", answer, {window: archived[window] for window in windows})
