"""Our own tariff files, in TOML (docs/tariffs.md). Nothing is rounded, and a gap or an overlap is an error."""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff import sheets, written
from wattseal.protocol.tariff.charges import (
    AnnualCharge,
    Charge,
    DemandCharge,
    EnergyCharge,
    FixedCharge,
    MinimumCharge,
    PercentCharge,
    ProgramPrice,
    SeriesCharge,
    Tier,
    TieredCharge,
)
from wattseal.protocol.tariff.literals import named, read_text, scaled
from wattseal.protocol.tariff.model import Allowance, Tariff, day_kinds, decimals_of
from wattseal.protocol.tariff.series import read_series
from wattseal.protocol.tariff.toml_calendar import ALL_HOURS, always, read_holidays, read_schedule, read_turns

_THOUSANDTHS = 3


def load_toml(path: Path) -> Tariff:
    """Raises UsageError naming the file, and the field or charge that is wrong. CSV files are beside it."""
    with named(f"tariff {path}"):
        return _parse(read_text(path), path.parent)


def packaged(name: str) -> Tariff:
    """A sheet that comes with the package, such as E-TOU-C. Raises UsageError."""
    found = {file.name: file for file in resources.files(sheets).iterdir() if file.name != "holidays.toml"}
    if (sheet := f"{name}.toml") not in found:
        raise UsageError(f"tariff {name[:40]!a} is not one of the package's")
    with named(f"tariff {name}"):
        return _parse(found[sheet].read_text(encoding="utf-8"), Path())


def _parse(text: str, directory: Path) -> Tariff:
    try:
        fields = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(str(error)) from None
    with named("file"):
        table = written.TariffTable.model_validate(fields)
    return _Reading(table, directory).tariff()


class _Reading:
    """One file while it is turned into a tariff."""

    def __init__(self, table: written.TariffTable, directory: Path) -> None:
        self._table, self._directory = table, directory
        self._price_digits = decimals_of(table.customer_class)
        self._turns = read_turns(table.season)
        self._seasons = tuple(dict.fromkeys(turn.season for turn in self._turns))
        self._holidays = read_holidays(table.holidays)
        self._days = day_kinds(self._holidays)
        names = dict.fromkeys(schedule.name for schedule in table.schedule)
        self._schedules = {name: read_schedule(name, table.schedule, self._seasons, self._days) for name in names}

    def tariff(self) -> Tariff:
        charges = []
        for table in self._table.charge:
            with named(f"charge '{table.name}'"):
                charges.append(self._charge(table))
        return Tariff(
            name=self._table.name,
            revision=self._table.revision,
            commodity=self._table.commodity,
            customer_class=self._table.customer_class,
            programs=tuple(self._table.programs),
            turns=self._turns,
            holidays=self._holidays,
            schedules=tuple(self._schedules.values()),
            baseline=tuple(self._allowance(*item) for item in self._table.baseline.items()),
            charges=tuple(charges),
        )

    def _allowance(self, territory: Name, per_day: Mapping[str, Decimal]) -> Allowance:
        with named(f"baseline {territory}"):
            _check_names("season", self._seasons, per_day)
            amounts = (scaled(per_day[season], _THOUSANDTHS, season) for season in self._seasons)
            return Allowance(territory=territory, per_day=tuple(amounts))

    def _charge(self, table: written.ChargeTable) -> Charge:
        match table:
            case written.EnergyTable():
                schedule, prices = self._schedule_of(table.schedule), self._prices(table, table.schedule)
                return EnergyCharge(name=table.name, channel=Channel(table.channel), schedule=schedule, prices=prices)
            case written.SeriesTable():
                return self._series(table)
            case written.TieredTable():
                digits = 0 if table.per == "baseline" else _THOUSANDTHS
                schedule, tiers = self._schedule_of(table.schedule), self._tiers(table, digits)
                return TieredCharge(name=table.name, schedule=schedule, per=table.per, tiers=tiers)
            case written.DemandTable():
                schedule, tiers = self._schedule_of(table.schedule), self._tiers(table, _THOUSANDTHS)
                return DemandCharge(name=table.name, schedule=schedule, tiers=tiers)
            case _:
                return self._in_the_clear(table)

    def _series(self, table: written.SeriesTable) -> Charge:
        series = read_series(self._directory / table.csv, table.step_minutes, self._price_digits)
        return SeriesCharge(
            name=table.name,
            channel=Channel(table.channel),
            start=series.start,
            step_minutes=table.step_minutes,
            prices=series.prices,
        )

    def _in_the_clear(self, table: written.ClearTable) -> Charge:
        match table:
            case written.FixedTable():
                others = (
                    ProgramPrice(program=name, price=self._price(price)) for name, price in table.programs.items()
                )
                price = self._price(table.price)
                return FixedCharge(name=table.name, per=table.per, price=price, programs=tuple(others))
            case written.MinimumTable():
                price = self._price(table.price)
                return MinimumCharge(name=table.name, per=table.per, price=price, of=tuple(table.of))
            case written.PercentTable():
                hundredths = scaled(table.percent, 2, "percent")
                return PercentCharge(name=table.name, hundredths=hundredths, of=tuple(table.of), program=table.program)
            case written.AnnualTable():
                return AnnualCharge(name=table.name, month=table.month, price=self._price(table.price))

    def _schedule_of(self, name: Name | None) -> Name:
        """The schedule, or for a charge that names none one with a single period."""
        if name is None:
            self._schedules.setdefault(ALL_HOURS, always(self._seasons, self._days))
            return ALL_HOURS
        if name not in self._schedules:
            raise UsageError(f"schedule: there is none of the name '{name}'")
        return name

    def _prices(self, table: written.Priced, schedule: Name | None) -> tuple[int, ...]:
        if schedule is None:
            if table.price is None or table.prices is not None:
                raise UsageError("price: without a schedule there is one price")
            return (self._price(table.price),)
        if table.prices is None or table.price is not None:
            raise UsageError(f"prices: schedule '{schedule}' takes one for each of its periods")
        with named("prices"):
            periods = self._schedules[schedule].periods
            _check_names("period", periods, table.prices)
            return tuple(self._price(table.prices[period]) for period in periods)

    def _tiers(self, table: written.TieredTable | written.DemandTable, digits: int) -> tuple[Tier, ...]:
        tiers = []
        for number, tier in enumerate(table.tiers, start=1):
            with named(f"tier {number}"):
                limit = None if tier.upto is None else scaled(tier.upto, digits, "upto")
                tiers.append(Tier(limit=limit, prices=self._prices(tier, table.schedule)))
        return tuple(tiers)

    def _price(self, value: Decimal) -> int:
        return scaled(value, self._price_digits, "price")


def _check_names(what: str, known: Sequence[str], given: Mapping[str, object]) -> None:
    for name in known:
        if name not in given:
            raise UsageError(f"nothing is given for {what} '{name}'")
    for name in given:
        if name not in known:
            raise UsageError(f"there is no {what} '{name}'")
