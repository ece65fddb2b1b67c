"""Whole tariffs against SAM, month by month before rounding, on a simulated and on a real household's year."""

import csv
import itertools
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.protocol.tariff.sam import YEAR, SamYear, sam_year
from tests.protocol.tariff.samples import any_record
from wattseal.meter_sim.load_model import simulate
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill, Cycle
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.urdb import load_urdb

SAMPLES = Path(__file__).parents[4] / "shared/data"
CLOSE = 0.005
Wh = NDArray[np.int64]

B_19 = "DERIVED_PGE_B-19_secondary_2026-03-01"
A_10 = "PGE_A-10_TOU_secondary_URDB_6758b27bd731a5d4d806802e"
BEV_2 = "PGE_BEV-2-S_2025-09-08"
TOU_8 = "SCE_TOU-8__Option-D_Under-2-kV"
MULTI_TIER = "REopt_multi_tier_urdb_response"
SUBHOURLY = "REopt_subhourly_urdb_response"
ALL = (A_10, B_19, BEV_2, TOU_8, MULTI_TIER, SUBHOURLY)
REACTIVE = ("demandreactivepowercharge",)


def record_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found["items"][0] if "items" in found else found


def for_sam(record: dict[str, Any]) -> dict[str, Any]:
    """Demand tiers spelled out where a period has none: SAM wants the same limits in all periods of a month."""
    structure = record.get("demandratestructure", [])
    limits: list[dict[str, Any]] = next((period for period in structure if len(period) > 1), [])
    same = [
        [{**tier, "rate": period[0]["rate"]} for tier in limits] if len(period) < len(limits) else period
        for period in structure
    ]
    return {**record, "demandratestructure": same} if limits else record


@pytest.fixture(scope="module")
def simulated() -> Wh:
    """An office's year of quarter hours: the largest of 40 meters, 40 times over."""
    days = range((date(YEAR, 1, 1) - date(1970, 1, 1)).days, (date(YEAR + 1, 1, 1) - date(1970, 1, 1)).days)
    year = np.concatenate([simulate(5, range(8), day, 15) for day in days], axis=1)
    largest: Wh = year[year.sum(axis=1).argmax()] * 40
    return largest


