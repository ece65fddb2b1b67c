from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.protocol.tariff.samples import PACIFIC, TWO_SEASONS, flat, peak, tariff, tiered
from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.calendar import day_kind, first_minute, holidays_of, periods_of, season_of, zone_of
from wattseal.protocol.tariff.model import Holiday
from wattseal.protocol.tariff.toml_file import packaged

PGE = packaged("E-TOU-D").holidays


def minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) // 60


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        (PACIFIC, date(2026, 3, 8), "2026-03-08T08:00Z"),
        (PACIFIC, date(2026, 3, 9), "2026-03-09T07:00Z"),
        (PACIFIC, date(2026, 11, 2), "2026-11-02T08:00Z"),
        ("Asia/Kolkata", date(2026, 3, 8), "2026-03-07T18:30Z"),
        ("+10:00", date(2026, 3, 8), "2026-03-07T14:00Z"),
        ("-08:00", date(2026, 7, 1), "2026-07-01T08:00Z"),
        # The clock goes from 24:00 to 01:00: the day begins at one.
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00Z"),
    ],
)
def test_where_local_days_begin(zone: str, day: date, begins: str) -> None:
    assert first_minute(day, zone_of(zone)) == minute(begins)


@pytest.mark.parametrize("name", ["", "Pacific", "+25:00", "+1:00", "../../etc/passwd", "\0", "+10:00\n"])
def test_unknown_zones(name: str) -> None:
    with pytest.raises(UsageError, match="neither an IANA name nor an offset"):
        zone_of(name)


@pytest.mark.parametrize(
    ("day", "season"),
    [
        (date(2026, 5, 31), "winter"),
        (date(2026, 6, 1), "summer"),
        (date(2026, 9, 30), "summer"),
        (date(2026, 10, 1), "winter"),
        (date(2028, 2, 29), "winter"),
        (date(2026, 1, 1), "winter"),
    ],
)
def test_seasons_last_until_the_next_begins(day: date, season: str) -> None:
    assert season_of(TWO_SEASONS, day) == season


def test_holidays_of_2026() -> None:
    assert sorted(holidays_of(PGE, 2026)) == [
        date(2026, 1, 1),
        date(2026, 2, 16),
        date(2026, 5, 25),
        date(2026, 7, 3),  # the 4th is a Saturday
        date(2026, 9, 7),
        date(2026, 11, 11),
        date(2026, 11, 26),
        date(2026, 12, 25),
    ]


def test_a_holiday_on_a_sunday_is_observed_on_the_monday_after() -> None:
    fourth = tuple(rule for rule in PGE if rule.name == "Independence Day")
    assert holidays_of(fourth, 2027) == {date(2027, 7, 5)}
    unmoved = tuple(rule.model_copy(update={"nearest_weekday": False}) for rule in fourth)
    assert holidays_of(unmoved, 2027) == {date(2027, 7, 4)}


def test_a_new_year_on_a_saturday_is_observed_in_the_old_year() -> None:
    new_year = tuple(rule for rule in PGE if rule.name == "New Year")
    assert [holidays_of(new_year, year) for year in (2027, 2028)] == [
        {date(2027, 1, 1), date(2027, 12, 31)},
        frozenset(),
    ]


@pytest.mark.parametrize("year", range(2024, 2036))
@pytest.mark.parametrize("month", [2, 5, 12])
def test_the_last_monday_of_a_month(year: int, month: int) -> None:
    (day,) = holidays_of((Holiday(name="last", month=month, weekday="monday", week=-1),), year)
    assert (day.month, day.weekday()) == (month, 0)
    assert (day + timedelta(days=7)).month != month


def test_a_holiday_on_the_29th_of_february_is_in_leap_years_only() -> None:
    leap = (Holiday(name="leap", month=2, day=29),)
    assert [len(holidays_of(leap, year)) for year in (2027, 2028, 2100)] == [0, 1, 0]


def test_a_holiday_is_no_weekday_where_the_tariff_has_holidays() -> None:
    monday = date(2026, 2, 16)
    assert [day_kind(PGE, monday), day_kind((), monday)] == ["holiday", "weekday"]
    assert [day_kind(PGE, date(2026, 7, 4)), day_kind(PGE, date(2026, 7, 3))] == ["weekend", "holiday"]


@pytest.mark.parametrize("zone", [PACIFIC, "Australia/Lord_Howe", "Asia/Kathmandu", "Europe/London", "+05:30"])
@pytest.mark.parametrize("begins", [date(2026, 3, 1), date(2026, 3, 25), date(2026, 9, 30), date(2026, 10, 20)])
def test_periods_against_the_local_clock_of_each_quarter_hour(zone: str, begins: date) -> None:
    where = zone_of(zone)
    start, end = first_minute(begins, where), first_minute(begins + timedelta(days=20), where)
    found = periods_of(tariff(tiered((None, 1))), peak("year"), start, end, 15, where)
    clocks = [datetime.fromtimestamp(m * 60, where) for m in range(start, end, 15)]
    assert found.tolist() == [int(16 <= clock.hour < 21) for clock in clocks]


def test_a_period_that_begins_inside_an_interval_is_refused() -> None:
    where = ZoneInfo("Asia/Kolkata")
    start = minute("2026-03-01T00:00Z")
    with pytest.raises(UsageError, match=r"'tou': a period begins inside the interval of 2026-03-01T10:00:00\+00:00"):
        periods_of(tariff(tiered((None, 1))), peak("year"), start, start + 1440, 60, where)
    assert periods_of(tariff(tiered((None, 1))), flat("year"), start, start + 1440, 60, where).tolist() == [0] * 24


def test_zones_off_the_quarter_hour_are_refused() -> None:
    with pytest.raises(UsageError, match="not a multiple of 15 minutes"):
        periods_of(tariff(tiered((None, 1))), peak("year"), 0, 1440, 60, zone_of("+05:53"))
