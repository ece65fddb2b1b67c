"""A fleet's rosters over time: which meter and which account there are at each home, from which day on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from nacl.public import PrivateKey
from nacl.signing import SigningKey

from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.sources import Source
from wattseal.meter_sim.state import FleetState, MeterRow
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import CohortId, MeterId, Window
from wattseal.protocol.roster import CustomerClass, Roster, RosterRow, SignedRoster
from wattseal.protocol.time import window_date

_UTILITY = "utility"
Takeovers = Mapping[str, Sequence[Window]]
"""First windows of the meters, or accounts, that follow the first one at a home, by the source's name of its meter."""


def utility_key(state: FleetState) -> SigningKey:
    """The key with which the utility signs rosters, made at the first call."""
    seed = state.fact(_UTILITY)
    if seed is None:
        seed = bytes(SigningKey.generate())
        state.keep_fact(_UTILITY, seed)
    return SigningKey(seed)


class _Public(NamedTuple):
    """What a roster tells of a meter."""

    meter: MeterId
    identity_key: bytes
    sealing_key: bytes

    @classmethod
    def of(cls, row: MeterRow) -> Self:
        identity, sealing = SigningKey(row.identity), PrivateKey(row.sealing)
        return cls(row.meter, bytes(identity.verify_key), bytes(sealing.public_key))


@dataclass(frozen=True)
class Homes:
    """One for each meter of the source, with the exchanges and moves of the source's days.

    Raises UsageError for a meter that the source does not have, or a day that is not one of its days after the first.
    """

    source: Source
    cohort_of: Mapping[str, CohortId]
    exchanges: Takeovers = field(default_factory=dict)
    moves: Takeovers = field(default_factory=dict)
    customer_class: CustomerClass = "residential"
    tariff: str | None = None

    def __post_init__(self) -> None:
        for name, windows in (*self.exchanges.items(), *self.moves.items()):
            if name not in self.source.meters:
                raise UsageError(f"the reads have no meter {name}")
            if len(set(windows)) != len(windows):
                raise UsageError(f"meter {name} has two changes of one kind on one day")
            for window in windows:
                if not self.source.first_day < window <= self.source.last_day:
                    raise UsageError(f"{window_date(window)} is not one of the reads' days after the first")
        serials = self.serials()
        if len(set(serials)) != len(serials):
            raise UsageError("a meter of the reads is named as another one's successor would be")

    def serials(self) -> list[str]:
        """Names of all meters that are ever installed."""
        return [
            _serial(name, count)
            for name in self.source.meters
            for count in range(1 + len(self.exchanges.get(name, ())))
        ]

    def windows(self) -> list[Window]:
        """On which a roster takes effect."""
        later = {
            window for changes in (self.exchanges, self.moves) for windows in changes.values() for window in windows
        }
        return [Window(self.source.first_day), *sorted(later)]

    def row(self, name: str, window: Window, meters: Mapping[str, _Public]) -> RosterRow:
        """What the roster of that window says of a home."""
        home = meters[name].meter
        exchanges, installed = self._latest(self.exchanges, name, window)
        moves, tenure_since = self._latest(self.moves, name, window)
        return RosterRow(
            **meters[_serial(name, exchanges)]._asdict(),
            service_point=f"sp-{home}",
            account=_serial(f"ac-{home}", moves),
            cohort=self.cohort_of[name],
            channels=self.source.channels_of(name),
            customer_class=self.customer_class,
            tariff=self.tariff,
            billing_route=_route_of(self.cohort_of[name]),
            installed=installed,
            tenure_since=tenure_since,
        )

    def _latest(self, changes: Takeovers, name: str, window: Window) -> tuple[int, Window]:
        """How many there were up to that window, and the first window since the last of them."""
        past = [change for change in changes.get(name, ()) if change <= window]
        return len(past), max(past, default=Window(self.source.first_day))


def _route_of(cohort: CohortId) -> str:
    """A feeder, with all that is below it."""
    return "/".join(cohort.split("/")[:2])


def _serial(name: str, count: int) -> str:
    return f"{name}.{count + 1}" if count else name


def make_rosters(state: FleetState, homes: Homes, region: Region) -> list[Roster]:
    """Keys for every meter, and a roster for each window with which a meter or an account takes over, in order."""
    state.make_meters(homes.serials())
    meters = {meter.name: _Public.of(meter) for meter in state.meters()}
    return [_roster(homes, region, window, meters) for window in homes.windows()]


def _roster(homes: Homes, region: Region, window: Window, meters: Mapping[str, _Public]) -> Roster:
    rows = (homes.row(name, window, meters) for name in homes.source.meters)
    return Roster(
        region=region.name,
        effective=window,
        commodity=region.commodity,
        interval_minutes=region.interval_minutes,
        unit=region.unit,
        suite=region.suite,
        layout_id=region.layout_id,
        rows=tuple(sorted(rows, key=lambda row: row.meter)),
    )


def write_rosters(first: Path, rosters: Sequence[Roster], utility: SigningKey) -> list[Path]:
    """Signed by the utility: the first roster into that file, later ones beside it with their dates."""
    later = [first.with_stem(f"{first.stem}-{window_date(roster.effective)}") for roster in rosters[1:]]
    files = [first, *later]
    for file, roster in zip(files, rosters, strict=True):
        file.write_bytes(SignedRoster.issue(roster, utility).to_bytes())
    return files


class Installed:
    """Which of the fleet's meters is at the home of each of the source's, day by day."""

    def __init__(self, rosters: Sequence[Roster], meters: Sequence[MeterRow]) -> None:
        names = {meter.meter: meter.name for meter in meters}
        self._meters = {meter.name: meter.meter for meter in meters}
        home = {row.service_point: names[row.meter] for row in rosters[0].rows}
        self._names: dict[Window, dict[str, str]] = {
            roster.effective: {home[row.service_point]: names[row.meter] for row in roster.rows} for roster in rosters
        }

    def on_their_day(self, reads: EditedDay) -> EditedDay:
        """The reads under the names of the meters that the roster in force on their day has."""
        names = self._names_on(reads.day)
        return replace(reads, meters=tuple(names[meter] for meter in reads.meters))

    def meters_on(self, day: int) -> dict[str, MeterId]:
        """The meter at the home of each of the source's."""
        return {home: self._meters[name] for home, name in self._names_on(day).items()}

    def _names_on(self, day: int) -> dict[str, str]:
        return self._names[max(window for window in self._names if window <= day)]

    def homes(self, meters: Sequence[MeterRow]) -> dict[MeterId, str]:
        """The source's name of the home that each of the fleet's meters is, or was, at."""
        home_of = {name: home for names in self._names.values() for home, name in names.items()}
        return {meter.meter: home_of[meter.name] for meter in meters if meter.name in home_of}
