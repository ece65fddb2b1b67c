"""Tables before anything is read into them: what Parquet may hold, damaged files, and headers beyond all measure."""

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.meter_sim.replaying import reads_of, refusal, write
from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.register_file import open_registers
from wattseal.meter_sim.replay import ReplayOptions, open_replay
from wattseal.meter_sim.replay_text import YEAR_10000_S
from wattseal.protocol.roster import MAX_METERS

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
S = int(MIDNIGHT.timestamp())
PER_SECOND = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def times(seconds: list[int], unit: str = "us", zone: str | None = "UTC") -> pa.Array:
    return pa.array([second * PER_SECOND[unit] for second in seconds], pa.timestamp(unit, zone))


def parquet(path: Path, **columns: pa.Array) -> Path:
    """Two reads of meter a, of 1 and 2 Wh, with some columns replaced."""
    usual = {"meter": pa.array(["a", "a"]), "interval_start": times([S, S + 900]), "delivered_wh": pa.array([1, 2])}
    pq.write_table(pa.table(usual | columns), path)
    return path


@pytest.mark.parametrize("unit", PER_SECOND)
@pytest.mark.parametrize("zone", ["UTC", "+05:30", "-08:00", "America/Los_Angeles", "Mars/Phobos"])
def test_zoned_times_are_instants_whatever_their_zone_is_called(tmp_path: Path, unit: str, zone: str) -> None:
    path = parquet(tmp_path / "f", interval_start=times([S, S + 900], unit, zone))
    quarter = timedelta(minutes=15)
    expected = {("a", "delivered", MIDNIGHT): 1, ("a", "delivered", MIDNIGHT + quarter): 2}
    assert reads_of(open_replay([path], ReplayOptions())) == expected


