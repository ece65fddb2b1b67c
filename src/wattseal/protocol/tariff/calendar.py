"""Local days, seasons, holidays: which period of a schedule each interval of a UTC range belongs to."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.errors import UsageError
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.model import QUARTERS, DayKind, Holiday, Schedule, Tariff, Turn, Weekday
from wattseal.protocol.time import MINUTES_PER_DAY

QUARTER_MINUTES = 15
_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()
_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)")
_WEEKDAYS = get_args(Weekday)

Indices = NDArray[np.int64]


def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name, or of an offset such as +10:00. Raises UsageError."""
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        if offset < timedelta(days=1):
            return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"time zone {name[:40]!a}: neither an IANA name nor an offset such as +10:00") from None


def first_minute(day: date, zone: tzinfo) -> int:
    """The minute since 1970 UTC with which the local day begins."""
    # Where the clock skips midnight, the offset before the skip is taken, which gives the skip itself.
    return int(datetime.combine(day, time(), zone).timestamp()) // 60


def local_date(minute: int, zone: tzinfo) -> date:
    """The local day that a minute since 1970 UTC lies in."""
    return datetime.fromtimestamp(minute * 60, zone).date()


def first_noon(minute: int, zone: tzinfo) -> date:
    """The first local day whose noon is not before a minute since 1970 UTC."""
    day = local_date(minute, zone)
    noon = datetime.combine(day, time(12), zone).timestamp()
    return day if noon >= minute * 60 else day + timedelta(days=1)


def days_between(first: date, after: date) -> Iterator[date]:
    """From `first` up to `after`, which is left out."""
    return (first + timedelta(days=number) for number in range((after - first).days))


def season_of(turns: tuple[Turn, ...], day: date) -> Name:
    """The season that began last; before the year's first turn, the one that went on over New Year."""
    begun = [turn for turn in turns if (turn.month, turn.day) <= (day.month, day.day)]
    return (begun or turns)[-1].season


@lru_cache(maxsize=256)
def holidays_of(rules: tuple[Holiday, ...], year: int) -> frozenset[date]:
    """Days of the year on which a holiday is observed, those of its neighbors that fall into it included."""
    observed = {_observed(rule, near) for rule in rules for near in (year - 1, year, year + 1)}
    return frozenset(day for day in observed if day is not None and day.year == year)


def _observed(rule: Holiday, year: int) -> date | None:
    """Where the holiday of that year is observed, perhaps in the year before; None if the year lacks the day."""
    if rule.weekday is not None and rule.week is not None:
        return _nth(year, rule.month, _WEEKDAYS.index(rule.weekday), rule.week)
    if rule.day is None or ((rule.month, rule.day) == (2, 29) and not _is_leap(year)):
        return None
    day = date(year, rule.month, rule.day)
    shift = {5: -1, 6: 1}.get(day.weekday(), 0) if rule.nearest_weekday else 0
    return day + timedelta(days=shift)


def _nth(year: int, month: int, weekday: int, week: int) -> date:
    """The `week`-th such weekday of the month, Monday being 0; with -1 the last one."""
    if week > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (week - 1))
    after = date(year + month // 12, month % 12 + 1, 1)
    return after - timedelta(days=(after.weekday() - weekday - 1) % 7 + 1)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def day_kind(holidays: tuple[Holiday, ...], day: date) -> DayKind:
    """A holiday that is observed on a weekend is a holiday, too."""
    if holidays and day in holidays_of(holidays, day.year):
        return "holiday"
    return "weekday" if day.weekday() < 5 else "weekend"


def periods_of(tariff: Tariff, schedule: Schedule, start: int, end: int, step_minutes: int, zone: tzinfo) -> Indices:
    """Index of the period of each step from `start` to `end` (minutes since 1970 UTC, multiples of 15).

    Raises UsageError if a period begins inside a step.
    """
    local = _local_minutes(start, end, zone)
    days, which = np.unique(local // MINUTES_PER_DAY, return_inverse=True)
    rows = {(row.season, row.days): row for row in schedule.rows}
    dates = [date.fromordinal(_ORDINAL_OF_1970 + int(day)) for day in days]
    kinds = [rows[season_of(tariff.turns, day), day_kind(tariff.holidays, day)] for day in dates]
    grid = np.array([_quarters(row.runs) for row in kinds])
    indices: Indices = grid[which, local % MINUTES_PER_DAY // QUARTER_MINUTES]
    steps = indices.reshape(-1, step_minutes // QUARTER_MINUTES)
    # Refused rather than given to its first quarter: a price would hold for energy that was not used under it.
    mixed = np.flatnonzero((steps != steps[:, :1]).any(axis=1))
    if mixed.size:
        when = datetime.fromtimestamp((start + int(mixed[0]) * step_minutes) * 60, UTC).isoformat()
        raise UsageError(f"schedule '{schedule.name}': a period begins inside the interval of {when}")
    return steps[:, 0].copy()


def _quarters(runs: tuple[tuple[int, int], ...]) -> Indices:
    """The period of each of a day's 96 quarter hours."""
    starts = [start for start, _ in runs]
    lengths = np.diff([*starts, QUARTERS])
    return np.repeat(np.array([period for _, period in runs], dtype=np.int64), lengths)


def _local_minutes(start: int, end: int, zone: tzinfo) -> Indices:
    """Local clock of each quarter hour, in minutes since 1970."""
    seconds = range(start * 60, end * 60, QUARTER_MINUTES * 60)
    clocks = [datetime.fromtimestamp(second, zone).replace(tzinfo=UTC).timestamp() for second in seconds]
    if any(clock % (QUARTER_MINUTES * 60) for clock in clocks):
        raise UsageError(f"time zone {zone}: not a multiple of 15 minutes from UTC")
    return np.array(clocks).astype(np.int64) // 60
