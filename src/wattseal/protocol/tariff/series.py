"""Hourly (or finer) prices from CSV: columns `interval_start` (RFC 3339) and `price`, in $ a kWh."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.literals import named, read_text, scaled

_HEADER = ["interval_start", "price"]
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:00)?(Z|[+-]\d\d:\d\d)")


class Series(NamedTuple):
    start: int
    """Minutes since 1970 UTC."""
    prices: tuple[int, ...]


def read_series(path: Path, step_minutes: int, price_digits: int) -> Series:
    """Prices in 10^-price_digits $, one each step. Raises UsageError naming the line of a gap, overlap or bad value."""
    with named(str(path)):
        rows = [line.split(",") for line in read_text(path).splitlines()]
        if not rows or rows[0] != _HEADER or len(rows) == 1:
            raise UsageError(f"line 1: the columns are {' and '.join(_HEADER)}, and at least one row follows")
        times, prices = [], []
        for line, row in enumerate(rows[1:], start=2):
            with named(f"line {line}"):
                if len(row) != len(_HEADER):
                    raise UsageError(f"{len(row)} columns, not {len(_HEADER)}")
                times.append(_minute(row[0]))
                prices.append(scaled(_decimal(row[1]), price_digits, "price"))
                expected = times[0] + step_minutes * (len(times) - 1)
                if times[-1] != expected:
                    raise UsageError(
                        f"{'a gap' if times[-1] > expected else 'an overlap'} in steps of {step_minutes} minutes"
                    )
        return Series(times[0], tuple(prices))


def _minute(text: str) -> int:
    try:
        when = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        when = None
    if when is None:
        raise UsageError("interval_start: not a time such as 2026-03-01T00:00:00Z")
    return int(when.timestamp()) // 60


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise UsageError("price: not a number")
    return value
