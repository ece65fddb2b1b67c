"""A tariff as it is signed and named in statements: integers only, frozen, checked as a whole.

How files spell tariffs is in `toml_file.py` and `urdb.py`.
"""

import itertools
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wattseal.protocol.codec import Count, Digest, Many, Message
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.charges import (
    PRICE_CAP,
    Charge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MeteredCharge,
    MinimumCharge,
    Mode,
    Month,
    PercentCharge,
    SeriesCharge,
    TieredCharge,
)

QUARTERS = 96
_LEAP_YEAR = 2000
DayKind = Literal["weekday", "weekend", "holiday"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DayOfMonth = Annotated[int, Field(ge=1, le=31)]
CustomerClass = Literal["residential", "commercial", "large"]


def decimals_of(customer_class: CustomerClass) -> int:
    """Decimals of a dollar that prices have."""
    return 6 if customer_class == "large" else 5


def check_day(month: int, day: int) -> None:
    """Raises ValueError for days that no year has."""
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        raise ValueError(f"month {month} has no day {day}") from None


class Turn(Message):
    """The local day of the year on which a season begins; it lasts until the next turn."""

    month: Month
    day: DayOfMonth
    season: Name

    @model_validator(mode="after")
    def _in_every_year(self) -> Self:
        check_day(self.month, self.day)
        if (self.month, self.day) == (2, 29):
            raise ValueError("no season begins on 29 February")
        return self


class Holiday(Message):
    """A day of the month, perhaps observed on the nearest weekday, or the `week`-th (-1: last) weekday of the month."""

    name: Name
    month: Month
    day: DayOfMonth | None = None
    nearest_weekday: bool = False
    weekday: Weekday | None = None
    week: Literal[-1, 1, 2, 3, 4] | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.weekday is None) != (self.week is None) or (self.day is None) == (self.week is None):
            raise ValueError("a holiday has a day, or a weekday and a week")
        if self.day is not None:
            check_day(self.month, self.day)
        return self


def day_kinds(holidays: tuple[Holiday, ...]) -> tuple[DayKind, ...]:
    """Those that a schedule has rows for, in their order."""
    return ("weekday", "weekend", "holiday") if holidays else ("weekday", "weekend")


class Row(Message):
    """One kind of day in one season: (quarter hour of the local day, period) wherever a period begins."""

    season: Name
    days: DayKind
    runs: Annotated[
        Many[tuple[Annotated[int, Field(ge=0, lt=QUARTERS)], Annotated[int, Field(ge=0, lt=600)]]],
        Field(min_length=1, max_length=QUARTERS),
    ]

    @model_validator(mode="after")
    def _whole_day(self) -> Self:
        starts = [start for start, _ in self.runs]
        if starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("runs begin at midnight and rise")
        if any(a == b for (_, a), (_, b) in itertools.pairwise(self.runs)):
            raise ValueError("adjacent runs of one period are one run")
        return self

    @property
    def periods(self) -> frozenset[int]:
        return frozenset(period for _, period in self.runs)


class Schedule(Message):
    """Which period each quarter hour of the year belongs to. Rows: seasons in their order, then kinds of day."""

    name: Name
    periods: Annotated[Many[Name], Field(min_length=1, max_length=600)]
    rows: Annotated[Many[Row], Field(min_length=1, max_length=36)]

    @model_validator(mode="after")
    def _every_period_occurs(self) -> Self:
        if len(set(self.periods)) != len(self.periods):
            raise ValueError(f"schedule '{self.name}': two periods share a name")
        if frozenset[int]().union(*(row.periods for row in self.rows)) != frozenset(range(len(self.periods))):
            raise ValueError(f"schedule '{self.name}': its rows and its periods differ")
        return self

    def seasons_of(self, period: int) -> frozenset[str]:
        return frozenset(row.season for row in self.rows if period in row.periods)


class Allowance(Message):
    """Baseline of a territory: thousandths of a kWh or therm a day, one for each season."""

    territory: Name
    per_day: Annotated[Many[Count], Field(min_length=1, max_length=12)]


