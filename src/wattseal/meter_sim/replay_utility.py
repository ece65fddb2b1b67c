"""CSV downloads of utilities' customer sites: lines about the account, then reads with both ends of their interval.

Two families, told by their header: rows of TYPE, DATE, START TIME, END TIME (PG&E and others), and sections of
"Energy Delivered time period" (SCE). Each file is one meter.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay_layout import READ_MINUTES, Reads, occurs_again
from wattseal.meter_sim.replay_table import check_utf8, records
from wattseal.meter_sim.replay_text import BAD, energy_fault, name_fault, parse_energies, parse_stamps, stamp_fault
from wattseal.protocol.ids import Channel
from wattseal.protocol.time import MINUTES_PER_DAY

_PREAMBLE_RECORDS = 40
_KWH_DIGITS = 3
_DELIVERED, _RECEIVED = CHANNELS.index(Channel.DELIVERED), CHANNELS.index(Channel.RECEIVED)
_ENERGY = {"USAGE (KWH)": _DELIVERED, "IMPORT (KWH)": _DELIVERED, "EXPORT (KWH)": _RECEIVED, "USAGE": _DELIVERED}
_NEEDED = ("TYPE", "DATE", "START TIME", "END TIME")
_SECTION = re.compile(r"energy (delivered|received) time period", re.IGNORECASE)
_PERIOD = re.compile(r"([0-9][0-9: -]+[0-9])\s+to\s+([0-9][0-9: -]+[0-9])")


class _Row(NamedTuple):
    """One read as its file has it; `end` may be the last minute of the interval or the next one's first."""

    line: int
    channel: int
    begin: str
    end: str
    energy: str
    quality: str = ""


class _Download(NamedTuple):
    name: str
    rows: list[_Row]


def read_utility(path: Path, timezone: str | None) -> Reads | None:
    """The reads of a download; None for a file with neither header among its first records."""
    read = _reader(path)
    if read is None:
        return None
    download = read(path)
    fault = name_fault(download.name)
    if fault is not None:
        raise ReplayError(f"{path}: {fault}")
    if not download.rows:
        raise ReplayError(f"{path}: no rows")
    return _reads(path, download, timezone)


def _reader(path: Path) -> Callable[[Path], _Download] | None:
    for _, fields in islice(records(path), _PREAMBLE_RECORDS):
        if _is_typed(fields):
            return _read_typed
        if _section_of(fields) is not None:
            return _read_sections
    return None


def _is_typed(fields: Sequence[str]) -> bool:
    return _upper(fields[0]) == "TYPE" and any(_upper(field) in ("DATE", "START DATE") for field in fields)


def _upper(field: str) -> str:
    return " ".join(field.upper().split())


def _checked(path: Path) -> Iterator[tuple[int, list[str]]]:
    for line, fields in records(path):
        check_utf8(path, line, fields)
        yield line, fields


def _read_typed(path: Path) -> _Download:
    about: dict[str, str] = {}
    lines = _checked(path)
    line, fields = next(lines)
    while not _is_typed(fields):
        about[_upper(fields[0])] = " ".join(fields[1:]).strip()
        line, fields = next(lines)
    header = [_upper(field) for field in fields]
    return _Download(_account(about, path), list(_typed_rows(path, f"{path}, line {line}", header, lines)))


def _account(about: Mapping[str, str], path: Path) -> str:
    """Never an id by itself: what is no id leaves the meter's side as a hash only."""
    number, service = about.get("ACCOUNT NUMBER", ""), about.get("SERVICE", "")
    return f"account {number} {service}".rstrip() if number else path.stem


