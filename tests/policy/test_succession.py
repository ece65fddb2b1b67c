"""Cohorts change on the first of a month, by whole groups; meters and accounts at their homes on any day."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from itertools import chain
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.oracle import derivable_sets
from tests.policy.rosters import roster, row, rows_of
from tests.policy.trees import policy
from wattseal.policy.sets import Day, Grant, permit_set
from wattseal.policy.succession import check_history, check_succession, homes
from wattseal.protocol.errors import GroupTooSmall, RosterChangeRefused
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Window
from wattseal.protocol.roster import Roster, RosterRow, Unit
from wattseal.protocol.time import parse_window

K = 15
FIRST, SECOND = parse_window("2026-04-01"), parse_window("2026-04-02")


def of(effective: Window, **sizes: range) -> Roster:
    """A roster of cohorts town/NAME with meters of these numbers."""
    rows = chain.from_iterable(rows_of(f"town/{name}", len(numbers), numbers.start) for name, numbers in sizes.items())
    return roster(sorted(rows, key=lambda row: row.meter), effective=effective)


BEFORE = of(parse_window("2026-03-01"), a=range(40), b=range(100, 140))


def refused(after: Roster, reason: str) -> None:
    with pytest.raises(RosterChangeRefused, match=reason):
        check_succession(BEFORE, after, K)


def test_no_change_on_any_day() -> None:
    check_succession(BEFORE, of(SECOND, a=range(40), b=range(100, 140)), K)


def test_changes_on_the_first_only() -> None:
    more = {"a": range(40), "b": range(100, 140), "c": range(200, 215)}
    check_succession(BEFORE, of(FIRST, **more), K)
    refused(of(SECOND, **more), "first of a month")


@pytest.mark.parametrize("joining", [1, K - 1])
def test_fewer_than_a_group_join(joining: int) -> None:
    refused(of(FIRST, a=range(40 + joining), b=range(100, 140)), "at least 15")
    check_succession(BEFORE, of(FIRST, a=range(40 + K), b=range(100, 140)), K)


@pytest.mark.parametrize("leaving", [1, K - 1])
def test_fewer_than_a_group_leave(leaving: int) -> None:
    refused(of(FIRST, a=range(leaving, 40), b=range(100, 140)), "at least 15")
    check_succession(BEFORE, of(FIRST, a=range(K, 40), b=range(100, 140)), K)


def test_one_for_one_exchange_is_no_disguise() -> None:
    refused(of(FIRST, a=range(1, 41), b=range(100, 140)), "at least 15")


def test_one_leaves_while_a_group_joins() -> None:
    refused(of(FIRST, a=range(40 - 1), b=range(100, 140), c=range(300, 315)), "at least 15")


def test_homes_that_swap_in_a_circle() -> None:
    """Each cohort gives and takes a group; homes that use the same every day would be told by the differences."""
    circle = {"a": range(60), "b": range(100, 160), "c": range(200, 260)}
    before = of(parse_window("2026-03-01"), **circle)

    def turned(far: int, near: int) -> Roster:
        """`far` homes go to the next cohort, `near` to the one after."""
        rows = {name: [*homes_of[far + near :]] for name, homes_of in circle.items()}
        for numbers, name, after_next in zip(circle.values(), "bca", "cab", strict=True):
            rows[name] += numbers[:far]
            rows[after_next] += numbers[far : far + near]
        placed = [one for name, some in rows.items() for n in some for one in rows_of(f"town/{name}", 1, n)]
        return roster(sorted(placed, key=lambda row: row.meter), effective=FIRST)

    check_succession(before, turned(20, 20), K)
    check_succession(before, turned(30, 0), K)
    with pytest.raises(RosterChangeRefused, match="join or leave a cohort together"):
        check_succession(before, turned(20, 1), K)
    with pytest.raises(RosterChangeRefused, match="stay in a cohort together"):
        check_succession(before, turned(30, 29), K)


@pytest.mark.parametrize(
    "after",
    [
        {"city/a": range(1, 40), "city/b": range(100, 140)},
        {"city/a": [*range(40), 77], "city/b": range(100, 140)},
        {"town/a1": range(20), "town/a2": [*range(20, 40), 300], "town/b": range(100, 140)},
    ],
    ids=["one leaves", "one joins", "one joins a part"],
)
def test_a_new_name_hides_nobody(after: dict[str, Iterable[int]]) -> None:
    """Were cohorts compared by their names alone, all of a renamed one would count as gone and come."""
    rows = [one for name, numbers in after.items() for number in numbers for one in rows_of(name, 1, number)]
    refused(roster(sorted(rows, key=lambda row: row.meter), effective=FIRST), "join or leave a cohort together")


MARCH, APRIL, MAY = (parse_window(f"2026-0{month}-01") for month in (3, 4, 5))


@pytest.mark.parametrize(
    ("april", "may"),
    [
        ({"a": [*range(25), *range(200, 215)]}, {"a": [*range(1, 40), 200]}),
        ({}, {"a": range(1, 40)}),
    ],
    ids=["a group goes and comes back", "a cohort goes and comes back"],
)
def test_whole_groups_in_two_steps_that_leave_one_home(
    april: dict[str, Iterable[int]], may: dict[str, Iterable[int]]
) -> None:
    """Each step is by whole groups; March and May differ by a home."""
    first, second, third = (
        roster(
            sorted(
                (one for name, some in {**cohorts, "b": range(100, 140)}.items() for n in some
                 for one in rows_of(f"town/{name}", 1, n)),
                key=lambda row: row.meter,
            ),
            effective=when,
        )
        for when, cohorts in ((MARCH, {"a": range(40)}), (APRIL, april), (MAY, may))
    )  # fmt: skip
    check_succession(first, second, K)
    check_succession(second, third, K)
    check_history([second], third, K)
    with pytest.raises(RosterChangeRefused, match="service points"):
        check_history([first, second], third, K)


def test_a_meter_that_was_away_does_not_bring_its_past_along() -> None:
    """Left out for a month, it comes back at another service point, dated into the former tenant's time."""
    gone = of(FIRST, a=range(K, 40), b=range(100, 140))
    back = [*rows_of("town/a", 40), *rows_of("town/b", 40, 100)]
    back[3] = row("m0003", "town/a", service_point="elsewhere", account="next")
    after = roster(sorted(back, key=lambda row: row.meter), effective=MAY)
    check_succession(gone, after, K)
    with pytest.raises(RosterChangeRefused, match="its meter was elsewhere"):
        check_history([BEFORE, gone], after, 1)


