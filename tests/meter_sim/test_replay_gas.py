"""Gas files: litres and cubic metres, hours, and days that begin at local hours."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.meter_sim.replaying import reads_of, refusal, write
from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay import ReplayOptions, open_replay

PACIFIC = ZoneInfo("America/Los_Angeles")


def gas_days(path: Path, first: date, days: int, hour: int) -> Path:
    """Gas days beginning at a local hour, of 1, 2, 3, ... m3."""
    starts = [
        datetime(first.year, first.month, first.day, hour, tzinfo=PACIFIC) + timedelta(days=n) for n in range(days)
    ]
    rows = [f"g,{start.isoformat()},{n + 1}" for n, start in enumerate(starts)]
    return write(path, "meter,interval_start,delivered_m3\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("first", [date(2026, 3, 5), date(2026, 10, 29)])
@pytest.mark.parametrize("hour", [0, 9])
def test_days_over_a_change_of_clocks(tmp_path: Path, first: date, hour: int) -> None:
    replay = open_replay([gas_days(tmp_path / "gas.csv", first, 7, hour)], ReplayOptions())
    assert (replay.commodity, replay.interval_minutes, replay.channels) == ("gas", 1440, ("delivered",))
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    expected = {("g", "delivered", midnight + timedelta(days=n)): 1000 * (n + 1) for n in range(7)}
    assert reads_of(replay) == expected


def test_two_days_that_begin_in_one(tmp_path: Path) -> None:
    rows = [f"g,2026-03-0{day}T{hour:02d}:00:00Z,5" for day, hour in ((1, 0), (2, 0), (2, 23), (3, 23), (4, 23))]
    path = write(tmp_path / "gas.csv", "meter,interval_start,delivered_l\n" + "\n".join(rows) + "\n")
    assert f"line 4: begins on the same UTC day as the read at {path}, line 3" in refusal(path)


def test_hours(tmp_path: Path) -> None:
    rows = [f"g,2026-03-01T{hour:02d}:00:00Z,0.{hour:02d}5" for hour in range(24)]
    path = write(tmp_path / "gas.csv", "meter,interval_start,delivered_m3\n" + "\n".join(rows) + "\n")
    hourly = open_replay([path], ReplayOptions())
    assert (hourly.interval_minutes, sum(reads_of(hourly).values())) == (60, sum(10 * hour + 5 for hour in range(24)))
    daily = open_replay([path], ReplayOptions(interval_minutes=1440))
    assert list(reads_of(daily).values()) == [sum(10 * hour + 5 for hour in range(24))]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("meter,interval_start,delivered_l,delivered_wh", "gas and electricity in one file"),
        ("meter,interval_start,delivered_l,delivered_m3", "gas is one column, delivered_l or delivered_m3, not"),
        ("meter,interval_start,received_l,spare", "gas is one column, delivered_l or delivered_m3, not received_l"),
    ],
)
def test_columns(tmp_path: Path, header: str, message: str) -> None:
    assert message in refusal(write(tmp_path / "gas.csv", f"{header}\na,2026-03-01T00:00:00Z,1,1\n"))


def test_a_run_has_one_commodity(tmp_path: Path) -> None:
    gas = gas_days(tmp_path / "gas.csv", date(2026, 3, 1), 2, 9)
    rows = "".join(f"a,2026-03-01T{hour:02d}:00:00Z,5\n" for hour in range(24))
    electricity = write(tmp_path / "electricity.csv", "meter,interval_start,delivered_wh\n" + rows)
    with pytest.raises(ReplayError, match=r"gas.csv.*: gas, and electricity in the files before"):
        open_replay([electricity, gas], ReplayOptions())


@pytest.mark.parametrize("minutes", [15, 30])
def test_gas_intervals(tmp_path: Path, minutes: int) -> None:
    gas = gas_days(tmp_path / "gas.csv", date(2026, 3, 1), 2, 9)
    assert "must be 60 or 1440 for gas" in refusal(gas, interval_minutes=minutes)


def test_electricity_has_no_daily_interval(tmp_path: Path) -> None:
    rows = "".join(f"a,2026-03-01T{hour:02d}:00:00Z,5\n" for hour in range(24))
    path = write(tmp_path / "electricity.csv", "meter,interval_start,delivered_wh\n" + rows)
    assert "must be 15 or 30 or 60 for electricity" in refusal(path, interval_minutes=1440)
