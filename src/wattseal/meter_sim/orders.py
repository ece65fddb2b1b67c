"""What the commands of the meters' side do: `prepare` a fleet and its rosters, `send` its reads."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey
from rich.console import Console
from rich.progress import Progress

from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID, layout_for
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory, read_private, sole_use
from wattseal.meter_sim.billed import BilledCycles, CycleLink
from wattseal.meter_sim.days import Days, Troubles
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.fault_summary import FaultSummary
from wattseal.meter_sim.faults import Faults
from wattseal.meter_sim.faulty_link import FaultyLink, contradiction
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.fleet_registers import FleetRegisters
from wattseal.meter_sim.key_periods import Fleets, Periods, enrol_for, halves_of
from wattseal.meter_sim.plain_cycles import PlainCycles
from wattseal.meter_sim.plain_totals import PlainTotals
from wattseal.meter_sim.reads import DayReads, ReplayError
from wattseal.meter_sim.rosters import Homes, Installed, Takeovers, make_rosters, utility_key, write_rosters
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.sources import Source, SourceSettings, open_source
from wattseal.meter_sim.state import FleetState, require_fleet
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import CohortId, MeterId, RegionId, Role, Suite, Window
from wattseal.protocol.report import Report
from wattseal.protocol.roster import CustomerClass, Interval, Roster, Unit
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors

_SETTINGS, _ROSTERS = "settings", "rosters"
# Canonical JSON has none.
_BETWEEN_ROSTERS = b"\n"


@dataclass(frozen=True)
class Neighborhoods:
    """How meters are put into cohorts: `apart` of them into one of their own, the rest evenly into a tree.

    With `leaf_size` 0 the rest is a single cohort.
    """

    root: str
    leaf_size: int = 0
    leaves_a_feeder: int = 5
    apart: int = 0

    def cohort_of(self, meters: tuple[str, ...]) -> dict[str, CohortId]:
        apart, rest = meters[: self.apart], meters[self.apart :]
        cohorts = {name: CohortId("hamlet") for name in apart}
        leaves = max(1, len(rest) // self.leaf_size) if self.leaf_size else 0
        for position, name in enumerate(rest):
            leaf = position * leaves // len(rest)
            below = f"/feeder-{leaf // self.leaves_a_feeder + 1}/transformer-{leaf + 1:03d}" if leaves else ""
            cohorts[name] = CohortId(self.root + below)
        return cohorts


@dataclass(frozen=True)
class Peers:
    """Where the fleet's reports and keys go and come from, with its token for each."""

    aggregator: str
    decryptor: str
    unblinder: str
    tokens: Path
    trust: Path

    def client(self, resources: ExitStack, role: Role) -> RoleClient:
        token = read_private(self.tokens / f"{role}.fleet").decode()
        return resources.enter_context(RoleClient(getattr(self, role), token))


def prepare(
    directory: Path,
    roster_file: Path,
    region: str,
    suite: int,
    settings: SourceSettings,
    neighborhoods: Neighborhoods,
    exchanges: Takeovers,
    moves: Takeovers,
    tariff: str | None = None,
    customer_class: CustomerClass | None = None,
) -> dict[str, object]:
    """Make the fleet's keys and write its rosters for countersigning. Facts about the reads come back.

    Without a `customer_class` customers are residential, or large where reads are counted in larger units.

    Raises UsageError for reads, exchanges or moves that cannot be used, and then leaves no state behind.
    """
    with _usable():
        source = open_source(settings)
    place = _region(region, suite, source, settings.unit)
    usual: CustomerClass = "large" if place.unit.factor > 1 else "residential"
    customers = usual if customer_class is None else customer_class
    homes = Homes(source, neighborhoods.cohort_of(source.meters), exchanges, moves, customers, tariff)
    with sole_use(private_directory(directory), 0), FleetState(directory) as state:
        rosters = make_rosters(state, homes, place)
        state.keep_fact(_SETTINGS, settings.model_dump_json().encode())
        state.keep_fact(_ROSTERS, _BETWEEN_ROSTERS.join(roster.to_bytes() for roster in rosters))
        utility = utility_key(state)
    return {
        "region": region,
        "meters": len(source.meters),
        "commodity": source.commodity,
        "unit": place.unit,
        "interval_minutes": source.interval_minutes,
        "first_date": window_date(Window(source.first_day)).isoformat(),
        "last_date": window_date(Window(source.last_day)).isoformat(),
        "channels": sorted({channel for meter in source.meters for channel in source.channels_of(meter)}),
        "channel_sets": sorted({source.channels_of(meter) for meter in source.customers}),
        "cohorts": sorted(rosters[0].cohorts),
        "notes": dict(source.notes),
        "rosters": [str(file) for file in write_rosters(roster_file, rosters, utility)],
    }


