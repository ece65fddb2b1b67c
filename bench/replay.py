"""Reads a second that replay takes from a long CSV, beside what polars needs to load the same file alone."""

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from wattseal.meter_sim.load_model import simulate
from wattseal.meter_sim.replay import ReplayOptions, open_replay

METERS = 5_000
DAYS = 4
REPEATS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.csv"
        reads = _write(path)
        replay_s = _best(lambda: _replay(path))
        polars_s = _best(lambda: pl.read_csv(path))
    print(f"{reads:,} reads of {METERS:,} meters, best of {REPEATS}")
    print(f"replay {reads / replay_s:14,.0f} reads/s")
    print(f"polars {reads / polars_s:14,.0f} rows/s")
    print(f"ratio  {polars_s / replay_s:14.2f}")


def _write(path: Path) -> int:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    first_day = int(start.timestamp()) // 86_400
    times = pl.datetime_range(start, start + timedelta(days=DAYS), "15m", closed="left", eager=True)
    wh = pl.concat(
        pl.DataFrame(
            {
                "meter": pl.Series([f"meter-{meter:06d}" for meter in range(METERS)]).gather(
                    [meter for meter in range(METERS) for _ in range(96)]
                ),
                "interval_start": pl.concat([times[96 * day : 96 * (day + 1)]] * METERS),
                "delivered_wh": simulate(1, range(METERS), first_day + day, 15).ravel(),
            }
        )
        for day in range(DAYS)
    )
    wh.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")
    return len(wh)


def _replay(path: Path) -> None:
    for _ in open_replay([path], ReplayOptions()).days():
        pass


def _best(action: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
