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
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay_text import YEAR_10000_S
from wattseal.protocol.roster import MAX_METERS

_BLOCK_BYTES = 4 << 20
_SHOWN = 40  # of a type, which may have names of any length
_MAX_COLUMNS = 1 + MAX_METERS  # of the widest table: times, and a roster's meters
_TEXT = pa.dictionary(pa.int32(), pa.string())
_IS_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_IS_OTHER = (
    pa.types.is_null,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal128,
    pa.types.is_timestamp,
)


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
        if self.is_csv:
            return column
        place = f"{self.path}, column {self.header[index]!r}"
        try:
            if not _is_usable(column.type):
                raise ReplayError(f"{place}: of type {str(column.type)[:_SHOWN]!r}; expected text, numbers or times")
            if pa.types.is_timestamp(column.type):
                column = _in_utc(column)
                self._check_years(index, column)
            return _as_texts(column)
        except (pa.ArrowException, UnicodeDecodeError) as error:  # a zone may be named with any bytes
            raise ReplayError(f"{place}: {_first_line(error)}") from error

    def _check_years(self, index: int, times: pa.ChunkedArray) -> None:
        """Before polars writes them as text, which it cannot do with all that Arrow holds."""
        seconds = times.cast(pa.timestamp("s", times.type.tz), safe=False).cast(pa.int64())
        far = pc.or_(pc.less(seconds, 0), pc.greater_equal(seconds, YEAR_10000_S))
        row = pc.index(far, True).as_py()
        if row >= 0:
            raise ReplayError(f"{self.place(row)}, column {self.header[index]!r}: time is not between 1970 and 9999")

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
    if not table.rows:
        raise ReplayError(f"{path}: no rows")
    return table


def _header(path: Path, fields: Sequence[str]) -> tuple[str, ...]:
    """Checked before the columns are read: each takes its share of every block."""
    if len(fields) > _MAX_COLUMNS:
        raise ReplayError(f"{path}: {len(fields)} columns; at most {_MAX_COLUMNS}, times and {MAX_METERS} meters")
    if len(fields) < 2:
        many = "one column only" if fields else "no columns"
        raise ReplayError(f"{path}: {many}; expected times and energy, separated by commas")
    header = tuple(name.strip() for name in fields)
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise ReplayError(f"{path}: column {name!r} occurs more than once")
    return header


def _read_parquet(path: Path) -> Table:
    try:
        with pa_parquet.ParquetFile(path) as file:
            header = _header(path, file.schema_arrow.names)
            columns = file.read().columns
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: not a readable Parquet file: {_first_line(error)}") from error
    return Table(path, header, columns, is_csv=False)


def _read_csv(path: Path) -> Table:
    header_line, fields = next(records(path), (0, []))
    if not fields:
        raise ReplayError(f"{path}: no rows")
    check_utf8(path, header_line, fields)
    header = _header(path, fields)
    names = [str(i) for i in range(len(header))]
    width = sum(map(len, fields)) + len(fields)
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
    return Table(path, header, table.columns, is_csv=True)


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


def _is_usable(kind: pa.DataType) -> bool:
    """Of Arrow's types, those that polars takes without a panic, which is no Exception."""
    if pa.types.is_dictionary(kind):
        return any(is_kind(kind.value_type) for is_kind in _IS_TEXT)
    return any(is_kind(kind) for is_kind in (*_IS_TEXT, *_IS_OTHER))


def _in_utc(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Arrow counts zoned times in UTC, whatever their zone is called; local ones stay as they are."""
    return times if times.type.tz is None else times.cast(pa.timestamp(times.type.unit, "UTC"))


def _as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of type _TEXT: numbers as their shortest exact decimals, times as RFC 3339, '' for null in the dictionary."""
    cells = _encoded(column).unify_dictionaries().combine_chunks()
    cells.validate(full=True)  # Parquet readers take any bytes for text
    values = pl.Series(pl.from_arrow(cells.dictionary))
    if isinstance(values.dtype, pl.Datetime):
        zone = "" if values.dtype.time_zone is None else "Z"
        values = values.dt.to_string("%Y-%m-%dT%H:%M:%S%.f") + zone
    distinct = values.cast(pl.String).fill_null("").to_arrow().cast(pa.string())
    return pa.chunked_array([pa.DictionaryArray.from_arrays(cells.indices, distinct)])


def _encoded(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """With a dictionary whose indices are of int32."""
    if pa.types.is_null(cells.type):
        return cells.cast(pa.string()).dictionary_encode()
    if not pa.types.is_dictionary(cells.type):
        return cells.dictionary_encode()
    wide = [pa.DictionaryArray.from_arrays(part.indices.cast(pa.int32()), part.dictionary) for part in cells.chunks]
    return pa.chunked_array(wide, pa.dictionary(pa.int32(), cells.type.value_type))


def _first_line(error: Exception) -> str:
    return "".join(str(error).splitlines()[:1])
