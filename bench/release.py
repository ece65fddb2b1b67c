"""A Paillier total of a full region released after its close: with sums made ahead, by whom, and without.

`python -m bench.release [--meters N]`: real processes, one day each. Sealing a region of 16,384 takes a minute before.
"""

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from bench.million import Costs, Place, Run
from bench.processes import processor_seconds
from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.meter_sim.sealing import Sealer
from wattseal.protocol.ids import Suite, Window
from wattseal.protocol.time import system_clock, window_date, window_of

METERS: Final = 16_384
LOOKS_S: Final = 20.0
"""The aggregator folds what has come every fifteen seconds, the halves sum what is likely to every ten."""
OLDER: Final = 5
"""Days ago: the aggregator folds such a window ahead, the halves sum nothing ahead for it."""


class Released(NamedTuple):
    """From a close to the release in the collector's hand; the processor's time is of all processes together."""

    wall_s: float
    processor_s: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.release")
    parser.add_argument("--meters", type=int, default=METERS)
    meters = parser.parse_args().meters
    for name, (wall, processor) in measure(meters).items():
        print(f"{meters:,} meters, {name}: released {wall:.2f} s after the close, processor {processor:.2f} s")


def measure(meters: int = METERS) -> dict[str, Released]:
    """One region after another, a small one first so that everything is loaded and compiled."""
    with ExitStack() as resources:
        directory = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="wattseal-release-")))
        places = Places(directory / "deployment")
        deployment.create(places, Suite.PAILLIER_3072)
        resources.enter_context(Deployment(places))
        today = window_of(system_clock())
        older, yesterday = Window(today - OLDER), Window(today - 1)
        regions = [
            Place("warm", directory / "warm", range(64), 1, yesterday),
            Place("cold", directory / "cold", range(64, 64 + meters), 1, older),
            Place("folded", directory / "folded", range(64 + meters, 64 + 2 * meters), 1, older),
            Place("summed", directory / "summed", range(64 + 2 * meters, 64 + 3 * meters), 1, yesterday),
        ]
        run = Run(places, Suite.PAILLIER_3072, regions, Costs())
        for region in regions:
            run.set_up(region)
        sealer = Sealer(run.notice(), DEFAULT_LAYOUTS[15], error_key=None)
        resources.callback(sealer.close)
        clients = [
            RoleClient(places.urls().aggregator, places.token(AGGREGATOR, s)) for s in (Scope.FLEET, Scope.OPERATOR)
        ]
        fleet, operator = (resources.enter_context(client) for client in clients)
        client = resources.enter_context(Client.of_directory(places.directory))
        found = {}
        for region, wait_s in zip(regions, (0.0, 0.0, LOOKS_S, LOOKS_S), strict=True):
            run.send(region, sealer, fleet)
            time.sleep(wait_s)
            found[region.name] = _release(run, region, operator, client)
    return {
        "nothing ahead": found["cold"],
        "reports folded ahead": found["folded"],
        "pads and tags summed ahead too": found["summed"],
    }


def _release(run: Run, region: Place, operator: RoleClient, client: Client) -> Released:
    started, used = time.monotonic(), processor_seconds()
    run.close(region, operator)
    table = client.total("town", window_date(region.first).isoformat(), region=region.name)
    found = Released(time.monotonic() - started, processor_seconds() - used)
    assert set(table["meters"]) == {len(region.ordinals)}
    return found


if __name__ == "__main__":
    main()
