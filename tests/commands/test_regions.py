"""Kinds of regions, under every scheme, over both changes of clocks: released totals are the plain sums."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.trial import install_rosters, send_fleet
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory
from wattseal.protocol.ids import Suite
from wattseal.protocol.time import window_date, window_of

METERS = 20
PACIFIC = ZoneInfo("America/Los_Angeles")
SPRING, AUTUMN = date(2026, 3, 7), date(2026, 10, 31)
CLOCK_CHANGES = {SPRING: 3 * 24 - 1, AUTUMN: 3 * 24 + 1}
"""First of three local days, and their hours."""


class Kind(NamedTuple):
    """A kind of region: how its reads are made, and in what column they are told and released."""

    name: str
    interval_minutes: int
    largest: int
    first: date
    column: str = "delivered_wh"
    total: str = "total_wh"
    unit: int = 1
    options: tuple[str, ...] = ()


KINDS = [
    Kind("quarters", 15, 4_000, SPRING),
    Kind("halves", 30, 8_000, AUTUMN),
    Kind("hours", 60, 16_000, SPRING),
    Kind("large", 15, 40_000, AUTUMN, unit=10, options=("--unit", "10Wh")),
    Kind("larger", 30, 3_000_000, SPRING, unit=100, options=("--unit", "100Wh")),
    Kind("hourly-gas", 60, 900, AUTUMN, "delivered_l", "total_l"),
    Kind("daily-gas", 1440, 12_000, SPRING, "delivered_l", "total_l"),
]
# The slots of the first do not fit one plaintext: two chunks a report. The second has days beyond the usual size
# buckets. Masking's words hold no such layouts.
CHUNKED = Kind("wide", 15, 900_000, SPRING)
BUCKETS = Kind("many-buckets", 60, 60_000, AUTUMN)
OF_SCHEME = {
    Suite.PAILLIER_3072: [*KINDS, CHUNKED, BUCKETS],
    Suite.CKKS: [kind for kind in KINDS if kind.name in ("quarters", "daily-gas")] + [BUCKETS],
    Suite.MASKING: KINDS,
}


class Region(NamedTuple):
    """One kind of region after all its reports were sent and its windows closed."""

    kind: Kind
    reads: dict[datetime, NDArray[np.int64]]
    windows: list[date]
    places: Places


def reads_of(kind: Kind) -> dict[datetime, NDArray[np.int64]]:
    """Reads of all meters by the UTC beginning of their interval: three local days."""
    start = datetime.combine(kind.first, datetime.min.time(), PACIFIC).astimezone(UTC)
    count = 3 if kind.interval_minutes == 1440 else CLOCK_CHANGES[kind.first] * 60 // kind.interval_minutes
    drawn = np.random.default_rng(7).integers(kind.largest // 2, kind.largest, (count, METERS))
    return {start + timedelta(minutes=kind.interval_minutes * place): row for place, row in enumerate(drawn)}


def write_file(kind: Kind, reads: dict[datetime, NDArray[np.int64]], path: Path) -> None:
    """In naive local times, in order: the hour that occurs twice is told by where it stands."""
    rows = [
        (f"{kind.name}-{meter:02d}", f"{start.astimezone(PACIFIC):%Y-%m-%d %H:%M}", int(row[meter]))
        for start, row in reads.items()
        for meter in range(METERS)
    ]
    pl.DataFrame(rows, schema=["meter", "interval_start", kind.column], orient="row").write_csv(path)


@pytest.fixture(scope="module", params=OF_SCHEME, ids=lambda suite: suite.name.lower())
def regions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Region]]:
    suite: Suite = request.param
    places = Places(tmp_path_factory.mktemp("regions"))
    deployment.create(places, suite)
    with Deployment(places):
        yield {kind.name: _region(places, kind, suite) for kind in OF_SCHEME[suite]}


def _region(places: Places, kind: Kind, suite: Suite) -> Region:
    reads, file = reads_of(kind), places.directory / f"{kind.name}.csv"
    write_file(kind, reads, file)
    own = Places(places.directory)
    own.fleet = private_directory(Path(shutil.copytree(places.fleet, places.directory / f"fleet-{kind.name}")))
    own.roster = places.directory / f"{kind.name}.json"
    making = ("--reads", file, "--timezone", PACIFIC.key, "--root", kind.name, "--interval", kind.interval_minutes)
    where = ("--fleet", own.fleet, "--roster", own.roster, "--suite", int(suite), "--region", kind.name)
    facts = order("meter_sim", "prepare", *map(str, (*where, *making, *kind.options)))
    install_rosters(own, [own.roster])
    sent = send_fleet(own)
    windows = sorted({window_date(window_of(start.timestamp())) for start in reads})
    assert (facts["interval_minutes"], sent["outcomes"]) == (
        kind.interval_minutes,
        {"accepted": METERS * len(windows)},
    )
    with RoleClient(own.urls().aggregator, own.token(AGGREGATOR, Scope.OPERATOR)) as aggregator:
        for window in windows:
            aggregator.post(f"/v1/regions/{kind.name}/windows/{window}/close", b"")
    return Region(kind, reads, windows, own)


def plain_sums(region: Region, window: date) -> list[int]:
    """Of the day's intervals, 0 where nobody was read; in units, each meter's day is rounded as a running sum."""
    minutes, factor = region.kind.interval_minutes, region.kind.unit
    midnight = datetime.combine(window, datetime.min.time(), UTC)
    starts = [midnight + timedelta(minutes=minutes * place) for place in range(24 * 60 // minutes)]
    if minutes == 1440:  # a gas day is that of the UTC day in which it begins
        starts = [start for start in region.reads if start.date() == window]
    nothing = np.zeros(METERS, dtype=np.int64)
    running = np.cumsum([region.reads.get(start, nothing) for start in starts], axis=0)
    units = np.diff((running + factor // 2) // factor, axis=0, prepend=0)
    sums: list[int] = (factor * units.sum(axis=1)).tolist()
    return sums


def test_totals_are_the_plain_sums(regions: dict[str, Region]) -> None:
    for name, region in regions.items():
        assert (name, len(region.windows)) == (name, 3 if name == "daily-gas" else 4)
        with Client.of_directory(region.places.directory) as client:
            for window in region.windows:
                total = client.total(name, str(window), region=name)
                released = (name, window, total[region.kind.total].to_list(), set(total["meters"]))
                assert released == (name, window, plain_sums(region, window), {METERS})
