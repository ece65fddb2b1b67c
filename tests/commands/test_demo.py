"""The demonstration with fewer meters: every role a real process, every cheat turned away, the rest as it says."""

import csv
from pathlib import Path

from rich.console import Console

from wattseal.collector.demo import PAGES, demo

METERS = 120
BILLS_REFUSED = {
    "bill by a tariff, signed by all, that prices one hour a week: share-too-large",
    "bill a home over a cycle that begins a day later: nobody-reported",
    "cheating aggregator: add to the numbers of a bill: verification-failed",
    "cheating aggregator: bill a home by its neighbor's reads: verification-failed",
    "cheating aggregator: bill a home again, under a second number: pinned-otherwise",
}


def test_totals_bills_and_cheats(tmp_path: Path) -> None:
    told = demo(tmp_path, "2026-03-02", Console(quiet=True), METERS)
    with (tmp_path / "bills.csv").open(newline="") as file:
        amounts = [row["amount"] for row in csv.DictReader(file)]
    bills = told["bills"]
    assert (len(amounts), amounts.count("")) == (METERS, METERS - bills)
    assert bills == told["bills_equal_to_those_of_plain_reads"] > METERS / 2
    assert list(told["not_billed"]) == ["tariff E-TOU-C has no charge on channel 'received' of the segment"]
    assert told["totals_released"] > 0
    assert len(told["attempts_refused"]) == 12
    assert set(told["attempts_refused"]) > BILLS_REFUSED
    assert len(list((tmp_path / "bills").glob("*.html"))) == PAGES
    report = (tmp_path / "report.html").read_text()
    assert f"{bills} bills made on ciphertexts; each equals the bill of the plain reads to the cent." in report
