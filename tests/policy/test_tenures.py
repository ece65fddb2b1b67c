"""Segments of accounts behind meters: each day of each service point has one, and it is what the rows said."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.policy.rosters import roster, row
from wattseal.policy.succession import check_succession
from wattseal.policy.tenures import Tenure, tenures
from wattseal.protocol.roster import Roster, RosterRow

HOME = "home"


def at_home(meter: str, account: str, installed: int, tenure_since: int, **changes: Any) -> RosterRow:  # noqa: ANN401
    fields: dict[str, Any] = {"account": account, "installed": installed, "tenure_since": tenure_since, **changes}
    return row(meter, "town", service_point=HOME, **fields)


def history(*rosters: Roster) -> list[tuple[str, str, int, int | None]]:
    return [(meter, account, first, last) for meter, account, first, last, _ in tenures(rosters)[HOME]]


def since(effective: int, *rows: RosterRow) -> Roster:
    return roster([*rows, row("other", "town")], effective=effective)


FIRST = since(20, at_home("m1", "a1", 10, 15))


def test_the_first_begins_when_both_are_there() -> None:
    assert history(FIRST) == [("m1", "a1", 15, None)]
    assert history(since(20, at_home("m1", "a1", 12, 3))) == [("m1", "a1", 12, None)]


def test_an_exchange_and_a_move_cut_at_their_own_dates() -> None:
    exchanged = since(30, at_home("m2", "a1", 25, 15))
    moved = since(40, at_home("m2", "a2", 25, 40))
    assert history(FIRST, exchanged, moved) == [("m1", "a1", 15, 24), ("m2", "a1", 25, 39), ("m2", "a2", 40, None)]


def test_an_exchange_leaves_the_account_its_tenure() -> None:
    later = since(30, at_home("m2", "a2", 25, 28))
    assert [tenure.since for tenure in tenures([FIRST, later])[HOME]] == [15, 15, 28]


def test_both_in_one_roster_are_two_cuts_or_one() -> None:
    for installed, moved, between in ((25, 28, ("m2", "a1", 25, 27)), (28, 25, ("m1", "a2", 25, 27))):
        later = since(30, at_home("m2", "a2", installed, moved))
        assert history(FIRST, later) == [("m1", "a1", 15, 24), between, ("m2", "a2", 28, None)]
    assert history(FIRST, since(30, at_home("m2", "a2", 25, 25))) == [("m1", "a1", 15, 24), ("m2", "a2", 25, None)]


def test_new_keys_are_a_new_segment() -> None:
    rekeyed = since(30, at_home("m1", "a1", 25, 15, sealing_key=bytes(31) + b"k"))
    assert history(FIRST, rekeyed) == [("m1", "a1", 15, 24), ("m1", "a1", 25, None)]


def test_who_leaves_has_an_end_and_who_comes_back_a_new_beginning() -> None:
    gone, back = since(30), since(50, at_home("m1", "a1", 10, 15))
    assert history(FIRST, gone) == [("m1", "a1", 15, 29)]
    assert history(FIRST, gone, since(40)) == [("m1", "a1", 15, 29)]
    assert history(FIRST, gone, back) == [("m1", "a1", 15, 29), ("m1", "a1", 30, None)]
    assert history(FIRST, gone, since(50, at_home("m2", "a2", 41, 45)))[1] == ("m2", "a2", 45, None)


def test_order_and_repetition_of_rosters_do_not_matter() -> None:
    later = since(30, at_home("m2", "a1", 25, 15))
    assert tenures([later, FIRST]) == tenures([FIRST, later]) == tenures([FIRST, since(25, *FIRST.rows[:1]), later])
    assert tenures([]) == {}


@st.composite
def lives(draw: st.DrawFn) -> tuple[dict[int, str], dict[int, str], list[int]]:
    """Meters and accounts of one home by their first windows, and when rosters take effect."""
    meters = draw(st.lists(st.integers(1, 60), max_size=6, unique=True))
    accounts = draw(st.lists(st.integers(1, 60), max_size=6, unique=True))
    # A roster after each change of either, so that none hides another of its kind; some more in between.
    effective = {0, *meters, *accounts, *draw(st.lists(st.integers(1, 70), max_size=4))}
    return (
        {0: "m0", **{day: f"m{day}" for day in meters}},
        {0: "a0", **{day: f"a{day}" for day in accounts}},
        sorted(effective),
    )


@given(lives(), st.data())
def test_each_day_has_the_meter_and_account_of_that_day(
    life: tuple[dict[int, str], dict[int, str], list[int]], data: st.DataObject
) -> None:
    """Rosters may come late, by less than it takes for two changes of one kind to fall between two of them."""
    meters, accounts, effective = life
    rosters: list[Roster] = []
    for day in effective:
        later = [other for other in (*meters, *accounts, *effective) if other > day]
        delay = data.draw(st.integers(0, min(later, default=day + 5) - day - 1))
        known, account = (max(start for start in starts if start <= day) for starts in (meters, accounts))
        rosters.append(since(day + delay, at_home(meters[known], accounts[account], known, account)))
    for before, after in pairwise(rosters):
        check_succession(before, after, 2)
    found = tenures(rosters)[HOME]
    for day in range(80):
        (tenure,) = [each for each in found if each.first <= day and (each.last is None or day <= each.last)]
        expected = tuple(starts[max(start for start in starts if start <= day)] for starts in (meters, accounts))
        assert (tenure.meter, tenure.account) == expected
    _check_order(found)


def _check_order(found: Sequence[Tenure]) -> None:
    for earlier, later in pairwise(found):
        assert earlier.last is not None
        assert earlier.first <= earlier.last == later.first - 1
        assert (earlier.meter, earlier.account) != (later.meter, later.account)
