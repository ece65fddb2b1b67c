"""CSV downloads of utilities' customer sites: both families, their clocks, and what is wrong with them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.meter_sim.replaying import Key, reads_of, refusal, times_of_day
from wattseal.meter_sim.replay import Replay, ReplayOptions, open_replay
from wattseal.meter_sim.state import meter_id_of
from wattseal.protocol.ids import checked_id

ZONE = "America/Los_Angeles"
LOCAL = ZoneInfo(ZONE)
DELIVERED, RECEIVED = "delivered", "received"
PREAMBLE = (
    '\ufeffName,JANE DOE\r\nAddress,"1 MAIN ST, ANYTOWN CA 94000"\r\n'
    "Account Number,1234567890\r\nService,Service 1\r\n\r\n"
)
USAGE = "TYPE,DATE,START TIME,END TIME,USAGE (kWh),COST,NOTES"
NET = "TYPE,DATE,START TIME,END TIME,IMPORT (kWh),EXPORT (kWh),COST,NOTES"
ACCOUNT = "account 1234567890 Service 1"
SCE = (
    'Energy Usage Information\n"For location: 1 MAIN ST, ANYTOWN CA 92000"\n\nMeter Reading Information\n'
    '"Type of readings: Electricity"\n\nSummary\nDetailed Usage\n"Start date: 2026-03-01 00:00:00  for 2 days"\n\n'
)
PERIODS = '"Energy {} time period","Usage(Real energy in kilowatt-hours)","Reading quality"'


def save(folder: Path, *lines: str, start: str = PREAMBLE) -> Path:
    path = folder / "download.csv"
    path.write_text(start + "\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    return path


def replayed(path: Path, **options: object) -> Replay:
    return open_replay([path], ReplayOptions(timezone=ZONE, **options))  # type: ignore[arg-type]


def typed(begin: datetime, minutes: int, *kwh: str) -> str:
    """One row of the first family, its end the last minute of the interval."""
    local = begin.astimezone(LOCAL)
    last = (begin + timedelta(minutes=minutes - 1)).astimezone(LOCAL)
    return f"Electric usage,{local:%Y-%m-%d},{local:%H:%M},{last:%H:%M},{','.join(kwh)},$0.03,"


def section(begin: datetime, minutes: int, kwh: str, quality: str = "") -> str:
    """One row of the second family, its end the beginning of the next interval."""
    local, end = begin.astimezone(LOCAL), (begin + timedelta(minutes=minutes)).astimezone(LOCAL)
    return f'"{local:%Y-%m-%d %H:%M:%S}\u00a0to\u00a0{end:%Y-%m-%d %H:%M:%S}","{kwh}","{quality}"'


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=LOCAL).astimezone(UTC)


def test_usage_of_an_account(tmp_path: Path) -> None:
    path = save(tmp_path, USAGE, typed(at(0), 15, "0.05"), typed(at(0, 15), 15, "1.2345"), typed(at(23, 45), 15, ""))
    replay = replayed(path)
    assert (replay.meters, replay.channels, replay.interval_minutes) == ((ACCOUNT,), (DELIVERED,), 15)
    assert reads_of(replay) == {(ACCOUNT, DELIVERED, at(0)): 50, (ACCOUNT, DELIVERED, at(0, 15)): 1234}
    assert (replay.reads, replay.missing, replay.rounded) == (2, 1, 1)


def test_import_and_export(tmp_path: Path) -> None:
    replay = replayed(save(tmp_path, NET, typed(at(9), 60, "0.1", "0.25"), typed(at(10), 60, "0.2", "")))
    assert (replay.channels, replay.interval_minutes, replay.missing) == ((DELIVERED, RECEIVED), 60, 1)
    assert reads_of(replay) == {
        (ACCOUNT, DELIVERED, at(9)): 100,
        (ACCOUNT, DELIVERED, at(10)): 200,
        (ACCOUNT, RECEIVED, at(9)): 250,
    }


def test_units_in_a_column_and_rows_without_their_last_comma(tmp_path: Path) -> None:
    header = "TYPE,DATE,START TIME,END TIME,USAGE,UNITS,COST,NOTES"
    row = "Electric usage,2026-03-01,00:00,00:59,0.30,kWh,$0.06"
    assert list(reads_of(replayed(save(tmp_path, header, row))).values()) == [300]
    assert list(reads_of(replayed(save(tmp_path, header, row, start=""))).values()) == [300]
    path = save(tmp_path, header, row.replace("kWh", "therms"))
    assert refusal(path, timezone=ZONE) == f"{path}, line 7: unit 'therms' is not kWh"


def test_ends_that_are_the_next_beginning(tmp_path: Path) -> None:
    rows = [f"Electric usage,2026-03-01,{span},1,," for span in ("23:30,23:45", "23:45,00:00")]
    reads = reads_of(replayed(save(tmp_path, USAGE, *rows)))
    assert reads == {(ACCOUNT, DELIVERED, at(23, 30)): 1000, (ACCOUNT, DELIVERED, at(23, 45)): 1000}


def test_no_line_about_the_account_becomes_an_id(tmp_path: Path) -> None:
    only_number = "Account Number,1234567890\n"
    path = save(tmp_path, USAGE, typed(at(0), 15, "1"), start=only_number)
    (name,) = replayed(path).meters
    assert name == "account 1234567890"
    assert "1234567890" not in meter_id_of(name, bytes(32))
    with pytest.raises(ValueError, match="an id is 1 to 16"):
        checked_id(name)


@pytest.mark.parametrize("start", ["", "Service,Service 1\n", "Account Number,\nService,Service 1\n"])
def test_without_an_account_the_file_names_the_meter(tmp_path: Path, start: str) -> None:
    assert replayed(save(tmp_path, USAGE, typed(at(0), 15, "1"), start=start)).meters == ("download",)


def test_sections(tmp_path: Path) -> None:
    lines = [
        '"Data for period starting: 2026-03-01 00:00:00  for 24 hours"',
        PERIODS.format("Delivered"),
        section(at(0), 15, "0.320"),
        section(at(0, 15), 15, "0.5", "Actual"),
        '"Data for period starting: 2026-03-02 00:00:00  for 24 hours"',
        PERIODS.format("Delivered"),
        section(at(0, day=2), 15, "0.1", "Estimated"),
        PERIODS.format("Received"),
        section(at(0), 15, "0", "Weak signal"),
        section(at(0, 15), 15, ""),
    ]
    path = save(tmp_path, *lines, start=SCE)
    replay = replayed(path)
    (name,) = replay.meters
    assert name.startswith("location ")
    assert "MAIN" not in name
    assert reads_of(replay) == {
        (name, DELIVERED, at(0)): 320,
        (name, DELIVERED, at(0, 15)): 500,
        (name, DELIVERED, at(0, day=2)): 100,
        (name, RECEIVED, at(0)): 0,
    }
    assert (replay.missing, replay.qualities) == (1, {"estimated": 1, "other": 1})
    assert replayed(save(tmp_path, *lines, start="")).meters == ("download",)


@pytest.mark.parametrize("minutes", [15, 30, 60])
@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
@pytest.mark.parametrize("family", ["usage", "net", "sections"])
def test_days_on_which_clocks_change(tmp_path: Path, family: str, day: date, minutes: int) -> None:
    times = times_of_day(day, LOCAL, minutes)
    assert len(times) * minutes == {3: 23 * 60, 11: 25 * 60}[day.month]
    delivered, received = list(enumerate(times)), [(500 + i, time) for i, time in enumerate(times)]
    if family == "sections":
        lines = [PERIODS.format("Delivered"), *(section(time, minutes, f"{wh}e-3") for wh, time in delivered)]
        lines += [PERIODS.format("Received"), *(section(time, minutes, f"{wh}e-3") for wh, time in received)]
        path = save(tmp_path, *lines, start=SCE)
    elif family == "net":
        path = save(tmp_path, NET, *(typed(time, minutes, f"{wh}e-3", f"{wh + 500}e-3") for wh, time in delivered))
    else:
        path = save(tmp_path, USAGE, *(typed(time, minutes, f"{wh}e-3") for wh, time in delivered))
        received = []
    replay = replayed(path)
    (name,) = replay.meters
    expected: dict[Key, int] = {(name, DELIVERED, time): wh for wh, time in delivered}
    expected |= {(name, RECEIVED, time): wh for wh, time in received}
    assert reads_of(replay) == expected
    assert replay.interval_minutes == minutes


@pytest.mark.parametrize("family", ["usage", "sections"])
def test_gaps_and_duplicates(tmp_path: Path, family: str) -> None:
    times = [at(hour) for hour in (0, 1, 4, 4, 9)]
    if family == "usage":
        path = save(tmp_path, USAGE, *(typed(time, 60, "1") for time in times))
    else:
        path = save(tmp_path, PERIODS.format("Delivered"), *(section(time, 60, "1") for time in times), start=SCE)
    replay = replayed(path)
    assert (replay.interval_minutes, replay.reads, replay.duplicates) == (60, 4, 1)
    path.write_text(
        path.read_text("utf-8") + path.read_text("utf-8").splitlines()[-1].replace("1,$", "2,$").replace('"1"', '"2"')
    )
    assert "another value for a meter and interval than at" in refusal(path, timezone=ZONE)


def test_an_hour_that_the_file_does_not_repeat_is_absent(tmp_path: Path) -> None:
    rows = [f"Electric usage,2026-11-01,0{hour}:00,0{hour}:59,{hour},," for hour in (0, 1, 2)]
    starts = [start for _, _, start in reads_of(replayed(save(tmp_path, USAGE, *rows)))]
    assert starts == [datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (7, 8, 10)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Electric usage,2026-03-01,00:15,00:29,-0.1,,", "'-0.1' is negative"),
        ("Electric usage,2026-03-01,00:15,00:29,many,,", "'many' is not a number"),
        ("Electric usage,2026-02-30,00:15,00:29,1,,", "time '2026-02-30 00:15' does not exist in"),
        ("Electric usage,2026-03-08,02:15,02:29,1,,", "time '2026-03-08 02:15' does not exist in"),
        ("Electric usage,3/1/2026,00:15,00:29,1,,", "'3/1/2026 00:15' is not a time such as"),
        (
            "Electric usage,2026-03-01,00:15,00:59,1,,",
            "from 2026-03-01 00:15 to 2026-03-01 00:59 is not the 15 minutes",
        ),
        ("Electric usage,2026-03-01,00:15,later,1,,", "to 2026-03-01 later is not the 15 minutes of other rows"),
        ("Electric usage,2026-03-01,00:20,00:34,1,,", "time is not on the grid of 15 minutes"),
        ("Natural gas usage,2026-03-01,00:15,00:29,1,,", "type 'Natural gas usage' is not electric usage"),
        ("Electric usage,2026-03-01,00:15", "3 fields, the header has 7"),
        ("Electric usage,2026-03-01,00:15,00:29,1,,,", "8 fields, the header has 7"),
        ("Electric usage,2026-03-01,00:15,00:29,\udcff,,", "not UTF-8"),
    ],
)
def test_bad_rows(tmp_path: Path, row: str, why: str) -> None:
    path = save(tmp_path, USAGE, typed(at(0), 15, "1"), typed(at(1), 15, "1"))
    path.write_bytes(path.read_bytes() + row.encode(errors="surrogateescape") + b"\r\n")
    message = refusal(path, timezone=ZONE)
    assert message.startswith(f"{path}, line 9: ")
    assert why in message


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("TYPE,DATE,USAGE,UNITS,COST,NOTES", "no column 'START TIME'; it has TYPE, DATE, USAGE"),
        ("TYPE,START DATE,END DATE,USAGE (kWh),COST,NOTES", "no column 'DATE'"),
        ("TYPE,DATE,START TIME,END TIME,USAGE (therms),COST", "no column USAGE (kWh), IMPORT (kWh) or EXPORT (kWh)"),
        ("TYPE,DATE,START TIME,END TIME,USAGE,COST", "no column USAGE (kWh)"),
        ("TYPE,DATE,START TIME,END TIME,USAGE (kWh),IMPORT (kWh)", "more than one column of delivered or received"),
    ],
)
def test_bad_headers(tmp_path: Path, header: str, why: str) -> None:
    path = save(tmp_path, header, "Electric usage,2026-03-01,00:00,00:14,1,1")
    message = refusal(path, timezone=ZONE)
    assert message.startswith(f"{path}, line 6: ")
    assert why in message


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (['"yesterday","1",""'], "line 12: 'yesterday' is not a period such as 'TIME to TIME'"),
        (['"2026-03-01 00:00:00 to noon","1",""'], "line 12: '2026-03-01 00:00:00 to noon' is not a period"),
        ([section(at(0), 15, "one")], "line 12: 'one' is not a number"),
        ([section(at(0), 1440, "1")], "line 12: intervals of 1440 minutes"),
        ([section(at(0), 120, "1")], "line 12: intervals of 120 minutes"),
        ([PERIODS.format("Received").replace("kilowatt-hours", "therms")], "line 12: energy is not in kilowatt-hours"),
        ([], ": no rows"),
    ],
)
def test_bad_sections(tmp_path: Path, lines: list[str], why: str) -> None:
    path = save(tmp_path, PERIODS.format("Delivered"), *lines, start=SCE)
    assert why in refusal(path, timezone=ZONE)


def test_what_the_files_tell_themselves(tmp_path: Path) -> None:
    path = save(tmp_path, USAGE, typed(at(0), 15, "1"))
    assert "has no zone; name the zone of the file's times with --timezone" in refusal(path)
    assert "--stamps end is for files that name one end" in refusal(path, timezone=ZONE, stamps="end")
    assert "--map is for wide files" in refusal(path, timezone=ZONE, columns={"a": RECEIVED})
    assert "is longer than 64 bytes" in refusal(
        save(tmp_path, USAGE, typed(at(0), 15, "1"), start=f"Account Number,{'1' * 70}\n"), timezone=ZONE
    )


def test_finer_rows_are_summed_and_both_families_join_with_other_files(tmp_path: Path) -> None:
    rows = [typed(at(0) + timedelta(minutes=15 * quarter), 15, "0.1") for quarter in range(8)]
    path = save(tmp_path, USAGE, *rows)
    assert list(reads_of(replayed(path, interval_minutes=60)).values()) == [400, 400]
    long = tmp_path / "long.csv"
    long.write_text(
        "meter,interval_start,delivered_wh\n" + "".join(f"a,2026-03-01 0{hour}:00,7\n" for hour in range(4))
    )
    replay = open_replay([path, long], ReplayOptions(timezone=ZONE, interval_minutes=60))
    assert (replay.meters, replay.reads) == (("a", ACCOUNT), 12)
