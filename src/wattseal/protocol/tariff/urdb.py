"""OpenEI Utility Rate Database records as tariffs: months with the same schedules become one season."""

import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.charges import (
    Charge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MinimumCharge,
    Tier,
    TieredCharge,
)
from wattseal.protocol.tariff.literals import named, read_text, scaled
from wattseal.protocol.tariff.model import CustomerClass, DayKind, Row, Schedule, Tariff, Turn, decimals_of
from wattseal.protocol.tariff.urdb_record import (
    HOURS,
    MONTHS,
    NET_BILLING,
    SPANS,
    Structure,
    UrdbRecord,
    UrdbTier,
    Year,
    parse_record,
)

_NO_LIMIT = Decimal("1e37")
_QUARTERS_PER_HOUR = 4
_DAYS: tuple[DayKind, ...] = ("weekday", "weekend")
_PER: dict[str, Literal["cycle", "day"]] = {"kwh": "cycle", "kw": "cycle", "kwh daily": "day"}


def load_urdb(path: Path, customer_class: CustomerClass | None = None, leaving_out: Collection[str] = ()) -> Tariff:
    """The tariff of a file with one record; its class is `residential` for that sector, else `large`, unless given.

    `leaving_out` names fields that add to the amount and are to be left out of it all the same. Raises UsageError
    naming the file and the field.
    """
    with named(f"tariff {path}"):
        record = parse_record(read_text(path), leaving_out)
        by_sector: CustomerClass = "residential" if record.sector == "Residential" else "large"
        given = by_sector if customer_class is None else customer_class
        return _Reading(record, given).tariff(record.name or path.stem)


class _Ladder(NamedTuple):
    """What tiers hold, apart from their prices."""

    per: Literal["cycle", "day"]
    limits: tuple[int | None, ...]


class _Rates:
    """One rate structure of a record: what each of its periods costs, tier by tier."""

    def __init__(self, field: str, structure: Structure, units: Sequence[str], price_digits: int) -> None:
        self._field, self._structure, self._units, self._digits = field, structure, units, price_digits

    def ladder(self, period: int) -> _Ladder:
        """Raises UsageError if the structure lacks the period or has it in other units."""
        with named(f"{self._field}.{period}"):
            tiers = self._tiers_of(period)
            units = {(tier.unit if tier.unit is not None else self._units[0]).lower() for tier in tiers}
            if len(units) != 1 or not units.issubset(self._units):
                raise UsageError(f"unit: {', '.join(sorted(units))} is not one of {', '.join(sorted(self._units))}")
            return _Ladder(_PER[units.pop()], tuple(_limit(tier) for tier in tiers))

    def ladders(self, used: Sequence[int]) -> list[_Ladder]:
        """The different ones among the periods, in their order."""
        return list(dict.fromkeys(self.ladder(period) for period in used))

    def tiers(self, used: Sequence[int], ladder: _Ladder) -> tuple[Tier, ...]:
        """Prices of the periods that have this ladder."""
        having = [period if self.ladder(period) == ladder else None for period in used]
        with named(self._field):
            return tuple(
                Tier(limit=limit, prices=tuple(None if p is None else self._price(p, number) for p in having))
                for number, limit in enumerate(ladder.limits)
            )

    def sells(self, used: Sequence[int]) -> tuple[int, ...]:
        """What received energy earns in each period."""
        return tuple(self._sell(period) for period in used)

    def _sell(self, period: int) -> int:
        with named(f"{self._field}.{period}"):
            sells = {tier.sell for tier in self._tiers_of(period)}
            if len(sells) > 1:
                raise UsageError("sell: one price for all tiers of a period")
            return scaled(sells.pop(), self._digits, "sell")

    def _price(self, period: int, number: int) -> int:
        tier = self._structure[period][number]
        return scaled(tier.rate + tier.adj, self._digits, f"{period}.{number}.rate")

    def _tiers_of(self, period: int) -> list[UrdbTier]:
        if period >= len(self._structure):
            raise UsageError("is missing, though a schedule has this period")
        return self._structure[period]


def _limit(tier: UrdbTier) -> int | None:
    # Records write "no limit" as a float's largest power of ten.
    return None if tier.limit is None or tier.limit >= _NO_LIMIT else scaled(tier.limit, 3, "max")


