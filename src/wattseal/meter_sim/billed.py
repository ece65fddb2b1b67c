"""A fleet's billing cycles: each is sealed and sent as soon as its last day has passed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from wattseal.cryptosystems.ckks.scales import Cycle as CycleMinutes
from wattseal.meter_sim.cycles import CycleReads, CycleSealer, Part, batches
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.plain_cycles import PlainCycles
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.policy.bill_questions import segments_of
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import FlagReason
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Cycle, in_order
from wattseal.protocol.time import MINUTES_PER_DAY

_SEALED_AT_ONCE = 500


class CycleLink(NamedTuple):
    """What cycle reports are sealed for, under which key of theirs, and the way that they go."""

    state: FleetState
    region: Region
    key_id_of: Callable[[tuple[int, int]], int]
    uploader: Uploader


class _Open(NamedTuple):
    """A cycle of which days are still to come."""

    cycle: Cycle
    reads: CycleReads


@dataclass
class BilledCycles:
    """The part in them of the meters `billed`. Raises UsageError for cycles that overlap."""

    cycles: Sequence[Cycle]
    rosters: Sequence[Roster]
    billed: frozenset[MeterId]
    link: CycleLink
    plain: PlainCycles
    _open: list[_Open] = field(init=False)
    _sealed_reports: int = 0
    _sealed_bytes: int = 0
    _incomplete: int = 0

    def __post_init__(self) -> None:
        self._open = [_Open(cycle, self._reads(cycle)) for cycle in in_order(self.cycles)]
        self._names = {meter.name: meter.meter for meter in self.link.state.meters()}

    def _reads(self, cycle: Cycle) -> CycleReads:
        # No functional of less than a day may be opened; the aggregator does not take such segments.
        parts = {
            meter: [part for part in some if part[1] - part[0] >= MINUTES_PER_DAY]
            for meter, some in segments_of(self.rosters, cycle.minutes).items()
            if meter in self.billed
        }
        return CycleReads(parts, self.link.region.interval_minutes)

    def add(self, days: Sequence[EditedDay]) -> None:
        """One UTC day, after all before it, under the names of the meters that were there."""
        for one in self._open:
            one.reads.add(days, self._names)
        passed = max((day.day + 1 for day in days), default=0) * MINUTES_PER_DAY
        self._send([one for one in self._open if one.cycle.minutes[1] <= passed])

    def end(self) -> dict[str, int]:
        """After the last day: send what is left, and count. Nothing, if there are no cycles."""
        self._send(list(self._open))
        counts = {
            "cycle_reports": self._sealed_reports,
            "cycle_bytes": self._sealed_bytes,
            "incomplete_cycles": self._incomplete,
        }
        return counts if self.cycles else {}

    def _send(self, passed: Iterable[_Open]) -> None:
        for one in passed:
            self._open.remove(one)
            parts = one.reads.parts()
            whole = [part for part in parts if not (part.reasons == FlagReason.MISSING).any()]
            self._seal(one.cycle, whole)
            self._incomplete += len(parts) - len(whole)
            self.plain.add(one.cycle, parts)

    def _seal(self, cycle: Cycle, parts: Sequence[Part]) -> None:
        state, region, key_id_of, uploader = self.link
        sealer = CycleSealer(state, region, key_id_of(cycle.minutes), CycleMinutes(*cycle.minutes))
        for some in batches(parts, _SEALED_AT_ONCE):
            sealer.seal(some)
            uploader.send_pending()
        self._sealed_reports += sealer.sealed_reports
        self._sealed_bytes += sealer.sealed_bytes
