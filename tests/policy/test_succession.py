"""Rosters follow each other on the first of a month, by whole groups."""

from itertools import chain

import pytest

from tests.policy.rosters import roster, rows_of
from wattseal.policy.succession import check_succession
from wattseal.protocol.errors import RosterChangeRefused
from wattseal.protocol.ids import Window
from wattseal.protocol.roster import Roster
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


def test_a_whole_cohort_may_go() -> None:
    check_succession(BEFORE, of(FIRST, a=range(40)), K)
