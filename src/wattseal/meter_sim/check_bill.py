"""A customer's check: what the meters' own reads come to under the tariff, beside what a bill says, line by line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from wattseal.meter_sim.cycles import CycleReads, Part
from wattseal.meter_sim.orders import days_of
from wattseal.policy.bill_questions import segments_of
from wattseal.protocol.codec import Bytes32
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, MeterField, MeterId
from wattseal.protocol.report import FlagReason
from wattseal.protocol.roster import Roster
from wattseal.protocol.tariff.bill import Bill, Customer, Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.files import load_tariff
from wattseal.protocol.tariff.literals import named, read_text
from wattseal.protocol.tariff.plain import Reads, plain_bill

_MONEY = Annotated[str, Field(pattern=r"^-?[0-9]{1,12}\.[0-9]{2}$")]
_QUANTITY = Annotated[str, Field(pattern=r"^-?[0-9]{1,15}\.[0-9]{1,6}$")]


class _Charge(BaseModel):
    charge: str
    amount: _MONEY


class _Sum(BaseModel):
    channel: Channel
    schedule: str
    period: str
    kwh: _QUANTITY | None = None
    therms: _QUANTITY | None = None


class _Demand(BaseModel):
    schedule: str
    period: str
    kw: _QUANTITY


class ToldBill(BaseModel):
    """What a bill's JSON says, as `wattseal bill` writes it."""

    model_config = ConfigDict(strict=True)

    meters: Annotated[list[MeterField], Field(min_length=1)]
    cycle_start: date
    cycle_end: date
    timezone: str
    days_of_cycle: int
    span: tuple[datetime, datetime]
    tariff: str
    tariff_digest: Bytes32
    mode: Mode
    charges: list[_Charge]
    amount: _MONEY
    energy: list[_Sum]
    demand: list[_Demand]

    @classmethod
    def read(cls, path: Path) -> "ToldBill":
        """Raises UsageError."""
        text = read_text(path)
        with named(str(path)):
            return cls.model_validate_json(text)

    def cycle(self) -> Cycle:
        """The cycle, or the part of it that was billed. Raises UsageError."""
        start, end = (int(moment.timestamp()) // 60 for moment in self.span)
        return Cycle(self.cycle_start, self.cycle_end, self.timezone, self.days_of_cycle, (start, end))

    def lines(self) -> dict[str, Decimal]:
        energy = {_named(one.channel, one.schedule, one.period): one.kwh or one.therms for one in self.energy}
        demand = {_named("demand", one.schedule, one.period): one.kw for one in self.demand}
        told = {**{one.charge: one.amount for one in self.charges}, **energy, **demand, "total": self.amount}
        return {name: Decimal(value) for name, value in told.items() if value is not None}


class CheckedLine(NamedTuple):
    """None: it is on one side only."""

    line: str
    billed: Decimal | None
    from_reads: Decimal | None

    @property
    def same(self) -> bool:
        return self.billed == self.from_reads


@dataclass(frozen=True)
class Checking:
    """What a bill does not say: the customer's own copy of the tariff, and what they are."""

    tariff: str | None = None
    customer: Customer = field(default_factory=Customer)
    therms_per_ccf: Decimal | None = None


def check_bill(fleet: Path, path: Path, how: Checking) -> list[CheckedLine]:
    """Every charge, sum and the total, in the bill's order.

    Raises UsageError for a bill of another tariff, or of meters whose reads are not all there.
    """
    told = ToldBill.read(path)
    tariff = load_tariff(told.tariff if how.tariff is None else how.tariff)
    if tariff.fingerprint != told.tariff_digest:
        raise UsageError(f"the bill is under another tariff than {tariff.name} {tariff.revision}")
    cycle = told.cycle()
    reads = list(_reads(fleet, told.meters, cycle))
    modes = tariff.modes(told.mode)
    bill = plain_bill(tariff, cycle, reads, modes, how.customer, therms_per_ccf=how.therms_per_ccf)
    return list(_compared(told.lines(), _lines(bill, gas=tariff.commodity == "gas")))


def _reads(fleet: Path, meters: Iterable[MeterId], cycle: Cycle) -> Iterator[Reads]:
    with days_of(fleet) as (days, rosters, names):
        known = segments_of(rosters, cycle.minutes)
        wanted = {meter: known.get(meter, []) for meter in meters}
        if not all(wanted.values()):
            raise UsageError(f"meter {min(meter for meter, parts in wanted.items() if not parts)} is not of this fleet")
        collected = CycleReads(wanted, rosters[0].interval_minutes)
        for parts in days:
            collected.add(parts, names)
    by_segment: dict[tuple[MeterId, tuple[int, int]], list[Part]] = {}
    for part in collected.parts():
        by_segment.setdefault((part.meter, part.minutes), []).append(part)
    for meter, segments in wanted.items():
        for minutes in segments:
            yield _told(by_segment.get((meter, minutes), []), minutes, cycle, rosters, meter)


def _told(
    parts: Sequence[Part], minutes: tuple[int, int], cycle: Cycle, rosters: Sequence[Roster], meter: MeterId
) -> Reads:
    channels = next(roster.by_meter[meter].channels for roster in reversed(rosters) if meter in roster.by_meter)
    units = {part.channel: part.units for part in parts if not (part.reasons == FlagReason.MISSING).any()}
    if units.keys() != set(channels):
        raise UsageError(f"reads of meter {meter} are missing in the bill's cycle")
    roster = rosters[0]
    segment = Segment(*minutes, roster.interval_minutes, cycle.timezone, channels, roster.unit.factor)
    return Reads(segment, units)


def _lines(bill: Bill, *, gas: bool) -> dict[str, Decimal]:
    """As `ToldBill.lines` names them."""
    places = 6 if gas else 3
    energy = {
        _named(item.channel, item.name, item.period): Decimal(round(value * 10 ** (places - 3))).scaleb(-places)
        for item, value in bill.energy.items()
    }
    demand = {_named("demand", one.schedule, one.period): Decimal(w).scaleb(-3) for one, w in bill.demand.items()}
    charges = {line.name: Decimal(line.cents).scaleb(-2) for line in bill.lines}
    return {**charges, **energy, **demand, "total": Decimal(bill.total_cents).scaleb(-2)}


def _named(*words: str) -> str:
    return " ".join(word for word in words if word)


def _compared(billed: Mapping[str, Decimal], from_reads: Mapping[str, Decimal]) -> Iterator[CheckedLine]:
    for name in dict.fromkeys((*billed, *from_reads)):
        yield CheckedLine(name, billed.get(name), from_reads.get(name))
