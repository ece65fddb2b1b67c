"""A fleet's part in register reports: whose registers a tariff programs, and which readings reach the head-end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from wattseal.meter_sim.billed import BilledCycles
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.register_reads import Minutes, Reading, RegisterReads
from wattseal.meter_sim.register_reports import RegisterSealer
from wattseal.policy.bill_questions import segments_of
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Cycle, in_order
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.registers import Program
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.time import MINUTES_PER_DAY
from wattseal.protocol.trust import TrustAnchors

Withheld = Callable[[DayReads], frozenset[str]]
"""The meters of a day, by the source's names, whose reports do not go out with it."""


def registered_tariff(file: Path, trust: Path) -> Tariff:
    """Once all three operators' signatures hold: meters count by nothing less. Raises UsageError or what is wrong."""
    try:
        signed, anchors = file.read_bytes(), trust.read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    return SignedTariff.from_bytes(signed).opened(TrustAnchors.parse(anchors))


def _programs(tariff: Tariff | None, cycles: BilledCycles) -> list[Program]:
    """One a channel; none without tariff or cycle, and none for daily reads, of which there are no segments.

    Raises UsageError.
    """
    zones = {cycle.timezone for cycle in cycles.cycles}
    if len(zones) > 1:
        raise UsageError("registers count by one time zone: the billing cycles have several")
    minutes, unit = cycles.link.region.interval_minutes, cycles.link.region.unit.factor
    if tariff is None or minutes == MINUTES_PER_DAY:
        return []
    return [Program(tariff, channel, zone, minutes, unit) for zone in zones for channel in Channel]


def _parts(tariff: Tariff, cycles: BilledCycles) -> dict[MeterId, list[tuple[Minutes, Cycle]]]:
    """The parts of every cycle in which each meter is billed under the tariff, by its name in the roster."""
    parts: dict[MeterId, list[tuple[Minutes, Cycle]]] = {}
    for cycle in in_order(cycles.cycles):
        for meter, segments in segments_of(cycles.rosters, cycle.minutes).items():
            if meter in cycles.billed:
                billed = (one for one in segments if _tariff_of(meter, one, cycles.rosters) == tariff.name)
                parts.setdefault(meter, []).extend((minutes, cycle) for minutes in billed)
    return {meter: some for meter, some in parts.items() if some}


def _tariff_of(meter: MeterId, minutes: Minutes, rosters: Sequence[Roster]) -> str | None:
    """As the last roster within the segment has it."""
    rows = [roster.by_meter.get(meter) for roster in rosters if roster.effective * MINUTES_PER_DAY < minutes[1]]
    known = [row for row in rows if row is not None]
    return known[-1].tariff if known else None


@dataclass
class FleetRegisters:
    """Counts every day as it was measured; `meters_on` are those at the source's homes on a day.

    From day `daily_until` on only the readings that close a segment are sealed.
    """

    reads: RegisterReads
    sealer: RegisterSealer
    meters_on: Callable[[int], Mapping[str, MeterId]]
    withheld: Withheld
    daily_until: int
    _unsealed: list[Reading] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        tariff: Tariff | None,
        cycles: BilledCycles,
        meters_on: Callable[[int], Mapping[str, MeterId]],
        withheld: Withheld,
        daily_until: int,
    ) -> Self:
        """Of the meters billed in the cycles; nothing is counted without a tariff.

        Raises UsageError for cycles in several time zones: registers count by one.
        """
        programs, link = _programs(tariff, cycles), cycles.link
        parts = {} if tariff is None else _parts(tariff, cycles)
        sealer = RegisterSealer(link.state, link.region, link.key_id_of, programs)
        return cls(RegisterReads(parts, programs), sealer, meters_on, withheld, daily_until)

    def measure(self, days: Sequence[DayReads]) -> None:
        """One UTC day, before it is edited."""
        for day in days:
            meters = self.meters_on(day.day)
            silent = {meters[name] for name in self.withheld(day)}
            told = (one for one in self.reads.add([day], meters) if one.meter not in silent)
            self._unsealed += [one for one in told if day.day < self.daily_until or one.closes]

    def seal(self) -> None:
        """What was read since, into the outbox."""
        self.sealer.seal(self._unsealed)
        self._unsealed = []

    def counts(self) -> dict[str, int]:
        """Nothing, if no registers are programmed."""
        if not self.sealer.programs:
            return {}
        return {"register_reports": self.sealer.sealed_reports, "register_bytes": self.sealer.sealed_bytes}