@pytest.fixture(scope="module")
def ausgrid() -> dict[str, Wh]:
    """Delivered and received Wh of half hours: a real year from its first of January on, without 29 February."""
    with (SAMPLES / "ausgrid/ausgrid_customer12_2011-2012_30min.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row[""].startswith("2012-02-29")]
    rows.sort(key=lambda row: row[""][5:])
    net = np.array([round((Decimal(row["GC"]) - Decimal(row["GG"])) * 1000) for row in rows], dtype=np.int64)
    used = np.array([round(Decimal(row["GC"]) * 1000) for row in rows], dtype=np.int64)
    return {"used": used, "delivered": np.maximum(net, 0), "received": np.maximum(-net, 0)}


def our_year(tariff: Tariff, delivered: Wh, received: Wh | None = None) -> list[Bill]:
    channels = (
        {Channel.DELIVERED: delivered}
        if received is None
        else {Channel.DELIVERED: delivered, Channel.RECEIVED: received}
    )
    interval = 8760 * 60 // len(delivered)
    months = [date(YEAR + month // 12, month % 12 + 1, 1) for month in range(13)]
    bills = []
    for first, after in itertools.pairwise(months):
        cycle = Cycle(first, after, "-08:00")
        start, end = cycle.minutes
        place = slice(*(((day - months[0]).days * 1440 // interval) for day in (first, after)))
        segment = Segment(start, end, interval, "-08:00", tuple(sorted(channels)))
        bills.append(plain_bill(tariff, cycle, [Reads(segment, {c: reads[place] for c, reads in channels.items()})]))
    return bills


def dollars(bill: Bill, *kinds: str) -> Fraction:
    return sum((line.dollars for line in bill.lines if line.name.startswith(kinds)), Fraction(0))


def assert_same(bills: list[Bill], sam: SamYear, per_day: bool = False) -> None:
    for month, bill in enumerate(bills):
        assert abs(dollars(bill, "energy", "export") - Fraction(sam.energy[month])) < CLOSE
        assert abs(dollars(bill, "flat demand") - Fraction(sam.flat_demand[month])) < CLOSE
        assert abs(dollars(bill, "demand") - Fraction(sam.demand[month])) < CLOSE
        # SAM makes 365/12 days of a month.
        days = Fraction(bill.cycle.days) / Fraction(365, 12) if per_day else 1
        assert abs(dollars(bill, "fixed") - Fraction(sam.fixed[month]) * days) < CLOSE
        assert abs(dollars(bill, "min") - Fraction(sam.minimum[month])) < CLOSE
        parts = dollars(bill, "energy", "export", "demand", "flat", "min")
        assert abs(parts - (Fraction(sam.total[month]) - Fraction(sam.fixed[month]))) < CLOSE


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("minutes", [15, 60])
def test_a_simulated_year(name: str, minutes: int, simulated: Wh) -> None:
    path = SAMPLES / f"urdb/{name}.json"
    record, load = record_of(path), simulated.reshape(-1, minutes // 15).sum(axis=1)
    fixed = {"ur_monthly_fixed_charge": 435} if name == SUBHOURLY else {}
    sam = sam_year(for_sam(record), load, overrides=fixed)
    assert_same(our_year(load_urdb(path, leaving_out=REACTIVE), load), sam, record.get("fixedchargeunits") == "$/day")


@pytest.mark.parametrize("name", ALL)
def test_a_real_year(name: str, ausgrid: dict[str, Wh]) -> None:
    path = SAMPLES / f"urdb/{name}.json"
    record, load = record_of(path), ausgrid["used"] * 100
    fixed = {"ur_monthly_fixed_charge": 435} if name == SUBHOURLY else {}
    sam = sam_year(for_sam(record), load, overrides=fixed)
    assert_same(our_year(load_urdb(path, leaving_out=REACTIVE), load), sam, record.get("fixedchargeunits") == "$/day")


def test_net_billing_with_export_prices_by_period(ausgrid: dict[str, Wh]) -> None:
    path = SAMPLES / f"urdb/{SUBHOURLY}.json"
    delivered, received = ausgrid["delivered"], ausgrid["received"]
    # Credits within the month, as without a carry-over to the next one.
    sam = sam_year(record_of(path), delivered, received, {"ur_metering_option": 2, "ur_monthly_fixed_charge": 435})
    bills = our_year(load_urdb(path), delivered, received)
    assert_same(bills, sam)
    assert all(dollars(bill, "export") < 0 for bill in bills)


def test_a_minimum_charge(ausgrid: dict[str, Wh], tmp_path: Path) -> None:
    record = record_of(SAMPLES / f"urdb/{A_10}.json") | {"mincharge": 400, "minchargeunits": "$/month"}
    path = tmp_path / "a-10.json"
    path.write_text(json.dumps({**record, "fixedchargeunits": "$/month"}))
    bills, sam = our_year(load_urdb(path), ausgrid["used"]), sam_year(json.loads(path.read_text()), ausgrid["used"])
    assert_same(bills, sam)
    assert 0 < sum(dollars(bill, "min") > 0 for bill in bills) < 12


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), largest=st.sampled_from([0, 900, 60_000]))
def test_any_tariff_and_any_load(seed: int, largest: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = np.random.default_rng(seed)
    record, load = any_record(rng), rng.integers(0, largest + 1, 8760)
    path = tmp_path_factory.mktemp("urdb") / "record.json"
    path.write_text(json.dumps(record))
    assert_same(our_year(load_urdb(path), load), sam_year(record, load), record["fixedchargeunits"] == "$/day")
