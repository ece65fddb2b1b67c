"""A customer's own reads, from the meters' side: of one tenure, as they were sealed. The key server never has them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID
from wattseal.meter_sim.days import Days
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.green_button_out import OwnDay, feed_of
from wattseal.meter_sim.orders import reopened
from wattseal.meter_sim.rosters import Installed
from wattseal.meter_sim.state import FleetState, require_fleet
from wattseal.policy.tenures import Tenure, tenures
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, MeterId, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import window_date


@dataclass(frozen=True)
class Whose:
    """The tenure of `account` at the meter; without an account, the one that the meter is in on `day`, or now."""

    meter: str
    account: str | None = None
    day: Window | None = None


class _Stay(NamedTuple):
    """Windows of one account at one home, and the meters there meanwhile."""

    account: str
    first: Window
    last: Window | None
    meters: frozenset[MeterId]

    def covers(self, day: int) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)


def export(fleet: Path, whose: Whose, out: Path) -> dict[str, object]:
    """Write the tenure's reads to `out` as Green Button XML, whole or not at all. Raises UsageError."""
    require_fleet(fleet)
    with FleetState(fleet) as state:
        source, _, rosters = reopened(state, fleet)
        stay = _stay(rosters, whose)
        layout, unit = LAYOUTS_BY_ID[rosters[0].layout_id], rosters[0].unit
        installed, meters = Installed(rosters, state.meters()), state.meters()
        ids = {row.name: row.meter for row in meters}
        days = [
            own
            for parts in Days(source, layout, unit)
            for part in parts
            if stay.covers(part.day)
            for own in _own(installed.on_their_day(part), ids, stay.meters, unit.factor)
        ]
    if not days:
        raise UsageError(f"account {stay.account} has no reads in the fleet's days")
    title = f"{stay.account} at {whose.meter}"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _write(out, feed_of(title, now, source.commodity, source.interval_minutes, days))
    return {
        "account": stay.account,
        "first": window_date(Window(days[0].day)).isoformat(),
        "last": window_date(Window(days[-1].day)).isoformat(),
        "reads": sum(len(day.wh) for day in days),
        "estimated": sum(int(day.estimated.sum()) for day in days),
        "written": str(out),
    }


def _stay(rosters: Sequence[Roster], whose: Whose) -> _Stay:
    """Raises UsageError for a meter or an account that no roster has there."""
    for history in tenures(rosters).values():
        at_home = [tenure for tenure in history if tenure.meter == whose.meter]
        if not at_home:
            continue
        account = whose.account or _account_on(at_home, whose.day)
        parts = [tenure for tenure in history if tenure.account == account]
        if any(tenure.account == account for tenure in at_home):
            meters = frozenset(tenure.meter for tenure in parts)
            return _Stay(account, parts[0].first, parts[-1].last, meters)
    raise UsageError(f"no roster has such an account at meter {whose.meter}")


def _account_on(at_home: Sequence[Tenure], day: Window | None) -> str:
    if day is None:
        return at_home[-1].account
    found = [one for one in at_home if one.first <= day and (one.last is None or day <= one.last)]
    if not found:
        raise UsageError(f"nobody lived at the meter on {window_date(day)}")
    return found[0].account


def _own(part: EditedDay, ids: dict[str, MeterId], meters: frozenset[MeterId], factor: int) -> Iterator[OwnDay]:
    for row, name in enumerate(part.meters):
        if ids[name] in meters:
            yield OwnDay(Channel(part.channel), part.day, part.wh[row] * factor, part.reasons[row] != 0)


def _write(out: Path, lines: Iterator[str]) -> None:
    temporary = out.with_name(f".{out.name}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        temporary.chmod(0o600)
        temporary.replace(out)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{out}: {error.strerror}") from None
