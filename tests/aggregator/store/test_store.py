"""What every store promises, whichever URL chose it."""

import asyncio
import os
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.aggregator import store as store_module
from wattseal.aggregator.segments import MAGIC
from wattseal.aggregator.store import (
    BODY_LIMIT,
    INLINE_LIMIT,
    Entry,
    PutStatus,
    ReportId,
    Store,
    WindowState,
    WindowStatus,
    open_store,
)
from wattseal.aggregator.store_errors import WindowStateError

pytestmark = pytest.mark.anyio
accepted, duplicate, conflict, late, _ = PutStatus
WINDOW = 20_000
ROSTER = b"\x00\xff" * 16


def entry(region: str, meter: str = "m", number: int = 0, body: bytes = b"body", window: int = WINDOW) -> Entry:
    return Entry(region, window, 1, 0, meter, number, body)


async def fetched(store: Store, region: str, *meters: str) -> list[tuple[int, bytes] | None]:
    return await store.fetch(region, WINDOW, 1, 0, meters)


async def test_same_bytes_are_a_duplicate(store: Store, region: str) -> None:
    assert await store.put([entry(region)]) == [accepted]
    assert await store.put([entry(region), entry(region, "new")]) == [duplicate, accepted]
    assert await fetched(store, region, "new", "m", "absent") == [(0, b"body"), (0, b"body"), None]
    assert await store.counts(region, WINDOW) == {"accepted": 2, "late": 0, "conflicts": 0}


async def test_other_bytes_are_refused_and_recorded(store: Store, region: str) -> None:
    await store.put([entry(region)])
    for _ in range(2):
        answers = await store.put([entry(region, body=b"other"), entry(region, "new"), entry(region)])
    assert answers == [conflict, duplicate, duplicate]
    assert await store.put([entry(region, body=b"third")]) == [conflict]
    assert await fetched(store, region, "m") == [(0, b"body")]
    assert await store.conflicts(region, WINDOW) == [ReportId(1, 0, "m", 0)]
    assert await store.refused(region, WINDOW, ReportId(1, 0, "m", 0)) == b"other"
    assert await store.counts(region, WINDOW) == {"accepted": 2, "late": 0, "conflicts": 1}


async def test_repeats_within_a_batch(store: Store, region: str) -> None:
    batch = [entry(region), entry(region, "n"), entry(region), entry(region, body=b"other")]
    assert await store.put(batch) == [accepted, accepted, duplicate, conflict]
    assert await fetched(store, region, "m", "n") == [(0, b"body"), (0, b"body")]


async def test_highest_number_is_fetched(store: Store, region: str) -> None:
    await store.put([entry(region, number=2, body=b"two"), entry(region, "zero")])
    await store.put([entry(region, number=1, body=b"one"), entry(region, number=0, body=b"none")])
    assert await fetched(store, region, "m", "zero") == [(2, b"two"), (0, b"body")]
    ids = [ReportId(1, 0, "m", number) for number in (1, 0, 3)]
    assert await store.read(region, WINDOW, ids) == [b"one", b"none", None]


async def test_numbers_compare_as_numbers(store: Store, region: str) -> None:
    await store.put([entry(region, number=number, body=bytes([number])) for number in (10, 9)])
    assert await fetched(store, region, "m") == [(10, b"\x0a")]


async def test_places_do_not_mix(store: Store, region: str) -> None:
    here = entry(region)
    places = [here, here._replace(window=7), here._replace(kind=7)]
    places += [here._replace(channel=7), here._replace(number=7)]
    places += [here._replace(meter=meter) for meter in ("", "0:m", "m\n}:report:1:0:0:m", "zähler")]
    places += [here._replace(region=f"{region}:{WINDOW}", window=5)]
    places = [place._replace(body=bytes([index])) for index, place in enumerate(places)]
    assert await store.put(places) == [accepted] * len(places)
    for place in places:
        report = ReportId(place.kind, place.channel, place.meter, place.number)
        assert await store.read(place.region, place.window, [report]) == [place.body]
    assert await store.windows(region) == [7, WINDOW]
    assert len(await store.accepted(region, WINDOW)) == len(places) - 2


async def test_batches_beyond_one_call(store: Store, region: str) -> None:
    assert store_module.PUT_BATCH == 3_000
    entries = [entry(region, f"{meter:05}", body=b"%d" % meter) for meter in range(2 * 3_000 + 1)]
    entries += [entry(region, "other day", window=WINDOW + 1), entries[0]]
    assert await store.put(entries) == [accepted] * 6_002 + [duplicate]
    meters = [entry.meter for entry in entries[:6_001]]
    assert await fetched(store, region, *meters) == [(0, entry.body) for entry in entries[:6_001]]
    assert await store.accepted(region, WINDOW) == [ReportId(1, 0, meter, 0) for meter in meters]


async def test_nothing_is_put(store: Store) -> None:
    assert await store.put([]) == []


