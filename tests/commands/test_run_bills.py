"""`wattseal run --tariff` on real households: bills.csv against bills worked out here from the files, to the cent."""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np

from tests.commands.shell import wattseal
from tests.commands.test_run import AUSGRID, ausgrid_wh
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill, Customer, Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged

COASTAL = AUSGRID.parents[1] / "greenbutton/Coastal_Multi_Family_Jan_1_2011_to_Jan_1_2012_RetailCustomer_5.xml"
COLUMNS = ["meter", "account", "cycle_start", "cycle_end", "tariff", "amount", "determinants", "estimated"]
_READING = re.compile(
    r"<IntervalReading>.*?<start>(?P<start>\d+)</start>.*?<value>(?P<wh>\d+)</value>.*?</IntervalReading>", re.DOTALL
)
JULY = Cycle(date(2011, 7, 1), date(2011, 8, 1), "America/Los_Angeles")
WITHIN = range(60 * (JULY.minutes[0] - 2 * 1440), 60 * (JULY.minutes[1] + 1440))
SHEET, CUSTOMER = packaged("E-TOU-C"), Customer("T")


def coastal_summer(path: Path) -> dict[datetime, int]:
    """Write a Green Button file of some weeks of the household's year; its Wh by the hour."""
    text = COASTAL.read_text()
    path.write_text(_READING.sub(lambda found: found[0] if int(found["start"]) in WITHIN else "", text))
    return {datetime.fromtimestamp(int(found["start"]), UTC): int(found["wh"]) for found in _READING.finditer(text)}


def ausgrid_summer(path: Path) -> dict[datetime, int]:
    """The same of the half-hourly household, and beside it one that lacks three days of the same reads."""
    with AUSGRID.open(newline="") as file:
        rows = [(row[""], row["GC"]) for row in itertools.islice(csv.DictReader(file), 35 * 48)]
    gap = {"2011-07-20", "2011-07-21", "2011-07-22"}
    lines = [f"{time},{kwh},{'' if time[:10] in gap else kwh}\n" for time, kwh in rows]
    path.write_text("".join(["time,ausgrid,with gap\n", *lines]))
    by_hour: dict[datetime, int] = {}
    for start, wh in ausgrid_wh().items():
        hour = start.replace(minute=0)
        by_hour[hour] = by_hour.get(hour, 0) + wh
    return by_hour


def plain(wh: dict[datetime, int]) -> Bill:
    """The bill of the household's own reads."""
    start, end = JULY.minutes
    inside = [wh[datetime.fromtimestamp(60 * minute, UTC)] for minute in range(start, end, 60)]
    reads = Reads(Segment(start, end, 60, JULY.timezone), {Channel.DELIVERED: np.array(inside, dtype=np.int64)})
    return plain_bill(SHEET, JULY, [reads], SHEET.modes(Mode.AMOUNT), CUSTOMER)


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS
        yield from reader


def test_bills_of_two_real_households_over_the_month_that_their_files_cover(tmp_path: Path) -> None:
    """A half-hourly table and a Green Button file; of a third household, some days are missing: it has no bill.

    Opened by SEAL; the demonstration's bills are opened by our own code.
    """
    coastal, ausgrid = tmp_path / "coastal.xml", tmp_path / "ausgrid.csv"
    expected = {False: plain(coastal_summer(coastal)), True: plain(ausgrid_summer(ausgrid))}
    reads = ("--reads", coastal, ausgrid, "--interval", 60, "--timezone", "+10:00", "--neighbors", 12)
    terms = ("--tariff", SHEET.name, "--territory", CUSTOMER.territory, "--cycle-timezone", JULY.timezone)
    out, library = tmp_path / "out", ("--scheme", "ckks", "--backend", "reference")
    answer = wattseal("run", *reads, *terms, *library, "--out", out, "--json").json
    assert (answer["bills"], answer["bills_equal_to_those_of_plain_reads"]) == (2, 2)
    assert answer["not_billed"] == {"reads of the cycle are missing": 1}
    rows = {row["meter"]: row for row in rows_of(out / "bills.csv")}
    assert len(rows) == 3
    (unbilled,) = (rows.pop(meter) for meter, row in list(rows.items()) if row["account"] == "with gap")
    assert (unbilled["amount"], unbilled["determinants"]) == ("", '{"not_billed":"nobody-reported"}')
    report = (out / "report.html").read_text()
    for meter, row in rows.items():
        bill = expected[meter == "ausgrid"]
        assert Decimal(row["amount"]) == Decimal(bill.total_cents) / 100
        (energy,) = json.loads(row["determinants"])["energy"]
        assert 1000 * Decimal(energy["kwh"]) == sum(bill.energy.values())
        assert (row["cycle_start"], row["cycle_end"], row["tariff"]) == (
            "2011-07-01",
            "2011-08-01",
            "E-TOU-C 2026-03-01",
        )
        page = out / "bills" / f"bill-{meter}-2011-07-01.html"
        assert f'href="bills/{page.name}"' in report
        assert f"${row['amount']}" in page.read_text()
        assert json.loads(page.with_suffix(".json").read_text())["amount"] == row["amount"]
        assert f"${row['amount']}" in report
    assert len(list((out / "bills").iterdir())) == 4