def test_those_who_are_left_behind() -> None:
    """A leaf's total, less that of all who went, is that of the one who stayed."""
    refused(of(FIRST, a=range(1), b=range(100, 140), c=range(1, 40)), "stay in a cohort together")
    check_succession(BEFORE, of(FIRST, a=range(K), b=range(100, 140), c=range(K, 40)), K)


def test_a_small_cohort_may_grow_from_outside() -> None:
    before = of(parse_window("2026-03-01"), a=range(10))
    check_succession(before, of(FIRST, a=range(10 + K)), K)
    with pytest.raises(RosterChangeRefused, match="join or leave a cohort together"):
        check_succession(before, of(FIRST, a=range(10 + K - 1)), K)


def test_a_whole_cohort_may_go() -> None:
    check_succession(BEFORE, of(FIRST, a=range(40)), K)


def with_rows(changes: dict[str, dict[str, Any]], effective: Window = SECOND) -> Roster:
    """`BEFORE` again, later, with other fields in the rows of some meters."""
    rows = [RosterRow(**{**asdict(row), **changes.get(row.meter, {})}) for row in BEFORE.rows]
    return roster(rows, effective=effective)


def keys_of(row: RosterRow) -> dict[str, Any]:
    return {"meter": row.meter, "identity_key": row.identity_key, "sealing_key": row.sealing_key}


OTHER = keys_of(row("m9999", "town/a"))
EXCHANGE: dict[str, Any] = {**OTHER, "installed": SECOND}
MOVE: dict[str, Any] = {"account": "somebody else", "tenure_since": SECOND}


