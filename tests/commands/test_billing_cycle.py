"""A billing cycle of a town from its file of reads: a tariff's season cut, corrections after the bill, rebills.

The cycle has four days of E-TOU-D's summer, with few hours of its peak.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.commands.shell import wattseal
from wattseal.collector import deployment
from wattseal.collector.bill import BillOptions
from wattseal.collector.bill import bill as order_bill
from wattseal.collector.bill_route import bill_route
from wattseal.collector.deployment import Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.reconcile import reconcile
from wattseal.collector.trial import close_windows, install_charge_list, install_rosters, install_tariff, send_fleet
from wattseal.meter_sim.check_bill import Checking, check_bill
from wattseal.protocol.errors import PinnedOtherwise, ShareTooLarge, UsageError
from wattseal.protocol.ids import Channel, Suite
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.linear import linear_prices
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import parse_window

METERS, CORRECTED, SILENT = 17, 4, 16
QUIET = Console(quiet=True)
FIRST, DAYS = date(2026, 5, 8), 29
ZONE = "America/Los_Angeles"
CYCLE = Cycle(date(2026, 5, 8), date(2026, 6, 5), ZONE)
TARIFF = packaged("E-TOU-D")
Correction = dict[int, int]
"""Wh that are added to reads of one meter, by hour since the first day began."""
FOUND_LATER: Correction = dict.fromkeys(range(200, 230), 4_000)


def reads_of(meter: int, correction: Correction) -> NDArray[np.int64]:
    reads = np.random.default_rng(meter).integers(100, 2_000, DAYS * 24)
    for hour, wh in correction.items() if meter == CORRECTED else ():
        reads[hour] += wh
    return reads


def write(path: Path, correction: Correction, *, silent: bool) -> None:
    """Without a read of one meter, if it is `silent`."""
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("meter", "interval_start", "delivered_wh"))
        for meter in range(METERS):
            for hour, wh in enumerate(reads_of(meter, correction)):
                read = "" if silent and meter == SILENT else wh
                rows.writerow((name(meter), (begin + timedelta(hours=hour)).isoformat(), read))


def name(meter: int) -> str:
    return f"m-{meter:02d}"


def plain_amount(meter: int, correction: Correction) -> Decimal:
    start, end = CYCLE.minutes
    begin = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()) // 60
    reads = reads_of(meter, correction)[(start - begin) // 60 : (end - begin) // 60]
    told = Reads(Segment(start, end, 60, ZONE, (Channel.DELIVERED,)), {Channel.DELIVERED: reads})
    bill = plain_bill(TARIFF, CYCLE, [told], TARIFF.modes(Mode.AMOUNT))
    return Decimal(bill.total_cents) / 100


class Town(NamedTuple):
    """A month that was billed and reconciled, then corrected and sent again after every window was closed."""

    places: Places
    first: dict[str, Any]
    reconciled: dict[str, Any]
    corrected: dict[str, Any]
    sent: dict[str, Any]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    places = Places(tmp_path_factory.mktemp("rebilled"))
    deployment.create(places, Suite.MASKING)
    file, cycle = places.directory / "reads.csv", ("--cycle", f"{CYCLE.first}..{CYCLE.after}", "--cycle-timezone", ZONE)
    write(file, {}, silent=False)
    where = ("--fleet", places.fleet, "--roster", places.roster, "--suite", int(Suite.MASKING))
    with Deployment(places):
        tariff = install_tariff(places, TARIFF.name)
        facts = order(
            "meter_sim", "prepare", *map(str, (*where, "--reads", file, "--root", "town", "--tariff", tariff))
        )
        install_rosters(places, map(Path, facts["rosters"]))
        write(file, {}, silent=True)
        send_fleet(places, *cycle)
        close_windows(places, [FIRST + timedelta(days=day) for day in range(DAYS)])
        # A season cut: refused until the operators list it.
        with pytest.raises(ShareTooLarge):
            bill(places, CORRECTED)
        install_charge_list(places, TARIFF.name, ["Energy"])
        first = bill(places, CORRECTED)
        reconciled = reconcile(options(places, CORRECTED), "town", "grid-planning", QUIET)
        write(file, FOUND_LATER, silent=False)
        sent = send_fleet(places, *cycle)
        yield Town(places, first, reconciled, bill(places, CORRECTED), sent)


def options(places: Places, meter: int, **changes: Any) -> BillOptions:  # noqa: ANN401 - any option's value
    return BillOptions(name(meter), f"{CYCLE.first}..{CYCLE.after}", places.directory, **changes)


def bill(places: Places, meter: int, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any option's value
    return order_bill(options(places, meter, **changes))


def kept(directory: Path, earlier: dict[str, Any]) -> Path:
    path = directory / "bill.json"
    path.write_text(json.dumps(earlier))
    return path


def test_a_season_cut_is_billed_once_the_operators_list_it(town: Town) -> None:
    assert Decimal(town.first["amount"]) == plain_amount(CORRECTED, {})


def test_corrected_reads_come_late_under_the_next_number(town: Town) -> None:
    """Two days of one meter and every day of the one that was silent; their cycles' reports are late as well."""
    assert (town.sent["sealed_reports"], town.sent["cycle_reports"]) == (2 + DAYS, 2)
    assert town.sent["outcomes"].keys() == {"accepted", "late"}


