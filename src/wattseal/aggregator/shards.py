"""Where shards are worked on: here, on a pool of processes, or on a Ray cluster. Results come in the order of shards.

A shard whose worker died is given to another one. Since the work is a pure function, and its result is taken once, it
makes no difference how often it was begun.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

from wattseal.protocol.errors import Unavailable, UsageError

T = TypeVar("T")
U = TypeVar("U")
MOST_DEATHS = 3
LOCAL = "local"
_WAITING_A_CORE = 4


class Workers(Protocol):
    def run(self, work: Callable[[T], U], shards: Sequence[T]) -> Iterator[U]:
        """One result a shard, in order. Raises what the work raises, Unavailable if workers die again and again."""


@dataclass(frozen=True)
class Here:
    """In this process."""

    def run(self, work: Callable[[T], U], shards: Sequence[T]) -> Iterator[U]:
        """See `Workers`."""
        return map(work, shards)


@dataclass(frozen=True)
class Pool:
    """Processes on this machine."""

    processes: int

    def run(self, work: Callable[[T], U], shards: Sequence[T]) -> Iterator[U]:
        """See `Workers`. A pool that lost a process begins anew with what is not done."""
        done = 0
        for _ in range(MOST_DEATHS):
            with suppress(BrokenProcessPool):
                for result in self._run(work, shards[done:]):
                    done += 1
                    yield result
                return
        raise Unavailable(f"worker processes died {MOST_DEATHS} times")

    def _run(self, work: Callable[[T], U], shards: Sequence[T]) -> Iterator[U]:
        # Spawned: a fork would copy locks that other threads of this process hold.
        with ProcessPoolExecutor(self.processes, mp_context=get_context("spawn")) as pool:
            yield from pool.map(work, shards)


@dataclass(frozen=True)
class OnRay:
    """A Ray cluster, or one of this machine's cores alone that lives as long as the run.

    Whoever reaches a cluster's ports with its token runs code there: keep it in a network of its own. Ray tells of
    workers that died on standard output.
    """

    address: str
    cores: int | None = None

    def run(self, work: Callable[[T], U], shards: Sequence[T]) -> Iterator[U]:
        """See `Workers`."""
        ray = _ray()
        self._join(ray)
        try:
            task = ray.remote(max_retries=MOST_DEATHS)(work)
            yield from self._results(ray, task, shards)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise Unavailable(f"Ray: {error}") from None
        finally:
            ray.shutdown()

    def _join(self, ray: Any) -> None:  # noqa: ANN401 - an optional library
        settings: dict[str, object] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if self.address == LOCAL:
            settings |= {"num_cpus": self.cores, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        else:
            settings |= {"address": self.address}
        try:
            ray.init(**settings)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise Unavailable(f"Ray at {self.address}: {error}") from None

    def _results(self, ray: Any, task: Any, shards: Sequence[T]) -> Iterator[Any]:  # noqa: ANN401 - an optional library
        """Few shards are on their way at a time, so that a long run needs little memory."""
        waiting = max(1, int(ray.cluster_resources().get("CPU", 1))) * _WAITING_A_CORE
        sent = [task.remote(shard) for shard in shards[:waiting]]
        for place in range(len(shards)):
            yield ray.get(sent[place])
            sent[place] = None
            sent += [task.remote(shard) for shard in shards[len(sent) : len(sent) + 1]]


def _ray() -> Any:  # noqa: ANN401 - an optional library
    """Raises UsageError naming the extra if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed: it comes with the extra `scale` of wattseal") from None
    return ray
