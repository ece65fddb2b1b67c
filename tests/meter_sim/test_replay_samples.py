"""Every Green Button file at hand replays, or is refused for a stated reason; another parser agrees on the reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from greenbutton_objects.parse import parse_feed

from tests.meter_sim.replaying import SAMPLES, reads_of, refusal
from wattseal.meter_sim.replay import ReplayOptions, open_replay

FOLDER = SAMPLES / "greenbutton"


class Outcome(NamedTuple):
    meter: str
    interval_minutes: int
    reads: int
    days: int
    first: datetime
    wh: int


REPLAYED = {
    "Coastal_Multi_Family_Jan_1_2011_to_Jan_1_2012_RetailCustomer_5.xml": Outcome(
        "urn:uuid:DAE2A527-3662-4066-85A8-C073762A1790", 60, 8760, 366, datetime(2011, 1, 1, 8, tzinfo=UTC), 4_425_305
    ),
    "GBA_test_usage_data_01.xml": Outcome(
        "urn:uuid:48C2A019-5598-4E16-B0F9-49E4FF27F5FB", 15, 96, 2, datetime(2012, 3, 1, 5, tzinfo=UTC), 93_846
    ),
    "TestGBDataHourlyNineDaysBinnedDaily.xml": Outcome(
        "urn:uuid:E2DCF5F0-810B-443F-9A2E-805BFA52D897", 60, 216, 10, datetime(2014, 1, 1, 5, tzinfo=UTC), 199_563
    ),
    "abridged_electric_containerized.xml": Outcome(
        "urn:uuid:C4B46B5D-D4AC-4CD3-9E29-13717DD04140", 60, 8, 1, datetime(2011, 1, 1, 8, tzinfo=UTC), 4_086
    ),
    "cew821_sample_greenbutton_data.xml": Outcome(
        "urn:uuid:4217A3D3-60E0-46CD-A5AF-2A2D091F397E", 60, 362, 16, datetime(2011, 1, 1, 8, tzinfo=UTC), 291_018
    ),
}
REFUSED = {
    "GBA_Usage-Subscription-Feed-Anonymized.xml": ": the feed has no interval readings",
    "TestGBDataOneYearDailyBinnedMonthly.xml": ", line 139: lasts 24 hours, and no other reading an hour or less",
    "abridged_gas_direct.xml": ", line 47: uom 169 (therm) cannot be replayed, only 72 (Wh)",
}


def test_every_file_has_its_outcome() -> None:
    assert {path.name for path in FOLDER.glob("*.xml")} == REPLAYED.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", REPLAYED)
def test_replayed(name: str) -> None:
    replay = open_replay([FOLDER / name], ReplayOptions())
    reads = reads_of(replay)
    days = replay.last_day - replay.first_day + 1
    first = min(start for _, _, start in reads)
    assert REPLAYED[name] == (*replay.meters, replay.interval_minutes, replay.reads, days, first, sum(reads.values()))
    assert (replay.channels, replay.missing, replay.duplicates, replay.incomplete) == (("delivered",), 0, 0, 0)
    assert replay.qualities == ({"estimated": 1, "edited": 1} if name.startswith("GBA") else {})
    assert {start: wh for (_, _, start), wh in reads.items()} == by_an_independent_parser(FOLDER / name)


def by_an_independent_parser(path: Path) -> dict[datetime, int]:
    readings = [
        reading
        for point in parse_feed(str(path))
        for meter_reading in point.meterReadings
        for reading in meter_reading.intervalReadings
    ]
    return {reading.timePeriod.start: reading.value for reading in readings}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    assert refusal(FOLDER / name) == f"{FOLDER / name}{REFUSED[name]}"
