"""Bills of 100,000 meters from stored reports, with every role a real process: wall time, processor time, memory.

`python -m bench.bill_run` first seals and stores a month of quarter hours of each meter, which takes longer than the
bills and is not counted, so `python -m bench` leaves it out; `--bills N` and `--statement N` make it smaller. One
statement is asked for while the one before it is opened, and what was opened is compared with the reads.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice, pairwise
from pathlib import Path
from statistics import mean
from typing import Final, NamedTuple

import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from bench.million import SEED, Costs, Place, Run
from bench.processes import PeakMemory, peak_of, processor_seconds
from wattseal.collector import deployment
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.client import BILLING_PURPOSE, Client
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.collector.trial import install_tariff
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.scales import Cycle as Minutes
from wattseal.cryptosystems.ckks.scales import bill_scale
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.meter_sim.state import FleetState, MeterRow, SharedKeys
from wattseal.meter_sim.uploader import REPORTS
from wattseal.protocol.billing import BillAnswer, BillRelease, BillStatement
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Role, Suite
from wattseal.protocol.report import Header, frame, seal_report
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.tariff.bill import parse_cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.files import load_tariff

BILLS, STATEMENT = 100_000, 1_000
TARIFF, ZONE, CYCLE = "E-TOU-D", "America/Los_Angeles", "2026-03-03..2026-04-03"
LARGEST_RUN: Final = 10_000
"""Bills of one region, which has a third more meters; a roster holds 16,384."""
CHANNEL: Final = Channel.DELIVERED
LARGEST_READ, KEY_ID = 2_000, 1
UPLOADED_TOGETHER = 150
LONGEST_S, MOST_GIB = 60, 4
WARM_UP_METERS = 64
Asked = tuple[str, list[MeterId]]
"""A region, and meters of one statement."""


class Bench:
    """A deployment, its terms, and one client for questions and one for releases."""

    def __init__(self, places: Places, regions: Sequence[Place], wanted: int, resources: ExitStack) -> None:
        self.places, self.regions, self.wanted = places, regions, wanted
        self.run = Run(places, Suite.MASKING, regions, Costs(), load_tariff(TARIFF))
        self.terms = Terms(load_tariff(TARIFF), parse_cycle(CYCLE, ZONE), Mode.AMOUNT, 15)
        self.compiled = self.terms.compiled(*self.terms.cycle.minutes, (CHANNEL,))
        self.asking, self.opening = (resources.enter_context(Client.of_directory(places.directory)) for _ in range(2))

    def homes(self, region: Place) -> list[MeterId]:
        """Those without a solar roof: no residential tariff that comes with us pays for exports."""
        roster_file = self.places.directory / f"{region.name}.json"
        roster = SignedRoster.from_bytes(roster_file.read_bytes()).opened(self.places.trust_anchors())
        return [row.meter for row in roster.rows if row.channels == (CHANNEL,)][: self.wanted]

    def store(self, region: Place) -> None:
        """Seal each home's month, under its own keys, and hand it in at the aggregator's door."""
        with FleetState(region.directory) as state, self._door() as door:
            error_key, homes = Secret(state.error_key()), set(self.homes(region))
            shared = state.meter_keys(KEY_ID)
            meters = iter([meter for meter in state.meters() if meter.meter in homes])
            while some := list(islice(meters, UPLOADED_TOGETHER)):
                sealed = [self._sealed(region, meter, shared[meter.meter], error_key) for meter in some]
                told = door.post("/v1/reports", frame(sealed), REPORTS)
                assert told.count(b'"accepted"') == len(some), told[:200]

    def _door(self) -> RoleClient:
        return RoleClient(self.places.urls().aggregator, self.places.token(AGGREGATOR, Scope.FLEET))

    def _sealed(self, region: Place, meter: MeterRow, shared: SharedKeys, error_key: Secret) -> bytes:
        minutes = Minutes(*self.terms.cycle.minutes)
        place = (region.name, meter.meter, Kind.CYCLE, CHANNEL.code, *minutes, KEY_ID, 0)
        label, secret_key = Label(CKKS_4096.suite, MODULUS_ID, *place), Secret(shared.tag_key)
        sealer = MeterSealer(
            CKKS_4096, label, pad_key=Secret(shared.pad_key), secret_key=secret_key, error_key=error_key
        )
        ciphertext = sealer.seal(self.reads(meter.meter), bill_scale(secret_key, label, minutes), label)
        header = Header(
            suite=Suite.CKKS,
            kind=Kind.CYCLE,
            channel=CHANNEL,
            key_id=KEY_ID,
            layout_id=self.run.layout.layout_id,
            region=RegionId(region.name),
            meter=meter.meter,
            start=minutes.start,
            end=minutes.end,
            number=0,
            flags=(),
        )
        return seal_report(header, ciphertext, SigningKey(meter.identity))

    def reads(self, meter: str) -> NDArray[np.int64]:
        generator = np.random.default_rng([SEED, *meter.encode()])
        return generator.integers(0, LARGEST_READ, self.compiled.segment.intervals)

    def statements(self, size: int) -> Iterator[Asked]:
        for region in self.regions:
            homes = self.homes(region)
            yield from ((region.name, homes[first : first + size]) for first in range(0, len(homes), size))

    def answer(self, asked: Asked) -> BillAnswer:
        region, meters = asked
        return self.asking.bill_answer(self.terms.question(region, dict.fromkeys(meters, Account()), BILLING_PURPOSE))

    def check(self, release: BillRelease) -> int:
        """How many bills are exactly those of the reads; AssertionError if one is not."""
        statement = BillStatement.from_bytes(release.statement)
        for segment, result in zip(statement.segments, release.results, strict=True):
            assert result.opened
            assert result.values == self._expected(segment.meter)
        return len(release.results)

    def _expected(self, meter: str) -> tuple[int, ...]:
        reads = self.reads(meter)
        return tuple(self.compiled.released(one, int(one.y @ reads)) for one in self.compiled.functionals)


class Party(NamedTuple):
    name: str
    process: int
    began_s: float

    @property
    def used_s(self) -> float:
        return processor_seconds(self.process) - self.began_s


def parties(services: Deployment) -> list[Party]:
    pids = {role: services.services[role].process.pid for role in (AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER)}
    return [Party(str(role), pid, processor_seconds(pid)) for role, pid in pids.items()]


class Mark(NamedTuple):
    """When a statement of a region was released since the beginning, and what processor time the services had taken."""

    region: str
    wall_s: float
    used_s: float


def run_all(
    bench: Bench, statements: Sequence[Asked], services: Sequence[Party]
) -> tuple[list[Mark], list[BillRelease]]:
    """One question ahead of the halves."""
    began, marks, releases = time.monotonic(), [], []
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.answer, statements[0])
        for (region, _), following in zip(statements, [*statements[1:], None], strict=True):
            answer = asked.result()
            if following is not None:
                asked = pool.submit(bench.answer, following)
            releases.append(bench.opening.bill_release(answer))
            used_s = sum(party.used_s for party in services)
            marks.append(Mark(region, time.monotonic() - began, used_s))
    return marks, releases


def report(console: Console, found: Sequence[Party], marks: Sequence[Mark], collector_s: float, bills: int) -> None:
    for party in found:
        us = party.used_s / bills * 1e6
        console.print(
            f"  {party.name:10} {us:7.1f} us of processor a bill, at the most {peak_of(party.process) / 2**30:.2f} GiB"
        )
    console.print(f"  collector  {collector_s / bills * 1e6:7.1f} us of processor a bill")
    total = marks[-1].used_s + collector_s
    console.print(
        f"  together   {total / bills * 1e6:7.1f} us of processor a bill, {total:.1f} s: {total / 2:.1f} s of two"
    )
    if len({mark.region for mark in marks}) < len(marks):
        first, last = growth(marks)
        console.print(f"  a statement near a region's first: {first:.2f} s of processor, its last: {last:.2f} s")


def growth(marks: Sequence[Mark]) -> tuple[float, float]:
    """What the second and the last statement of a region took, on average; the first makes what the others share."""
    took: dict[str, list[float]] = {}
    for before, after in pairwise(marks):
        if before.region == after.region:
            took.setdefault(after.region, []).append(after.used_s - before.used_s)
    return mean(each[0] for each in took.values()), mean(each[-1] for each in took.values())


def measure(bills: int, statement: int, console: Console) -> None:
    with ExitStack() as resources:
        directory = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="wattseal-bills-")))
        progress = resources.enter_context(Progress(console=console, transient=True))
        places = Places(directory / "deployment")
        deployment.create(places, Suite.MASKING)
        services = resources.enter_context(Deployment(places, sum_ahead=False))
        install_tariff(places, TARIFF)
        bench = Bench(places, regions_of(bills, directory), min(bills, LARGEST_RUN), resources)
        for region in progress.track(bench.regions, description="keys, rosters, enrolment"):
            bench.run.set_up(region)
        for region in progress.track(bench.regions, description="a month of each meter, sealed and stored"):
            bench.store(region)
        first, *statements = bench.statements(statement)
        run_all(bench, [first], [])
        memory = resources.enter_context(PeakMemory())
        found = parties(services)
        began_s = time.process_time()
        marks, releases = run_all(bench, statements, found)
        collector_s = time.process_time() - began_s
        bills = sum(len(homes) for _, homes in statements)
        console.print(f"[bold]{bills:,} bills of {bench.compiled.segment.intervals:,} quarter hours[/bold]")
        report(console, found, marks, collector_s, bills)
        verdict = "met" if marks[-1].wall_s <= LONGEST_S and memory.peak <= MOST_GIB << 30 else "MISSED"
        limits = f"at most {LONGEST_S} s and {MOST_GIB} GiB"
        console.print(
            f"  {marks[-1].wall_s:.1f} s, {memory.peak / 2**30:.2f} GiB all processes together, {limits}: {verdict}"
        )
        right = sum(bench.check(release) for release in releases)
        console.print(f"  {right:,} of {bills:,} bills are those of the reads")


def regions_of(bills: int, directory: Path) -> list[Place]:
    """One to warm up, then as many as hold so many homes without a solar roof."""
    count = -(-bills // LARGEST_RUN)
    size = bills // count * 4 // 3
    ends = [WARM_UP_METERS + number * size for number in range(count + 1)]
    parts = [range(WARM_UP_METERS), *(range(*pair) for pair in pairwise(ends))]
    return [
        Place(f"region-{number}", directory / f"fleet-{number}", ordinals, 33) for number, ordinals in enumerate(parts)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bill_run", description=__doc__)
    parser.add_argument("--bills", type=int, default=BILLS)
    parser.add_argument("--statement", type=int, default=STATEMENT)
    wanted = parser.parse_args()
    measure(wanted.bills, wanted.statement, Console())


if __name__ == "__main__":
    main()
