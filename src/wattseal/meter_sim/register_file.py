"""Register reads from the user's own file: CSV or Parquet with a meter, a time and cumulative indexes a row.

Successive reads of a meter become steps; comparing them with interval reads is in editing.py.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, RegisterSteps, ReplayError
from wattseal.meter_sim.registers import MODULUS
from wattseal.meter_sim.replay_table import Table, read_table
from wattseal.meter_sim.replay_text import (
    ABSENT,
    BAD,
    energy_fault,
    name_fault,
    parse_energies,
    parse_stamps,
    stamp_fault,
)
from wattseal.protocol.time import MINUTES_PER_DAY

_METER, _TIME = "meter", "time"
_COLUMNS = {
    f"{channel}_index_{unit}": (channel, digits) for channel in CHANNELS for unit, digits in (("wh", 0), ("kwh", 3))
}


@dataclass(frozen=True)
class RegisterFile:
    """Steps between successive register reads, in order of `end`.

    Columns `channel`, `meter`, `start`, `end`, `wh` and its `resolution`; times are minutes since 1970 UTC. `reads`
    counts the indexes in the file, `missing` its empty cells.
    """

    path: Path
    meters: frozenset[str]
    reads: int
    missing: int
    steps: pl.DataFrame

    def unknown(self, meters: Collection[str]) -> int:
        """How many of the file's meters are none of these."""
        return len(self.meters.difference(meters))

    def steps_off_grid(self, meters: Collection[str], interval_minutes: int) -> int:
        """How many steps of these meters begin or end within an interval, so that no sum of reads is theirs."""
        ends_on_grid = (pl.col(end) % interval_minutes == 0 for end in ("start", "end"))
        return len(self.steps.filter(pl.col("meter").is_in(list(meters)), ~pl.all_horizontal(ends_on_grid)))

    def steps_of_day(self, day: int, channel: str, meters: tuple[str, ...]) -> RegisterSteps:
        """Steps of these meters that end in a UTC day (since 1970), its end included and its beginning not."""
        ends = self.steps["end"]
        first, last = (ends.search_sorted((day + more) * MINUTES_PER_DAY, side="right") for more in (0, 1))
        here = self.steps.slice(first, last - first).filter(pl.col("channel") == channel)
        rows = pl.DataFrame({"meter": meters, "row": np.arange(len(meters))}, schema_overrides={"meter": pl.String})
        found = here.join(rows, on="meter", maintain_order="left")
        columns = ("row", "start", "end", "wh", "resolution")
        return RegisterSteps(*(found[name].cast(pl.Int64).to_numpy() for name in columns))


def open_registers(path: Path) -> RegisterFile:
    """Read a file of register reads, times in RFC 3339 with an offset, rows in any order.

    An index is below 10^10 Wh, where registers wrap; lower than the one before, it is a wrap if the step over
    10^10 is less than half of it. Raises ReplayError for anything that cannot be taken as it stands.
    """
    table = read_table(path)
    found = _index_columns(table)
    reads = pl.DataFrame({"meter": _meters(table), "minute": _minutes(table)}).with_row_index("row")
    _check_times(table, reads)
    by_channel = [
        reads.with_columns(channel=pl.lit(channel), index=pl.Series(_indexes(table, column, digits)))
        for column, (channel, digits) in found.items()
    ]
    everything = pl.concat(by_channel)
    present = everything.filter(pl.col("index") != ABSENT)
    return RegisterFile(
        path=path,
        meters=frozenset(reads["meter"]),
        reads=len(present),
        missing=len(everything) - len(present),
        steps=_steps(table, present),
    )


