"""Windows (UTC days), intervals and the clock, which is always a parameter."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import Window

Clock = Callable[[], float]
"""Seconds since 1970 UTC."""

system_clock: Clock = time.time
MINUTES_PER_DAY = 24 * 60
SECONDS_PER_DAY = MINUTES_PER_DAY * 60
_FIRST = date(1970, 1, 1)


def parse_window(text: str) -> Window:
    """A window from its date, YYYY-MM-DD. Raises MalformedMessage."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = _FIRST - timedelta(days=1)
    if day < _FIRST or day.isoformat() != text:
        raise MalformedMessage(f"{text[:20]!a} is not a date such as 2026-03-02")
    return Window((day - _FIRST).days)


def window_date(window: Window) -> date:
    return _FIRST + timedelta(days=window)


def window_of(seconds: float) -> Window:
    return Window(int(seconds // SECONDS_PER_DAY))


def window_minutes(window: Window) -> tuple[int, int]:
    """Beginning and end of the window in minutes since 1970 UTC."""
    return window * MINUTES_PER_DAY, (window + 1) * MINUTES_PER_DAY


def month_of(window: Window) -> str:
    return window_date(window).strftime("%Y-%m")


def interval_start(window: Window, interval: int, interval_minutes: int) -> str:
    """RFC 3339 beginning of one interval of a window, in UTC."""
    start = datetime.combine(window_date(window), datetime.min.time(), UTC)
    return (start + timedelta(minutes=interval * interval_minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_of(seconds: int) -> str:
    """RFC 3339 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def year_of(seconds: int) -> int:
    """In UTC."""
    return datetime.fromtimestamp(seconds, UTC).year
