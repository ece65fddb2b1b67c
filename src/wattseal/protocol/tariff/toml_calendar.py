"""Seasons, holidays and schedules of a TOML tariff file, once they are whole: no gap, no overlap."""

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib import resources

from wattseal.protocol.errors import UsageError
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff import sheets, written
from wattseal.protocol.tariff.literals import named
from wattseal.protocol.tariff.model import QUARTERS, DayKind, Holiday, Row, Schedule, Turn

ALL_HOURS, ALL, ALL_YEAR = "all hours", "all", "year"
# Without a 29 February, which belongs to the season of the day before it.
_COMMON_YEAR = date(2001, 1, 1)
_DAYS = 365
Quarters = list[int | None]


def read_turns(seasons: Sequence[written.SeasonTable]) -> tuple[Turn, ...]:
    """Where each season begins, once all of them together are the year."""
    if not seasons:
        return (Turn(month=1, day=1, season=ALL_YEAR),)
    owner: dict[date, Name] = {}
    for season in seasons:
        with named(f"season '{season.name}'"):
            first, last = _day(season.begins), _day(season.ends)
            for number in range((last - first).days % _DAYS + 1):
                day = _COMMON_YEAR + timedelta(days=((first - _COMMON_YEAR).days + number) % _DAYS)
                if day in owner:
                    raise UsageError(f"{day:%m-%d} is also in season '{owner[day]}'")
                owner[day] = season.name
    for day in (_COMMON_YEAR + timedelta(days=number) for number in range(_DAYS)):
        if day not in owner:
            raise UsageError(f"season: {day:%m-%d} is in none")
    begins = sorted((_day(season.begins), season.name) for season in seasons)
    return tuple(Turn(month=day.month, day=day.day, season=name) for day, name in begins)


def _day(text: str) -> date:
    try:
        return _COMMON_YEAR.replace(month=int(text[:2]), day=int(text[3:]))
    except ValueError:
        raise UsageError(f"{text} is not a day of every year, as MM-DD") from None


def read_holidays(named_or_rules: str | list[Holiday]) -> tuple[Holiday, ...]:
    """The rules, or the list of the package that has the name. Raises UsageError."""
    if not isinstance(named_or_rules, str):
        return tuple(named_or_rules)
    lists = tomllib.loads(resources.files(sheets).joinpath("holidays.toml").read_text(encoding="utf-8"))
    if named_or_rules not in lists:
        raise UsageError(f"holidays: a list is {' or '.join(lists)}, not {named_or_rules[:40]!a}")
    return tuple(Holiday.model_validate(rule) for rule in lists[named_or_rules])


def read_schedule(
    name: Name, tables: Sequence[written.ScheduleTable], seasons: Sequence[Name], days: Sequence[DayKind]
) -> Schedule:
    """The schedule of all the tables that have the name. Raises UsageError."""
    with named(f"schedule '{name}'"):
        own = [table for table in tables if table.name == name]
        periods = tuple(dict.fromkeys(period for table in own for period in table.hours))
        year: dict[tuple[str, str], Quarters] = {key: [None] * QUARTERS for key in itertools.product(seasons, days)}
        for table in own:
            own_seasons = seasons if table.seasons is None else table.seasons
            for key in itertools.product(own_seasons, days if table.days is None else table.days):
                if key not in year:
                    raise UsageError(f"the tariff has no {key[1]}s of season '{key[0]}'")
                _mark(table.hours, periods, year[key], ", ".join(key))
        rows = (Row(season=s, days=d, runs=_runs(year[s, d], f"{s}, {d}")) for s in seasons for d in days)
        return Schedule(name=name, periods=periods, rows=tuple(rows))


def always(seasons: Sequence[Name], days: Sequence[DayKind]) -> Schedule:
    """One period at all hours, for charges that name no schedule."""
    rows = tuple(Row(season=season, days=kind, runs=((0, 0),)) for season in seasons for kind in days)
    return Schedule(name=ALL_HOURS, periods=(ALL,), rows=rows)


def _mark(hours: Mapping[str, Sequence[str]], periods: Sequence[str], day: Quarters, which: str) -> None:
    for period, ranges in hours.items():
        for quarter in itertools.chain.from_iterable(map(_quarters, ranges)):
            if (taken := day[quarter]) is not None:
                raise UsageError(f"{which}: {_clock(quarter)} is in '{periods[taken]}' and in '{period}'")
            day[quarter] = periods.index(period)


def _quarters(hours: str) -> range:
    begins, ends = (int(clock[:2]) * 4 + int(clock[3:]) // 15 for clock in hours.split("-"))
    if begins >= ends:
        raise UsageError(f"hours: {hours} ends before it begins")
    return range(begins, ends)


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def _runs(day: Sequence[int | None], which: str) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for quarter, period in enumerate(day):
        if period is None:
            raise UsageError(f"{which}: {_clock(quarter)} is in no period")
        if not runs or runs[-1][1] != period:
            runs.append((quarter, period))
    return tuple(runs)
