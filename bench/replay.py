"""Reads a second that replay takes from files, beside what a plain parser needs to load the same file alone.

A long CSV of many meters beside polars, a Green Button feed of one meter beside lxml.
"""

import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from lxml import etree

from wattseal.meter_sim.load_model import simulate
from wattseal.meter_sim.replay import ReplayOptions, open_replay

METERS = 5_000
DAYS = 4
FEED_DAYS = 2 * 366
FEED_FIRST_DAY = 20_500
REPEATS = 5


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _measure_csv(Path(folder) / "long.csv")
        _measure_green_button(Path(folder) / "feed.xml")


def _measure_csv(path: Path) -> None:
    reads = _write(path)
    _show(f"long CSV of {METERS:,} meters", reads, path, "polars", lambda: pl.read_csv(path))


def _measure_green_button(path: Path) -> None:
    path.write_text(_feed(simulate(1, range(FEED_DAYS), FEED_FIRST_DAY, 15).ravel().tolist()))  # a home's day as one
    _show(f"Green Button feed of {FEED_DAYS} days", FEED_DAYS * 96, path, "lxml", lambda: _parse(path))


def _show(title: str, reads: int, path: Path, peer: str, alone: Callable[[], object]) -> None:
    replay_s = _best(lambda: _replay(path))
    alone_s = _best(alone)
    print(f"{title}: {reads:,} reads, best of {REPEATS}")
    print(f"replay {reads / replay_s:14,.0f} reads/s")
    print(f"{peer:6} {reads / alone_s:14,.0f} reads/s")
    print(f"ratio  {alone_s / replay_s:14.2f}")


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


_ESPI = "{http://naesb.org/espi}"
_POINT = "/espi/1_1/resource/RetailCustomer/1/UsagePoint/1"
_READING = f"{_POINT}/MeterReading/1"
_TYPE = "/espi/1_1/resource/ReadingType/1"
_FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi">
  {point}
  {reading}
  {kind}
  {blocks}
</feed>
"""
_ENTRY = """<entry>
    <id>urn:uuid:{name}</id>
    <link rel="self" href="{own}"/>
    <link rel="up" href="{up}"/>
    <link rel="related" href="{related}"/>
    <content>{body}</content>
  </entry>"""
_INTERVAL = """
        <espi:IntervalReading>
          <espi:timePeriod>
            <espi:duration>900</espi:duration>
            <espi:start>{start}</espi:start>
          </espi:timePeriod>
          <espi:value>{wh}</espi:value>
        </espi:IntervalReading>"""


def _feed(wh: list[int]) -> str:
    """Laid out as utilities do: a line an element, a block a day."""
    start = FEED_FIRST_DAY * 86_400
    readings = [_INTERVAL.format(start=start + 900 * slot, wh=one) for slot, one in enumerate(wh)]
    return _FEED.format(
        point=_entry(_POINT, f"{_POINT}/MeterReading", "<espi:UsagePoint/>"),
        reading=_entry(_READING, _TYPE, "<espi:MeterReading/>"),
        kind=_entry(
            "/espi/1_1/resource/ReadingType/1", "", "<espi:ReadingType><espi:uom>72</espi:uom></espi:ReadingType>"
        ),
        blocks="\n  ".join(
            _entry(
                f"{_READING}/IntervalBlock/{day}",
                "",
                f"<espi:IntervalBlock>{''.join(readings[96 * day : 96 * (day + 1)])}</espi:IntervalBlock>",
            )
            for day in range(len(wh) // 96)
        ),
    )


def _entry(own: str, related: str, body: str) -> str:
    name = uuid.uuid5(uuid.NAMESPACE_URL, own)
    return _ENTRY.format(name=name, own=own, up=own.rpartition("/")[0], related=related, body=body)


def _parse(path: Path) -> None:
    for _, reading in etree.iterparse(path, tag=f"{_ESPI}IntervalReading"):
        reading.clear()


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
