"""CSV and Parquet files as columns of distinct texts: nothing is guessed, padded, truncated or coerced.

What the columns mean is told in replay_layout.py, what the texts mean in replay_text.py.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from wattseal.meter_sim.reads import ReplayError

_BLOCK_BYTES = 4 << 20
_TEXT = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Texts:
    """Cells as codes (int32) into their distinct texts; an empty or null cell is the text ''."""

    codes: NDArray[np.int32]
    distinct: pl.Series

    @classmethod
    def of(cls, cells: pa.ChunkedArray) -> "Texts":
        """Of dictionary-encoded text."""
        cells = cells.unify_dictionaries().combine_chunks()
        distinct = pl.Series(pl.from_arrow(cells.dictionary))
        codes = cells.indices.fill_null(len(distinct)).to_numpy(zero_copy_only=False)
        return cls(codes, distinct.append(pl.Series([""])))


@dataclass(frozen=True)
class Table:
    """A file's header, stripped of surrounding space, and its columns."""

    path: Path
    header: tuple[str, ...]
    columns: Sequence[pa.ChunkedArray]
    is_csv: bool

    @property
    def rows(self) -> int:
        return len(self.columns[0])

    def texts(self, indices: Sequence[int]) -> Texts:
        """Distinct texts of the named columns, laid end to end."""
        return Texts.of(pa.chunked_array([chunk for index in indices for chunk in self._text_column(index).chunks]))

    def _text_column(self, index: int) -> pa.ChunkedArray:
        column = self.columns[index]
        if column.type == _TEXT:
            return column
        try:
            plain = column.cast(pa.string()) if pa.types.is_null(column.type) else column
            cells = plain.dictionary_encode().unify_dictionaries().combine_chunks()
            cells.validate(full=True)  # Parquet readers take any bytes for text
            distinct = _as_text(pl.Series(pl.from_arrow(cells.dictionary))).fill_null("")
        except (pa.ArrowNotImplementedError, TypeError) as error:
            raise ReplayError(
                f"{self.path}, column {self.header[index]!r}: of type {column.type}; expected text, numbers or times"
            ) from error
        except pa.ArrowInvalid as error:
            raise ReplayError(f"{self.path}, column {self.header[index]!r}: {_first_line(error)}") from error
        texts = pa.DictionaryArray.from_arrays(cells.indices, distinct.to_arrow().cast(pa.string()))
        return pa.chunked_array([texts])

    def place(self, row: int) -> str:
        """Where a data row (from 0) is, for an error message."""
        if not self.is_csv:
            return f"{self.path}, row {row + 1}"
        line, _ = next(islice(records(self.path), row + 1, None))
        return f"{self.path}, line {line}"


def is_parquet(head: bytes) -> bool:
    """Whether a file that begins with `head` is Parquet."""
    return head.startswith(b"PAR1")


def read_table(path: Path) -> Table:
    """Read a file, Parquet if it begins so, else CSV. Raises ReplayError for anything not well formed."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
        table = _read_parquet(path) if is_parquet(head) else _read_csv(path)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror or _first_line(error)}") from error
    _check_header(path, table.header)
    if not table.rows:
        raise ReplayError(f"{path}: no rows")
    return table


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise ReplayError(f"{path}: column {name!r} occurs more than once")
    if len(header) < 2:
        raise ReplayError(f"{path}: one column only; expected times and energy, separated by commas")


def _read_parquet(path: Path) -> Table:
    try:
        table = pa_parquet.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: not a readable Parquet file: {_first_line(error)}") from error
    return Table(path, tuple(name.strip() for name in table.column_names), table.columns, is_csv=False)


def _read_csv(path: Path) -> Table:
    header_line, header = next(records(path), (0, []))
    if not header:
        raise ReplayError(f"{path}: no rows")
    check_utf8(path, header_line, header)
    names = [str(i) for i in range(len(header))]
    width = sum(map(len, header)) + len(header)
    try:
        table = pa_csv.read_csv(
            path,
            # A row must fit a block, and rows are about as long as the header.
            pa_csv.ReadOptions(column_names=names, skip_rows=header_line, block_size=max(_BLOCK_BYTES, 16 * width)),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, _TEXT), strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        _raise_csv_fault(path, len(header))
        raise ReplayError(f"{path}: {_first_line(error)}") from error
    return Table(path, tuple(name.strip() for name in header), table.columns, is_csv=True)


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Last line and fields of each record that is not an empty line, as the bulk reader counts them."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        reader = csv.reader(lines)
        try:
            yield from ((reader.line_num, fields) for fields in reader if fields)
        except csv.Error as error:
            raise ReplayError(f"{path}, line {reader.line_num}: {error}") from error


def _raise_csv_fault(path: Path, columns: int) -> None:
    """The bulk reader says little about where it stopped: find the line again."""
    for number, fields in records(path):
        check_utf8(path, number, fields)
        if len(fields) != columns:
            raise ReplayError(f"{path}, line {number}: {len(fields)} fields, the header has {columns}")


def check_utf8(path: Path, line: int, fields: list[str]) -> None:
    if any("\udc80" <= character <= "\udcff" for field in fields for character in field):
        raise ReplayError(f"{path}, line {line}: not UTF-8")


def _as_text(values: pl.Series) -> pl.Series:
    """Numbers as their shortest exact decimals, times as RFC 3339; TypeError for anything else."""
    kind = values.dtype
    if isinstance(kind, pl.Datetime):
        zone = "" if kind.time_zone is None else "Z"
        in_utc = values if kind.time_zone is None else values.dt.convert_time_zone("UTC")
        return in_utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.f") + zone
    if kind.is_numeric() or kind in (pl.String, pl.Null):
        return values.cast(pl.String)
    raise TypeError(kind)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