def _region(name: str, suite: int, source: Source, unit: Unit) -> Region:
    """Raises UsageError for reads that no layout of their interval holds in this unit."""
    if source.commodity == "gas":
        if unit not in (Unit.WH, Unit.LITRE):
            raise UsageError(f"--unit {unit}: gas is counted in litres")
        unit = Unit.LITRE
    elif unit is Unit.LITRE:
        raise UsageError("--unit L: electricity is counted in Wh, 10Wh or 100Wh")
    minutes = source.interval_minutes
    read, day = (-(-largest // unit.factor) for largest in (source.largest_read, source.largest_day))
    try:
        if suite == Suite.MASKING:  # whose words hold no wide layout
            layout = layout_for(minutes, read)
            MaskingParameters(layout)
        else:
            layout = layout_for(minutes, read, day)
    except ParameterError as error:
        counted = "L" if source.commodity == "gas" else "Wh"
        raise UsageError(f"reads of up to {source.largest_read} {counted}: {error} (--unit)") from None
    return Region(RegionId(name), suite, layout.layout_id, _interval(minutes), source.commodity, unit)


@dataclass(frozen=True)
class Sending:
    """How a fleet's reads are sent. `faults` are its troubles; late ones leave once the windows are closed.

    Of each billing cycle, every meter also sends its segments' reads in one report, if none of them is missing;
    `plain_cycles` is where they are told to their owner. And what its registers show, which `tariff` programs, if it is
    billed under that.
    """

    plain_totals: Path | None
    patience_s: float
    backend: Backend
    faults: Faults | None
    windows_closed: bool
    cycles: tuple[Cycle, ...] = ()
    plain_cycles: Path | None = None
    daily_days: int | None = None
    """Only so many of the first days are also sent in daily reports."""
    tariff: Tariff | None = None


def send(directory: Path, peers: Peers, how: Sending) -> dict[str, object]:
    """Enrol, seal and upload every day of the fleet's reads; safe to repeat after an interruption.

    Raises Unavailable if the aggregator stays away longer than `patience_s`; the outbox keeps what is left.
    """
    with ExitStack() as resources:
        require_fleet(directory)
        resources.enter_context(sole_use(private_directory(directory), 0))
        state = resources.enter_context(FleetState(directory))
        source, seed, rosters = reopened(state, directory)
        periods = _enrolled(resources, state, peers, source, rosters, how.cycles)
        first = rosters[0]
        place = Region.of(first)
        layout = LAYOUTS_BY_ID[place.layout_id]
        fleet = Fleets(state, place, periods, lambda key: Sealer(key, layout, how.backend, state.error_key()))
        resources.callback(fleet.close)
        installed = Installed(rosters, state.meters())
        aggregator = peers.client(resources, Role.AGGREGATOR)
        troubles = None if how.faults is None else _troubles(how, how.faults, seed, source, state, first)
        link = aggregator if troubles is None else _faulty_link(aggregator, troubles, installed, state)
        uploader = Uploader(state, link, patience_s=how.patience_s)
        # By the names that homes have in the source: no home changes its cohort.
        totals = resources.enter_context(PlainTotals.open(how.plain_totals, state, first))
        plain = resources.enter_context(PlainCycles.open(how.plain_cycles, state, rosters))
        homes = installed.homes(state.meters())
        billed = frozenset(meter for meter, home in homes.items() if home in source.customers)
        way = CycleLink(state, place, lambda cycle: periods.of_cycle(cycle, place.suite).key_id, uploader)
        cycles = BilledCycles(how.cycles, rosters, billed, way, plain)
        withheld = _nobody if troubles is None else troubles.withheld
        daily_until = source.last_day + 1 if how.daily_days is None else source.first_day + how.daily_days
        registers = FleetRegisters.of(how.tariff, cycles, installed.meters_on, withheld, daily_until)
        days = Days(source, layout, place.unit, troubles, registers.measure)
        for number, parts in enumerate(_with_progress(days)):
            there = [installed.on_their_day(part) for part in parts]
            if how.daily_days is None or number < how.daily_days:
                fleet.seal(there)
                totals.add(parts)
            registers.seal()
            uploader.send_pending()
            cycles.add(there)
        return {
            **cycles.end(),
            **registers.counts(),
            "sealed_reports": fleet.sealed_reports,
            "sealed_bytes": fleet.sealed_bytes,
            "too_large": days.too_large,
            "outcomes": state.outcomes(),
            "troubles": {} if troubles is None else troubles.summary.counts(),
        }


@contextmanager
def days_of(directory: Path) -> Iterator[tuple[Iterator[Sequence[EditedDay]], list[Roster], dict[str, MeterId]]]:
    """A prepared fleet's edited days under its meters' names, with its rosters and the meters' ids; nothing is sent.

    Raises UsageError where no fleet is, and makes none.
    """
    require_fleet(directory)
    with FleetState(directory) as state:
        source, _, rosters = reopened(state, directory)
        place, installed = Region.of(rosters[0]), Installed(rosters, state.meters())
        days = Days(source, LAYOUTS_BY_ID[place.layout_id], place.unit)
        names = {meter.name: meter.meter for meter in state.meters()}
        yield ([installed.on_their_day(part) for part in parts] for parts in days), rosters, names


def _nobody(day: DayReads) -> frozenset[str]:  # noqa: ARG001 - without troubles
    return frozenset()


def _troubles(how: Sending, faults: Faults, seed: int, source: Source, state: FleetState, roster: Roster) -> Troubles:
    names = {meter.meter: meter.name for meter in state.meters()}
    cohort_of = {names[row.meter]: row.cohort for row in roster.rows}
    return Troubles(Plan(faults, seed, source.first_day, cohort_of), FaultSummary(), how.windows_closed)


def _faulty_link(aggregator: RoleClient, troubles: Troubles, installed: Installed, state: FleetState) -> FaultyLink:
    meters = state.meters()
    identity = {meter.meter: SigningKey(meter.identity) for meter in meters}

    def resign(report: Report) -> bytes:
        return contradiction(report, identity[report.header.meter])

    return FaultyLink(aggregator, troubles.plan, installed.homes(meters), resign, troubles.summary)


def reopened(state: FleetState, directory: Path) -> tuple[Source, int, list[Roster]]:
    settings, bodies = state.fact(_SETTINGS), state.fact(_ROSTERS)
    if settings is None or bodies is None:
        raise UsageError(f"{directory} holds no prepared fleet")
    rosters = [Roster.from_bytes(body) for body in bodies.split(_BETWEEN_ROSTERS)]
    found = SourceSettings.model_validate_json(settings)
    with _usable():
        return open_source(found), found.seed, rosters


def _enrolled(
    resources: ExitStack,
    state: FleetState,
    peers: Peers,
    source: Source,
    rosters: Sequence[Roster],
    cycles: Sequence[Cycle],
) -> Periods:
    """The key periods, once both halves have handed out their keys for every roster and its months."""
    trust = TrustAnchors.parse(peers.trust.read_bytes())
    decryptor, unblinder = (peers.client(resources, role) for role in (Role.DECRYPTOR, Role.UNBLINDER))
    periods = Periods.of_decryptor(decryptor, trust)
    halves = halves_of(decryptor, unblinder)
    enrol_for(state, halves, trust, periods, rosters, source.last_day, [cycle.minutes for cycle in cycles])
    return periods


def _with_progress(days: Days) -> Iterator[tuple[EditedDay, ...]]:
    total = days.source.last_day - days.source.first_day + 1
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(days, total=total, description="sealing and sending days")


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except ReplayError as error:
        raise UsageError(str(error)) from None


def _interval(minutes: int) -> Interval:
    intervals: dict[int, Interval] = {15: 15, 30: 30, 60: 60, 1440: 1440}
    return intervals[minutes]