class Tariff(Message):
    """`name` and `revision` identify it among people, the digest among roles. Charges stand as on the bill."""

    version: Literal[1] = 1
    name: Name
    revision: Name
    commodity: Literal["electricity", "gas"] = "electricity"
    customer_class: CustomerClass = "residential"
    programs: Annotated[Many[Name], Field(max_length=16)] = ()
    turns: Annotated[Many[Turn], Field(min_length=1, max_length=24)]
    holidays: Annotated[Many[Holiday], Field(max_length=32)] = ()
    schedules: Annotated[Many[Schedule], Field(max_length=16)] = ()
    baseline: Annotated[Many[Allowance], Field(max_length=64)] = ()
    charges: Annotated[Many[Charge], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        turns = [(turn.month, turn.day) for turn in self.turns]
        if turns != sorted(set(turns)):
            raise ValueError("turns: seasons begin in the order of the year, each on a day of its own")
        for what in ("schedules", "charges"):
            _check_distinct(what, [item.name for item in getattr(self, what)])
        _check_distinct("baseline", [allowance.territory for allowance in self.baseline])
        if any(len(allowance.per_day) != len(self.seasons) for allowance in self.baseline):
            raise ValueError("baseline: an allowance for each season")
        rows = [(season, kind) for season in self.seasons for kind in self.day_kinds]
        for schedule in self.schedules:
            if [(row.season, row.days) for row in schedule.rows] != rows:
                raise ValueError(f"schedule '{schedule.name}': one row for each season and kind of day, in their order")
        for position, charge in enumerate(self.charges):
            self._check_charge(charge, {earlier.name for earlier in self.charges[:position]})
        if self.commodity == "gas":
            self._check_gas()
        return self

    def _check_charge(self, charge: Charge, earlier: set[Name]) -> None:
        match charge:
            case EnergyCharge():
                self._check_prices(charge, charge.prices)
            case TieredCharge() | DemandCharge():
                for tier in charge.tiers:
                    self._check_prices(charge, tier.prices)
                if isinstance(charge, TieredCharge) and charge.per == "baseline" and not self.baseline:
                    raise ValueError(f"charge '{charge.name}': its tiers need baseline allowances")
            case SeriesCharge():
                self._check_cap(charge.name, charge.prices)
                if self.customer_class == "large":
                    raise ValueError(f"charge '{charge.name}': a series needs amounts, which class large does not have")
            case MinimumCharge() | PercentCharge() if not earlier.issuperset(charge.of):
                raise ValueError(f"charge '{charge.name}': 'of' names charges that come before it")
            case _:
                pass
        for program in _programs(charge):
            if program not in self.programs:
                raise ValueError(f"charge '{charge.name}': program '{program}' is not among the tariff's")

    def _check_prices(self, charge: EnergyCharge | TieredCharge | DemandCharge, prices: tuple[int | None, ...]) -> None:
        if charge.schedule not in self.by_name:
            raise ValueError(f"charge '{charge.name}': there is no schedule '{charge.schedule}'")
        if len(prices) != len(self.by_name[charge.schedule].periods):
            raise ValueError(f"charge '{charge.name}': a price for each period of schedule '{charge.schedule}'")
        if not isinstance(charge, DemandCharge):
            self._check_cap(charge.name, prices)

    def _check_cap(self, charge: Name, prices: tuple[int | None, ...]) -> None:
        # Where there are only sums, the cap merely finds slips of the pen.
        cap = PRICE_CAP if self.has_amounts else 10 * PRICE_CAP
        if any(abs(price) > cap for price in prices if price is not None):
            raise ValueError(f"charge '{charge}': a price of energy is above {cap} units of 1e-{self.price_digits} $")

    def _check_gas(self) -> None:
        """Gas is read as one total: a schedule may tell seasons, not hours or kinds of day."""
        for schedule in self.schedules:
            runs = {(row.season, row.runs) for row in schedule.rows}
            if len(runs) != len(self.seasons) or any(len(row.runs) > 1 for row in schedule.rows):
                raise ValueError(f"schedule '{schedule.name}': gas has one price all day, every day of a season")
        for charge in self.charges:
            received = isinstance(charge, EnergyCharge) and charge.channel is Channel.RECEIVED
            if received or isinstance(charge, DemandCharge | SeriesCharge):
                raise ValueError(f"charge '{charge.name}': gas has neither demand, series nor received energy")

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest, computed once."""
        return self.digest()

    @cached_property
    def seasons(self) -> tuple[Name, ...]:
        return tuple(dict.fromkeys(turn.season for turn in self.turns))

    @cached_property
    def day_kinds(self) -> tuple[DayKind, ...]:
        return day_kinds(self.holidays)

    @cached_property
    def by_name(self) -> dict[Name, Schedule]:
        return {schedule.name: schedule for schedule in self.schedules}

    @property
    def price_digits(self) -> int:
        return decimals_of(self.customer_class)

    @property
    def metered(self) -> tuple[MeteredCharge, ...]:
        return tuple(charge for charge in self.charges if isinstance(charge, MeteredCharge))

    @property
    def has_amounts(self) -> bool:
        """Whether anything may leave the key server in cents; class large and gas are billed from sums only."""
        return self.customer_class != "large" and self.commodity == "electricity"

    @property
    def needs_reads(self) -> bool:
        """Whether registers never suffice for a bill: a series has a price for each step."""
        return any(isinstance(charge, SeriesCharge) for charge in self.charges)

    def modes_of(self, charge: MeteredCharge) -> tuple[Mode, ...]:
        return charge.modes if self.has_amounts else (Mode.DETERMINANTS,)

    def modes(self, preferred: Mode) -> dict[Name, Mode]:
        """The preferred mode of every metered charge that has it, else the other."""
        each = {charge.name: self.modes_of(charge) for charge in self.metered}
        return {name: preferred if preferred in modes else modes[0] for name, modes in each.items()}


def _programs(charge: Charge) -> Iterator[Name]:
    if isinstance(charge, FixedCharge):
        yield from (price.program for price in charge.programs)
    if isinstance(charge, PercentCharge) and charge.program is not None:
        yield charge.program


def _check_distinct(what: str, names: list[Name]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what}: two share a name")
