"""`wattseal run` on files of reads: what totals.csv says against sums computed here, and what is left behind."""

import csv
import itertools
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.commands.shell import WATTSEAL, finish, processes_of, read_until, start, wattseal
from wattseal.meter_sim.sources import neighbor_reads

AUSGRID = Path(__file__).parents[3] / "shared/data/ausgrid/ausgrid_customer12_2011-2012_30min.csv"
HEADER = ("cohort", "interval_start", "channel", "total_wh", "meters", "estimated")
FIRST = datetime(2026, 1, 5, tzinfo=UTC)
METERS, QUARTERS = 40, 96
QUARTER = timedelta(minutes=15)


class Row(NamedTuple):
    """A row of totals.csv."""

    start: datetime
    channel: str
    total_wh: int
    meters: int
    estimated: int


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary directory with a short name, for the store's socket."""
    with tempfile.TemporaryDirectory(prefix="ws-") as name:
        yield Path(name)


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        reader = csv.reader(file)
        assert tuple(next(reader)) == HEADER
        return [_row(row) for row in reader]


def _row(row: list[str]) -> Row:
    cohort, start, channel, *numbers = row
    assert cohort == "neighborhood"
    assert start.endswith("Z")
    return Row(datetime.fromisoformat(start), channel, *map(int, numbers))


def rounded(kwh: str) -> int:
    return int((Decimal(kwh) * 1000).quantize(Decimal(1), ROUND_HALF_EVEN))


def some_kwh(rng: random.Random) -> str:
    """Whole, half and other fractions of a Wh."""
    return f"{rng.randrange(8000) + rng.choice((0, 0.5, 0.25, 0.999)):.3f}e-3"


def some_reads() -> dict[tuple[int, datetime, str], str]:
    """Reads of forty meters over two days; one has a gap, three lack an interval, one is silent on the second day."""
    rng = random.Random(20260105)
    reads = {
        (meter, FIRST + timedelta(minutes=15 * quarter), channel): some_kwh(rng)
        for meter in range(METERS)
        for quarter in range(2 * QUARTERS)
        for channel in ("delivered", "received")
    }
    gaps = [(7, quarter) for quarter in range(30, 42)] + [(meter, QUARTERS + 5) for meter in (1, 2, 3)]
    silent = [(13, quarter) for quarter in range(QUARTERS, 2 * QUARTERS)]
    for meter, quarter in gaps + silent:
        for channel in ("delivered", "received"):
            del reads[meter, FIRST + timedelta(minutes=15 * quarter), channel]
    return reads


def write_long(reads: dict[tuple[int, datetime, str], str], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("meter", "interval_start", "delivered_kwh", "received_kwh"))
        for meter, start in sorted({key[:2] for key in reads}):
            stamp = start.isoformat().replace("+00:00", "Z")
            writer.writerow(
                (f"house {meter}", stamp, reads[meter, start, "delivered"], reads[meter, start, "received"])
            )


def plain_sums(reads: dict[tuple[int, datetime, str], str]) -> list[Row]:
    rows = []
    for day in (FIRST, FIRST + timedelta(days=1)):
        for channel in ("delivered", "received"):
            reporting = {meter for meter, start, _ in reads if start.date() == day.date()}
            for quarter in range(QUARTERS):
                start = day + timedelta(minutes=15 * quarter)
                missing = [meter for meter in reporting if (meter, start, channel) not in reads]
                known = [rounded(reads[meter, start, channel]) for meter in reporting.difference(missing)]
                estimates = [between_neighbors(reads, meter, start, channel) for meter in missing]
                rows.append(Row(start, channel, sum(known) + sum(estimates), len(reporting), len(missing)))
    return rows


def between_neighbors(reads: dict[tuple[int, datetime, str], str], meter: int, start: datetime, channel: str) -> int:
    """On the straight line between the reads around a gap: there is no earlier day to take a long one's from."""
    before, after = (
        next(steps for steps in itertools.count(1) if (meter, start + way * steps * QUARTER, channel) in reads)
        for way in (-1, 1)
    )
    low, high = (rounded(reads[meter, start + step * QUARTER, channel]) for step in (-before, after))
    return round(low + Fraction((high - low) * before, before + after))


