"""What replay refuses, and that each refusal names the file, the place and what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.meter_sim.replaying import refusal
from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay import ReplayOptions, open_replay

HEADER = "meter,interval_start,delivered_wh\n"
GOOD = "a,2026-03-01T00:00:00Z,1\na,2026-03-01T00:15:00Z,2\n"


def refused_text(tmp_path: Path, text: str | bytes, **options: object) -> str:
    path = tmp_path / "f.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refusal(path, **options)
    assert message.startswith(str(path))
    return message


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,2026-03-01T00:30:00Z,-1", "'delivered_wh': '-1' is negative"),
        ("a,2026-03-01T00:30:00Z,abc", "'abc' is not a number"),
        ("a,2026-03-01T00:30:00Z,inf", "'inf' is not finite"),
        ("a,2026-03-01T00:30:00Z,1099511627777", "at most 2^40 Wh"),
        ("a,2026-03-01T00:37:00Z,1", "time is not on the grid of 15 minutes"),
        ("a,2026-03-01T00:30:01Z,1", "not on the interval grid"),
        ("a,2026-03-01T00:15:00Z,3", "another value for a meter and interval than at"),
        ("a,2026-02-30T00:30:00Z,1", "does not exist"),
        ("a,2026-03-01T24:00:00Z,1", "does not exist"),
        ("a,2026-03-01T00:30:00+24:00,1", "is not a time such as"),
        ("a,03/01/2026 00:30,1", "is not a time such as"),
        ("a,,1", "is not a time such as"),
        ("a,1969-12-31T23:00:00Z,1", "is before 1970-01-02"),
        ("a,1970-01-02T00:00:00+10:00,1", "is before 1970-01-02"),
        ("a,9999-12-31T23:45:00Z,1", "days after the first read"),
        ("a,2026-03-01T00:30:00,1", "has no zone; name the zone of the file's times with --timezone"),
        (",2026-03-01T00:30:00Z,1", "meter name is empty"),
        (f"{'x' * 65},2026-03-01T00:30:00Z,1", "is longer than 64 bytes"),
        ("a\x00b,2026-03-01T00:30:00Z,1", "has a control character"),
        ("a,2026-03-01T00:30:00Z", "2 fields, the header has 3"),
        ("a,2026-03-01T00:30:00Z,1,2", "4 fields, the header has 3"),
        ('a,2026-03-01T00:30:00Z,"1', "f.csv"),
    ],
)
def test_bad_row_is_named_by_its_line(tmp_path: Path, row: str, why: str) -> None:
    message = refused_text(tmp_path, HEADER + GOOD + "\n" + row + "\nb,2026-03-01T00:00:00Z,1\n")
    assert why in message
    if not row.endswith('"1'):
        assert ", line 5" in message


def test_both_places_of_a_conflict_are_named(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text(HEADER + GOOD)
    second.write_text(HEADER + "b,2026-03-01T00:00:00Z,1\na,2026-03-01T00:15:00Z,9\n")
    with pytest.raises(ReplayError, match=r"2\.csv, line 3: another value .* than at .*1\.csv, line 3"):
        open_replay([first, second], ReplayOptions())


def test_not_utf8(tmp_path: Path) -> None:
    assert "line 4: not UTF-8" in refused_text(tmp_path, (HEADER + GOOD).encode() + b"\xff,x,1\n")
    assert "line 1: not UTF-8" in refused_text(tmp_path, b"t,\xff\n2026-03-01T00:00:00Z,1\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no rows"),
        ("\n\n", "no rows"),
        (HEADER, "no rows"),
        ("meter,delivered_wh\na,1\n", "no column 'interval_start'"),
        ("meter,interval_start\na,2026-03-01T00:00:00Z\n", "no column delivered_wh"),
        ("meter,interval_start,recieved_wh\na,2026-03-01T00:00:00Z,1\n", "unknown energy column 'recieved_wh'"),
        ("meter,interval_start,delivered_wh,delivered_kwh\na,b,1,2\n", "both in Wh and in kWh"),
        ("meter,interval_start,delivered_wh,delivered_wh\na,b,1,2\n", "occurs more than once"),
        ("time\n2026-03-01T00:00:00Z\n", "one column only"),
        ("time,a\n2026-03-01T00:00:00Z,\n", "no reads, only empty cells"),
        (f"time,{'x' * 65}\n2026-03-01T00:00:00Z,1\n", "header: meter name"),
        ("time,\n2026-03-01T00:00:00Z,1\n", "header: meter name is empty"),
        ("time,a,b\n2026-03-01T00:00:00Z,1,2\n2026-03-01T01:00:00Z,1,x\n", "line 3, column 'b': 'x' is not"),
        ('"a,b\n1,2\n', "one column only"),
        ("a;b\n1;2\n", "one column only"),
        ('time,a,note\n2026-03-01T00:00:00Z,1,"two\nlines"\n2026-03-01T01:00:00Z,x,\n', "line 4, column 'a'"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, why: str) -> None:
    assert why in refused_text(tmp_path, text)


def test_a_field_too_long_for_a_header(tmp_path: Path) -> None:
    assert "line 1: field larger" in refused_text(tmp_path, "t," + "x" * 200_000 + "\n")


def test_a_row_beyond_all_measure(tmp_path: Path) -> None:
    header = ",".join(f"m{number}" for number in range(90))
    assert "straddling" in refused_text(tmp_path, f"{header}\n" + ",".join(["1" * 120_000] * 90) + "\n")


def test_unreadable_files(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(tmp_path / "absent.csv")
    assert "cannot be read: Is a directory" in refusal(tmp_path)
    (tmp_path / "p").write_bytes(b"PAR1 nothing of the kind")
    assert "not a readable Parquet file" in refusal(tmp_path / "p")
    with pytest.raises(ReplayError, match="no files of reads"):
        open_replay([], ReplayOptions())


@pytest.mark.parametrize(
    ("column", "values"),
    [("meter", [[1], [2]]), ("interval_start", [True, False]), ("delivered_wh", [b"1", b"2"])],
)
def test_parquet_columns_of_other_types(tmp_path: Path, column: str, values: list[object]) -> None:
    frame = pl.DataFrame(
        {"meter": ["a", "a"], "interval_start": ["2026-03-01T00:00:00Z"] * 2, "delivered_wh": [1, 2]}
    ).with_columns(pl.Series(column, values))
    frame.write_parquet(tmp_path / "f.parquet")
    message = refusal(tmp_path / "f.parquet")
    assert f"column {column!r}: of type" in message


def test_parquet_rows_are_named(tmp_path: Path) -> None:
    times = ["2026-03-01T00:00:00Z", "2026-03-01T00:15:00Z"]
    pl.DataFrame({"t": times, "a": [1.0, -2.0]}).write_parquet(tmp_path / "f.parquet")
    assert "row 2, column 'a': '-2.0' is negative" in refusal(tmp_path / "f.parquet")
    pl.DataFrame({"t": times, "a": [1.0, float("inf")]}).write_parquet(tmp_path / "f.parquet")
    assert "row 2, column 'a': 'inf' is not finite" in refusal(tmp_path / "f.parquet")
    pl.DataFrame({"t": [], "a": []}).write_parquet(tmp_path / "f.parquet")
    assert "no rows" in refusal(tmp_path / "f.parquet")


def test_parquet_texts_that_are_not_utf8(tmp_path: Path) -> None:
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff"))
    times = pa.array(["2026-03-01T00:00:00Z"])
    table = pa.table({"meter": broken, "interval_start": times, "delivered_wh": pa.array([1])})
    pq.write_table(table, tmp_path / "f.parquet")
    assert "column 'meter': Dictionary array invalid: Invalid: Invalid UTF8 sequence" in refusal(
        tmp_path / "f.parquet", interval_minutes=15
    )


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    pl.DataFrame({"t": ["2026-03-01T00:00:00Z"] * 500, "a": range(500)}).write_parquet(path)
    whole = path.read_bytes()
    for offset in range(4, len(whole), 37):
        path.write_bytes(whole[:offset] + bytes(8) + whole[offset + 8 :])
        assert refusal(path, interval_minutes=15).startswith(str(path))
    path.write_bytes(whole[:-20])
    assert "not a readable Parquet file" in refusal(path)


def hourly(meter: str, hours: int, step: int = 60) -> str:
    return "".join(
        f"{meter},2026-03-{1 + m // 1440:02d}T{m // 60 % 24:02d}:{m % 60:02d}:00Z,1\n"
        for m in range(0, hours * 60, step)
    )


def test_coarser_reads_than_the_interval(tmp_path: Path) -> None:
    message = refused_text(tmp_path, HEADER + hourly("h", 2), interval_minutes=15)
    assert (
        message
        == f"{tmp_path}/f.csv, line 2: meter 'h' reads every 60 minutes, coarser than the interval of 15 minutes"
    )
    mixed = HEADER + hourly("q", 12, 15) + hourly("h", 12)
    assert "meter 'h' reads every 60 minutes" in refused_text(tmp_path, mixed)
    daily = HEADER + hourly("d", 24 * 5, 1440)
    assert "meter 'd' reads once a day" in refused_text(tmp_path, daily)
    assert "meter 'd' reads once a day" in refused_text(tmp_path, daily + hourly("q", 48, 15))
    assert "no two reads" in refused_text(tmp_path, HEADER + hourly("h", 8, 240), interval_minutes=60)


def test_interval_that_cannot_be_told(tmp_path: Path) -> None:
    assert "name it with --interval" in refused_text(tmp_path, HEADER + "a,2026-03-01T00:00:00Z,1\n")


def test_local_time_that_does_not_exist(tmp_path: Path) -> None:
    text = HEADER + "a,2026-03-08 01:45:00,1\na,2026-03-08 02:00:00,1\n"
    message = refused_text(tmp_path, text, timezone="America/Los_Angeles")
    assert message.endswith("line 3: time '2026-03-08 02:00:00' does not exist in America/Los_Angeles")


@pytest.mark.parametrize("zone", ["", "Mars/Base", "+1", "+25:00", "../etc"])
def test_unknown_timezones(tmp_path: Path, zone: str) -> None:
    (tmp_path / "f.csv").write_text(HEADER + GOOD)
    assert f"--timezone {zone}: neither an IANA name nor an offset" in refusal(tmp_path / "f.csv", timezone=zone)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"interval_minutes": 45}, "--interval 45: must be 15, 30 or 60"),
        ({"interval_minutes": 0}, "--interval 0"),
        ({"days": 0}, "--days 0: must be at least 1"),
        ({"stamps": "middle"}, "--stamps middle: must be begin or end"),
        ({"columns": {"GC": "sideways"}}, "--map GC=sideways: channels are delivered, received"),
        ({"columns": {"a": "received", "b": "received"}}, "received is mapped more than once"),
    ],
)
def test_bad_options(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ReplayError, match=why):
        ReplayOptions(**options)


def test_columns_that_cannot_be_mapped(tmp_path: Path) -> None:
    wide = "t,GC\n2026-03-01T00:00:00Z,1\n"
    assert "no column 'GG' to map; it has GC" in refused_text(tmp_path, wide, columns={"GG": "received"})
    assert "no column 't' to map" in refused_text(tmp_path, wide, columns={"t": "received"})
    assert "--map is for wide files" in refused_text(tmp_path, HEADER + GOOD, columns={"GC": "received"})