@pytest.mark.parametrize(
    "change",
    [
        EXCHANGE,
        MOVE,
        {**EXCHANGE, **MOVE},
        {"sealing_key": OTHER["sealing_key"], "installed": SECOND},
        {"identity_key": OTHER["identity_key"], "installed": SECOND},
        {**EXCHANGE, "installed": Window(BEFORE.effective + 1)},
        {**MOVE, "tenure_since": Window(BEFORE.effective + 1)},
        {"customer_class": "commercial"},
    ],
)
def test_exchanges_and_moves_on_any_day(change: dict[str, Any]) -> None:
    check_succession(BEFORE, with_rows({"m0003": change}), K)


@pytest.mark.parametrize("since", ["installed", "tenure_since"])
@pytest.mark.parametrize("date", [0, BEFORE.effective])
def test_a_change_that_began_before_the_roster_before(since: str, date: int) -> None:
    change = {**(EXCHANGE if since == "installed" else MOVE), since: Window(date)}
    refused(with_rows({"m0003": change}), f"point of m0003: {since} is not a date after the roster before")


@pytest.mark.parametrize("key", ["identity_key", "sealing_key"])
def test_another_key_is_another_installation(key: str) -> None:
    refused(with_rows({"m0003": {key: OTHER[key]}}), "point of m0003: installed is not a date after")


@pytest.mark.parametrize("since", ["installed", "tenure_since"])
def test_what_stays_keeps_its_date(since: str) -> None:
    refused(with_rows({"m0003": {since: SECOND}}), f"point of m0003: {since} is another date, for the same as before")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"interval_minutes": 30}, "keeps its interval_minutes"),
        ({"commodity": "gas", "unit": Unit.LITRE, "interval_minutes": 60}, "keeps its commodity"),
        ({"region": RegionId("east")}, "a roster of region east does not follow one of region west"),
    ],
)
def test_what_a_region_is(fields: dict[str, Any], named: str) -> None:
    refused(roster(BEFORE.rows, effective=FIRST, **fields), named)


def test_a_region_keeps_its_unit() -> None:
    large = [RosterRow(**{**asdict(row), "customer_class": "large"}) for row in BEFORE.rows]
    before = roster(large, effective=BEFORE.effective)
    with pytest.raises(RosterChangeRefused, match="region west keeps its unit"):
        check_succession(before, roster(large, effective=FIRST, unit=Unit.WH_10), K)


def test_suite_and_layout_change_on_any_day() -> None:
    check_succession(BEFORE, roster(BEFORE.rows, effective=SECOND, suite=3, layout_id=b"layout-2"), K)


@pytest.mark.parametrize("days", [0, -1])
def test_no_roster_follows_itself_or_a_later_one(days: int) -> None:
    refused(roster(BEFORE.rows, effective=BEFORE.effective + days), "takes effect on 2026-03-01, not earlier")


def test_another_channel_is_a_join() -> None:
    both = {"channels": tuple(Channel)}
    refused(with_rows({"m0003": both}), "first of a month")
    refused(with_rows({"m0003": both}, effective=FIRST), "at least 15 service points join")
    check_succession(BEFORE, with_rows({f"m{number:04}": both for number in range(K)}, effective=FIRST), K)


def swapped(installed: Window, first: str = "m0003", second: str = "m0103") -> Roster:
    """Two meters that change places, in two cohorts."""
    keys = {meter: keys_of(BEFORE.by_meter[MeterId(meter)]) for meter in (first, second)}
    changes = {first: {**keys[second], "installed": installed}, second: {**keys[first], "installed": installed}}
    return with_rows(changes)


def test_meters_that_change_places_are_two_exchanges() -> None:
    check_succession(BEFORE, swapped(SECOND), K)
    refused(swapped(BEFORE.effective), "installed is not a date after")


