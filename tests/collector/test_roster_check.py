"""What `wattseal roster check` tells an operator, and when it says that a roster could not be installed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.policy.packs import flat
from tests.policy.rosters import TODAY, TRUST, countersigned, operator, roster, row, rows_of
from wattseal.collector.roster_check import check
from wattseal.policy.pack import trial_policy
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, Window
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.time import SECONDS_PER_DAY, parse_window

BOTH = tuple(Channel)
BEFORE = roster([*rows_of("town/a", 20), *rows_of("town/b", 14, 100), row("m0200", "town/a", BOTH)])
FIRST = parse_window("2024-11-01")
MISSING = "missing"


class Desk:
    """An operator's directory of rosters."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.trust = self.file("trust.json", TRUST.to_bytes())

    def file(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content)
        return path

    def check(
        self, signed: SignedRoster, before: SignedRoster | None = None, *, trusted: bool = True
    ) -> dict[str, Any]:
        previous = None if before is None else self.file("previous.json", before.to_bytes())
        path = self.file("roster.json", signed.to_bytes())
        return check(path, previous, self.trust if trusted else None, trial_policy())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def proposed(content: Roster) -> SignedRoster:
    return SignedRoster.issue(content, operator("utility"))


def later(*changed: RosterRow, effective: int = TODAY + 1) -> Roster:
    """`BEFORE` with other rows at the service points of these."""
    points = {each.service_point for each in changed}
    return roster([*(each for each in BEFORE.rows if each.service_point not in points), *changed], effective=effective)


def test_what_a_roster_says(desk: Desk) -> None:
    report = desk.check(proposed(BEFORE))
    assert {name: report[name] for name in list(report)[:9]} == {
        "region": "west",
        "effective": "2024-10-04",
        "commodity": "electricity",
        "interval_minutes": 15,
        "unit": "Wh",
        "suite": 1,
        "layout": b"layout-1".hex(),
        "digest": BEFORE.digest().hex(),
        "meters": 35,
    }
    assert report["cohorts"] == [
        {"cohort": "town", "delivered": 35, "received": 1, "never_opened": "received"},
        {"cohort": "town/a", "delivered": 21, "received": 1, "never_opened": "received"},
        {"cohort": "town/b", "delivered": 14, "received": 0, "never_opened": "delivered"},
    ]
    assert report["policy"] == "trial, totals of at least 15 meters"
    assert report["succession"] == "not checked: no previous roster was given"
    assert report["refused"] is None
    assert "exchanges" not in report


@pytest.mark.parametrize(("day", "begun"), [(TODAY - 1, "no"), (TODAY, "yes: only a replay takes it")])
def test_a_day_that_has_begun(desk: Desk, day: int, begun: str) -> None:
    path = desk.file("roster.json", proposed(BEFORE).to_bytes())
    report = check(path, None, None, trial_policy(), lambda: (day + 1) * SECONDS_PER_DAY - 1)
    assert (report["begun"], report["refused"]) == (begun, None)


def test_signatures(desk: Desk) -> None:
    fresh = proposed(BEFORE)
    assert desk.check(fresh)["signatures"] == {
        "utility": "holds", "aggregator_operator": MISSING, "unblinder_operator": MISSING,
    }  # fmt: skip
    assert set(desk.check(countersigned(BEFORE))["signatures"].values()) == {"holds"}
    unchecked = desk.check(fresh, trusted=False)["signatures"]
    assert unchecked["utility"] == "not checked: no trust was given"
    assert unchecked["unblinder_operator"] == MISSING


@pytest.mark.parametrize("forged", ["utility", "aggregator_operator", "unblinder_operator"])
def test_a_signature_that_does_not_hold(desk: Desk, forged: str) -> None:
    other = SignedRoster.issue(BEFORE, operator("nobody")).utility
    report = desk.check(countersigned(BEFORE).model_copy(update={forged: other}))
    assert report["signatures"].pop(forged) == "does not hold"
    assert set(report["signatures"].values()) == {"holds"}
    assert report["refused"] == f"the signature of the {forged.replace('_', ' ')} does not hold"


