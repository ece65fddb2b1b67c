"""A whole billing route: statements of what fits, one file, and who got no bill, why."""

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.collector.billed import CUT, Roles, deployed, segment, terms
from tests.commands.shell import wattseal
from wattseal.collector import bill_terms
from wattseal.collector.bill import BillOptions, bill
from wattseal.collector.bill_route import bill_route
from wattseal.collector.bill_terms import Account, runs
from wattseal.protocol.errors import ShareTooLarge, UnknownSubject, UsageError
from wattseal.protocol.tariff.toml_file import packaged

CYCLE = "2026-05-01..2026-05-31"


def roles(*meters: str, **changes: Any) -> Roles:  # noqa: ANN401 - any field's value
    return Roles(terms(), **{"tariffs": [packaged("E-1")], "routes": {"north 1": list(meters)}, **changes})


def options(directory: Path, **changes: Any) -> BillOptions:  # noqa: ANN401 - any option's value
    return BillOptions(**{"meter": "", "cycle": CYCLE, "directory": directory, "region": "north", **changes})


def billed(directory: Path, route: str = "north 1", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option's value
    return bill_route(options(directory, territory="X", **changes), route, Console(quiet=True))


def test_a_route_in_one_file(tmp_path: Path) -> None:
    """The names of whom no report came are the collector's to know."""
    with deployed(roles("m1", "m2", "m3", silent=frozenset({"m2"})), tmp_path / "town") as directory:
        answer = billed(directory, out=tmp_path / "out")
        alone = bill(options(directory, meter="m1", territory="X"))
    with (tmp_path / "out" / "bills.csv").open(newline="") as file:
        rows = {row["meter"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["m1", "m2", "m3"]
    assert rows["m1"]["amount"] == alone["amount"]
    assert json.loads(rows["m2"]["determinants"]) == {"not_billed": "nobody-reported"}
    assert Decimal(answer["amount"]) == sum(Decimal(rows[meter]["amount"]) for meter in ("m1", "m3"))
    expected = {"route": "north 1", "statements": 1, "bills": 2, "no_report": ["m2"], "other_tariffs": 3}
    assert {name: answer[name] for name in expected} == expected
    written = sorted(path.name for path in (tmp_path / "out" / "bills").glob("*.json"))
    assert written == ["bill-m1-2026-05-01.json", "bill-m3-2026-05-01.json"]


def test_a_refused_statement_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_terms, "MOST_SEGMENTS", 2)
    refusal: dict[str, Any] = {"refusal": ShareTooLarge("one interval"), "refused": frozenset({"m3"})}
    with deployed(roles("m1", "m2", "m3", "m4", "m5", **refusal), tmp_path / "town") as directory:
        answer = billed(directory)
    assert (answer["statements"], answer["bills"]) == (3, 3)
    assert (answer["not_billed"], answer["no_report"]) == ({"share-too-large": 2}, [])


def test_a_route_that_there_is_not_and_words_that_do_not_fit(tmp_path: Path) -> None:
    with deployed(roles("m1"), tmp_path / "town") as directory:
        with pytest.raises(UnknownSubject, match="no meter is on that billing route"):
            billed(directory, "elsewhere")
        with pytest.raises(UsageError, match="a route's are cancelled one by one"):
            billed(directory, cancels=tmp_path / "bill.json")
        with pytest.raises(UsageError, match=r"^route: "):
            billed(directory, "=1+1")
    refused = wattseal("bill", "m1", CYCLE, "--route", "north 1", "--dir", tmp_path)
    assert (refused.status, refused.words) == (2, "give METER CYCLE, or --route NAME and CYCLE alone")


def test_the_command_ends_with_what_was_refused(tmp_path: Path) -> None:
    """3, as for a bill; what was billed is printed all the same."""
    asked = roles("m1", refusal=ShareTooLarge("one interval"))
    with deployed(asked, tmp_path / "town") as directory:
        words = (CYCLE, "--route", "north 1", "--region", "north", "--territory", "X", "--dir", directory, "--json")
        ended = wattseal("bill", *words)
    assert (ended.status, json.loads(ended.stdout)["not_billed"]) == (3, {"share-too-large": 1})


def test_statements_hold_segments_not_meters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill_terms, "MOST_SEGMENTS", 4)
    accounts = {f"m{number}": Account("one" if number in (1, 4) else None) for number in range(5)}
    assert list(runs(accounts)) == [["m0", "m1", "m4", "m2"], ["m3"]]
    assert list(runs(accounts, {"m0": 2, "m4": 2})) == [["m0"], ["m1", "m4", "m2"], ["m3"]]


def test_parts_of_the_cycle_are_billed_by_account(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("meter,account\nm1,account-1\nm9,account-1\n")
    parts = {"m9": [segment("m9", end=CUT)], "m1": [segment("m1", start=CUT)]}
    with deployed(roles("m1", "m2", "m9", segments=parts), tmp_path / "town") as directory:
        answer = billed(directory, accounts=accounts)
    assert (answer["bills"], answer["not_billed"]) == (2, {})