@pytest.mark.parametrize(("installed", "permitted"), [(0, False), (BEFORE.effective, False), (SECOND, True)])
def test_a_meter_at_a_home_that_joins_was_elsewhere_until_then(installed: int, permitted: bool) -> None:
    """Its former home has another meter now."""
    joining = [row(f"m{number}", "town/c") for number in range(2000, 2000 + K - 1)]
    known = BEFORE.by_meter[MeterId("m0003")]
    there = RosterRow(
        **{**asdict(known), "service_point": "new home", "cohort": CohortId("town/c"), "installed": Window(installed)}
    )
    rest = with_rows({"m0003": EXCHANGE}).rows
    after = roster([*rest, *joining, there], effective=parse_window("2026-05-01"))
    if permitted:
        check_succession(BEFORE, after, K)
    else:
        refused(after, "new home: its meter was elsewhere when it was installed there")


# Why homes are what counts: exact algebra over the totals of both rosters


def sets_of_homes(*rosters: Roster) -> list[frozenset[MeterId]]:
    """What every total of every cohort adds up, if each home used the same on every day: the worst case for it."""
    return list(
        {
            frozenset(MeterId(home) for home in homes(each, cohort, Channel.DELIVERED)): None
            for each in rosters
            for cohort in sorted(each.cohorts)
        }
    )


def exchange(random: Random, rows: list[RosterRow], fresh: str) -> None:
    position = random.randrange(len(rows))
    rows[position] = replace(rows[position], **keys_of(row(fresh, "town/a")))


def swap(random: Random, rows: list[RosterRow], _: str) -> None:
    first, second = random.sample(range(len(rows)), 2)
    one, other = rows[first], rows[second]
    rows[first], rows[second] = replace(one, **keys_of(other)), replace(other, **keys_of(one))


def move(random: Random, rows: list[RosterRow], fresh: str) -> None:
    position = random.randrange(len(rows))
    rows[position] = replace(rows[position], account=fresh)


def regroup(random: Random, rows: list[RosterRow], _: str) -> None:
    position = random.randrange(len(rows))
    rows[position] = replace(rows[position], cohort=CohortId(random.choice(("town/a", "town/b"))))


def leave(random: Random, rows: list[RosterRow], _: str) -> None:
    del rows[random.randrange(len(rows))]


def join(random: Random, rows: list[RosterRow], fresh: str) -> None:
    rows.append(row(fresh, random.choice(("town/a", "town/b"))))


def honestly_dated(before: Roster, rows: list[RosterRow]) -> list[RosterRow]:
    """What differs from the roster before began on the second."""
    dated = []
    for new in rows:
        old = before.by_service_point.get(new.service_point, new)
        installed = old.installed if old.installation == new.installation else SECOND
        tenure_since = old.tenure_since if old.account == new.account else SECOND
        dated.append(replace(new, installed=installed, tenure_since=tenure_since))
    return dated


Change = Callable[[Random, list[RosterRow], str], None]
CHANGES: list[Change] = [exchange, swap, move, regroup, leave, join]


@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(CHANGES), max_size=6))
def test_within_a_month_nothing_more_can_be_derived_of_any_home(random: Random, changes: list[Change]) -> None:
    """Threat A5: whatever roster is permitted, the totals under both give no set of homes that one does not."""
    before = roster([*rows_of("town/a", 4), *rows_of("town/b", 5, 10)], effective=BEFORE.effective)
    rows = list(before.rows)
    for number, change in enumerate(changes):
        change(random, rows, f"n{number}")
    after = roster(honestly_dated(before, rows), effective=SECOND)
    try:
        check_succession(before, after, 2)
    except RosterChangeRefused:
        places = ({row.service_point: row.cohort for row in each.rows} for each in (before, after))
        assert next(places) != next(places)
    else:
        assert derivable_sets(sets_of_homes(before, after)) == derivable_sets(sets_of_homes(before))


def test_by_meter_the_same_day_under_both_rosters_is_refused() -> None:
    """Threats A5, E35: a replay may date an exchange into a day that was asked about; pins and atoms are of meters."""
    after = with_rows({"m0003": EXCHANGE})
    grants = [
        Grant(active, dict.fromkeys(active, 0))
        for each in (BEFORE, after)
        for active in [frozenset(each.active(CohortId("town/a"), Channel.DELIVERED))]
    ]
    day = permit_set(Day(), grants[0], policy(), 16_384)
    with pytest.raises(GroupTooSmall):
        permit_set(day, grants[1], policy(), 16_384)