def test_registers_in_another_zone(tmp_path: Path) -> None:
    moments = times([S - 19_800, S + 66_600], zone="+05:30")
    pq.write_table(pa.table({"meter": ["a", "a"], "time": moments, "delivered_index_wh": [5, 9]}), tmp_path / "r")
    steps = open_registers(tmp_path / "r").steps
    assert steps.select("start", "end", "wh").rows() == [(S // 60 - 330, S // 60 + 1110, 4)]


@pytest.mark.parametrize("unit", ["ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("second", [-1, YEAR_10000_S, -(2**43), 2**43])
def test_times_that_no_text_can_tell(tmp_path: Path, unit: str, zone: str | None, second: int) -> None:
    path = parquet(tmp_path / "f", interval_start=times([S, second], unit, zone))
    assert refusal(path) == f"{path}, row 2, column 'interval_start': time is not between 1970 and 9999"


def test_the_last_times_that_a_text_can_tell(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f", interval_start=times([YEAR_10000_S - 1800, YEAR_10000_S - 900]))
    assert len(reads_of(open_replay([path], ReplayOptions()))) == 2
    assert "'1970-01-01T00:00:00Z' is before" in refusal(parquet(path, interval_start=times([0, 900])))


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([Decimal(1), Decimal(2)], pa.decimal256(70, 10)),
        pa.array([Decimal(1), Decimal(2)], pa.decimal32(5, 2)),
        pa.array([1, 2], pa.duration("us")),
        pa.array([1, 2], pa.date32()),
        pa.array([{"wh\n" * 30: 1}, {"wh\n" * 30: 2}]),
        pa.array([[1], [2]], pa.list_(pa.field("element", pa.int64()))),
        pa.array(["1", "2"], pa.json_()),
        pa.array([b"1", b"2"]).dictionary_encode(),
    ],
    ids=lambda cells: str(cells.type),
)
def test_types_that_are_neither_text_nor_numbers_nor_times(tmp_path: Path, cells: pa.Array) -> None:
    path = parquet(tmp_path / "f", delivered_wh=cells)
    assert refusal(path) == (
        f"{path}, column 'delivered_wh': of type {str(cells.type)[:40]!r}; expected text, numbers or times"
    )


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([Decimal(1), Decimal(2)], pa.decimal128(38, 10)),
        pa.array([1, 2], pa.float16()),
        pa.array([1, 2], pa.uint64()),
        pa.array(["1", "2"], pa.large_string()),
        pa.array(["1", "2"], pa.string_view()),
        pa.array(["1", "2"], pa.large_string()).dictionary_encode(),
    ],
    ids=lambda cells: str(cells.type),
)
def test_types_that_are(tmp_path: Path, cells: pa.Array) -> None:
    path = parquet(tmp_path / "f", delivered_wh=cells)
    assert list(reads_of(open_replay([path], ReplayOptions())).values()) == [1, 2]


def test_categories_may_be_as_many_as_their_indices_tell(tmp_path: Path) -> None:
    """In row groups of one name each, too, which have to be joined."""
    names = [f"m{number:03}" for number in range(256)]
    meters = pa.DictionaryArray.from_arrays(pa.array(range(256), pa.uint8()), pa.array(names))
    columns = {"meter": meters, "interval_start": times([S] * 256), "delivered_wh": pa.array([None, *range(255)])}
    pq.write_table(pa.table(columns), tmp_path / "f", row_group_size=100)
    replay = open_replay([tmp_path / "f"], ReplayOptions(interval_minutes=15))
    assert (replay.meters, replay.missing) == (tuple(names), 1)
    assert [wh for (_, _, _), wh in sorted(reads_of(replay).items())] == list(range(255))


@pytest.mark.parametrize("encoded", [False, True])
def test_texts_that_are_not_utf8(tmp_path: Path, encoded: bool) -> None:
    names = pa.array([b"a", b"\xff"]).view(pa.string())
    if encoded:
        names = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), names)
    message = refusal(parquet(tmp_path / "f", meter=names))
    assert message.startswith(f"{tmp_path}/f, column 'meter': ")
    assert "Invalid UTF8" in message


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Of a column, and of a zone in the schema that Arrow keeps in the file."""
    path = parquet(tmp_path / "f", interval_start=times([S, S + 900], zone="+05:30"))
    whole, told = path.read_bytes(), pq.read_metadata(path).metadata[b"ARROW:schema"]
    path.write_bytes(whole.replace(b"interval_start", b"interval_star\xff"))
    assert refusal(path).startswith(f"{path}: not a readable Parquet file: 'utf-8' codec can't decode byte 0xff")
    path.write_bytes(whole.replace(told, base64.b64encode(base64.b64decode(told).replace(b"+05:30", b"+05:3\xff"))))
    assert refusal(path).startswith(f"{path}, column 'interval_start': 'utf-8' codec can't decode byte 0xff")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (pa.table({}), "no columns; expected times and energy, separated by commas"),
        (pa.table({"meter": ["a"]}), "one column only; expected times and energy, separated by commas"),
        (pa.table([["a"], ["b"]], ["x", " x"]), "column 'x' occurs more than once"),
    ],
)
def test_headers_of_parquet(tmp_path: Path, table: pa.Table, why: str) -> None:
    pq.write_table(table, tmp_path / "f")
    assert refusal(tmp_path / "f") == f"{tmp_path}/f: {why}"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(4, 3000), st.integers(1, 255)), min_size=1, max_size=4))
@example(flips=[])
def test_damaged_parquet_is_read_or_refused(tmp_path: Path, flips: list[tuple[int, int]]) -> None:
    path = parquet(tmp_path / "f", interval_start=times([S, S + 900], zone="+05:30"))
    damaged = bytearray(path.read_bytes())
    for offset, mask in flips:
        damaged[max(4, offset % len(damaged))] ^= mask
    path.write_bytes(damaged)
    try:
        found = reads_of(open_replay([path], ReplayOptions(interval_minutes=15)))
    except ReplayError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either outcome is right, not any error
    else:
        assert found


def test_a_header_is_checked_before_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "f", "t,x,x\n1\n")
    assert refusal(path) == f"{path}: column 'x' occurs more than once"


def test_more_columns_than_a_roster_has_meters(tmp_path: Path) -> None:
    names = ["time", *(f"m{number:05}" for number in range(MAX_METERS + 1))]
    cells = ["2026-03-01T00:00:00Z"] + ["1"] * (MAX_METERS + 1)
    for path in (tmp_path / "f.csv", tmp_path / "f.parquet"):
        if path.suffix == ".csv":
            write(path, f"{','.join(names)}\n{','.join(cells)}\n")
        else:
            pq.write_table(pa.table([[cell] for cell in cells], names), path)
        assert refusal(path) == f"{path}: 16386 columns; at most 16385, times and 16384 meters"
    widest = write(tmp_path / "f", f"{','.join(names[:-1])}\n{','.join(cells[:-1])}\n")
    replay = open_replay([widest], ReplayOptions(interval_minutes=15))
    assert (len(replay.meters), replay.reads) == (MAX_METERS, MAX_METERS)