def _typed_rows(path: Path, place: str, header: list[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[_Row]:
    for name in _NEEDED:
        if name not in header:
            raise ReplayError(f"{place}: no column {name!r}; it has {', '.join(header)}")
    energies = _energy_columns(place, header)
    kind, date, start, end = (header.index(name) for name in _NEEDED)
    units = header.index("UNITS") if "USAGE" in header else None
    needed = max(kind, date, start, end, units or 0, *energies) + 1
    for line, fields in lines:
        if not needed <= len(fields) <= len(header):  # the notes at the end may lack their comma
            raise ReplayError(f"{path}, line {line}: {len(fields)} fields, the header has {len(header)}")
        if not _upper(fields[kind]).startswith("ELECTRIC"):
            raise ReplayError(f"{path}, line {line}: type {fields[kind][:40]!r} is not electric usage")
        if units is not None and _upper(fields[units]) != "KWH":
            raise ReplayError(f"{path}, line {line}: unit {fields[units][:40]!r} is not kWh")
        day = fields[date].strip()
        for column, channel in energies.items():
            yield _Row(line, channel, f"{day} {fields[start].strip()}", f"{day} {fields[end].strip()}", fields[column])


def _energy_columns(place: str, header: list[str]) -> dict[int, int]:
    found = {index: _ENERGY[name] for index, name in enumerate(header) if name in _ENERGY}
    if not found or ("USAGE" in header and "UNITS" not in header):
        raise ReplayError(f"{place}: no column USAGE (kWh), IMPORT (kWh) or EXPORT (kWh); it has {', '.join(header)}")
    if len(set(found.values())) < len(found):
        raise ReplayError(f"{place}: more than one column of delivered or received energy")
    return found


def _section_of(fields: Sequence[str]) -> int | None:
    match = _SECTION.fullmatch(" ".join(fields[0].split()))
    return None if match is None else CHANNELS.index(match[1].lower())


def _read_sections(path: Path) -> _Download:
    name, channel = path.stem, None
    rows: list[_Row] = []
    for line, fields in _checked(path):
        title, _, rest = fields[0].partition(":")
        if title.strip().lower() == "for location" and rest.strip():
            # An address may be longer than a name, and need not be told to anybody.
            name = f"location {hashlib.sha256(rest.strip().encode()).hexdigest()[:32]}"
        section = _section_of(fields)
        if section is not None:
            channel = section
            if len(fields) < 2 or "kilowatt-hours" not in fields[1].lower():
                raise ReplayError(f"{path}, line {line}: energy is not in kilowatt-hours")
        elif len(fields) < 2:
            channel = None
        elif channel is not None:
            rows.append(_section_row(path, line, channel, fields))
    return _Download(name, rows)


def _section_row(path: Path, line: int, channel: int, fields: list[str]) -> _Row:
    period = _PERIOD.fullmatch(fields[0].strip())
    if period is None:
        raise ReplayError(f"{path}, line {line}: {fields[0][:60]!r} is not a period such as 'TIME to TIME'")
    quality = fields[2].strip() if len(fields) > 2 else ""
    return _Row(line, channel, period[1], period[2], fields[1], quality)


def _reads(path: Path, download: _Download, timezone: str | None) -> Reads:
    rows = download.rows
    begins, ends = pl.Series([row.begin for row in rows]), pl.Series([row.end for row in rows])
    channels = np.array([row.channel for row in rows], dtype=np.int8)
    stamps = parse_stamps(begins, timezone)
    _raise_first(path, rows, stamps.earlier == BAD, lambda row: stamp_fault(row.begin, timezone))
    again = occurs_again(stamps.earlier, channels.astype(np.int32)) & (stamps.earlier != stamps.later)
    minutes = np.where(again, stamps.later, stamps.earlier)
    energies = parse_energies(pl.Series([row.energy for row in rows]), _KWH_DIGITS)
    _raise_first(path, rows, energies.wh == BAD, lambda row: energy_fault(row.energy))
    step = _step(path, rows, minutes, begins, ends, timezone)
    return Reads(
        names=(download.name,),
        meters=np.zeros(len(rows), dtype=np.int32),
        channels=channels,
        minutes=minutes.astype(np.uint32),
        energies=energies,
        ignored_columns=0,
        place=lambda read: f"{path}, line {rows[read].line}",
        steps=np.full(len(rows), step, dtype=np.uint16),
        qualities=Counter(_quality(row.quality) for row in rows if row.quality.lower() not in ("", "actual", "valid")),
    )


def _quality(text: str) -> str:
    return "estimated" if "estimat" in text.lower() else "other"


def _raise_first(path: Path, rows: list[_Row], bad: NDArray[np.bool_], why: Callable[[_Row], str]) -> None:
    if bad.any():
        row = rows[int(bad.argmax())]
        raise ReplayError(f"{path}, line {row.line}: {why(row)}")


def _step(
    path: Path, rows: list[_Row], minutes: NDArray[np.int64], begins: pl.Series, ends: pl.Series, timezone: str | None
) -> int:
    """The one length of all intervals: by the clock, or across a change of clocks in true time."""
    clock = _span(parse_stamps(begins, "+00:00").earlier, parse_stamps(ends, "+00:00").earlier)
    lengths, counts = np.unique(clock[clock > 0], return_counts=True)
    step = int(lengths[counts.argmax()]) if len(lengths) else 0
    true = parse_stamps(ends, timezone)
    other = (clock != step) & (_span(minutes, true.earlier) != step) & (_span(minutes, true.later) != step)
    _raise_first(
        path, rows, other, lambda row: f"from {row.begin} to {row.end[:40]} is not the {step} minutes of other rows"
    )
    if step not in READ_MINUTES:
        offered = ", ".join(map(str, READ_MINUTES))
        raise ReplayError(f"{path}, line {rows[0].line}: intervals of {step} minutes; they may have {offered}")
    return step


def _span(begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Minutes from beginnings to ends, which may be the last minute, and of the next day; 0 where a time is none."""
    span = end - begin + np.where(end < begin, MINUTES_PER_DAY, 0)
    return np.where((begin < 0) | (end < 0), 0, span + (span % 5 == 4))
