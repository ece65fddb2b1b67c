"""A bill on a terminal: what the printed page and the JSON say, in lines."""

import io
import json

import pytest
from rich.console import Console

from tests.collector.test_bill_files import EARLIER
from tests.collector.test_bill_page import BILLS
from tests.collector.test_report_page import HOSTILE
from wattseal.collector.bill_files import described
from wattseal.collector.bill_page import dollars
from wattseal.collector.bill_text import bill_text
from wattseal.collector.bills import Settled
from wattseal.protocol.codec import to_base64


def text_of(found: Settled, width: int = 240) -> str:
    file = io.StringIO()
    # Through JSON, as `--json` prints it.
    answer = json.loads(json.dumps({**described(found), "files": ["out/bills.csv"]}))
    Console(file=file, width=width, force_terminal=False).print(*bill_text(answer), sep="\n", highlight=False)
    return file.getvalue()


TEXTS = {name: text_of(found) for name, found in BILLS.items()}


@pytest.mark.parametrize("name", BILLS)
def test_every_charge_and_what_is_due(name: str) -> None:
    text, bill = TEXTS[name], BILLS[name].bill
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for line in bill.lines:
        assert f"{line.name} {dollars(line.cents)}".split() in [one.split() for one in lines] or name == "hostile"
    what = "Amount due" if bill.due_cents >= 0 else "To be paid back"
    assert f"{what} {dollars(abs(bill.due_cents))}" in lines
    assert to_base64(BILLS[name].release) in text
    assert lines[-1] == "out/bills.csv"


def test_a_bill_in_full() -> None:
    """TOU sums as a bar each, of the width of their share."""
    text = TEXTS["sums"]
    assert text.startswith("Electricity bill, meter m1\n2026-05-01 to 2026-05-30, 30 days, America/Los_Angeles\n")
    assert "energy delivered, tou\n" in text
    assert "off-peak  100.001 kWh  83.3%  " + "█" * 20 + "░" * 4 in text
    assert "peak       20.000 kWh  16.7%  " + "█" * 4 + "░" * 20 in text
    assert "energy received, tou\n" in text


def test_what_is_rebilled_says_what_it_cancels() -> None:
    lines = [" ".join(line.split()) for line in TEXTS["rebill"].splitlines()]
    assert f"Rebilled: cancels an earlier bill of {dollars(EARLIER.cents)}." in lines
    assert f"Earlier bill, cancelled {dollars(-EARLIER.cents)}" in lines
    assert f"Total {dollars(BILLS['rebill'].bill.total_cents)}" in lines
    assert not any(line.startswith(("Total", "Earlier bill")) for line in TEXTS["amounts"].splitlines())


def test_what_is_estimated_says_so_and_by_what() -> None:
    assert "Partly estimated: some reads were estimated or edited" in TEXTS["rebill"]
    assert "Estimated: the report of interval reads is missing, and registers stand for it" in TEXTS["registers"]
    assert "stimated" not in TEXTS["sums"]


def test_amounts_alone_have_no_breakdown() -> None:
    assert "No sum of energy was opened: every charge on it left the key server in cents." in TEXTS["amounts"]
    assert "kWh" not in TEXTS["amounts"]


def test_gas_demand_and_nothing_used() -> None:
    assert "therms" in TEXTS["gas"]
    assert "1234.500 kW" in TEXTS["demand"]
    assert "0.000 kWh  0.0%  " + "░" * 24 in TEXTS["nothing used"]
    assert text_of(BILLS["two meters"]).startswith("Electricity bill, account account-1 (meter m9, m1)\n")


def test_a_part_of_a_cycle_tells_both_lengths() -> None:
    of = BILLS["sums"].bill.cycle
    answer = {**described(BILLS["sums"]), "days": 11}
    file = io.StringIO()
    Console(file=file, width=200).print(*bill_text(answer), sep="\n")
    assert f"11 days of a cycle of {of.length}" in file.getvalue()


def test_no_name_is_taken_for_markup() -> None:
    """Square brackets are rich's own."""
    text = text_of(BILLS["hostile"], width=1_000)
    assert HOSTILE.replace("\udcff", "?")[:20] in text
    assert "<script>" in text