def _index_columns(table: Table) -> dict[int, tuple[str, int]]:
    """Column -> its channel, and the digits of its unit."""
    for name in (_METER, _TIME):
        if name not in table.header:
            raise ReplayError(f"{table.path}: no column {name!r}; expected {_METER}, {_TIME} and indexes")
    unknown = [name for name in table.header if "_index" in name and name not in _COLUMNS]
    if unknown:
        raise ReplayError(f"{table.path}: unknown index column {unknown[0]!r}; there are {', '.join(_COLUMNS)}")
    found = {column: _COLUMNS[name] for column, name in enumerate(table.header) if name in _COLUMNS}
    if not found:
        raise ReplayError(f"{table.path}: no column {', '.join(_COLUMNS)}")
    channels = [channel for channel, _ in found.values()]
    for channel in channels:
        if channels.count(channel) > 1:
            raise ReplayError(f"{table.path}: {channel} index occurs both in Wh and in kWh")
    return found


def _meters(table: Table) -> pl.Series:
    texts = table.texts([table.header.index(_METER)])
    names = texts.distinct.str.strip_chars()
    for code in np.unique(texts.codes).tolist():
        fault = name_fault(names[code])
        if fault is not None:
            raise ReplayError(f"{table.place(_row_of(texts.codes, code))}: {fault}")
    return names.gather(texts.codes)


def _minutes(table: Table) -> NDArray[np.int64]:
    texts = table.texts([table.header.index(_TIME)])
    minutes = parse_stamps(texts.distinct, None).earlier[texts.codes]
    if (minutes == BAD).any():
        row = int((minutes == BAD).argmax())
        raise ReplayError(f"{table.place(row)}: {_time_fault(texts.distinct[int(texts.codes[row])])}")
    return minutes


def _time_fault(text: str) -> str:
    in_utc = parse_stamps(pl.Series([text]), "UTC").earlier
    return stamp_fault(text, None) if in_utc[0] == BAD else f"time {text!r} has no offset from UTC"


def _indexes(table: Table, column: int, digits: int) -> NDArray[np.int64]:
    texts = table.texts([column])
    parsed = parse_energies(texts.distinct, digits).wh
    for code in np.unique(texts.codes).tolist():
        if parsed[code] == BAD or parsed[code] >= MODULUS:
            text = texts.distinct[code]
            fault = energy_fault(text) if parsed[code] == BAD else f"{text!r} is not below 10^10 Wh"
            raise ReplayError(f"{table.place(_row_of(texts.codes, code))}, column {table.header[column]!r}: {fault}")
    indexes: NDArray[np.int64] = parsed[texts.codes]
    return indexes


def _row_of(codes: NDArray[np.int32], code: int) -> int:
    return int((codes == code).argmax())


def _check_times(table: Table, reads: pl.DataFrame) -> None:
    again = reads.filter(pl.struct("meter", "minute").is_first_distinct().not_()).head(1)
    for row, meter, minute in again.iter_rows():
        first = reads.filter((pl.col("meter") == meter) & (pl.col("minute") == minute))["row"][0]
        raise ReplayError(f"{table.place(row)}: another read of meter {meter!r} at the time of {table.place(first)}")


def _steps(table: Table, present: pl.DataFrame) -> pl.DataFrame:
    series = ("channel", "meter")
    steps = (
        present.sort(*series, "minute")
        .with_columns(resolution=_resolution(series))
        .with_columns(start=pl.col("minute").shift().over(series), before=pl.col("index").shift().over(series))
        .drop_nulls("start")
        .with_columns(wh=(pl.col("index") - pl.col("before") + MODULUS) % MODULUS)
    )
    fallen = steps.filter((pl.col("index") < pl.col("before")) & (pl.col("wh") >= MODULUS // 2)).sort("row").head(1)
    for row, meter, before, index in fallen.select("row", "meter", "before", "index").iter_rows():
        raise ReplayError(
            f"{table.place(row)}: the index of meter {meter!r} falls from {before} to {index} Wh; only a wrap at "
            "10^10 Wh may lower it"
        )
    return steps.select(*series, "start", "wh", "resolution", end="minute").sort("end", *series)


def _resolution(series: tuple[str, ...]) -> pl.Expr:
    """The coarsest of 1, 10, 100 and 1,000 Wh that all indexes of a register are whole multiples of."""
    multiples = ((pl.col("index") % wh == 0).all().over(series).cast(pl.Int64) for wh in (10, 100, 1000))
    return 10 ** pl.sum_horizontal(*multiples)
