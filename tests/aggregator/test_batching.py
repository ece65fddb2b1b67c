"""Requests share store calls, and each still gets the statuses of its own reports."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from wattseal.aggregator.batching import MOST_ENTRIES, Batcher
from wattseal.aggregator.store import Entry, PutStatus, Store
from wattseal.protocol.errors import StoreUnavailable


class Recorder:
    """Stands in for the store, whose own suite runs on real ones: here only the grouping of calls matters."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[int] = []
        self._failure = failure

    async def put(self, entries: Sequence[Entry]) -> list[PutStatus]:
        self.calls.append(len(entries))
        await asyncio.sleep(0)
        if self._failure is not None:
            raise self._failure
        return [PutStatus.duplicate if entry.number else PutStatus.accepted for entry in entries]


def batcher(recorder: Recorder) -> Batcher:
    return Batcher(cast("Store", recorder))


def entries(count: int, number: int = 0) -> list[Entry]:
    return [Entry("r", 1, 1, 1, f"m{i}", number, b"") for i in range(count)]


async def gathered(subject: Batcher, *sizes: tuple[int, int]) -> list[Any]:
    return await asyncio.gather(*(subject.put(entries(*size)) for size in sizes), return_exceptions=True)


def test_what_arrives_together_is_put_together() -> None:
    recorder = Recorder()
    answers = asyncio.run(gathered(batcher(recorder), (2, 0), (3, 1), (1, 0)))
    assert recorder.calls == [6]
    assert answers == [[PutStatus.accepted] * 2, [PutStatus.duplicate] * 3, [PutStatus.accepted]]


def test_a_full_batch_does_not_wait() -> None:
    recorder = Recorder()
    asyncio.run(gathered(batcher(recorder), (MOST_ENTRIES, 0), (1, 0)))
    assert recorder.calls == [MOST_ENTRIES, 1]


def test_nothing_to_put_makes_no_call() -> None:
    recorder = Recorder()
    assert asyncio.run(gathered(batcher(recorder), (0, 0))) == [[]]
    assert recorder.calls == []


def test_a_failure_reaches_every_caller() -> None:
    failure = StoreUnavailable("down")
    answers = asyncio.run(gathered(batcher(Recorder(failure)), (1, 0), (2, 0)))
    assert answers == [failure, failure]


def test_a_caller_that_gave_up_does_not_disturb_the_others() -> None:
    async def run() -> list[PutStatus]:
        subject = batcher(Recorder())
        impatient = asyncio.create_task(subject.put(entries(1, 1)))
        patient = asyncio.create_task(subject.put(entries(2)))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        return await patient

    assert asyncio.run(run()) == [PutStatus.accepted] * 2
