"""Work in the background goes on whatever goes wrong, ends when it should, and tells when it has been failing."""

import asyncio
import threading

import pytest
from prometheus_client import REGISTRY

from wattseal.edge.keepers import Keeper, doing, ended, keep_doing
from wattseal.protocol.errors import KeeperFailing, StoreUnavailable


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def fail(keeper: Keeper) -> None:
    with keeper.round():
        raise OSError(28, "No space left on device", "/secret/place")


def succeed(keeper: Keeper) -> None:
    with keeper.round():
        pass


def told(name: str, what: str) -> float:
    value = REGISTRY.get_sample_value(f"wattseal_keeper_{name}", {"keeper": what})
    assert value is not None
    return value


def test_one_failure_is_an_accident_and_the_second_tells_since_when() -> None:
    now = [1_000_000.9]
    keeper = Keeper("sweeping", lambda: now[0])
    keeper.check()
    assert told("failing_since_seconds", "sweeping") == 0
    fail(keeper)
    keeper.check()
    now[0] += 60
    fail(keeper)
    with pytest.raises(KeeperFailing) as caught:
        keeper.check()
    assert str(caught.value) == "sweeping: failing since 1970-01-12T13:46:40Z, see this service's log"
    assert told("failing_since_seconds", "sweeping") == 1_000_000.9
    assert told("failures_total", "sweeping") == 2


def test_success_ends_it_and_the_next_failure_begins_anew() -> None:
    now = [0.0]
    keeper = Keeper("mopping", lambda: now[0])
    fail(keeper)
    fail(keeper)
    succeed(keeper)
    keeper.check()
    assert told("failing_since_seconds", "mopping") == 0
    now[0] = 86_400.0
    fail(keeper)
    keeper.check()
    fail(keeper)
    with pytest.raises(KeeperFailing, match="1970-01-02T00:00:00Z"):
        keeper.check()


def test_of_several_each_has_its_own_state() -> None:
    one, other = Keeper("one"), Keeper("other")
    fail(one)
    fail(one)
    other.check()
    with pytest.raises(KeeperFailing, match=r"^one: "):
        one.check()


@pytest.mark.anyio
async def test_whatever_goes_wrong_once_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A store that is away; a disk that is full; what nobody thought of."""
    wrong: list[Exception] = [StoreUnavailable("away"), OSError(28, "no space"), ValueError("what nobody thought of")]
    done = asyncio.Event()

    async def act() -> None:
        if wrong:
            raise wrong.pop(0)
        done.set()

    keeper = asyncio.create_task(keep_doing(act, 0, Keeper("closing")))
    await asyncio.wait_for(done.wait(), 5)
    await ended([keeper])
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "ERROR"]


@pytest.mark.anyio
async def test_a_keeper_ends_though_its_store_call_swallows_the_first_cancellation() -> None:
    began, swallowed = asyncio.Event(), False

    async def act() -> None:
        nonlocal swallowed
        began.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            swallowed = True
            raise StoreUnavailable("the connection was cut") from None

    keeper = asyncio.create_task(keep_doing(act, 3600, Keeper("closing")))
    await began.wait()
    await asyncio.wait_for(ended([keeper]), 5)
    assert swallowed
    assert keeper.cancelled()


def test_work_in_a_thread_goes_on_whatever_went_wrong_once(caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[Exception] = [StoreUnavailable("away"), OSError(28, "no space")]
    done = threading.Event()

    def act(_: threading.Event) -> None:
        if wrong:
            raise wrong.pop(0)
        done.set()

    with doing(act, 0.001, Keeper("checkpoints")):
        assert done.wait(10)
    assert [record.levelname for record in caplog.records][:2] == ["WARNING", "ERROR"]


def test_work_in_a_thread_ends_in_the_middle_with_its_context() -> None:
    began, told = threading.Event(), []

    def act(over: threading.Event) -> None:
        began.set()
        told.append(over.wait(60))

    with doing(act, 0.001, Keeper("summing")):
        assert began.wait(10)
    assert told == [True]
    assert not any(thread.name == "summing" for thread in threading.enumerate())
