"""A day of a million meters on one machine, from simulation to release, with every role a real process.

`python -m bench.million` runs masking for a thousand, sixteen thousand and a million meters, then Paillier and CKKS for
a hundred thousand; `--meters N --scheme NAME` runs one of them. It takes an hour, so `python -m bench` leaves it out.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import Progress

from bench.processes import PeakMemory, processor_seconds
from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.collector.trial import install_rosters
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory
from wattseal.meter_sim.days import Days
from wattseal.meter_sim.fleet import Fleet, Region, enrol, months_of
from wattseal.meter_sim.orders import Neighborhoods, prepare
from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.sources import SourceSettings, open_source
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.ids import RegionId, Role, Suite, Window
from wattseal.protocol.keys import EnrolmentRequest, KeyNotice
from wattseal.protocol.roster import SignedRoster, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import parse_window, window_date

DATE = "2026-03-02"
INTERVAL_MINUTES: Final = 15
DAY: Window = parse_window(DATE)
SEED = 1
LARGEST_REGION = 16_000
LEAST_METER_DAYS = 16_000
"""A smaller fleet reports on more days, for a processor's time is told in hundredths of a second."""
WARM_UP_METERS = 64
"""Of a region that is not counted: processes start, and load what they have compiled, once in their lives."""
PATIENCE_S = 60.0
FLAT_WITHIN = 0.20
_SETUP = ("keys", "rosters", "enrolment")
_WORK = ("simulate", "seal", "upload", "close", "total and release", "archive")


class Cost(NamedTuple):
    """Of one phase over all regions."""

    wall_s: float = 0.0
    processor_s: float = 0.0


@dataclass
class Costs:
    """By phase; the processor time is of all processes together."""

    of: dict[str, Cost] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        wall, processor = time.monotonic(), processor_seconds()
        yield
        before = self.of.get(name, Cost())
        self.of[name] = Cost(
            before.wall_s + time.monotonic() - wall, before.processor_s + processor_seconds() - processor
        )

    def forget(self, names: Sequence[str]) -> None:
        for name in names:
            self.of.pop(name, None)

    def processor_us(self, meter_days: int) -> float:
        """A meter's day, from simulation to release."""
        return sum(self.of[name].processor_s for name in _WORK[:-1] if name in self.of) / meter_days * 1e6


class Place(NamedTuple):
    """One region with its part of the fleet, in a directory of its own."""

    name: str
    directory: Path
    ordinals: range
    days: int
    first: Window = DAY

    @property
    def windows(self) -> range:
        return range(self.first, self.first + self.days)

    @property
    def settings(self) -> SourceSettings:
        return SourceSettings(
            simulated=len(self.ordinals),
            seed=SEED,
            interval_minutes=INTERVAL_MINUTES,
            first_day=self.first,
            days=self.days,
            first_meter=self.ordinals.start,
        )


