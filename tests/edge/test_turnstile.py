"""What one token may make a service work: a budget a day, a few questions at once, a short queue behind them."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from wattseal.edge.access import Holder, Scope
from wattseal.edge.turnstile import WAITING, Turnstile
from wattseal.protocol.errors import BudgetSpent, Busy

DAY = 86_400.0


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def holder(token: bytes = b"a", questions_per_day: int = 1_000, at_once: int = 1) -> Holder:
    return Holder(
        name="university",
        scopes=(Scope.COLLECTOR,),
        token_key=token * 32,
        expires=1,
        questions_per_day=questions_per_day,
        at_once=at_once,
    )


async def ask(turnstile: Turnstile, one: Holder, purpose: str = "planning", most: int = 1_000) -> None:
    async with turnstile.turn(one, purpose, most):
        pass


@pytest.mark.anyio
async def test_a_budget_is_for_all_purposes_of_a_day() -> None:
    now = [DAY]
    turnstile, one = Turnstile(lambda: now[0]), holder(questions_per_day=2)
    await ask(turnstile, one)
    await ask(turnstile, one, "research")
    with pytest.raises(BudgetSpent, match="2 questions of a day"):
        await ask(turnstile, one)
    await ask(turnstile, holder(b"b"))
    now[0] = 2 * DAY
    await ask(turnstile, one)


@pytest.mark.anyio
async def test_a_purpose_has_a_budget_of_its_own() -> None:
    turnstile, one = Turnstile(lambda: 0.0), holder()
    await ask(turnstile, one, "research", most=1)
    with pytest.raises(BudgetSpent, match="for purpose research"):
        await ask(turnstile, one, "research", most=1)
    await ask(turnstile, one, "planning", most=1)


@pytest.mark.anyio
async def test_a_question_counts_whatever_becomes_of_it() -> None:
    turnstile, one = Turnstile(lambda: 0.0), holder(questions_per_day=1)
    with pytest.raises(ZeroDivisionError):
        async with turnstile.turn(one, "planning", 9):
            raise ZeroDivisionError
    with pytest.raises(BudgetSpent):
        await ask(turnstile, one)


@pytest.mark.anyio
async def test_the_queue_is_bounded_and_of_one_token() -> None:
    turnstile, one = Turnstile(lambda: 0.0), holder(at_once=2)
    async with AsyncExitStack() as inside:
        for _ in range(2):
            await inside.enter_async_context(turnstile.turn(one, "planning", 1_000))
        waiting = [asyncio.create_task(ask(turnstile, one)) for _ in range(2 * WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await ask(turnstile, one)
        await ask(turnstile, holder(b"b"))
        assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)
    await ask(turnstile, one)


@pytest.mark.anyio
async def test_who_waits_for_the_count_is_counted_as_waiting() -> None:
    """Else a burst would pass the bound before the first count is known."""
    counted = asyncio.Event()

    async def slowly(*_: object) -> None:
        await counted.wait()

    turnstile, one = Turnstile(lambda: 0.0, slowly), holder(at_once=1)
    waiting = [asyncio.create_task(ask(turnstile, one)) for _ in range(1 + WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await ask(turnstile, one)
    counted.set()
    await asyncio.gather(*waiting)
    await ask(turnstile, one)