def test_exchanges_and_moves(desk: Desk) -> None:
    old = BEFORE.by_service_point["point of m0003"]
    point: dict[str, Any] = {"service_point": old.service_point, "account": old.account}
    after = later(
        row("new", "town/a", **point, installed=Window(TODAY + 1)),
        row("m0101", "town/b", account="next", tenure_since=Window(TODAY + 1)),
    )
    report = desk.check(proposed(after), countersigned(BEFORE))
    assert report["exchanges"] == [
        {
            "service_point": "point of m0003",
            "cohort": "town/a",
            "meter": "m0003 -> new",
            "installed": "2024-10-05",
            "came_from": "",
        }
    ]
    assert report["moves"] == [
        {
            "service_point": "point of m0101",
            "cohort": "town/b",
            "account": "account of m0101 -> next",
            "since": "2024-10-05",
        }
    ]
    assert report["joins_and_leaves"] == report["other_changes"] == []
    assert report["succession"] == "after the roster of 2024-10-04: permitted"
    assert report["refused"] is None


def test_a_meter_that_was_elsewhere_is_told(desk: Desk) -> None:
    """It may be true; an operator should ask, because it may also be one home in the place of another."""
    one, other = (BEFORE.by_service_point[f"point of {meter}"] for meter in ("m0003", "m0101"))
    since = Window(TODAY + 1)
    after = later(
        *(
            row(meter.meter, home.cohort, service_point=home.service_point, account=home.account, installed=since)
            for home, meter in ((one, other), (other, one))
        )
    )
    report = desk.check(proposed(after), countersigned(BEFORE))
    assert [each["came_from"] for each in report["exchanges"]] == ["point of m0003 (town/a)", "point of m0101 (town/b)"]
    assert report["refused"] is None


def test_other_changes(desk: Desk) -> None:
    business = replace(BEFORE.by_service_point["point of m0101"], customer_class="commercial")
    after = Roster(**{**dict(later(business)), "suite": 3, "layout_id": b"layout-2"})
    assert desk.check(proposed(after), countersigned(BEFORE))["other_changes"] == [
        "suite: 1 -> 3",
        f"layout: {b'layout-1'.hex()} -> {b'layout-2'.hex()}",
        "class of point of m0101: residential -> commercial",
    ]


def test_another_policy(desk: Desk) -> None:
    path = desk.file("roster.json", proposed(BEFORE).to_bytes())
    report = check(path, None, None, flat(14).model_copy(update={"name": "mine"}))
    assert report["policy"] == "mine, totals of at least 14 meters"
    assert [row["never_opened"] for row in report["cohorts"]] == ["received", "received", ""]


def test_joins_and_leaves(desk: Desk) -> None:
    after = roster([*rows_of("town/a", 20), *rows_of("town/c", 15, 300)], effective=FIRST)
    report = desk.check(proposed(after), countersigned(BEFORE))
    assert report["joins_and_leaves"] == [
        {"cohort": "town", "channel": "delivered", "join": 15, "leave": 15},
        {"cohort": "town", "channel": "received", "join": 0, "leave": 1},
        {"cohort": "town/a", "channel": "delivered", "join": 0, "leave": 1},
        {"cohort": "town/a", "channel": "received", "join": 0, "leave": 1},
        {"cohort": "town/b", "channel": "delivered", "join": 0, "leave": 14},
        {"cohort": "town/c", "channel": "delivered", "join": 15, "leave": 0},
    ]
    assert report["refused"] == "at least 15 service points join or leave a cohort together, or none"
    assert report["succession"] == "after the roster of 2024-10-04: refused"


def test_a_bad_signature_comes_before_a_bad_succession(desk: Desk) -> None:
    after = SignedRoster.issue(later(row("m9999", "town/a")), operator("nobody"))
    report = desk.check(after, countersigned(BEFORE))
    assert report["refused"] == "the signature of the utility does not hold"
    assert report["succession"].endswith("refused")


def test_a_previous_roster_that_is_not_in_force(desk: Desk) -> None:
    after = proposed(later())
    with pytest.raises(UsageError, match=r"previous\.json: the roster is not countersigned by both operators"):
        desk.check(after, proposed(BEFORE))
    assert desk.check(after, proposed(BEFORE), trusted=False)["refused"] is None


@pytest.mark.parametrize("name", ["roster.json", "previous.json", "trust.json"])
@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_files_that_are_not_what_they_should_be(desk: Desk, name: str, content: bytes | None) -> None:
    desk.check(proposed(later()), countersigned(BEFORE))
    path = desk.directory / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{path}: "):
        check(desk.directory / "roster.json", desk.directory / "previous.json", desk.trust, trial_policy())


def test_a_body_that_is_no_roster(desk: Desk) -> None:
    body = proposed(BEFORE).body.replace(b'"unit":"Wh"', b'"unit":"L"')
    path = desk.file("roster.json", proposed(BEFORE).model_copy(update={"body": body}).to_bytes())
    with pytest.raises(UsageError, match=r"roster\.json: Roster: .*gas is counted in L"):
        check(path, None, None, trial_policy())