def places_of(meters: int, directory: Path) -> list[Place]:
    """One to warm up, then regions of nearly the same size, for none may hold more than a roster does."""
    count = -(-meters // LARGEST_REGION)
    ends = [WARM_UP_METERS + meters * number // count for number in range(count + 1)]
    parts = [range(WARM_UP_METERS), *(range(*pair) for pair in itertools.pairwise(ends))]
    days = -(-LEAST_METER_DAYS // meters)
    return [
        Place(f"region-{number}", directory / f"fleet-{number}", ordinals, days)
        for number, ordinals in enumerate(parts)
    ]


class Run:
    """One fleet against one deployment."""

    def __init__(
        self, places: Places, suite: Suite, regions: Sequence[Place], costs: Costs, tariff: Tariff | None = None
    ) -> None:
        self.places, self.suite, self.regions, self.costs, self.tariff = places, suite, regions, costs, tariff
        self.layout = DEFAULT_LAYOUTS[INTERVAL_MINUTES]

    def set_up(self, region: Place) -> None:
        """Keys of the meters, the roster under three signatures, keys from both halves."""
        roster_file = self.places.directory / f"{region.name}.json"
        with self.costs.phase("keys"):
            with FleetState(self.places.fleet) as utility, FleetState(private_directory(region.directory)) as state:
                state.keep_fact("utility", bytes(utility_key(utility)))
            place = (region.directory, roster_file, region.name, self.suite, region.settings, Neighborhoods("town"))
            billed = () if self.tariff is None else (self.tariff.name, self.tariff.customer_class)
            prepare(*place, {}, {}, *billed)
        with self.costs.phase("rosters"):
            install_rosters(self.places, [roster_file])
        with self.costs.phase("enrolment"):
            self._enrol(region, roster_file)

    def _enrol(self, region: Place, roster_file: Path) -> None:
        trust = self.places.trust_anchors()
        roster = SignedRoster.from_bytes(roster_file.read_bytes()).opened(trust)
        months = months_of(region.first, region.windows[-1])
        request = EnrolmentRequest(region=RegionId(region.name), key_id=1, window=region.first, months=months)
        with ExitStack() as resources:
            state = resources.enter_context(FleetState(region.directory))
            for role in (Role.DECRYPTOR, Role.UNBLINDER):
                url = getattr(self.places.urls(), role)
                half = resources.enter_context(RoleClient(url, self.places.token(role, Scope.FLEET)))
                enrol(state, half, role, trust, request, roster.fingerprint)

    def notice(self) -> KeyNotice:
        encoded = (self.places.of(Role.DECRYPTOR) / "key-notice.json").read_bytes()
        return Envelope.from_bytes(encoded).opened(KeyNotice, self.places.trust_anchors().decryptor)

    def send(self, region: Place, sealer: Sealer, aggregator: RoleClient) -> None:
        """One region's day, as `send` of the meters' command does it."""
        source = open_source(region.settings)
        place = Region(RegionId(region.name), self.suite, self.layout.layout_id, INTERVAL_MINUTES)
        with FleetState(region.directory) as state:
            fleet = Fleet(state, place, self.notice(), sealer)
            uploader = Uploader(state, aggregator, patience_s=PATIENCE_S)
            with self.costs.phase("simulate"):
                days = list(Days(source, self.layout, Unit.WH))
            for parts in days:
                with self.costs.phase("seal"):
                    fleet.seal(part for part in parts if part.channel == "delivered")
                with self.costs.phase("upload"):
                    uploader.send_pending()
            expected = len(region.ordinals) * region.days
            assert fleet.sealed_reports == expected
            assert state.outcomes() == {"accepted": expected}, state.outcomes()

    def close(self, region: Place, operator: RoleClient) -> None:
        with self.costs.phase("close"):
            for window in region.windows:
                operator.post(f"/v1/regions/{region.name}/windows/{window_date(Window(window))}/close", b"")

    def release(self, region: Place, client: Client) -> None:
        for window in region.windows:
            with self.costs.phase("total and release"):
                table = client.total("town", window_date(Window(window)).isoformat(), region=region.name)
            assert table["meters"].to_list() == [len(region.ordinals)] * self.layout.intervals

    def archive(self, region: Place, operator: RoleClient) -> None:
        with self.costs.phase("archive"):
            for window in region.windows:
                operator.post(f"/v1/regions/{region.name}/windows/{window_date(Window(window))}/archive", b"")


def measure(meters: int, suite: Suite, console: Console) -> float:
    """Everything of one fleet, printed; processor time in us of a meter's day from simulation to release."""
    costs = Costs()
    with ExitStack() as resources:
        directory = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="wattseal-million-")))
        memory = resources.enter_context(PeakMemory())
        progress = resources.enter_context(Progress(console=console, transient=True))
        console.print(f"[bold]{meters:,} meters, {suite.name.lower()}[/bold]")
        places = Places(directory / "deployment")
        deployment.create(places, suite)
        resources.enter_context(Deployment(places, sum_ahead=False))
        run = Run(places, suite, places_of(meters, directory), costs)
        for region in progress.track(run.regions, description="keys, rosters, enrolment"):
            run.set_up(region)
        sealer = Sealer(run.notice(), run.layout, error_key=bytes(32) if suite == Suite.CKKS else None)
        resources.callback(sealer.close)
        aggregator = resources.enter_context(_aggregator(places, Scope.FLEET))
        operator = resources.enter_context(_aggregator(places, Scope.OPERATOR))
        client = resources.enter_context(Client.of_directory(places.directory))
        for region in progress.track(run.regions, description=f"{meters:,} meters, {suite.name.lower()}"):
            run.send(region, sealer, aggregator)
            run.close(region, operator)
            run.release(region, client)
            run.archive(region, operator)
            if region is run.regions[0]:
                costs.forget(_WORK)
    report(meters, run.regions[-1].days, costs, console)
    console.print(f"  at the most {memory.peak / 2**30:.2f} GiB, all processes together")
    return costs.processor_us(meters * run.regions[-1].days)


def _aggregator(places: Places, scope: Scope) -> RoleClient:
    return RoleClient(places.urls().aggregator, places.token(AGGREGATOR, scope))


def report(meters: int, days: int, costs: Costs, console: Console) -> None:
    for names, units, unit in ((_SETUP, meters, "meter"), (_WORK, meters * days, "meter's day")):
        for name in names:
            if name in costs.of:
                wall, processor = costs.of[name]
                us = processor / units * 1e6
                line = f"  {name:18} {wall:9.1f} s, processor {processor:9.1f} s, {us:8.1f} us a {unit}"
                console.print(line, soft_wrap=True)
    console.print(f"  from simulation to release {costs.processor_us(meters * days):.1f} us a meter's day")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__)
    parser.add_argument("--meters", type=int)
    parser.add_argument("--scheme", default="masking", choices=("masking", "paillier", "ckks"))
    wanted = parser.parse_args()
    console = Console()
    if wanted.meters is not None:
        measure(wanted.meters, Suite.of_scheme(wanted.scheme), console)
        return
    sizes = (1_000, 16_000, 1_000_000)
    found = [measure(size, Suite.MASKING, console) for size in sizes]
    spread = max(found) / min(found) - 1
    verdict = "met" if spread <= FLAT_WITHIN else "MISSED"
    console.print(
        f"processor time a meter differs by {spread:.0%} over these sizes, at most {FLAT_WITHIN:.0%}: {verdict}"
    )
    for suite in (Suite.PAILLIER_3072, Suite.CKKS):
        measure(100_000, suite, console)


if __name__ == "__main__":
    main()