class _Reading:
    """One record while it is turned into a tariff."""

    def __init__(self, record: UrdbRecord, customer_class: CustomerClass) -> None:
        self._record, self._class, self._digits = record, customer_class, decimals_of(customer_class)
        self._energy_years = (record.energyweekdayschedule, record.energyweekendschedule)
        self._demand_years = _demand_years(record)
        self._flat_years = _flat_years(record)
        years = (*self._energy_years, *self._demand_years, *self._flat_years)
        months = [tuple(tuple(year[month]) for year in years) for month in range(MONTHS)]
        distinct = list(dict.fromkeys(months))
        self._seasons = [f"season {distinct.index(month) + 1}" for month in months]
        self._schedules: list[Schedule] = []

    def tariff(self, name: str) -> Tariff:
        charges = [*self._energy(), *self._demand(), *self._fixed()]
        charges += self._minimum(tuple(charge.name for charge in charges))
        changes = [month for month in range(MONTHS) if month == 0 or self._seasons[month] != self._seasons[month - 1]]
        return Tariff(
            name=_as_name(name),
            revision=_as_name(self._record.label),
            customer_class=self._class,
            turns=tuple(Turn(month=month + 1, day=1, season=self._seasons[month]) for month in changes),
            schedules=tuple(self._schedules),
            charges=tuple(charges),
        )

    def _energy(self) -> Iterator[Charge]:
        rates = _Rates("energyratestructure", self._record.energyratestructure, ("kwh", "kwh daily"), self._digits)
        self._check_months(rates)
        used = self._schedule("energy", self._energy_years)
        for name, ladder in _numbered("energy", rates.ladders(used)):
            tiers = rates.tiers(used, ladder)
            # A single tier is linear, and so can be had as an amount.
            if ladder.limits == (None,):
                yield EnergyCharge(name=name, schedule="energy", prices=tiers[0].prices)
            else:
                yield TieredCharge(name=name, schedule="energy", per=ladder.per, tiers=tiers)
        if self._record.dgrules in NET_BILLING and any(sells := rates.sells(used)):
            prices = tuple(-sell for sell in sells)
            yield EnergyCharge(name="export", channel=Channel.RECEIVED, schedule="energy", prices=prices)

    def _check_months(self, rates: _Rates) -> None:
        """Periods of one month share the tiers, for a tier holds the month's energy of all of them."""
        for month in range(MONTHS):
            periods = sorted({period for year in self._energy_years for period in year[month]})
            if len(rates.ladders(periods)) > 1:
                raise UsageError(f"energyratestructure: tiers of the periods {periods} of month {month + 1} disagree")

    def _demand(self) -> Iterator[Charge]:
        for name, field, structure, years in (
            ("demand", "demandratestructure", self._record.demandratestructure, self._demand_years),
            ("flat demand", "flatdemandstructure", self._record.flatdemandstructure, self._flat_years),
        ):
            if structure is not None:
                used, rates = self._schedule(name, years), _Rates(field, structure, ("kw",), self._digits)
                for numbered, ladder in _numbered(name, rates.ladders(used)):
                    yield DemandCharge(name=numbered, schedule=name, tiers=rates.tiers(used, ladder))

    def _fixed(self) -> Iterator[Charge]:
        record = self._record
        for field, value, unit in (
            ("fixedchargefirstmeter", record.fixedchargefirstmeter, record.fixedchargeunits),
            ("fixedmonthlycharge", record.fixedmonthlycharge, "$/month"),
        ):
            if value:
                yield FixedCharge(name=field, per=SPANS[unit], price=scaled(value, self._digits, field))

    def _minimum(self, of: tuple[str, ...]) -> Iterator[Charge]:
        record = self._record
        for field, value, unit in (
            ("mincharge", record.mincharge, record.minchargeunits),
            ("minmonthlycharge", record.minmonthlycharge, "$/month"),
        ):
            if value:
                yield MinimumCharge(name=field, per=SPANS[unit], price=scaled(value, self._digits, field), of=of)

    def _schedule(self, name: str, years: Sequence[Year]) -> list[int]:
        """Adds the schedule, the same on weekends if there is no other year, and gives the periods that it uses."""
        used = sorted({period for year in years for month in year for period in month})
        rows = [
            Row(season=season, days=days, runs=_runs(year[self._seasons.index(season)], used))
            for season in dict.fromkeys(self._seasons)
            for days, year in zip(_DAYS, (years[0], years[-1]), strict=True)
        ]
        periods = tuple(f"period {period}" for period in used)
        self._schedules.append(Schedule(name=name, periods=periods, rows=tuple(rows)))
        return used


def _demand_years(record: UrdbRecord) -> tuple[Year, ...]:
    if record.demandratestructure is None:
        return ()
    if record.demandweekdayschedule is None or record.demandweekendschedule is None:
        raise UsageError("demandratestructure: needs demandweekdayschedule and demandweekendschedule")
    return record.demandweekdayschedule, record.demandweekendschedule


def _flat_years(record: UrdbRecord) -> tuple[Year, ...]:
    if record.flatdemandstructure is None:
        return ()
    if record.flatdemandmonths is None:
        raise UsageError("flatdemandstructure: needs flatdemandmonths")
    return ([[period] * HOURS for period in record.flatdemandmonths],)


def _numbered(name: str, ladders: Sequence[_Ladder]) -> Iterator[tuple[str, _Ladder]]:
    for number, ladder in enumerate(ladders, start=1):
        yield (name if number == 1 else f"{name} {number}"), ladder


def _runs(hours: Sequence[int], used: Sequence[int]) -> tuple[tuple[int, int], ...]:
    begins = [hour for hour in range(HOURS) if hour == 0 or hours[hour] != hours[hour - 1]]
    return tuple((hour * _QUARTERS_PER_HOUR, used.index(hours[hour])) for hour in begins)


def _as_name(text: str) -> str:
    """A record's name in the letters that names of ours have."""
    return re.sub(r"[^A-Za-z0-9._:/-]+", " ", text).strip(" ._:/-")[:64] or "unnamed"
