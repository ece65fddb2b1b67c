"""Files of register reads: the steps they give, and what is refused where."""

from pathlib import Path

import polars as pl
import pytest

from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.register_file import RegisterFile, open_registers

HEADER = "meter,time,delivered_index_wh\n"
GOOD = "a,2026-03-08T08:00:00Z,100\na,2026-03-09T07:00:00Z,350\n"
DAY = 20_521  # 2026-03-09
Steps = list[tuple[int, int, int, int]]


def opened(tmp_path: Path, text: str) -> RegisterFile:
    path = tmp_path / "r.csv"
    path.write_text(text)
    return open_registers(path)


def steps(file: RegisterFile, day: int, channel: str = "delivered", meters: tuple[str, ...] = ("a", "b")) -> Steps:
    found = file.steps_of_day(day, channel, meters)
    return sorted(zip(found.rows.tolist(), found.starts.tolist(), found.ends.tolist(), found.wh.tolist(), strict=True))


def test_successive_reads_of_a_meter_are_steps(tmp_path: Path) -> None:
    """The local day on which Los Angeles goes forward has 23 hours; rows may come in any order."""
    file = opened(
        tmp_path,
        HEADER
        + "a,2026-03-10T00:00:00-07:00,500\nb,2026-03-09T00:00:00-07:00,7\n"
        + "a,2026-03-08T00:00:00-08:00,100\na,2026-03-09T00:00:00-07:00,350\nb,2026-03-08T00:00:00-08:00,7\n",
    )
    begin, middle, end = (DAY - 1) * 1440 + 480, DAY * 1440 + 420, (DAY + 1) * 1440 + 420
    assert middle - begin == 23 * 60
    assert steps(file, DAY) == [(0, begin, middle, 250), (1, begin, middle, 0)]
    assert steps(file, DAY + 1) == [(0, middle, end, 150)]
    assert steps(file, DAY - 1) == steps(file, DAY + 2) == steps(file, DAY, "received") == []
    assert (file.reads, file.missing) == (5, 0)


def test_a_step_that_ends_at_midnight_is_of_the_day_before(tmp_path: Path) -> None:
    file = opened(tmp_path, HEADER + "a,2026-03-09T00:00:00Z,0\na,2026-03-10T00:00:00Z,5\n")
    assert steps(file, DAY) == [(0, DAY * 1440, (DAY + 1) * 1440, 5)]
    assert steps(file, DAY + 1) == []


def test_kwh_are_rounded_to_wh_and_channels_are_apart(tmp_path: Path) -> None:
    file = opened(
        tmp_path,
        "time,received_index_wh,note,meter,delivered_index_kwh\n"
        "2026-03-09T00:00:00Z,10,x,a,1.0005\n2026-03-09T12:00:00Z,,y,a,2.0015\n2026-03-10T00:00:00Z,40,z,a,3\n",
    )
    noon = DAY * 1440 + 720
    assert steps(file, DAY) == [(0, DAY * 1440, noon, 1002), (0, noon, noon + 720, 998)]
    assert steps(file, DAY, "received") == [(0, DAY * 1440, noon + 720, 30)]
    assert (file.reads, file.missing) == (5, 1)


def test_what_a_register_does_not_show_is_told_by_all_of_its_reads(tmp_path: Path) -> None:
    """By meter and channel: one that shows tenths of a kWh leaves 100 Wh open."""
    first, second = "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z"
    file = opened(
        tmp_path,
        "time,meter,delivered_index_kwh,received_index_kwh\n"
        f"{first},a,48123.5,7.004\n{second},a,48141.9,9\n{first},b,1000.12,3000\n{second},b,1004,4000\n",
    )
    found = {channel: file.steps_of_day(DAY, channel, ("a", "b")) for channel in ("delivered", "received")}
    assert {channel: steps.resolutions_wh.tolist() for channel, steps in found.items()} == {
        "delivered": [100, 10],
        "received": [1, 1000],
    }


def test_an_index_wraps_at_ten_gwh(tmp_path: Path) -> None:
    rows = "a,2026-03-09T00:00:00Z,9999999990\na,2026-03-10T00:00:00Z,15\n"
    assert [wh for *_, wh in steps(opened(tmp_path, HEADER + rows), DAY)] == [25]


