"""Long and wide tables as series of reads: which column holds what, and what is wrong where."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay_table import Table
from wattseal.meter_sim.replay_text import (
    BAD,
    Energies,
    energy_fault,
    name_fault,
    parse_energies,
    parse_stamps,
    stamp_fault,
)
from wattseal.protocol.roster import Commodity

READ_MINUTES = (1, 5, 10, 15, 30, 60)  # how long a read may last
_UNIT_DIGITS = {"wh": 0, "kwh": 3}
_GAS_DIGITS = {"l": 0, "m3": 3}
_METER, _TIME = "meter", "interval_start"


@dataclass(frozen=True)
class Reads:
    """Reads of one file, one after another in the order of its columns, then rows.

    `meters` (int32) indexes `names`, `channels` (int8) indexes CHANNELS, `minutes` (uint32) are UTC minutes
    since 1970 as stamped; `place` tells where the i-th read stands, for error messages. `steps` (uint16) are
    the minutes that each read lasts, None where the file does not tell; `qualities` counts marked reads. Gas is in
    litres wherever Wh are spoken of.
    """

    names: tuple[str, ...]
    meters: NDArray[np.int32]
    channels: NDArray[np.int8]
    minutes: NDArray[np.uint32]
    energies: Energies
    ignored_columns: int
    place: Callable[[int], str]
    steps: NDArray[np.uint16] | None = None
    ignored_reads: int = 0
    qualities: Mapping[str, int] = field(default_factory=dict)
    commodity: Commodity = "electricity"


def is_long(table: Table) -> bool:
    """Whether the header is that of a long table: a row a read, with the meter named in it."""
    return _METER in table.header


def read_long(table: Table, timezone: str | None) -> Reads:
    """Columns meter, interval_start and energies named `delivered_wh`, `received_kwh`, ...; or gas `delivered_l`."""
    if _TIME not in table.header:
        raise ReplayError(f"{table.path}: no column {_TIME!r} beside {_METER!r}")
    commodity = _commodity(table)
    units = _energy_columns(table) if commodity == "electricity" else _gas_column(table)
    rows = table.rows
    names, meters = _meter_names(table)
    minutes = _utc_minutes(table, table.header.index(_TIME), timezone, meters)
    parsed = [_energies(table, [column], digits) for column, (_, digits) in units.items()]
    return Reads(
        names=names,
        meters=np.tile(meters, len(units)),
        channels=np.repeat(np.array([channel for channel, _ in units.values()], dtype=np.int8), rows),
        minutes=np.tile(minutes, len(units)),
        energies=Energies(
            np.concatenate([part.wh for part in parsed]), np.concatenate([part.rounded for part in parsed])
        ),
        ignored_columns=len(table.header) - 2 - len(units),
        place=lambda read: table.place(read % rows),
        commodity=commodity,
    )


def _commodity(table: Table) -> Commodity:
    split = [name.rpartition("_") for name in table.header]
    units = {unit for channel, _, unit in split if channel in CHANNELS}
    if units & _GAS_DIGITS.keys() and units & _UNIT_DIGITS.keys():
        raise ReplayError(f"{table.path}: gas and electricity in one file; a region has one commodity")
    return "gas" if units & _GAS_DIGITS.keys() else "electricity"


def _gas_column(table: Table) -> dict[int, tuple[int, int]]:
    """As `_energy_columns`, of the one column that a gas file has."""
    columns = {f"{channel}_{unit}": digits for channel in CHANNELS for unit, digits in _GAS_DIGITS.items()}
    found = [name for name in table.header if name in columns]
    if len(found) > 1 or not found[0].startswith("delivered_"):
        raise ReplayError(f"{table.path}: gas is one column, delivered_l or delivered_m3, not {' and '.join(found)}")
    return {table.header.index(found[0]): (0, columns[found[0]])}


def _energy_columns(table: Table) -> dict[int, tuple[int, int]]:
    """Column index -> (channel index, digits of its unit)."""
    found: dict[int, tuple[int, int]] = {}
    for index, name in enumerate(table.header):
        channel, _, unit = name.rpartition("_")
        if unit not in _UNIT_DIGITS:
            continue
        if channel not in CHANNELS:
            raise ReplayError(f"{table.path}: unknown energy column {name!r}; channels are {', '.join(CHANNELS)}")
        if CHANNELS.index(channel) in [other for other, _ in found.values()]:
            raise ReplayError(f"{table.path}: {channel} energy occurs both in Wh and in kWh")
        found[index] = CHANNELS.index(channel), _UNIT_DIGITS[unit]
    if not found:
        raise ReplayError(
            f"{table.path}: no column delivered_wh, delivered_kwh, received_wh or received_kwh; "
            "delivered_l or delivered_m3 for gas"
        )
    return found


def _meter_names(table: Table) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    texts = table.texts([table.header.index(_METER)])
    stripped = texts.distinct.str.strip_chars().to_list()
    used = np.unique(texts.codes)
    for code in used:
        fault = name_fault(stripped[code])
        if fault is not None:
            row = int((texts.codes == code).argmax())
            raise ReplayError(f"{table.place(row)}: {fault}")
    names = sorted({stripped[code] for code in used})
    order = {name: index for index, name in enumerate(names)}
    meters = np.array([order.get(name, 0) for name in stripped], dtype=np.int32)
    return tuple(names), meters[texts.codes]


def read_wide(table: Table, timezone: str | None, columns: Mapping[str, str]) -> Reads:
    """First column times, the others kWh: delivered to the meter that each is named after or,
    with `columns`, the channels of the one meter that the file is named after."""
    rows = table.rows
    names, channels, chosen = _wide_columns(table, columns)
    minutes = _utc_minutes(table, 0, timezone, None)
    return Reads(
        names=names,
        meters=np.repeat(np.arange(len(chosen), dtype=np.int32) % len(names), rows),
        channels=np.repeat(np.array(channels, dtype=np.int8), rows),
        minutes=np.tile(minutes, len(chosen)),
        energies=_energies(table, chosen, _UNIT_DIGITS["kwh"]),
        ignored_columns=len(table.header) - 1 - len(chosen),
        place=lambda read: f"{table.place(read % rows)}, column {table.header[chosen[read // rows]]!r}",
    )


def _wide_columns(table: Table, columns: Mapping[str, str]) -> tuple[tuple[str, ...], list[int], list[int]]:
    """Meter names, and for each column in use its channel index and its index."""
    unknown = sorted(set(columns) - set(table.header[1:]))
    if unknown:
        raise ReplayError(f"{table.path}: no column {unknown[0]!r} to map; it has {', '.join(table.header[1:])}")
    names = (table.path.stem,) if columns else table.header[1:]
    for name in names:
        fault = name_fault(name)
        if fault is not None:
            raise ReplayError(f"{table.path}, header: {fault}")
    if not columns:
        return names, [0] * len(names), list(range(1, len(table.header)))
    return (
        names,
        [CHANNELS.index(channel) for channel in columns.values()],
        [table.header.index(column, 1) for column in columns],
    )


def _utc_minutes(
    table: Table, column: int, timezone: str | None, meters: NDArray[np.int32] | None
) -> NDArray[np.uint32]:
    texts = table.texts([column])
    stamps = parse_stamps(texts.distinct, timezone)
    earlier, later = stamps.earlier[texts.codes], stamps.later[texts.codes]
    bad = earlier == BAD
    if bad.any():
        row = int(bad.argmax())
        raise ReplayError(f"{table.place(row)}: {stamp_fault(texts.distinct[int(texts.codes[row])], timezone)}")
    folded = np.flatnonzero(earlier != later)
    if len(folded):
        again = occurs_again(earlier[folded], None if meters is None else meters[folded])
        earlier[folded[again]] = later[folded[again]]
    return earlier.astype(np.uint32)


def occurs_again(minutes: NDArray[np.int64], meters: NDArray[np.int32] | None) -> NDArray[np.bool_]:
    """Of the local times that clocks show twice, those that the same meter has had before in the file."""
    frame = pl.DataFrame({"minute": minutes, "meter": np.zeros_like(minutes) if meters is None else meters})
    return ~frame.select(first=pl.struct("minute", "meter").is_first_distinct())["first"].to_numpy()


def _energies(table: Table, columns: list[int], digits: int) -> Energies:
    texts = table.texts(columns)
    parsed = parse_energies(texts.distinct, digits)
    wh = parsed.wh[texts.codes]
    if (parsed.wh == BAD).any() and (wh == BAD).any():
        read = int((wh == BAD).argmax())
        column, row = divmod(read, table.rows)
        raise ReplayError(
            f"{table.place(row)}, column {table.header[columns[column]]!r}: "
            f"{energy_fault(texts.distinct[int(texts.codes[read])])}"
        )
    return Energies(wh, parsed.rounded[texts.codes])
