"""What the commands of the meters' side do: `prepare` a fleet and its roster, `send` its reads."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from wattseal.cryptosystems.paillier.layout import DEFAULT_LAYOUTS
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory, read_private, sole_use
from wattseal.meter_sim.fleet import Fleet, Region, enrol, make_roster, months_of
from wattseal.meter_sim.plain_totals import PlainTotals
from wattseal.meter_sim.reads import DayReads, ReplayError
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.sources import Source, SourceSettings, open_source
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.ids import CohortId, HalfRole, RegionId, Role, Window
from wattseal.protocol.keys import EnrolmentRequest, KeyNotice
from wattseal.protocol.roster import Interval, Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors

_SETTINGS, _ROSTER = "settings", "roster"


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
    directory: Path, roster_file: Path, region: str, suite: int, settings: SourceSettings, homes: Neighborhoods
) -> dict[str, object]:
    """Make the fleet's keys and write its roster for countersigning. Facts about the reads come back.

    Raises UsageError for reads that cannot be used, and then leaves no state behind.
    """
    with _usable():
        source = open_source(settings)
    interval = source.interval_minutes
    if interval not in DEFAULT_LAYOUTS or interval > 60:
        raise UsageError(f"reads of {interval} minutes are not supported")
    place = Region(RegionId(region), suite, DEFAULT_LAYOUTS[interval].layout_id, _interval(interval))
    with sole_use(private_directory(directory), 0), FleetState(directory) as state:
        signed = make_roster(state, source, place, homes.cohort_of(source.meters), Window(source.first_day))
        state.keep_fact(_SETTINGS, settings.model_dump_json().encode())
        state.keep_fact(_ROSTER, signed.body)
    roster_file.write_bytes(signed.to_bytes())
    return {
        "region": region,
        "meters": len(source.meters),
        "interval_minutes": interval,
        "first_date": window_date(Window(source.first_day)).isoformat(),
        "last_date": window_date(Window(source.last_day)).isoformat(),
        "channels": sorted({channel for meter in source.meters for channel in source.channels_of(meter)}),
        "cohorts": sorted(Roster.from_bytes(signed.body).cohorts),
        "rounded_reads": source.rounded,
    }


def send(directory: Path, peers: Peers, plain_totals: Path | None, patience_s: float) -> dict[str, object]:
    """Enrol, seal and upload every day of the fleet's reads; safe to repeat after an interruption.

    Raises Unavailable if the aggregator stays away longer than `patience_s`; the outbox keeps what is left.
    """
    with ExitStack() as resources:
        resources.enter_context(sole_use(private_directory(directory), 0))
        state = resources.enter_context(FleetState(directory))
        source, roster = _reopened(state, directory)
        notice = _enrolled(resources, state, peers, source, roster)
        place = Region(roster.region, roster.suite, roster.layout_id, roster.interval_minutes)
        sealer = Sealer(notice, roster.interval_minutes)
        resources.callback(sealer.close)
        fleet = Fleet(state, place, notice, sealer)
        uploader = Uploader(state, peers.client(resources, Role.AGGREGATOR), patience_s=patience_s)
        totals = resources.enter_context(PlainTotals.open(plain_totals, state, roster))
        for parts in _with_progress(source):
            fleet.seal(parts)
            uploader.send_pending()
            totals.add(parts)
        return {
            "sealed_reports": fleet.sealed_reports,
            "sealed_bytes": fleet.sealed_bytes,
            "outcomes": state.outcomes(),
        }


def _reopened(state: FleetState, directory: Path) -> tuple[Source, Roster]:
    settings, body = state.fact(_SETTINGS), state.fact(_ROSTER)
    if settings is None or body is None:
        raise UsageError(f"{directory} holds no prepared fleet")
    with _usable():
        return open_source(SourceSettings.model_validate_json(settings)), Roster.from_bytes(body)


def _enrolled(resources: ExitStack, state: FleetState, peers: Peers, source: Source, roster: Roster) -> KeyNotice:
    """The key to encrypt for, once both halves have handed out their keys for the fleet's months."""
    trust = TrustAnchors.parse(peers.trust.read_bytes())
    decryptor = peers.client(resources, Role.DECRYPTOR)
    notice = _notice(decryptor, trust, roster)
    request = EnrolmentRequest(
        region=roster.region,
        key_id=notice.key_id,
        window=roster.effective,
        months=months_of(source.first_day, source.last_day),
    )
    halves: dict[HalfRole, RoleClient] = {
        Role.DECRYPTOR: decryptor,
        Role.UNBLINDER: peers.client(resources, Role.UNBLINDER),
    }
    for role, half in halves.items():
        enrol(state, half, role, trust, request, roster.fingerprint)
    return notice


def _notice(decryptor: RoleClient, trust: TrustAnchors, roster: Roster) -> KeyNotice:
    try:
        envelopes = [Envelope.parse(canonical_json(entry)) for entry in json.loads(decryptor.get("/v1/keys"))]
    except ValueError:
        raise MalformedMessage("the decryptor's key notices are malformed") from None
    for notice in (envelope.opened(KeyNotice, trust.decryptor) for envelope in envelopes):
        if notice.suite == roster.suite and notice.first_window <= roster.effective <= notice.last_window:
            return notice
    raise UsageError(f"the decryptor has no key of suite {roster.suite} for {window_date(roster.effective)}")


def _with_progress(source: Source) -> Iterator[tuple[DayReads, ...]]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield from progress.track(
            source.days(), total=source.last_day - source.first_day + 1, description="sealing and sending days"
        )


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except ReplayError as error:
        raise UsageError(str(error)) from None


def _interval(minutes: int) -> Interval:
    intervals: dict[int, Interval] = {15: 15, 30: 30, 60: 60}
    return intervals[minutes]
