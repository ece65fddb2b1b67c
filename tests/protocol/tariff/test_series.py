from pathlib import Path

import pytest

from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.series import Series, read_series

HEADER = "interval_start,price\n"


def series(path: Path, text: str, step_minutes: int = 60, digits: int = 5) -> Series:
    file = path / "prices.csv"
    file.write_text(text)
    return read_series(file, step_minutes, digits)


def test_prices_of_an_hour_in_any_offset(tmp_path: Path) -> None:
    rows = "2026-03-08T01:00-08:00,0.30001\n2026-03-08T03:00:00-07:00,-0.05\n2026-03-08T11:00:00Z,1\n"
    assert series(tmp_path, HEADER + rows) == Series(29_549_340, (30_001, -5_000, 100_000))


def test_prices_of_a_quarter_hour(tmp_path: Path) -> None:
    rows = "1970-01-02 00:00Z,1\n1970-01-02 00:15Z,2\n"
    assert series(tmp_path, HEADER + rows, 15, 6) == Series(1440, (1_000_000, 2_000_000))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: the columns are interval_start and price"),
        (HEADER, "at least one row follows"),
        ("time,price\n1970-01-02T00:00Z,1\n", "line 1: the columns"),
        (HEADER + "1970-01-02T00:00Z,1,2\n", "line 2: 3 columns, not 2"),
        (HEADER + "1970-01-02T00:00Z,1\n\n", "line 3: 1 columns"),
        (HEADER + "1970-01-02T00:00,1\n", "line 2: interval_start: not a time"),
        (HEADER + "1970-13-02T00:00Z,1\n", "line 2: interval_start: not a time"),
        (HEADER + "1970-01-02T00:00:30Z,1\n", "line 2: interval_start: not a time"),
        (HEADER + "1970-01-02T00:00Z,\n", "line 2: price: not a number"),
        (HEADER + "1970-01-02T00:00Z,nan\n", "line 2: price: not a number"),
        (HEADER + "1970-01-02T00:00Z,inf\n", "line 2: price: not a number"),
        (HEADER + "1970-01-02T00:00Z,0.000001\n", "line 2: price: 0.000001 is finer than 5 decimals"),
        (HEADER + "1970-01-02T00:00Z,1e999999999\n", r"line 2: price: 1E\+999999999 is too large"),
        (HEADER + "1970-01-02T00:00Z,1\n1970-01-02T02:00Z,1\n", "line 3: a gap in steps of 60 minutes"),
        (HEADER + "1970-01-02T00:00Z,1\n1970-01-02T00:30Z,1\n", "line 3: an overlap in steps of 60 minutes"),
        (HEADER + "1970-01-02T00:00Z,1\n1970-01-02T00:00Z,1\n", "line 3: an overlap"),
        (HEADER + '1970-01-02T00:00Z,"1"\n', "line 2: price: not a number"),
    ],
)
def test_files_that_are_no_series(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as error:
        series(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "prices.csv"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv.*No such file"):
        read_series(tmp_path / "none.csv", 60, 5)
