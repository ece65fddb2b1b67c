"""A token's questions of a day are counted once for all workers of a store."""

import asyncio
import os
from pathlib import Path

import pytest

from wattseal.aggregator.store import Store, open_store

pytestmark = pytest.mark.anyio
DAY = 20_000


@pytest.fixture
def token() -> bytes:
    return os.urandom(32)


async def test_each_budget_is_spent_by_itself_and_a_refused_question_costs_none(store: Store, token: bytes) -> None:
    both = {"": 3, "research": 1}
    assert await store.spend(token, DAY, both) is None
    assert await store.spend(token, DAY, both) == "research"
    assert await store.spend(token, DAY, {"": 3, "planning": 9}) is None
    assert await store.spend(token, DAY, {"": 3, "planning": 9}) is None
    assert await store.spend(token, DAY, {"": 3, "planning": 9}) == ""
    assert await store.spend(os.urandom(32), DAY, both) is None


async def test_a_new_day_begins_anew_and_a_clock_behind_brings_none_back(store: Store, token: bytes) -> None:
    assert await store.spend(token, DAY, {"": 1, "day": 1}) is None
    assert await store.spend(token, DAY, {"": 1, "day": 1}) == ""
    assert await store.spend(token, DAY + 1, {"": 1, "day": 1}) is None
    assert await store.spend(token, DAY, {"": 1, "day": 1}) == ""
    assert await store.spend(token, DAY + 1, {"": 1, "day": 1}) == ""


async def test_workers_at_once_spend_no_more_than_there_is(
    store: Store, token: bytes, store_url: str, tmp_path: Path
) -> None:
    async with open_store(store_url, tmp_path / "segments", tmp_path / "archive") as other:
        answers = await asyncio.gather(*(one.spend(token, DAY, {"": 5, "p": 99}) for one in [store, other] * 10))
    assert sorted(answers, key=str) == [""] * 15 + [None] * 5
