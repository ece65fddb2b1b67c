"""What the texts of interval files mean: exact energies, times and meter names, on arrays of distinct texts.

Unusable texts are marked, not raised: only the caller knows where they stand in the file.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattseal.meter_sim.reads import ReplayError
from wattseal.protocol.time import MINUTES_PER_DAY

ABSENT = -1
BAD = -2
LARGEST_WH = 1 << 40
YEAR_10000_S = 253_402_300_800  # years have four digits
LARGEST_NAME_BYTES = 64

_PLAIN = r"^\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"
_SCIENTIFIC = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,3}$"
_MINUS_ZERO = r"^-(?:0+\.?0*|\.0+)$"
_STAMP = (
    r"^(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ](?<clock>[0-9]{2}:[0-9]{2})"
    r"(?::(?<seconds>[0-5][0-9](?:\.[0-9]+)?))?(?<zone>[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?$"
)
_OFFSET = r"[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]"
_SHOWN = 40
_FIRST_MINUTE = MINUTES_PER_DAY  # the first day is out, so that a stamp at an interval's end can always move back


@dataclass(frozen=True)
class Energies:
    """Wh (ABSENT or BAD below 0), and whether more than float noise was rounded away."""

    wh: NDArray[np.int64]
    rounded: NDArray[np.bool_]


@dataclass(frozen=True)
class Stamps:
    """UTC minutes since 1970 (BAD below 0) in both readings of a local time that occurs twice."""

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]


def parse_energies(texts: pl.Series, digits: int) -> Energies:
    """Decimal texts in units of 10^digits Wh, rounded half to even on the digits: no float is involved.

    Within 1e-6 Wh of an integer is the noise of somebody's binary floats and does not count as rounded.
    """
    plain = _without_exponents(texts.str.strip_chars()).str.replace(_MINUS_ZERO, "0")
    halves = plain.str.strip_prefix("+").str.split_exact(".", 1).struct.unnest()
    fraction = halves["field_1"].fill_null("").str.pad_end(digits, "0")
    kept = (halves["field_0"] + fraction.str.slice(0, digits)).str.strip_chars_start("0").str.pad_start(1, "0")
    below = kept.cast(pl.Int64, strict=False).fill_null(LARGEST_WH + 1).clip(upper_bound=LARGEST_WH + 1)
    rest = fraction.str.slice(digits).str.strip_chars_end("0")  # so that texts compare as fractions do
    wh = below + ((rest > "5") | ((rest == "5") & (below % 2 == 1))).cast(pl.Int64)
    good = plain.str.contains(_PLAIN) & (wh <= LARGEST_WH)
    absent = plain.str.to_lowercase().is_in(["", "nan"])
    rounded = good & (rest > "000001") & (rest < "999999")
    return Energies(np.where(absent, ABSENT, np.where(good, wh, BAD)), rounded.to_numpy())


def _without_exponents(texts: pl.Series) -> pl.Series:
    scientific = texts.str.contains(_SCIENTIFIC).arg_true()
    return texts.scatter(scientific, [format(Decimal(text), "f") for text in texts.gather(scientific)])


def energy_fault(text: str) -> str:
    """Why parse_energies marked a text BAD."""
    shown = _shown(text)
    try:
        value = Decimal(text)
    except ArithmeticError:
        return f"{shown} is not a number"
    if not value.is_finite():
        return f"{shown} is not finite"
    if value < 0:
        return f"{shown} is negative; received energy is a channel of its own"
    return f"{shown} is not a decimal number of at most 2^40 Wh"


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def parse_stamps(texts: pl.Series, timezone: str | None) -> Stamps:
    """RFC 3339 times, or local ones in `timezone`, in whole minutes."""
    parts = texts.str.strip_chars().str.extract_groups(_STAMP).struct.unnest()
    local = (parts["date"] + "T" + parts["clock"]).str.to_datetime("%Y-%m-%dT%H:%M", strict=False)
    whole = parts["seconds"].fill_null("0").str.contains(r"^0+(\.0+)?$")
    zoned = _minutes(local) - _offset_minutes(parts["zone"].str.to_uppercase())
    naive = parts["zone"].is_null() & whole
    unzoned = local.set(~naive, None)
    earlier, later = _in_zone(unzoned, timezone, "earliest"), _in_zone(unzoned, timezone, "latest")
    return Stamps(*(_checked(zoned.set(~whole, None).fill_null(minutes)) for minutes in (earlier, later)))


def _checked(minutes: pl.Series) -> NDArray[np.int64]:
    return minutes.set(minutes < _FIRST_MINUTE, None).fill_null(BAD).to_numpy()


def _minutes(times: pl.Series) -> pl.Series:
    return times.dt.epoch("s") // 60


def _offset_minutes(zones: pl.Series) -> pl.Series:
    """Minutes east of UTC of 'Z' and '+hh:mm'."""
    numeric = zones.str.replace("Z", "+00:00")
    sign = numeric.str.starts_with("-").cast(pl.Int64) * -2 + 1
    hours, minutes = numeric.str.slice(1, 2).cast(pl.Int64), numeric.str.slice(-2).cast(pl.Int64)
    return sign * (hours * 60 + minutes)


def _in_zone(local: pl.Series, timezone: str | None, fold: Literal["earliest", "latest"]) -> pl.Series:
    if timezone is None:
        return pl.repeat(None, len(local), dtype=pl.Int64, eager=True)
    if re.fullmatch(_OFFSET, timezone):
        return _minutes(local) - int(_offset_minutes(pl.Series([timezone.upper()]))[0])
    fault = ReplayError(f"--timezone {timezone}: neither an IANA name nor an offset such as +10:00")
    if timezone == "":  # which polars would take for no zone at all
        raise fault
    try:
        there = local.dt.replace_time_zone(timezone, ambiguous=fold, non_existent="null")
    except pl.exceptions.ComputeError as error:
        raise fault from error
    return _minutes(there)


def stamp_fault(text: str, timezone: str | None) -> str:
    """Why parse_stamps marked a text BAD."""
    shown = _shown(text)
    parts = re.fullmatch(_STAMP.replace("(?<", "(?P<"), text.strip())
    if parts is None:
        return f"{shown} is not a time such as 2026-07-01T00:15:00Z"
    if parts["seconds"] is not None and float(parts["seconds"]) != 0:
        return f"time {shown} is not on the interval grid"
    if parts["zone"] is None and timezone is None:
        return f"time {shown} has no zone; name the zone of the file's times with --timezone"
    if parts["date"] <= "1970-01-02":
        return f"time {shown} is before 1970-01-02"
    if parts["zone"] is None:
        return f"time {shown} does not exist in {timezone}"
    return f"time {shown} does not exist"


def name_fault(name: str) -> str | None:
    """Why a text cannot name a meter; None if it can."""
    if not name:
        return "meter name is empty"
    if len(name.encode(errors="surrogateescape")) > LARGEST_NAME_BYTES:
        return f"meter name {_shown(name)} is longer than {LARGEST_NAME_BYTES} bytes"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return f"meter name {name!r} has a control character"
    return None