def test_unknown_meters_are_counted(tmp_path: Path) -> None:
    file = opened(tmp_path, HEADER + GOOD + GOOD.replace("a,", "c,"))
    assert (file.unknown(("a", "b")), file.unknown(("a", "b", "c")), file.unknown(())) == (1, 0, 2)
    assert [row for row, *_ in steps(file, DAY)] == [0]
    assert [row for row, *_ in steps(file, DAY, meters=("0", "a", "b", "c"))] == [1, 3]
    assert steps(file, DAY, meters=()) == []


def test_steps_off_the_grid_are_counted(tmp_path: Path) -> None:
    rows = ["00:00", "00:30", "00:50", "01:00", "01:15", "02:00"]
    text = "".join(f"{meter},2026-03-09T{time}:00Z,5\n" for meter in "ab" for time in rows)
    file = opened(tmp_path, HEADER + text)
    found = [[file.steps_off_grid(meters, minutes) for minutes in (5, 15, 30, 60)] for meters in ("", "a", "ab")]
    assert found == [[0, 0, 0, 0], [0, 2, 4, 5], [0, 4, 8, 10]]


def test_one_read_is_no_step(tmp_path: Path) -> None:
    assert steps(opened(tmp_path, HEADER + "a,2026-03-09T00:00:00Z,5\n"), DAY) == []


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    times = pl.Series(["2026-03-08T08:00:00", "2026-03-09T07:00:00"]).str.to_datetime(time_zone="UTC")
    pl.DataFrame({"meter": ["a", "a"], "time": times, "delivered_index_kwh": [0.1, 0.35]}).write_parquet(path)
    assert [wh for *_, wh in steps(open_registers(path), DAY)] == [250]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("a,2026-03-10T00:00:00Z,349", "the index of meter 'a' falls from 350 to 349 Wh; only a wrap at 10^10 Wh"),
        ("a,2026-03-09T07:00:00Z,350", "another read of meter 'a' at the time of "),
        ("a,2026-03-09T00:00:00-07:00,351", "another read of meter 'a' at the time of "),
        ("a,2026-03-10T00:00:00,400", "time '2026-03-10T00:00:00' has no offset from UTC"),
        ("a,2026-03-10T00:00:30Z,400", "is not on the interval grid"),
        ("a,10/03/2026,400", "is not a time such as"),
        ("a,,400", "is not a time such as"),
        ("a,2026-02-30T00:00:00Z,400", "does not exist"),
        ("a,2026-03-10T00:00:00Z,-1", "column 'delivered_index_wh': '-1' is negative"),
        ("a,2026-03-10T00:00:00Z,x", "'x' is not a number"),
        ("a,2026-03-10T00:00:00Z,10000000000", "'10000000000' is not below 10^10 Wh"),
        (",2026-03-10T00:00:00Z,1", "meter name is empty"),
        ("a,2026-03-10T00:00:00Z", "2 fields, the header has 3"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(ReplayError) as caught:
        opened(tmp_path, HEADER + GOOD + row + "\n")
    assert str(caught.value).startswith(f"{tmp_path / 'r.csv'}, line 4")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fall_is_named_by_the_later_read(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="line 2: the index of meter 'a' falls from 350 to 100"):
        opened(tmp_path, HEADER + "a,2026-03-10T00:00:00Z,100\na,2026-03-09T00:00:00Z,350\n")


def test_half_of_all_there_is_is_no_wrap(tmp_path: Path) -> None:
    rows = "a,2026-03-09T00:00:00Z,5000000000\na,2026-03-10T00:00:00Z,{}\n"
    with pytest.raises(ReplayError, match="falls from 5000000000 to 0"):
        opened(tmp_path, HEADER + rows.format(0))
    whole = HEADER + rows.replace("5000000000", "5000000001")
    assert [wh for *_, wh in steps(opened(tmp_path, whole.format(0)), DAY)] == [4_999_999_999]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no rows"),
        (HEADER, "no rows"),
        ("meter,delivered_index_wh\na,1\n", "no column 'time'"),
        ("time,delivered_index_wh\na,1\n", "no column 'meter'"),
        ("meter,time\na,2026-03-10T00:00:00Z\n", "no column delivered_index_wh"),
        ("meter,time,recieved_index_wh\na,b,1\n", "unknown index column 'recieved_index_wh'"),
        (
            "meter,time,delivered_index_wh,delivered_index_kwh\na,b,1,1\n",
            "delivered index occurs both in Wh and in kWh",
        ),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ReplayError) as caught:
        opened(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "r.csv"))
    assert why in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="cannot be read"):
        open_registers(tmp_path / "absent.csv")
