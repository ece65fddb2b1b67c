from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import LAST_WINDOW, Window
from wattseal.protocol.time import (
    interval_start,
    month_of,
    parse_window,
    window_date,
    window_minutes,
    window_of,
)

windows = st.integers(0, LAST_WINDOW).map(Window)


@given(windows)
def test_a_window_and_its_date(window: Window) -> None:
    assert parse_window(window_date(window).isoformat()) == window
    assert month_of(window) == window_date(window).isoformat()[:7]


def test_known_dates() -> None:
    assert parse_window("1970-01-01") == 0
    assert parse_window("2026-03-02") == 20_514 == (date(2026, 3, 2) - date(1970, 1, 1)).days
    assert parse_window("9999-12-31") == LAST_WINDOW
    assert month_of(Window(20_514)) == "2026-03"


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-3-2", "20260302", "2026-W10-1", "2026W101", "2026-02-30", "1969-12-31", "0001-01-01"),
        *("2026-03-02 ", " 2026-03-02", "2026-03-02\n", "2026-03-02T00:00", "+2026-03-02", "-001-01-01", "10000-01-01"),
        *("\u0662\u0660\u0662\u0666-03-02", "yesterday", "20514"),
    ],
    ids=ascii,
)
def test_a_date_has_one_spelling(text: str) -> None:
    with pytest.raises(MalformedMessage, match="is not a date such as 2026-03-02") as caught:
        parse_window(text)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()


def test_a_long_text_is_cut_in_the_answer() -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse_window("x" * 10_000)
    assert len(str(caught.value)) < 80


@given(windows, st.integers(0, 86_399))
def test_a_window_is_a_utc_day(window: Window, second: int) -> None:
    assert window_of(window * 86_400 + second) == window
    assert window_of(window * 86_400 - 0.5) == window - 1
    assert window_minutes(window) == (window * 1440, window * 1440 + 1440)


@pytest.mark.parametrize(
    ("interval", "minutes", "expected"),
    [
        (0, 15, "2026-03-02T00:00:00Z"),
        (95, 15, "2026-03-02T23:45:00Z"),
        (47, 30, "2026-03-02T23:30:00Z"),
        (1, 60, "2026-03-02T01:00:00Z"),
        (24, 60, "2026-03-03T00:00:00Z"),
    ],
)
def test_interval_start(interval: int, minutes: int, expected: str) -> None:
    assert interval_start(Window(20_514), interval, minutes) == expected