def test_what_is_billed_stays_billed(town: Town) -> None:
    assert town.corrected == town.first


def test_a_rebill_takes_the_corrected_reads(town: Town, tmp_path: Path) -> None:
    """And only if it says what it cancels; the same again is the same, and what was cancelled stays cancelled."""
    cancels = kept(tmp_path, town.first)
    again = bill(town.places, CORRECTED, cancels=cancels, out=tmp_path / "out")
    before, after = (plain_amount(CORRECTED, correction) for correction in ({}, FOUND_LATER))
    assert (Decimal(again["amount"]), Decimal(again["due"])) == (after, after - before)
    assert again["cancels"] == {"release": town.first["release"], "amount": town.first["amount"]}
    with (tmp_path / "out" / "bills.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Decimal(row["amount"]) for row in rows] == [-before, after]
    assert bill(town.places, CORRECTED, cancels=cancels) == {**again, "files": []}
    assert Decimal(bill(town.places, CORRECTED)["amount"]) == after


def test_a_whole_route(town: Town, tmp_path: Path) -> None:
    """The fleet's one cohort is one route. Bills are the meters' own, by what was cancelled until then or not."""
    answer = bill_route(options(town.places, CORRECTED, out=tmp_path / "out"), "town", QUIET)
    counts = {"route": "town", "statements": 1, "bills": METERS, "not_billed": {}, "no_report": [], "other_tariffs": 0}
    assert {key: answer[key] for key in counts} == counts
    with (tmp_path / "out" / "bills.csv").open(newline="") as file:
        amounts = {row["meter"]: Decimal(row["amount"]) for row in csv.DictReader(file)}
    assert amounts.keys() == {name(meter) for meter in range(METERS)}
    assert all(
        amounts[name(meter)] in {plain_amount(meter, correction) for correction in ({}, FOUND_LATER)}
        for meter in range(METERS)
    )


def test_a_bill_that_was_never_released_is_not_cancelled(town: Town, tmp_path: Path) -> None:
    made_up = {**town.first, "meters": [name(5)]}
    with pytest.raises(PinnedOtherwise, match="a rebill cancels something else"):
        bill(town.places, 5, cancels=kept(tmp_path, made_up))


def test_bills_add_up_to_the_cohorts_totals(town: Town) -> None:
    """Before anything was corrected, by the decryptor's word and to half a cent a line; one meter had not reported."""
    found = town.reconciled
    assert (found["equal"], found["undefined"], found["meters"]) == (True, None, METERS - 1)
    assert found["excluded"] == [{"meter": name(SILENT), "channel": "delivered", "why": "not-billed"}]
    lines = {line["charge"]: line for line in found["lines"]}
    assert lines.keys() == {"Energy", "State surcharge"}
    assert all(line["confirmed"] and line["within_rounding"] for line in lines.values())
    assert Decimal(lines["Energy"]["totals"]) == sum_of("Energy")
    assert abs(Decimal(lines["Energy"]["difference"])) <= Decimal("0.005") * (METERS - 1)


def sum_of(charge: str) -> Decimal:
    """Of the exact charge over the meters that reported, in four decimals."""
    start, end = CYCLE.minutes
    segment = Segment(start, end, 60, ZONE, (Channel.DELIVERED,))
    prices, begin = linear_prices(TARIFF, segment)[charge], parse_window(FIRST.isoformat()) * 1440
    reads = np.sum([reads_of(meter, {}) for meter in range(METERS) if meter != SILENT], axis=0)
    value = int((prices * reads[(start - begin) // 60 : (end - begin) // 60]).sum())
    return round(Decimal(value) / 10**8, 4)


def test_a_bill_by_corrected_reads_is_not_what_the_totals_hold(town: Town, tmp_path: Path) -> None:
    """The totals have what was frozen: the decryptor says so, and the collector sees by how much."""
    bill(town.places, CORRECTED, cancels=kept(tmp_path, town.first))
    words = ("town", f"{CYCLE.first}..{CYCLE.after}", "--dir", town.places.directory, "--json")
    unequal = wattseal("reconcile", *words)
    found = json.loads(unequal.stdout)
    assert (unequal.status, found["equal"], found["undefined"]) == (3, False, None)
    assert found["excluded"] == [{"meter": name(SILENT), "channel": "delivered", "why": "not-in-totals"}]
    lines = {line["charge"]: line for line in found["lines"]}
    assert not any(line["confirmed"] for line in lines.values())
    # The surcharge of 120 kWh is less than what rounding to cents may hide: there the decryptor's word alone tells.
    assert [lines[charge]["within_rounding"] for charge in ("Energy", "State surcharge")] == [False, True]
    more = plain_amount(CORRECTED, FOUND_LATER) - plain_amount(CORRECTED, {})
    assert abs(sum(Decimal(line["difference"]) for line in lines.values()) - more) < Decimal("0.2")


@pytest.mark.parametrize("mode", Mode)
def test_a_customer_works_the_bill_out_again(town: Town, tmp_path: Path, mode: Mode) -> None:
    """By the meter's own reads: the same lines, sums and total; a line that was changed is named."""
    told = bill(town.places, 5, mode=mode.value)
    lines = check_bill(town.places.fleet, kept(tmp_path, told), Checking())
    assert all(line.same for line in lines)
    amounts = {line.line: line.from_reads for line in lines}
    assert amounts["total"] == Decimal(told["amount"])
    assert len(amounts) == len(told["charges"]) + len(told["energy"]) + 1
    told["charges"][0]["amount"] = str(Decimal(told["charges"][0]["amount"]) + Decimal("0.01"))
    changed = check_bill(town.places.fleet, kept(tmp_path, told), Checking())
    assert [line.line for line in changed if not line.same] == [told["charges"][0]["charge"]]


def test_a_bill_by_reads_that_were_corrected_since_differs(town: Town, tmp_path: Path) -> None:
    differs = wattseal("check-bill", kept(tmp_path, town.first), "--dir", town.places.directory, "--json")
    assert (differs.status, json.loads(differs.stdout)["same"]) == (3, False)
    assert differs.words.startswith("line 'Energy' differs: billed ")


@pytest.mark.parametrize(
    ("changes", "tariff", "match"),
    [
        ({}, "E-1", "the bill is under another tariff than E-1"),
        ({"meters": ["elsewhere"]}, None, "meter elsewhere is not of this fleet"),
        ({"meters": []}, None, r"bill\.json: meters"),
        ({"charges": [{"charge": "Energy", "amount": "1e3"}]}, None, r"bill\.json: charges\.0\.amount"),
        ({"cycle_end": "2026-05-20", "days_of_cycle": 12}, None, "12 days are not 27 to 33"),
    ],
)
def test_bills_that_cannot_be_checked(
    town: Town, tmp_path: Path, changes: dict[str, Any], tariff: str | None, match: str
) -> None:
    with pytest.raises(UsageError, match=match):
        check_bill(town.places.fleet, kept(tmp_path, {**town.first, **changes}), Checking(tariff))