async def test_largest_body_is_kept_exactly(store: Store, region: str) -> None:
    body = os.urandom(BODY_LIMIT)
    assert await store.put([entry(region, body=body)]) == [accepted]
    assert await fetched(store, region, "m") == [(0, body)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry("r", body=bytes(BODY_LIMIT + 1)), "65537 bytes are above 65536"),
        (entry("r", number=-1), "cannot be negative"),
        (entry("r", body=MAGIC + b"1"), "begins as what stands for a large one"),
        (entry("r}x"), "region 'r}x'"),
        (entry("r*"), "region"),
    ],
)
async def test_impossible_entries_are_errors(store: Store, region: str, bad: Entry, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await store.put([entry(region), bad])
    assert await store.counts(region, WINDOW) == {"accepted": 0, "late": 0, "conflicts": 0}


async def test_close_freezes(store: Store, region: str) -> None:
    assert await store.state(region, WINDOW) == WindowState(WindowStatus.open, None)
    await store.put([entry(region)])
    closed = WindowState(WindowStatus.closed, ROSTER)
    for _ in range(2):
        assert await store.close(region, WINDOW, ROSTER) == closed
    assert await store.state(region, WINDOW) == closed
    with pytest.raises(WindowStateError, match="another roster"):
        await store.close(region, WINDOW, b"another")
    assert await store.state(region, WINDOW) == closed

    batch = [entry(region), entry(region, number=1), entry(region, "new"), entry(region, body=b"other")]
    for _ in range(2):
        assert await store.put(batch) == [duplicate, late, late, conflict]
    assert await store.put([entry(region, "new", body=b"other")]) == [conflict]
    assert await fetched(store, region, "m", "new") == [(0, b"body"), None]
    assert await store.late(region, WINDOW) == [ReportId(1, 0, "m", 1), ReportId(1, 0, "new", 0)]
    assert await store.conflicts(region, WINDOW) == [ReportId(1, 0, "m", 0), ReportId(1, 0, "new", 0)]
    assert await store.counts(region, WINDOW) == {"accepted": 1, "late": 2, "conflicts": 2}
    assert await store.read(region, WINDOW, [ReportId(1, 0, "new", 0)]) == [b"body"]


async def test_late_reports_are_fetched_by_their_highest_number(store: Store, region: str) -> None:
    await store.put([entry(region, "in-time")])
    await store.close(region, WINDOW, ROSTER)
    await store.put([entry(region), entry(region, number=1, body=b"edited"), entry(region, "in-time", number=1)])
    await store.put([Entry(region, WINDOW, 1, 2, "m", 3, b"of another channel"), entry(region, "not-asked")])
    found = await store.fetch_late(region, WINDOW, 1, 0, ("in-time", "m", "absent"))
    assert found == [(1, b"body"), (1, b"edited"), None]
    assert await store.fetch_late(region, WINDOW, 1, 0, ()) == []


async def test_large_bodies_are_as_others(store: Store, region: str) -> None:
    """They stand in files; what is compared, late, in conflict and read back is the same."""
    one, two, small = os.urandom(BODY_LIMIT), os.urandom(INLINE_LIMIT + 1), os.urandom(INLINE_LIMIT)
    batch = [entry(region, "a", body=one), entry(region, "b", body=small), entry(region, "c", body=two)]
    assert await store.put(batch) == [accepted] * 3
    assert await store.put(batch) == [duplicate] * 3
    assert await store.put([entry(region, "a", body=two), entry(region, "b", body=one)]) == [conflict] * 2
    assert await fetched(store, region, "a", "b", "c") == [(0, one), (0, small), (0, two)]
    assert await store.refused(region, WINDOW, ReportId(1, 0, "a", 0)) == two
    await store.close(region, WINDOW, ROSTER)
    tardy = entry(region, "d", body=two)
    assert await store.put([tardy]) == await store.put([tardy]) == [late]
    assert await store.put([entry(region, "d", body=one)]) == [conflict]
    assert await store.read(region, WINDOW, [ReportId(1, 0, "d", 0), ReportId(1, 0, "a", 0)]) == [two, one]


async def test_empty_window_closes(store: Store, region: str) -> None:
    await store.close(region, WINDOW, ROSTER)
    assert await store.windows(region) == [WINDOW]
    assert await store.put([entry(region)]) == [late]
    assert await fetched(store, region, "m") == [None]


async def test_log_appends_only_where_it_ends(store: Store, region: str) -> None:
    assert await store.read_log(region) == []
    assert await store.append(region, 0, [b"a", b"\x00"])
    assert not await store.append(region, 0, [b"b"])
    assert not await store.append(region, 3, [b"b"])
    assert await store.append(region, 2, [b"%d" % index for index in range(5_000)])
    assert await store.read_log(region) == [b"a", b"\x00", *(b"%d" % index for index in range(5_000))]
    assert await store.read_log(region, 4_999) == [b"4997", b"4998", b"4999"]
    assert await store.read_log(region, 5_002) == []
    assert await store.read_entry(region, 1) == b"\x00"


async def test_one_of_many_appends_wins(store: Store, region: str) -> None:
    entries = [b"%d" % index for index in range(20)]
    won = await asyncio.gather(*(store.append(region, 0, [entry]) for entry in entries))
    assert won.count(True) == 1
    assert await store.read_log(region) == [entries[won.index(True)]]


async def test_cancelled_calls_leave_no_answer_behind(store: Store, region: str) -> None:
    """Cancelled at every step of a call: the next one on the same connection must not read its answer."""
    await store.put([entry(region)])
    for turns in range(40):
        call = asyncio.create_task(store.put([entry(region, f"{meter}") for meter in range(100)]))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        assert await fetched(store, region, "m") == [(0, b"body")]


async def test_functions_are_loaded_again(store: Store, region: str) -> None:
    await store._line.write("FUNCTION", "FLUSH")
    assert await store.put([entry(region)]) == [accepted]
    await store.ready()


async def test_nothing_joins_after_close(store: Store, store_url: str, region: str) -> None:
    """Two workers put while a third closes: what was accepted, no more and no less, is in the window."""
    meters = [f"{meter:04}" for meter in range(2_000)]
    closing = asyncio.Event()

    async def upload(worker: Store, mine: list[str]) -> list[str]:
        kept = []
        for index, meter in enumerate(mine):
            kept += [meter] * (await worker.put([entry(region, meter)]) == [accepted])
            if index == len(mine) // 3:
                closing.set()
        return kept

    async with open_store(store_url) as second:
        uploads = [asyncio.create_task(upload(store, meters[start::8])) for start in range(4)]
        uploads += [asyncio.create_task(upload(second, meters[start::8])) for start in range(4, 8)]
        await closing.wait()
        await store.close(region, WINDOW, ROSTER)
        frozen, counted = await fetched(store, region, *meters), await store.counts(region, WINDOW)
        kept = {meter for done in await asyncio.gather(*uploads) for meter in done}
    assert kept == {meter for meter, found in zip(meters, frozen, strict=True) if found is not None}
    assert 0 < len(kept) == counted["accepted"] < len(meters)
    assert await fetched(store, region, *meters) == frozen
    assert await store.counts(region, WINDOW) == {
        "accepted": len(kept),
        "late": len(meters) - len(kept),
        "conflicts": 0,
    }


@dataclass
class Model:
    """The same promises over dictionaries."""

    closed: bool = False
    kept: dict[tuple[str, int], bytes] = field(default_factory=dict)
    late: dict[tuple[str, int], bytes] = field(default_factory=dict)
    conflicts: set[tuple[str, int]] = field(default_factory=set)

    def put(self, meter: str, number: int, body: bytes) -> PutStatus:
        place = (meter, number)
        after_close = self.closed and place not in self.kept
        held = self.late if after_close else self.kept
        if place not in held:
            held[place] = body
            return late if after_close else accepted
        if held[place] != body:
            self.conflicts.add(place)
            return conflict
        return late if after_close else duplicate


reports = st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.sampled_from([b"x", b"y"]))
steps = st.lists(st.none() | st.lists(reports, max_size=6), max_size=6)


