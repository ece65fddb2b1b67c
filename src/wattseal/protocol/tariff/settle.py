"""From opened results to a bill: tiers, demand, fixed charges, discounts and cents, in the clear and exact."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.bill import Bill, Cancelled, Customer, Cycle, Line, Outcome
from wattseal.protocol.tariff.calendar import days_between, season_of
from wattseal.protocol.tariff.charges import (
    AnnualCharge,
    Charge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    LinearCharge,
    MinimumCharge,
    Mode,
    PercentCharge,
    SeriesCharge,
    Span,
    Tier,
    TieredCharge,
)
from wattseal.protocol.tariff.compile import TOTAL, Item, Register, Segment
from wattseal.protocol.tariff.model import Schedule, Tariff
from wattseal.protocol.time import MINUTES_PER_DAY

LITRES_PER_CCF = Fraction("2831.6846592")
_NONE = Fraction(0)


def settle(
    tariff: Tariff,
    cycle: Cycle,
    outcomes: Sequence[Outcome],
    customer: Customer = Customer(),  # noqa: B008 - frozen
    *,
    therms_per_ccf: Decimal | None = None,
    cancels: Cancelled | None = None,
) -> Bill:
    """The bill of a cycle from the outcomes of its segments, which tile it on every channel.

    `therms_per_ccf` is the cycle's therm factor, for gas. Raises UsageError naming what is missing or does not fit.
    """
    for outcome in outcomes:
        _check_outcome(tariff, cycle, outcome)
    _check_tiling(cycle, [outcome.compiled.segment for outcome in outcomes])
    _check_customer(tariff, customer)
    settlement = _Settlement(tariff, cycle, outcomes, customer, _thousandths(tariff, therms_per_ccf))
    return Bill(
        tariff=tariff.name,
        revision=tariff.revision,
        tariff_digest=tariff.fingerprint,
        cycle=cycle,
        lines=tuple(settlement.lines()),
        energy=settlement.energy(),
        demand=settlement.demand(),
        estimated=tuple(_span(o) for o in outcomes if o.estimated or o.compiled.by_registers),
        by_registers=tuple(_span(o) for o in outcomes if o.compiled.by_registers),
        cancels=cancels,
    )


def _span(outcome: Outcome) -> tuple[int, int]:
    return outcome.compiled.segment.start, outcome.compiled.segment.end


def _check_outcome(tariff: Tariff, cycle: Cycle, outcome: Outcome) -> None:
    compiled = outcome.compiled
    if compiled.tariff.fingerprint != tariff.fingerprint:
        raise UsageError(f"segment: compiled from another tariff than {tariff.name} {tariff.revision}")
    if compiled.segment.timezone != cycle.timezone:
        raise UsageError(f"segment: its time zone is {compiled.segment.timezone}, the cycle's {cycle.timezone}")
    wanted = {functional.item for functional in compiled.functionals}
    for item in sorted(wanted ^ outcome.results.keys()):
        what = "is missing" if item in wanted else "was not asked for"
        raise UsageError(f"results: '{' '.join(map(str, item[:4])).strip()}' {what}")
    for register in sorted(compiled.registers.keys() - outcome.registers.keys()):
        raise UsageError(f"registers: demand in '{register.period}' of schedule '{register.schedule}' is missing")


def _check_tiling(cycle: Cycle, segments: Sequence[Segment]) -> None:
    """On every channel each segment begins where the one before it ended: nothing is missing or billed twice."""
    channels = {Channel.DELIVERED}.union(*(segment.channels for segment in segments))
    start, end = cycle.minutes
    for channel in sorted(channels):
        having = sorted((segment.start, segment.end) for segment in segments if channel in segment.channels)
        starts, ends = [*(begins for begins, _ in having), end], [start, *(ends for _, ends in having)]
        for begins, ended in zip(starts, ends, strict=True):
            if begins != ended:
                day = (min(begins, ended) - start) // MINUTES_PER_DAY + 1
                raise UsageError(f"cycle of {cycle.first}: segments of '{channel}' do not fit together at day {day}")


def _check_customer(tariff: Tariff, customer: Customer) -> None:
    territories = [allowance.territory for allowance in tariff.baseline]
    needed = any(isinstance(charge, TieredCharge) and charge.per == "baseline" for charge in tariff.charges)
    if customer.territory not in territories and (needed or customer.territory is not None):
        raise UsageError(f"customer: territory is one of {', '.join(territories)}, not {customer.territory}")
    if customer.program is not None and customer.program not in tariff.programs:
        raise UsageError(f"customer: tariff {tariff.name} has no program '{customer.program}'")


def _thousandths(tariff: Tariff, therms_per_ccf: Decimal | None) -> Fraction:
    """Thousandths of a kWh in a Wh, or of a therm in a litre."""
    if tariff.commodity == "electricity":
        return Fraction(1)
    if therms_per_ccf is None or not therms_per_ccf.is_finite() or therms_per_ccf <= 0:
        raise UsageError("therms_per_ccf: gas needs the cycle's therm factor, above 0")
    return 1000 * Fraction(therms_per_ccf) / LITRES_PER_CCF


def climb(quantity: Fraction, limits: Sequence[Fraction | None]) -> list[Fraction]:
    """How much of `quantity` lies in each tier; limits rise, the last is None."""
    shares, below = [], _NONE
    for limit in limits:
        reached = quantity if limit is None else min(quantity, limit)
        shares.append(max(reached - below, _NONE))
        below = quantity if limit is None else limit
    return shares


class _Settlement:
    """One bill while it is made: `_dollars` of each charge, in order, may look at those before it."""

    def __init__(
        self, tariff: Tariff, cycle: Cycle, outcomes: Sequence[Outcome], customer: Customer, thousandths: Fraction
    ) -> None:
        self._tariff, self._cycle, self._customer = tariff, cycle, customer
        self._outcomes, self._thousandths = outcomes, thousandths
        self._unit = Fraction(1, 10**tariff.price_digits)
        self._days = tuple(days_between(cycle.first, cycle.after))
        self._seasons = [season_of(tariff.turns, day) for day in self._days]
        self._largest = self.demand()
        self._done: dict[Name, Fraction] = {}

    def lines(self) -> Iterator[Line]:
        for charge in self._tariff.charges:
            if isinstance(charge, PercentCharge) and charge.program not in (None, self._customer.program):
                continue
            self._done[charge.name] = self._dollars(charge)
            yield Line(charge.name, self._done[charge.name])

    def energy(self) -> dict[Item, Fraction]:
        """Every sum that was opened, over all segments."""
        items = dict.fromkeys(item for outcome in self._outcomes for item in outcome.results)
        return {item: self._energy_of(item, self._outcomes) for item in items if item.mode is Mode.DETERMINANTS}

    def demand(self) -> dict[Register, int]:
        """The largest W of all segments in each register that has a price."""
        largest: dict[Register, int] = {}
        for outcome in self._outcomes:
            for register in outcome.compiled.registers:
                largest[register] = max(largest.get(register, 0), outcome.registers[register])
        return largest

    def _dollars(self, charge: Charge) -> Fraction:
        match charge:
            case EnergyCharge() | SeriesCharge():
                return self._linear(charge)
            case TieredCharge():
                return self._tiered(charge)
            case DemandCharge():
                return self._demand(charge)
            case FixedCharge():
                price = {p.program: p.price for p in charge.programs}.get(self._customer.program or "", charge.price)
                return self._spanned(price, charge.per)
            case MinimumCharge():
                return max(self._spanned(charge.price, charge.per) - self._sum(charge.of), _NONE)
            case PercentCharge():
                return Fraction(charge.hundredths, 10_000) * self._sum(charge.of)
            case AnnualCharge():
                times = sum((day.month, day.day) == (charge.month, 1) for day in self._days)
                return charge.price * self._unit * times

    def _sum(self, names: tuple[Name, ...]) -> Fraction:
        # A discount of another program is not on this bill.
        return sum((self._done[name] for name in names if name in self._done), _NONE)

    def _spanned(self, price: int, per: Span) -> Fraction:
        """Dollars of a price by the day, or by the cycle for those of its days that are billed."""
        times = Fraction(self._cycle.days) if per == "day" else Fraction(self._cycle.days, self._cycle.length)
        return price * self._unit * times

    def _linear(self, charge: LinearCharge) -> Fraction:
        """Each segment in its own mode: the cents that were released, or its sums at their prices."""
        dollars = _NONE
        for outcome in self._outcomes:
            if charge.channel not in outcome.compiled.segment.channels:
                continue
            if outcome.compiled.modes[charge.name] is Mode.AMOUNT:
                of = (Mode.AMOUNT, charge.channel, charge.name)
                dollars += Fraction(sum(cents for item, cents in outcome.results.items() if item[:3] == of), 100)
            elif isinstance(charge, EnergyCharge):
                energy = self._by_period(charge.channel, charge.schedule, [outcome])
                dollars += self._priced(charge.prices, energy)
        return dollars

    def _tiered(self, charge: TieredCharge) -> Fraction:
        """A period that has a tenth of the energy has a tenth of each tier, for the order of use is unknown."""
        delivering = [o for o in self._outcomes if Channel.DELIVERED in o.compiled.segment.channels]
        energy = self._by_period(Channel.DELIVERED, charge.schedule, delivering)
        total = sum((energy[index] for index in charge.periods), _NONE)
        shares = climb(total, [self._limit(charge, tier) for tier in charge.tiers])
        tiers = zip(charge.tiers, shares, strict=True)
        return sum((self._priced(tier.prices, energy) * share / total for tier, share in tiers if share), _NONE)

    def _demand(self, charge: DemandCharge) -> Fraction:
        # Prorated by days, else a cycle across two seasons would pay both their prices in full.
        schedule, dollars = self._tariff.by_name[charge.schedule], _NONE
        for index, period in enumerate(schedule.periods):
            watts = self._largest.get(Register(schedule.name, period), 0)
            limits = [None if tier.limit is None else Fraction(tier.limit) for tier in charge.tiers]
            shares = climb(Fraction(watts), limits)
            prices = [tier.prices[index] for tier in charge.tiers]
            dollars += self._priced(prices, shares) * self._days_in(schedule, index) / self._cycle.length
        return dollars

    def _priced(self, prices: Sequence[int | None], quantities: Sequence[Fraction]) -> Fraction:
        """Dollars for quantities in thousandths."""
        pairs = zip(prices, quantities, strict=True)
        return self._unit / 1000 * sum((price * quantity for price, quantity in pairs if price is not None), _NONE)

    def _limit(self, charge: TieredCharge, tier: Tier) -> Fraction | None:
        """Where the tier ends in this cycle, in thousandths."""
        if tier.limit is None:
            return None
        match charge.per:
            case "baseline":
                return Fraction(tier.limit, 100) * self._allowance()
            case "day":
                return Fraction(tier.limit * self._cycle.days)
            case "cycle":
                return Fraction(tier.limit * self._cycle.days, self._cycle.length)

    def _allowance(self) -> Fraction:
        (per_day,) = (a.per_day for a in self._tariff.baseline if a.territory == self._customer.territory)
        by_season = dict(zip(self._tariff.seasons, per_day, strict=True))
        return Fraction(sum(by_season[season] for season in self._seasons))

    def _by_period(self, channel: Channel, name: Name, outcomes: Sequence[Outcome]) -> list[Fraction]:
        """Thousandths of a kWh or therm in each period of the schedule; of gas by the days, being one total."""
        schedule = self._tariff.by_name[name]
        if self._tariff.commodity == "gas":
            whole = self._energy_of(Item(Mode.DETERMINANTS, channel, TOTAL), outcomes)
            return [whole * self._days_in(schedule, i) / self._cycle.days for i in range(len(schedule.periods))]
        items = [Item(Mode.DETERMINANTS, channel, name, period) for period in schedule.periods]
        return [self._energy_of(item, outcomes) for item in items]

    def _energy_of(self, item: Item, outcomes: Sequence[Outcome]) -> Fraction:
        reads = sum(o.results.get(item, 0) * o.compiled.segment.read_unit for o in outcomes)
        return reads * self._thousandths

    def _days_in(self, schedule: Schedule, period: int) -> int:
        """Days of the cycle whose season has the period."""
        having = schedule.seasons_of(period)
        return sum(season in having for season in self._seasons)
