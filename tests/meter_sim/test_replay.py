"""Replay of whole files: days, joining, steps, clocks, and a real household's year."""

import csv
import tracemalloc
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.meter_sim.replaying import SAMPLES, Key, reads_of, times_of_day, write
from wattseal.meter_sim.replay import ReplayOptions, open_replay

AUSGRID = SAMPLES / "ausgrid" / "ausgrid_customer12_2011-2012_30min.csv"
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = (MIDNIGHT.date() - date(1970, 1, 1)).days


def stamp(minutes: int, start: datetime = MIDNIGHT) -> str:
    return (start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def long_csv(reads: dict[tuple[str, int], int], column: str = "delivered_wh") -> str:
    rows = [f"{meter},{stamp(minutes)},{wh}" for (meter, minutes), wh in reads.items()]
    return "\n".join([f"meter,interval_start,{column}", *rows, ""])


def test_long_csv_of_forty_meters_and_two_days(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    values = rng.integers(0, 16_384, (40, 192))
    expected = {(f"m{meter:02d}", 15 * slot): int(values[meter, slot]) for meter in range(40) for slot in range(192)}
    replay = open_replay([write(tmp_path / "a.csv", long_csv(expected))], ReplayOptions())
    assert replay.meters == tuple(f"m{meter:02d}" for meter in range(40))
    assert (replay.channels, replay.interval_minutes) == (("delivered",), 15)
    assert (replay.first_day, replay.last_day, replay.reads) == (DAY, DAY + 1, 40 * 192)
    assert (replay.rounded, replay.missing, replay.duplicates, replay.incomplete) == (0, 0, 0, 0)
    days = [reads.wh for (reads,) in replay.days()]
    assert np.array_equal(np.concatenate(days, axis=1), values)


def test_both_channels_and_empty_cells(tmp_path: Path) -> None:
    text = (
        "meter,interval_start,delivered_kwh,received_wh\n"
        f"a,{stamp(0)},0.25,\n a ,{stamp(15)},,7\nb,{stamp(0)},nan,3\nb,{stamp(15)},1,NaN\n"
    )
    replay = open_replay([write(tmp_path / "a.csv", text)], ReplayOptions(interval_minutes=15))
    assert replay.channels == ("delivered", "received")
    assert (replay.reads, replay.missing) == (4, 4)
    assert reads_of(replay) == {
        ("a", "delivered", MIDNIGHT): 250,
        ("a", "received", MIDNIGHT + timedelta(minutes=15)): 7,
        ("b", "received", MIDNIGHT): 3,
        ("b", "delivered", MIDNIGHT + timedelta(minutes=15)): 1000,
    }


def test_wide_csv_has_a_meter_a_column(tmp_path: Path) -> None:
    text = f'time,"north, 1",b\n{stamp(0)},0.1,0.2\n{stamp(60)},,0.0005\n{stamp(120)},1e-3,2\n'
    replay = open_replay([write(tmp_path / "a.csv", text)], ReplayOptions())
    assert (replay.meters, replay.interval_minutes) == (("b", "north, 1"), 60)
    assert (replay.reads, replay.rounded, replay.missing, replay.ignored_columns) == (5, 1, 1, 0)
    day = next(replay.days())[0]
    assert day.wh[:, :3].tolist() == [[200, 0, 2000], [100, 0, 1]]
    assert day.present[:, :4].tolist() == [[True, True, True, False], [True, False, True, False]]


def test_byte_order_mark_line_ends_blank_lines_and_spaces(tmp_path: Path) -> None:
    text = f"\ufeff\r\nmeter, interval_start, delivered_wh\r\n\r\na, {stamp(0)}, 5 \r\na,{stamp(30)},6"
    replay = open_replay([write(tmp_path / "a.csv", text)], ReplayOptions())
    assert list(reads_of(replay).values()) == [5, 6]


def test_files_are_joined_and_a_meter_may_span_them(tmp_path: Path) -> None:
    first = write(tmp_path / "1.csv", long_csv({("b", 0): 1, ("b", 15): 2}))
    second = write(tmp_path / "2.csv", long_csv({("a", 15): 4, ("b", 15): 2, ("b", 30): 3}))
    wide = write(tmp_path / "c.csv", f"t,GC,GG,x\n{stamp(0)},1,2,?\n{stamp(15)},3,4,?\n")
    replay = open_replay([second, first], ReplayOptions())
    assert (replay.reads, replay.duplicates, replay.meters) == (4, 1, ("a", "b"))
    assert [wh for (meter, _, _), wh in reads_of(replay).items() if meter == "b"] == [1, 2, 3]
    mapped = open_replay([wide], ReplayOptions(columns={"GG": "received", "GC": "delivered"}))
    assert (mapped.meters, mapped.channels, mapped.ignored_columns) == (("c",), ("delivered", "received"), 1)
    assert list(reads_of(mapped).values()) == [1000, 3000, 2000, 4000]


def test_days_without_reads_and_the_first_days_only(tmp_path: Path) -> None:
    reads = {("a", 15 * slot): slot for slot in (95, 96, 97, 400)}
    path = write(tmp_path / "a.csv", long_csv(reads) + f"a,{stamp(9000)},\n")
    replay = open_replay([path], ReplayOptions())
    assert [int(day[0].present.sum()) for day in replay.days()] == [1, 2, 0, 0, 1]
    assert replay.missing == 1
    short = open_replay([path], ReplayOptions(days=2))
    assert (short.first_day, short.last_day, short.reads, short.missing) == (DAY, DAY + 1, 3, 0)
    assert reads_of(short) == dict(list(reads_of(replay).items())[:3])
    assert open_replay([path], ReplayOptions(days=99)).last_day == DAY + 4


def test_finer_reads_are_summed_and_only_whole_groups_count(tmp_path: Path) -> None:
    quarters = {("fine", 15 * slot): slot for slot in range(8) if slot != 5}
    reads = quarters | {("plain", 30 * slot): 100 + slot for slot in range(4)}
    path = write(tmp_path / "a.csv", long_csv(reads))
    replay = open_replay([path], ReplayOptions(interval_minutes=30))
    fine, plain = next(replay.days())[0].wh[:, :4].tolist()
    assert (fine, plain) == ([1, 5, 0, 13], [100, 101, 102, 103])
    assert (replay.reads, replay.incomplete) == (11, 1)


def test_five_minute_reads_become_quarter_hours(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", long_csv({("a", 5 * slot): slot for slot in range(9)}))
    replay = open_replay([path], ReplayOptions())
    assert replay.interval_minutes == 15
    assert list(reads_of(replay).values()) == [3, 12, 21]


def test_each_read_is_rounded_before_the_sum(tmp_path: Path) -> None:
    rows = [f"a,{stamp(15 * slot)},{wh}" for slot, wh in enumerate(["0.4", "0.4", "1.5", "2.5"])]
    text = "\n".join(["meter,interval_start,delivered_wh", *rows])
    replay = open_replay([write(tmp_path / "a.csv", text)], ReplayOptions(interval_minutes=30))
    assert list(reads_of(replay).values()) == [0, 4]
    assert replay.rounded == 4


def test_stamps_at_the_end_of_the_interval(tmp_path: Path) -> None:
    begin = {("a", 15 * slot): slot + 2 for slot in range(-2, 6)}
    end = {(meter, minutes + 15): wh for (meter, minutes), wh in begin.items()}
    options = ReplayOptions(interval_minutes=30)
    expected = reads_of(open_replay([write(tmp_path / "b.csv", long_csv(begin))], options))
    shifted = open_replay([write(tmp_path / "e.csv", long_csv(end))], ReplayOptions(interval_minutes=30, stamps="end"))
    assert reads_of(shifted) == expected
    assert min(expected)[2] == MIDNIGHT - timedelta(minutes=30)


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_days_on_which_clocks_change(tmp_path: Path, minutes: int, day: date, layout: str) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    times = times_of_day(day, zone, minutes)
    assert len(times) * minutes == {3: 23 * 60, 11: 25 * 60}[day.month]
    local = [time.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") for time in times]
    if layout == "wide":
        lines = ["time,x,y", *(f"{text},{i / 1000},{(i + 500) / 1000}" for i, text in enumerate(local))]
    else:  # time by time, so that the two meters' folded hours interleave
        lines = ["meter,interval_start,delivered_wh"]
        lines += [
            f"{meter},{text},{i + base}" for i, text in enumerate(local) for meter, base in (("x", 0), ("y", 500))
        ]
    replay = open_replay(
        [write(tmp_path / "a.csv", "\n".join(lines) + "\n")], ReplayOptions(timezone="America/Los_Angeles")
    )
    expected = {("x", "delivered", time): i for i, time in enumerate(times)}
    expected |= {("y", "delivered", time): i + 500 for i, time in enumerate(times)}
    assert reads_of(replay) == expected


def test_one_read_of_a_time_that_occurs_twice_is_the_earlier(tmp_path: Path) -> None:
    text = "meter,interval_start,delivered_wh\n" + "".join(f"{meter},2026-11-01 01:00,{meter}\n" for meter in "123")
    path = write(tmp_path / "a.csv", text + "1,2026-11-01 01:00:00,7\n1,2026-11-01 01:00,7\n")
    replay = open_replay([path], ReplayOptions(interval_minutes=60, timezone="America/Los_Angeles"))
    earlier, later = (datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (8, 9))
    expected = {(meter, "delivered", earlier): int(meter) for meter in "123"}
    assert reads_of(replay) == expected | {("1", "delivered", later): 7}
    assert replay.duplicates == 1


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-01T00:00:00Z", 0),
        ("2026-03-01t00:30:00.000z", 30),
        ("2026-03-01 10:00:00+10:00", 0),
        ("2026-02-28T20:00:00-0400", 0),
        ("2026-03-01T05:45+05:45", 0),
        ("2026-03-01 05:30", 0),
    ],
)
def test_times(tmp_path: Path, text: str, utc: int) -> None:
    path = write(tmp_path / "a.csv", f"meter,interval_start,delivered_wh\na,{text},1\n")
    replay = open_replay([path], ReplayOptions(interval_minutes=15, timezone="+05:30"))
    assert reads_of(replay) == {("a", "delivered", MIDNIGHT + timedelta(minutes=utc)): 1}


def as_parquet(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_parquet(path)
    return path


def test_parquet_equals_csv(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    times = [MIDNIGHT + timedelta(minutes=15 * slot) for slot in range(96)]
    kwh = [None if draw < 0.05 else draw * 2 for draw in rng.random(192)]
    frame = pl.DataFrame(
        {
            "meter": ["a"] * 96 + ["b"] * 96,
            "interval_start": times * 2,
            "delivered_kwh": kwh,
            "received_wh": range(192),
        },
        schema_overrides={"received_wh": pl.Int32},
    )
    text = frame.with_columns(pl.col("interval_start").dt.to_string("%Y-%m-%dT%H:%M:%SZ"))
    text.write_csv(tmp_path / "a.csv")
    expected = open_replay([tmp_path / "a.csv"], ReplayOptions())
    for number, table in enumerate(
        [
            frame,
            text,
            text.with_columns(pl.col("meter").cast(pl.Categorical)),
            frame.with_columns(pl.col("interval_start").dt.convert_time_zone("Asia/Tokyo").dt.cast_time_unit("ns")),
            frame.with_columns(pl.col("interval_start").dt.replace_time_zone(None).dt.cast_time_unit("ms")),
        ]
    ):
        replay = open_replay([as_parquet(table, tmp_path / f"{number}.parquet")], ReplayOptions(timezone="+00:00"))
        assert reads_of(replay) == reads_of(expected)
        assert (replay.missing, replay.rounded) == (expected.missing, expected.rounded)


def test_wide_parquet_of_several_types(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "": [MIDNIGHT, MIDNIGHT + timedelta(minutes=30)],
            "f32": pl.Series([0.482, 1e-7], dtype=pl.Float32),
            "i": [1, 2],
            "d": pl.Series([Decimal("0.1235"), None], dtype=pl.Decimal(10, 4)),
            "none": pl.Series([None, None], dtype=pl.Null),
        }
    )
    replay = open_replay([as_parquet(frame, tmp_path / "a.parquet")], ReplayOptions())
    wh = {meter: row[:2].tolist() for meter, row in zip(replay.meters, next(replay.days())[0].wh, strict=True)}
    assert wh == {"f32": [482, 0], "i": [1000, 2000], "d": [124, 0], "none": [0, 0]}
    assert (replay.missing, replay.rounded) == (3, 2)


def test_a_real_household_for_a_year() -> None:
    with AUSGRID.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    replay = open_replay([AUSGRID], ReplayOptions(timezone="+10:00", columns={"GC": "delivered"}))
    assert (replay.reads, replay.interval_minutes, replay.ignored_columns) == (17_568, 30, 1)
    assert replay.meters == (AUSGRID.stem,)
    days = list(replay.days())
    assert len(days) == 367
    assert [int(days[i][0].present.sum()) for i in (0, 1, -2, -1)] == [20, 48, 48, 28]
    expected = [int((Decimal(row["GC"]) * 1000).to_integral_value(ROUND_HALF_EVEN)) for row in rows]
    reads = reads_of(replay)
    assert list(reads.values()) == expected
    assert sum(expected) == 11_876_738
    assert replay.rounded == 0
    assert min(reads)[2] == datetime(2011, 6, 30, 14, tzinfo=UTC)


def test_the_same_household_by_the_hour_in_both_channels() -> None:
    options = ReplayOptions(
        interval_minutes=60, timezone="Australia/Brisbane", columns={"GG": "received", "GC": "delivered"}
    )
    replay = open_replay([AUSGRID], options)
    assert (replay.reads, replay.incomplete, replay.ignored_columns) == (35_136, 0, 0)
    totals = np.array([[int(reads.wh.sum()) for reads in entry] for entry in replay.days()]).sum(axis=0)
    assert totals.tolist() == [11_876_738, 2_592_808]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.sampled_from([15, 30, 60]),
    meters=st.sets(
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12), min_size=1, max_size=5
    ),
    data=st.data(),
)
def test_random_reads_come_back(tmp_path: Path, minutes: int, meters: set[str], data: st.DataObject) -> None:
    names = sorted({name.strip() for name in meters} - {""}) or ["m"]
    slots = st.integers(0, 3 * 1440 // minutes - 1)
    expected: dict[Key, int] = {}
    for name in names:
        reads = data.draw(st.dictionaries(slots, st.integers(0, 1 << 40), max_size=20))
        reads |= dict.fromkeys(range(60, 72), 1)  # enough to tell the step
        for slot, wh in reads.items():
            expected[name, "delivered", MIDNIGHT + timedelta(minutes=minutes * slot)] = wh
    rows = data.draw(st.permutations(list(expected.items())))
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["meter", "interval_start", "delivered_wh"])
        writer.writerows([name, time.isoformat(), wh] for (name, _, time), wh in rows)
    replay = open_replay([tmp_path / "r.csv"], ReplayOptions(interval_minutes=minutes))
    assert reads_of(replay) == expected
    daily: Counter[tuple[str, date]] = Counter()
    for (name, _, time), wh in expected.items():
        daily[name, time.date()] += wh
    assert (replay.largest_read, replay.largest_day) == (max(expected.values()), max(daily.values()))


def test_the_largest_day_is_of_one_channel(tmp_path: Path) -> None:
    rows = [f"a,{stamp(15 * slot)},{1 + slot},{100 if slot == 3 else 0}\n" for slot in range(4)]
    path = write(tmp_path / "a.csv", "meter,interval_start,delivered_wh,received_wh\n" + "".join(rows))
    replay = open_replay([path], ReplayOptions())
    assert (replay.largest_read, replay.largest_day) == (100, 100)


def test_no_whole_interval_has_no_largest_day(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", long_csv({("a", 0): 5, ("a", 5): 6}))
    replay = open_replay([path], ReplayOptions(interval_minutes=15))
    assert (replay.incomplete, replay.largest_read, replay.largest_day) == (2, 0, 0)


def test_a_mistyped_year_takes_no_memory(tmp_path: Path) -> None:
    reads = {(f"m{number}", minutes): 1 for number in range(500) for minutes in (0, 15)}
    path = write(tmp_path / "a.csv", long_csv(reads) + "m0,1971-01-05T00:00:00Z,1\n")
    tracemalloc.start()
    replay = open_replay([path], ReplayOptions())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (replay.last_day - replay.first_day, replay.largest_day) == (20_144, 2)
    assert peak_bytes < 16 << 20  # a number for each meter and day would take 80 MB