def test_any_sequence_follows_the_model(store_url: str) -> None:
    """None stands for a close."""
    with asyncio.Runner() as runner:
        opened = open_store(store_url)
        store = runner.run(opened.__aenter__())

        @settings(max_examples=60, deadline=None)
        @given(steps)
        def check(sequence: list[list[tuple[str, int, bytes]] | None]) -> None:
            runner.run(follow(store, sequence))

        try:
            check()
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def follow(store: Store, sequence: list[list[tuple[str, int, bytes]] | None]) -> None:
    region, model = uuid4().hex, Model()
    for batch in sequence:
        if batch is None:
            await store.close(region, WINDOW, ROSTER)
            model.closed = True
            continue
        entries = [entry(region, *report) for report in batch]
        assert await store.put(entries) == [model.put(*report) for report in batch]
    highest = {meter: (number, body) for (meter, number), body in sorted(model.kept.items())}
    assert await fetched(store, region, "a", "b") == [highest.get("a"), highest.get("b")]
    assert await store.accepted(region, WINDOW) == [ReportId(1, 0, *place) for place in sorted(model.kept)]
    assert await store.late(region, WINDOW) == [ReportId(1, 0, *place) for place in sorted(model.late)]
    assert await store.conflicts(region, WINDOW) == [ReportId(1, 0, *place) for place in sorted(model.conflicts)]
    assert await store.counts(region, WINDOW) == {
        "accepted": len(model.kept),
        "late": len(model.late),
        "conflicts": len(model.conflicts),
    }
