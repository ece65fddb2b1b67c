"""What tests of replay share: writing files, and every read or the refusal that replay makes of them."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay import Replay, ReplayOptions, open_replay

SAMPLES = Path(__file__).parents[3] / "shared" / "data"
Key = tuple[str, str, datetime]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def reads_of(replay: Replay) -> dict[Key, int]:
    """Every present read; checks on the way that the days are whole and in order."""
    found: dict[Key, int] = {}
    days = list(replay.days())
    assert [entry[0].day for entry in days] == list(range(replay.first_day, replay.last_day + 1))
    for entry in days:
        assert tuple(reads.channel for reads in entry) == replay.channels
        for reads in entry:
            assert reads.meters == replay.meters == tuple(sorted(replay.meters))
            assert reads.wh.shape == reads.present.shape
            assert reads.wh.shape == (len(replay.meters), 1440 // replay.interval_minutes)
            assert reads.wh.dtype == np.int64
            assert reads.present.dtype == np.bool_
            assert not reads.wh[~reads.present].any()
            midnight = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=reads.day)
            for meter, slot in np.argwhere(reads.present):
                start = midnight + timedelta(minutes=int(slot) * replay.interval_minutes)
                found[reads.meters[meter], reads.channel, start] = int(reads.wh[meter, slot])
    return found


def refusal(path: Path, **options: object) -> str:
    """The one line that replay refuses a file with."""
    with pytest.raises(ReplayError) as caught:
        open_replay([path], ReplayOptions(**options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def times_of_day(day: date, zone: ZoneInfo, minutes: int) -> list[datetime]:
    """UTC beginnings of every interval of a local day, 23 or 25 hours of them where clocks change."""
    start, end = (
        datetime.combine(some, datetime.min.time(), zone).astimezone(UTC) for some in (day, day + timedelta(days=1))
    )
    return [start + timedelta(minutes=m) for m in range(0, int((end - start).total_seconds()) // 60, minutes)]
