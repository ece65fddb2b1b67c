"""By what bills are asked for and settled: whom they are for, and what all bills of a run have in common."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from pydantic import TypeAdapter

from wattseal.protocol.billing import (
    MOST_SEGMENTS,
    BillQuestion,
    BillRelease,
    BillStatement,
    Cancels,
    Rebill,
    local_day,
)
from wattseal.protocol.billing_route import RouteQuestion
from wattseal.protocol.errors import Contradiction
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId
from wattseal.protocol.roster import Name, Unit
from wattseal.protocol.tariff.bill import Cancelled, Customer, Cycle, Outcome
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled, Segment, compile_tariff
from wattseal.protocol.tariff.literals import named
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.settle import settle

NO_COUNTS: Mapping[str, int] = MappingProxyType({})
_NAME: TypeAdapter[str] = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a bill is for. Meters of one name share a bill; without a name each meter has its own.

    `cancels` is an earlier bill of the same cycle. Raises UsageError.
    """

    name: str | None = None
    customer: Customer = field(default_factory=Customer)
    cancels: Cancelled | None = None

    def __post_init__(self) -> None:
        # Spreadsheets take a name that begins with '=' for a formula.
        if self.name is not None:
            with named("account"):
                _NAME.validate_python(self.name)

    def key(self, meter: str) -> tuple[str | None, str]:
        """The same for meters that share a bill."""
        return self.name, meter if self.name is None else ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all bills of a run are settled by.

    `estimates`: registers may stand for cycle reports that are missing. Raises UsageError.
    """

    tariff: Tariff
    cycle: Cycle
    mode: Mode
    interval_minutes: int
    therms_per_ccf: Decimal | None = None
    estimates: bool = False

    def compiled(
        self,
        start: int,
        end: int,
        channels: tuple[Channel, ...],
        by_registers: Collection[Channel] = (),
        unit: Unit = Unit.WH,
    ) -> Compiled:
        """Of reads in that unit. Raises UsageError for a segment that the tariff does not fit."""
        segment = Segment(start, end, self.interval_minutes, self.cycle.timezone, channels, unit.factor)
        return compile_tariff(self.tariff, segment, self.tariff.modes(self.mode), by_registers)

    def rehearse(self, customers: Iterable[Customer]) -> None:
        """Raises UsageError for what bills would lack. Once results are out, the meters' rank is spent."""
        compiled = self.compiled(*self.cycle.minutes, tuple(sorted({charge.channel for charge in self.tariff.metered})))
        items = (functional.item for functional in compiled.functionals)
        nothing = Outcome(compiled, dict.fromkeys(items, 0), dict.fromkeys(compiled.registers, 0))
        for customer in set(customers):
            settle(self.tariff, self.cycle, [nothing], customer, therms_per_ccf=self.therms_per_ccf)

    def check(self, release: BillRelease) -> BillStatement:
        """What was released. Raises Contradiction if it is about another tariff, cycle, mode, interval or unit."""
        statement = BillStatement.from_bytes(release.statement)
        if (statement.tariff, statement.cycle, statement.mode) != (self.tariff.fingerprint, self.cycle, self.mode):
            raise Contradiction("the release is about another tariff, cycle or mode")
        if release.interval_minutes != self.interval_minutes or release.unit not in self._units():
            raise Contradiction("the release is about other intervals, or reads in another unit")
        return statement

    def _units(self) -> tuple[Unit, ...]:
        """What reads under the tariff may be counted in."""
        if self.tariff.commodity == "gas":
            return (Unit.LITRE,)
        return (Unit.WH, Unit.WH_10, Unit.WH_100) if self.tariff.customer_class == "large" else (Unit.WH,)

    def route(self, region: str, purpose: str, *, route: str | None = None, cohort: str | None = None) -> RouteQuestion:
        """About a billing route or a cohort. Raises UsageError for what is no name of a region, route or cohort."""
        with named("route"):
            return RouteQuestion(
                purpose=purpose,
                region=RegionId(region),
                route=route,
                cohort=None if cohort is None else CohortId(cohort),
                tariff=self.tariff.fingerprint,
                mode=self.mode,
                timezone=self.cycle.timezone,
                first=local_day(self.cycle.first),
                after=local_day(self.cycle.after),
                estimates=self.estimates,
            )

    def question(self, region: str, accounts: Mapping[str, Account], purpose: str) -> BillQuestion:
        """About these meters. Raises UsageError for what is no name of a region or meter."""
        with named("bill"):
            return BillQuestion(
                purpose=purpose,
                region=RegionId(region),
                tariff=self.tariff.fingerprint,
                mode=self.mode,
                timezone=self.cycle.timezone,
                first=local_day(self.cycle.first),
                after=local_day(self.cycle.after),
                meters=tuple(MeterId(meter) for meter in accounts),
                rebills=tuple(_rebills(accounts)),
                estimates=self.estimates,
            )


def _rebills(accounts: Mapping[str, Account]) -> Iterator[Rebill]:
    for meter, account in accounts.items():
        if account.cancels is not None:
            cancels = Cancels(statement=account.cancels.statement, release=account.cancels.release)
            yield Rebill(meter=MeterId(meter), cancels=cancels)


def shared(accounts: Mapping[str, Account]) -> list[list[str]]:
    """Meters by the bill."""
    together: dict[tuple[str | None, str], list[str]] = {}
    for meter in sorted(accounts):
        together.setdefault(accounts[meter].key(meter), []).append(meter)
    return list(together.values())


def runs(accounts: Mapping[str, Account], segments: Mapping[str, int] = NO_COUNTS) -> Iterator[list[str]]:
    """Meters by the statement. Those of one account are in one, for a bill rests on one release.

    `segments` are how many each has in the cycle; one, if it is not said.
    """
    run: list[str] = []
    count = 0
    for meters in shared(accounts):
        more = sum(segments.get(meter, 1) for meter in meters)
        if run and count + more > MOST_SEGMENTS:
            yield run
            run, count = [], 0
        run += meters
        count += more
    if run:
        yield run
