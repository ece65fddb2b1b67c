"""Files that are corrected after they were sent: the next number counts while the window is open, and never after."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.trial import close_windows, install_rosters, send_fleet
from wattseal.meter_sim.editing import edited
from wattseal.meter_sim.sources import SourceSettings, open_source
from wattseal.protocol.ids import Suite

METERS, INTERVALS = 20, 24
START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = START.date()
GAP = range(8, 14)
"""Hours of meter 3 that the first version of the file lacks: too long for a straight line, and there is no like day."""


def read(meter: int, hour: int) -> int:
    return 500 + 37 * meter + 11 * hour


def write(path: Path, missing: range, extra_wh: int = 0) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("meter", "interval_start", "delivered_wh"))
        for meter in range(METERS):
            for hour in range(INTERVALS):
                stamp = (START + timedelta(hours=hour)).isoformat()
                wh = "" if meter == 3 and hour in missing else read(meter, hour) + (extra_wh if meter == 5 else 0)
                rows.writerow((f"m-{meter:02d}", stamp, wh))


def write_registers(path: Path) -> None:
    """Of meter 3, at both midnights: what it used in the day, whatever reads arrived."""
    used = sum(read(3, hour) for hour in range(INTERVALS))
    lines = ["meter,time,delivered_index_wh", f"m-03,{START.isoformat()},9999999000"]
    end = (9_999_999_000 + used) % 10**10
    path.write_text("\n".join([*lines, f"m-03,{(START + timedelta(days=1)).isoformat()},{end}"]) + "\n")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    places = Places(tmp_path_factory.mktemp("corrected"))
    deployment.create(places, Suite.MASKING)
    file, registers = places.directory / "reads.csv", places.directory / "registers.csv"
    write(file, GAP)
    write_registers(registers)
    where = ("--fleet", places.fleet, "--roster", places.roster, "--suite", int(Suite.MASKING))
    order("meter_sim", "prepare", *map(str, (*where, "--reads", file, "--registers", registers, "--root", "town")))
    with Deployment(places):
        install_rosters(places, [places.roster])
        yield places


@pytest.fixture(scope="module")
def rounds(places: Places) -> list[dict[str, Any]]:
    """What was sent of the file with a gap, of the whole file, and of one that was changed after the close."""
    answers = [send_fleet(places)]
    write(places.directory / "reads.csv", range(0))
    answers.append(send_fleet(places))
    close_windows(places, [DAY])
    write(places.directory / "reads.csv", range(0), extra_wh=100)
    answers.append(send_fleet(places))
    return answers


def test_each_round_sends_what_changed(rounds: list[dict[str, Any]]) -> None:
    assert [answer["sealed_reports"] for answer in rounds] == [METERS, 1, 1]
    outcomes = [{"accepted": METERS}, {"accepted": METERS + 1}, {"accepted": METERS + 1, "late": 1}]
    assert [answer["outcomes"] for answer in rounds] == outcomes


def test_the_total_is_that_of_the_numbers_frozen_at_the_close(places: Places, rounds: list[dict[str, Any]]) -> None:
    assert rounds
    with Client.of_directory(places.directory) as client:
        total = client.total("town", str(DAY))
    assert total["total_wh"].to_list() == [sum(read(m, hour) for m in range(METERS)) for hour in range(INTERVALS)]
    assert total["estimated"].sum() == 0


def test_estimates_add_up_to_the_register(tmp_path: Path) -> None:
    """The gap of the first file, filled: its energy is what the register says, over the wrap at 10^10 Wh."""
    file, registers = tmp_path / "reads.csv", tmp_path / "registers.csv"
    write(file, GAP)
    write_registers(registers)
    settings = SourceSettings(
        simulated=0, seed=0, interval_minutes=60, first_day=None, days=None, paths=(file,), registers=registers
    )
    ((day,),) = edited(open_source(settings).days(), 60, 1 << 16)
    row = day.meters.index("m-03")
    assert day.wh[row].sum() == sum(read(3, hour) for hour in range(INTERVALS))
    assert [place for place in range(INTERVALS) if day.reasons[row, place]] == [*GAP]
