"""Large customers on real roles: energy, demand and fixed charges of published tariffs to the cent, or by registers."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.commands.shell import wattseal
from tests.meter_sim.replaying import SAMPLES
from wattseal.collector import deployment
from wattseal.collector.deployment import Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.trial import customers_of, install_rosters, install_tariff, send_fleet
from wattseal.meter_sim.sources import SourceSettings, open_source
from wattseal.meter_sim.units import in_units
from wattseal.protocol.ids import Channel, Suite
from wattseal.protocol.roster import Unit
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.files import load_tariff
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.time import parse_window

ZONE, DAYS, METERS = "America/Los_Angeles", 29, 3
B_19 = "DERIVED_PGE_B-19_secondary_2026-03-01.json"
A_10 = "PGE_A-10_TOU_secondary_URDB_6758b27bd731a5d4d806802e.json"
TOU_8 = "SCE_TOU-8__Option-D_Under-2-kV.json"
LOST = "[lost]\nrate = 0.03\n"
"""Days of meter-00002 and of meter-00001, of the latter before its cycle begins."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    places = Places(tmp_path_factory.mktemp("large"))
    deployment.create(places, Suite.MASKING)
    shutil.copytree(places.fleet, places.directory / "other fleet")
    with Deployment(places):
        yield places


Days = dict[str, NDArray[np.int64]]
"""What each meter measured from the first UTC day on, in units of 10 Wh."""


class Town(NamedTuple):
    """Customers under one tariff, over one cycle."""

    tariff: Path
    first: date

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.first + timedelta(days=1), self.first + timedelta(days=DAYS - 1), ZONE)

    @property
    def span(self) -> str:
        return f"{self.cycle.first}..{self.cycle.after}"

    def check(self, answer: dict[str, Any], units: NDArray[np.int64]) -> None:
        """By all that the meter measured, whichever of it was lost on its way."""
        start, end = self.cycle.minutes
        begin = parse_window(self.first.isoformat()) * 1440
        inside = units[(start - begin) // 60 : (end - begin) // 60]
        segment = Segment(start, end, 60, ZONE, read_unit=10)
        bill = plain_bill(load_tariff(str(self.tariff)), self.cycle, [Reads(segment, {Channel.DELIVERED: inside})])
        charges = [(one["charge"], Decimal(one["amount"])) for one in answer["charges"]]
        assert charges == [(line.name, Decimal(line.cents) / 100) for line in bill.lines]
        assert Decimal(answer["amount"]) == Decimal(bill.total_cents) / 100
        assert [Decimal(one["kw"]) for one in answer["demand"]] == [Decimal(w) / 1000 for w in bill.demand.values()]
        assert bill.demand


def simulated(first: date) -> Days:
    day = parse_window(first.isoformat())
    settings = SourceSettings(simulated=METERS, seed=1, interval_minutes=60, first_day=day, days=DAYS, unit=Unit.WH_10)
    days = [in_units(part.wh, 10) for (part,) in open_source(settings).days()]
    return {f"meter-{ordinal:05d}": np.concatenate([one[ordinal] for one in days]) for ordinal in range(METERS)}


def test_energy_demand_and_estimates_by_the_verbs(places: Places, tmp_path: Path) -> None:
    """Of whom interval reads are missing there is a bill by registers, the same to the cent, if it is asked for."""
    town, troubles = Town(SAMPLES / "urdb" / B_19, date(2026, 3, 2)), tmp_path / "lost.toml"
    troubles.write_text(LOST)
    making = ("--meters", METERS, "--first-date", town.first, "--days", DAYS, "--leaf-size", 0, "--interval", 60)
    billing = ("--unit", "10Wh", "--tariff", town.tariff, "--cycle", town.span, "--faults", troubles)
    sent = wattseal("fleet", *making, *billing, "--dir", places.directory, "--json").json
    assert (sent["cycle_reports"], sent["incomplete_cycles"]) == (2, 1)
    assert sent["register_reports"] == METERS * (DAYS - 2) - 1
    assert sent["outcomes"].keys() == {"accepted"}
    words = (town.span, "--tariff", town.tariff, "--timezone", ZONE, "--dir", places.directory)
    billed = wattseal("bill", "meter-00001", *words, "--json").json
    assert billed["estimated"] == []
    measured = simulated(town.first)
    town.check(billed, measured["meter-00001"])
    refused = wattseal("bill", "meter-00002", *words, "--json")
    assert refused.status == 3
    assert "1 of 1 meters have no report of this cycle; --estimate bills what the registers show" in refused.words
    estimated = wattseal("bill", "meter-00002", *words, "--estimate", "--out", tmp_path / "out", "--json").json
    assert [one["by"] for one in estimated["estimated"]] == ["registers"]
    town.check(estimated, measured["meter-00002"])
    assert (tmp_path / "out" / "bills.csv").read_text().splitlines()[1].endswith(",true")


@pytest.mark.parametrize(
    ("name", "first"), [(A_10, date(2026, 1, 12)), (TOU_8, date(2026, 7, 6))], ids=["A-10", "TOU-8"]
)
def test_other_tariffs_with_demand(places: Places, tmp_path: Path, name: str, first: date) -> None:
    """As they are published, but for reactive power, which no register counts; each in a region of its own."""
    record = json.loads((SAMPLES / "urdb" / name).read_text())
    record.get("items", [record])[0].pop("demandreactivepowercharge", None)
    town, region = Town(tmp_path / "tariff.json", first), name[:3].lower().replace("_", "-")
    town.tariff.write_text(json.dumps(record))
    units = np.random.default_rng(1).integers(0, 40_000, 24 * DAYS)
    begin = datetime.combine(first, time(), UTC)
    times = [(begin + timedelta(hours=hour)).isoformat() for hour in range(24 * DAYS)]
    reads = tmp_path / "reads.csv"
    lines = (f"{region}-1,{when},{10 * read}" for when, read in zip(times, units.tolist(), strict=True))
    reads.write_text("\n".join(["meter,interval_start,delivered_wh", *lines, ""]))
    other = Places(places.directory)
    other.fleet, other.roster = tmp_path / "fleet", tmp_path / "roster.json"
    shutil.copytree(places.directory / "other fleet", other.fleet)
    install_tariff(other, str(town.tariff))
    where = ("--fleet", other.fleet, "--roster", other.roster, "--region", region, "--suite", int(Suite.MASKING))
    making = ("--reads", reads, "--unit", "10Wh", *customers_of(load_tariff(str(town.tariff))))
    facts = order("meter_sim", "prepare", *map(str, (*where, *making)))
    install_rosters(other, map(Path, facts["rosters"]))
    send_fleet(other, "--cycle", town.span, "--cycle-timezone", ZONE)
    words = (town.span, "--tariff", town.tariff, "--timezone", ZONE, "--dir", places.directory)
    billed = wattseal("bill", f"{region}-1", *words, "--region", region, "--json").json
    town.check(billed, units)
