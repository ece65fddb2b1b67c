"""Green Button feeds: links, units, channels, lengths, qualities and clocks."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.meter_sim.feeds import (
    METER,
    READING,
    block,
    entry,
    feed,
    household,
    meter_reading,
    point,
    read,
    reading_type,
    save,
    seconds,
)
from tests.meter_sim.replaying import reads_of, refusal, times_of_day
from wattseal.meter_sim.replay import Replay, ReplayOptions, open_replay

START = datetime(2026, 3, 1, tzinfo=UTC)
S = seconds(START)
OTHER = "urn:uuid:00000000-0000-0000-0000-000000000002"


def replayed(folder: Path, text: str | bytes, interval: int | None = None) -> Replay:
    return open_replay([save(folder, text)], ReplayOptions(interval_minutes=interval))


def after(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def test_a_household(tmp_path: Path) -> None:
    replay = replayed(tmp_path, household(read(S, 5), read(S + 900, 6), read(S + 2700, 7)))
    assert (replay.meters, replay.channels, replay.interval_minutes) == ((METER,), ("delivered",), 15)
    assert reads_of(replay) == {(METER, "delivered", after(m)): wh for m, wh in ((0, 5), (15, 6), (45, 7))}
    assert (replay.reads, replay.missing, replay.ignored_reads, replay.qualities) == (3, 0, 0, {})


def test_entries_in_any_order(tmp_path: Path) -> None:
    entries = [
        point(),
        point("/x/UsagePoint/2", OTHER),
        meter_reading(),
        meter_reading("/x/UsagePoint/1/MeterReading/2", "/x/ReadingType/2"),
        meter_reading("/x/UsagePoint/2/MeterReading/1"),
        reading_type(),
        reading_type("/x/ReadingType/2", flowDirection=19),
        block(read(S, 1), read(S + 900, 2)),
        block(read(S + 1800, 3), own=f"{READING}/IntervalBlock/2"),
        block(read(S, 4), read(S + 900, 5), own="/x/UsagePoint/1/MeterReading/2/IntervalBlock/1"),
        block(read(S, 6), read(S + 900, 7), own="/x/UsagePoint/2/MeterReading/1/IntervalBlock/9"),
    ]
    expected = {
        (METER, "delivered", after(0)): 1,
        (METER, "delivered", after(15)): 2,
        (METER, "delivered", after(30)): 3,
        (METER, "received", after(0)): 4,
        (METER, "received", after(15)): 5,
        (OTHER, "delivered", after(0)): 6,
        (OTHER, "delivered", after(15)): 7,
    }
    for seed in range(12):
        random.Random(seed).shuffle(entries)
        assert reads_of(replayed(tmp_path, feed(*entries))) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_any_prefix_and_encoding(tmp_path: Path, encoding: str) -> None:
    text = household(read(S, 5), read(S + 900, 6))
    text = text.replace("<e:", "<").replace("</e:", "</").replace("xmlns:e=", "xmlns:unused=")
    for name in ("UsagePoint", "MeterReading", "ReadingType", "IntervalBlock"):
        text = text.replace(f"<{name}", f'<{name} xmlns="http://naesb.org/espi"')
    for name in ("feed", "entry", "content", "link", "id"):
        text = text.replace(f"<{name}", f"<a:{name}").replace(f"</{name}", f"</a:{name}")
    text = text.replace("xmlns=", "xmlns:a=", 1)
    marks = {"utf-16-le-bom": ("utf-16-le", b"\xff\xfe"), "utf-16-be-bom": ("utf-16-be", b"\xfe\xff")}
    codec, mark = marks.get(encoding, (encoding, b""))
    assert list(reads_of(replayed(tmp_path, mark + text.encode(codec))).values()) == [5, 6]


def test_several_blocks_in_one_content(tmp_path: Path) -> None:
    inner = [f"<e:IntervalBlock><e:interval/>{read(S + 900 * i, i)}</e:IntervalBlock>" for i in range(4)]
    body = entry("\n".join(inner), f"{READING}/IntervalBlock/1", f"{READING}/IntervalBlock")
    text = feed(point(), meter_reading(), reading_type(), body)
    assert list(reads_of(replayed(tmp_path, text)).values()) == [0, 1, 2, 3]


def test_blocks_linked_from_their_meter_reading_only(tmp_path: Path) -> None:
    text = feed(
        entry("<e:UsagePoint/>", "/account/UsagePoint/A", related=["/user/MeterReading/1/"], name=METER),
        entry("<e:MeterReading/>", "/user/MeterReading/1", related=["/type", "/user/one", "/user/two"]),
        reading_type("/type"),
        entry(f"<e:IntervalBlock>{read(S, 1)}</e:IntervalBlock>", "/user/one"),
        entry(f"<e:IntervalBlock>{read(S + 900, 2)}</e:IntervalBlock>", "/user/two"),
    )
    assert list(reads_of(replayed(tmp_path, text)).values()) == [1, 2]


def test_the_same_resource_twice_is_one(tmp_path: Path) -> None:
    parts = (point(), meter_reading(), reading_type(), block(read(S, 5), read(S + 900, 6)))
    replay = replayed(tmp_path, feed(*parts, *parts))
    assert (replay.reads, replay.duplicates) == (2, 2)


def test_a_read_with_two_values_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, household(read(S, 5), read(S + 900, 6), read(S, 7)))
    assert refusal(path) == f"{path}, line 12: another value for a meter and interval than at {path}, line 10"


@pytest.mark.parametrize(
    ("power", "value", "wh", "rounded"),
    [
        (0, "450", 450, 0),
        (None, "450", 450, 0),
        (3, "2", 2000, 0),
        (-3, "450000", 450, 0),
        (-3, "1500", 2, 1),
        (-3, "2500", 2, 1),
        (-3, "2501", 3, 1),
        (-12, "999999999999", 1, 0),
        (2, "0.015", 2, 1),
        (0, " 7\n", 7, 0),
    ],
)
def test_powers_of_ten(tmp_path: Path, power: int | None, value: str, wh: int, rounded: int) -> None:
    replay = replayed(tmp_path, household(read(S, value), read(S + 900, 0), powerOfTenMultiplier=power))
    assert (reads_of(replay)[METER, "delivered", START], replay.rounded) == (wh, rounded)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(power=st.integers(-12, 3), values=st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
def test_any_value_and_power_is_rounded_exactly(tmp_path: Path, power: int, values: list[int]) -> None:
    reads = [read(S + 900 * i, value) for i, value in enumerate(values)]
    found = list(reads_of(replayed(tmp_path, household(*reads, powerOfTenMultiplier=power), 15)).values())
    assert found == [int(Decimal(value).scaleb(power).to_integral_value(ROUND_HALF_EVEN)) for value in values]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"uom": 169}, "uom 169 (therm) cannot be replayed, only 72 (Wh)"),
        ({"uom": 38}, "uom 38 (W) cannot"),
        ({"uom": 5}, "uom 5 cannot be replayed"),
        (
            {"commodity": 7},
            "commodity 7 (natural gas) cannot be replayed, only 1 (electricity, secondary metered) or 2",
        ),
        ({"accumulationBehaviour": 3}, "accumulationBehaviour 3 (cumulative) cannot be replayed, only 4 (delta data)"),
        ({"accumulationBehaviour": 1}, "accumulationBehaviour 1 (bulk quantity)"),
        ({"flowDirection": 4}, "flowDirection 4 (net) cannot be replayed, only 1 (forward) or 19 (reverse)"),
        ({"flowDirection": 20}, "flowDirection 20 (total)"),
        ({"dataQualifier": 8}, "dataQualifier 8 cannot be replayed, only 12 (normal)"),
    ],
)
def test_what_is_no_interval_energy_is_refused_alone_and_left_out_beside_some(
    tmp_path: Path, fields: dict[str, int], why: str
) -> None:
    path = save(tmp_path, household(read(S, 5), read(S + 900, 6), **fields))
    assert refusal(path).startswith(f"{path}, line 7: {why}")
    text = feed(
        point(),
        meter_reading(),
        reading_type(),
        block(read(S, 1), read(S + 900, 2)),
        meter_reading("/x/UsagePoint/1/MeterReading/2", "/x/ReadingType/2"),
        reading_type("/x/ReadingType/2", **fields),
        block(read("?", -9), own="/x/UsagePoint/1/MeterReading/2/IntervalBlock/1"),
    )
    replay = replayed(tmp_path, text)
    assert (list(reads_of(replay).values()), replay.ignored_reads) == ([1, 2], 1)


def test_gas_in_watt_hours_is_refused(tmp_path: Path) -> None:
    text = feed(point(kind="1"), meter_reading(), reading_type(commodity=None), block(read(S, 5)))
    assert "read by a service of kind 1, only 0 (electricity)" in refusal(save(tmp_path, text))


@pytest.mark.parametrize("flow", [None, 0, 1])
def test_energy_without_a_direction_is_delivered(tmp_path: Path, flow: int | None) -> None:
    text = household(read(S, 5), read(S + 900, 6), flowDirection=flow, commodity=None, accumulationBehaviour=None)
    assert replayed(tmp_path, text).channels == ("delivered",)


def test_daily_reads_beside_hourly_ones_are_left_out(tmp_path: Path) -> None:
    text = household(read(S, 240, 86_400), *(read(S + 3600 * h, 10, 3600) for h in range(24)))
    replay = replayed(tmp_path, text)
    assert (replay.reads, replay.ignored_reads, replay.interval_minutes) == (24, 1, 60)
    path = save(tmp_path, household(read(S, 240, 86_400)))
    assert refusal(path) == f"{path}, line 10: lasts 24 hours, and no other reading an hour or less"


def test_hourly_reads_are_too_coarse_for_quarter_hours(tmp_path: Path) -> None:
    path = save(tmp_path, household(read(S, 5, 3600)))
    message = refusal(path, interval_minutes=15)
    assert (
        message == f"{path}, line 10: meter '{METER}' reads every 60 minutes, coarser than the interval of 15 minutes"
    )


def test_a_single_reading_tells_its_length(tmp_path: Path) -> None:
    for minutes in (15, 30, 60):
        replay = replayed(tmp_path, household(read(S, 5, 60 * minutes)))
        assert (replay.interval_minutes, reads_of(replay)) == (minutes, {(METER, "delivered", START): 5})


@pytest.mark.parametrize(("minutes", "interval"), [(1, 15), (5, 15), (10, 30), (15, 30), (30, 60)])
def test_finer_readings_are_summed(tmp_path: Path, minutes: int, interval: int) -> None:
    count = 2 * interval // minutes
    reads = [read(S + 60 * minutes * i, i, 60 * minutes) for i in range(count) if i != 1]
    replay = replayed(tmp_path, household(*reads), interval)
    assert reads_of(replay) == {(METER, "delivered", after(interval)): sum(range(count // 2, count))}
    assert replay.incomplete == count // 2 - 1


def test_lengths_may_change_within_a_series(tmp_path: Path) -> None:
    reads = [read(S + 3600 * h, 100, 3600) for h in range(20)]
    reads += [read(S + 72_000 + 900 * q, 10) for q in range(8)]
    assert list(reads_of(replayed(tmp_path, household(*reads))).values()) == [100] * 20 + [40] * 2


def test_lengths_are_told_not_guessed_from_gaps(tmp_path: Path) -> None:
    reads = [read(S + 1800 * i, 10) for i in range(8)]  # every other quarter hour
    replay = replayed(tmp_path, household(*reads))
    assert (replay.interval_minutes, len(reads_of(replay))) == (15, 8)


def test_a_missing_duration_is_that_of_the_reading_type(tmp_path: Path) -> None:
    bare = read(S, 5).replace("<e:duration>900</e:duration>", "")
    assert replayed(tmp_path, household(bare, intervalLength=1800)).interval_minutes == 30
    path = save(tmp_path, household(bare, intervalLength=None))
    assert refusal(path) == f"{path}, line 10: IntervalReading has no duration"


def test_qualities_are_counted_and_forecasts_are_no_reads(tmp_path: Path) -> None:
    codes = [None, 0, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 77]
    replay = replayed(tmp_path, household(*(read(S + 900 * i, 1, 900, code) for i, code in enumerate(codes))))
    assert replay.qualities == {
        "edited": 1,
        "estimated": 2,
        "questionable": 1,
        "derived": 1,
        "projected": 1,
        "mixed": 1,
        "normalized": 1,
        "other": 2,
    }
    assert (replay.reads, replay.missing) == (15, 1)
    assert (METER, "delivered", after(15 * codes.index(12))) not in reads_of(replay)


def test_a_reading_without_a_value_is_missing(tmp_path: Path) -> None:
    absent = read(S + 900, "").replace("<e:value></e:value>", "")
    replay = replayed(tmp_path, household(read(S, 5), absent, read(S + 1800, ""), read(S + 2700, 8)))
    assert (replay.reads, replay.missing) == (2, 2)
    path = save(tmp_path, household(absent))
    assert refusal(path) == f"{path}, line 10 and after: no reads, only empty cells"


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_days_on_which_clocks_change_with_a_gap_and_a_duplicate(tmp_path: Path, minutes: int, day: date) -> None:
    times = times_of_day(day, ZoneInfo("America/Los_Angeles"), minutes)
    assert len(times) * minutes == {3: 23 * 60, 11: 25 * 60}[day.month]
    expected = {(METER, "delivered", time): i for i, time in enumerate(times) if i != 2}
    reads = [read(seconds(time), wh, 60 * minutes) for (_, _, time), wh in expected.items()]
    replay = replayed(tmp_path, household(*reads, reads[7]))
    assert (reads_of(replay), replay.duplicates, replay.reads) == (expected, 1, len(times) - 1)


def test_two_files_of_one_meter_are_joined(tmp_path: Path) -> None:
    paths = [tmp_path / "a.xml", tmp_path / "b.xml"]
    paths[0].write_text(household(read(S, 1), read(S + 900, 2)))
    paths[1].write_text(household(read(S + 900, 2), read(S + 1800, 3)))
    replay = open_replay(paths, ReplayOptions())
    assert (replay.meters, replay.reads, replay.duplicates) == ((METER,), 3, 1)
    paths[1].write_text(household(read(S, 1, 1800)))
    assert refusal_of_both(paths).endswith(
        f"b.xml, line 10: another length for a meter and interval than at {paths[0]}, line 10"
    )


def refusal_of_both(paths: list[Path]) -> str:
    with pytest.raises(Exception, match="another length") as caught:
        open_replay(paths, ReplayOptions())
    return str(caught.value)


def test_stamps_and_columns_are_the_files_own(tmp_path: Path) -> None:
    path = save(tmp_path, household(read(S, 5)))
    assert f"{path}, line 10: --stamps end is for files that name one end" in refusal(path, stamps="end")
    assert f"{path}: --map is for wide files" in refusal(path, columns={"a": "received"})