@pytest.mark.parametrize("scheme", ["paillier", "ckks", "masking"])
def test_totals_of_a_long_file_are_its_plain_sums(tmp_path: Path, temporary: Path, scheme: str) -> None:
    reads, out = some_reads(), tmp_path / "out"
    write_long(reads, tmp_path / "reads.csv")
    words = ("--reads", tmp_path / "reads.csv", "--interval", 15, "--scheme", scheme, "--out", out, "--json")
    done = wattseal("run", *words, temporary=temporary)
    answer = done.json
    assert sorted(rows_of(out / "totals.csv")) == sorted(plain_sums(reads))
    assert answer["interval_totals_equal_to_plain_sums"] == 4 * QUARTERS
    assert answer["rounded_reads"] == sum(Decimal(kwh) * 1000 % 1 != 0 for kwh in reads.values())
    assert answer["reports"] == {"accepted": 2 * (METERS + METERS - 1)}
    assert sorted(path.name for path in out.iterdir()) == ["load.png", "report.html", "totals.csv"]
    assert (out / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "</html>" in (out / "report.html").read_text()
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == {}


@pytest.mark.parametrize("scheme", ["paillier", "ckks"])
def test_the_reference_library_opens_the_same_totals(tmp_path: Path, temporary: Path, scheme: str) -> None:
    """Meters, aggregator and decryptor on python-paillier: it is slow, so the file is small. CKKS is opened by SEAL."""
    reads = {key: wh for key, wh in some_reads().items() if key[0] < 16 and key[0] != 13 and key[1].day == FIRST.day}
    write_long(reads, tmp_path / "reads.csv")
    where = ("--reads", tmp_path / "reads.csv", "--out", tmp_path / "out", "--json")
    words = (*where, "--scheme", scheme, "--backend", "reference")
    assert wattseal("run", *words, temporary=temporary).json["reports"] == {"accepted": 30}
    assert sorted(rows_of(tmp_path / "out/totals.csv")) == sorted(row for row in plain_sums(reads) if row.meters)


def test_masking_has_no_reference_library(tmp_path: Path, temporary: Path) -> None:
    write_long(some_reads(), tmp_path / "reads.csv")
    words = ("--backend", "reference", "--scheme", "masking", "--out", tmp_path / "out")
    refused = wattseal("run", "--reads", tmp_path / "reads.csv", *words, temporary=temporary)
    assert (refused.status, "only Paillier and CKKS have a reference backend" in refused.stderr) == (2, True)


def ausgrid_wh() -> dict[datetime, int]:
    zone = timezone(timedelta(hours=10))
    with AUSGRID.open(newline="") as file:
        return {
            datetime.fromisoformat(row[""]).replace(tzinfo=zone).astimezone(UTC): rounded(row["GC"])
            for row in csv.DictReader(file)
        }


def test_a_real_household_among_simulated_neighbors(tmp_path: Path, temporary: Path) -> None:
    out, neighbors = tmp_path / "out", 39
    zone = ("--map", "GC=delivered", "--timezone", "+10:00", "--neighbors", neighbors, "--days", 3)
    wattseal("run", "--reads", AUSGRID, *zone, "--out", out, "--json", temporary=temporary).json  # noqa: B018
    rows, reads = rows_of(out / "totals.csv"), ausgrid_wh()
    first = datetime(2011, 6, 30, tzinfo=UTC)
    # The file begins at midnight in Sydney: the first UTC day has its last ten hours only.
    assert [row.start for row in rows] == [first + timedelta(minutes=30 * i) for i in range(28, 3 * 48)]
    for row in rows:
        beside = neighbor_reads(1, neighbors, (row.start - datetime(1970, 1, 1, tzinfo=UTC)).days, 30)
        place = (row.start.hour * 60 + row.start.minute) // 30
        assert row.total_wh - beside[:, place].sum() == reads[row.start]
        assert row[3:] == (neighbors + 1, 0)
    assert list(temporary.iterdir()) == []


def test_too_few_meters(tmp_path: Path, temporary: Path) -> None:
    words = ("--map", "GC=delivered", "--timezone", "+10:00")
    done = wattseal("run", "--reads", AUSGRID, *words, "--out", tmp_path / "out", temporary=temporary)
    assert done.status == 2
    assert "--neighbors 14" in done.words
    assert list((tmp_path / "out").iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("step", "ending", "status"), [("encrypting", signal.SIGINT, 130), ("making keys", signal.SIGTERM, 143)]
)
def test_stopped_in_the_middle(tmp_path: Path, temporary: Path, step: str, ending: signal.Signals, status: int) -> None:
    write_long(some_reads(), tmp_path / "reads.csv")
    running = start(
        [WATTSEAL, "run", "--reads", tmp_path / "reads.csv", "--out", tmp_path / "out"], temporary=temporary
    )
    read_until(running, step)
    os.kill(running.pid, ending)
    done = finish(running)
    assert done.status == status
    assert done.stderr.strip() == ""
    assert list((tmp_path / "out").iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert processes_of(temporary) == {}
