"""A fleet that is cut off, and everything killed around it: each report is counted exactly once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tests.commands.shell import Up, finish, processes_of, valkeys_of
from tests.crash.fault_proxy import Fault, FaultProxy
from tests.crash.neighborhood import DAYS, METERS, Neighborhood

FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_faults_on_the_way(prepared: Path) -> None:
    with Up(prepared) as up:
        # Each fault meets another upload, which passes when it is tried again.
        faults = [one for fault in FAULTS for one in (fault, *([] if fault is Fault.DUPLICATED else [Fault.NONE]))]
        proxy, neighborhood = FaultProxy(up.places.urls().aggregator, faults), Neighborhood(up.places)
        with proxy.listening() as url:
            assert neighborhood.send(url).status == 0
        assert proxy.suffered == faults
        neighborhood.check_counted_once(proxy)


class Killings:
    """Services under a fleet that sends: killed before or after an upload reaches them, then started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.up = Up(directory)
        self.proxy = FaultProxy(self.up.places.urls().aggregator)
        self.done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.up.process.poll() is None:
            self.up.stop()

    def store(self) -> None:
        """The aggregator lives on and starts it again."""
        kill(*self._valkeys())
        self.done += 1

    def aggregator(self) -> None:
        """The store goes on without it, and the next aggregator takes it over."""
        (store,) = self._valkeys()
        kill(self.up.pid_of("aggregator"))
        assert finish(self.up.process).status == 4
        assert self._valkeys() == [store]
        self._start_again()
        assert self._valkeys() == [store]

    def parent(self) -> None:
        """The services see that it is gone and end."""
        kill(self.up.process.pid)
        finish(self.up.process)
        self._start_again()

    def _start_again(self) -> None:
        self.up = Up(self.directory)
        self.proxy.target = self.up.places.urls().aggregator
        self.done += 1

    def _valkeys(self) -> list[int]:
        return valkeys_of(self.directory / "aggregator/store")


def test_everybody_is_killed_around_an_upload(prepared: Path) -> None:
    with Killings(prepared) as killings, killings.proxy.listening() as url:
        acts: list[Callable[[], None]] = [killings.store, killings.aggregator, killings.parent]
        # There are eight uploads at least: what is cut off is tried again.
        killings.proxy.before.update(zip((0, 2, 4), acts, strict=True))
        killings.proxy.after.update(zip((5, 6, 7), acts, strict=True))
        neighborhood = Neighborhood(killings.up.places)
        assert neighborhood.send(url).status == 0
        assert killings.done == 2 * len(acts)
        assert len(valkeys_of(prepared / "aggregator/store")) == 1
        neighborhood.check_counted_once(killings.proxy)
    assert processes_of(prepared) == {}


def test_the_fleet_is_killed(prepared: Path) -> None:
    """Again and again over the first day, at each step that it writes down."""
    with Up(prepared) as up:
        proxy, neighborhood = FaultProxy(up.places.urls().aggregator), Neighborhood(up.places)
        with proxy.listening() as url:
            for point, uploads in {
                "FleetState.reserve:after:1": 0,
                "FleetState.keep_sealed:before:1": 0,
                "FleetState.keep_sealed:after:1": 0,
                "FleetState.settle:before:1": 1,
                "FleetState.settle:after:1": 2,
            }.items():
                # Its end of the pipes is also its workers': none of them is left.
                assert neighborhood.send_and_die(point, url).status == -signal.SIGKILL
                assert proxy.uploads == uploads
            assert neighborhood.send(url).status == 0
            assert proxy.uploads == len(DAYS) + 1
            assert neighborhood.send(url).status == 0
            assert proxy.uploads == len(DAYS) + 1
        # Two numbers were taken and never sealed: nothing was ever sent under them.
        assert len(proxy.bodies) == METERS * len(DAYS)
        assert {number for *_, number in proxy.bodies} == {0, 2}
        neighborhood.check_counted_once(proxy)
