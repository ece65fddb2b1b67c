"""Reads of an adapter to a head-end: the same days as from files, the same care about each read."""

import re
import runpy
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.meter_sim.replaying import reads_of
from wattseal.meter_sim.head_end import HeadEndRead, open_head_end
from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay import ReplayOptions
from wattseal.protocol.ids import Channel

DOCUMENT = Path(__file__).parents[2] / "docs" / "interval-files.md"
START = datetime(2026, 3, 1, tzinfo=UTC)
DELIVERED, RECEIVED = Channel.DELIVERED, Channel.RECEIVED


class Given:
    """A head-end that has the given reads."""

    name = "head-end"

    def __init__(self, reads: Sequence[HeadEndRead]) -> None:
        self._reads = reads

    def reads(self) -> Iterator[HeadEndRead]:
        return iter(self._reads)


def read(slot: int, wh: int | None, meter: str = "a", channel: Channel = DELIVERED) -> HeadEndRead:
    return HeadEndRead(meter, channel, START + timedelta(minutes=15 * slot), wh)


def test_reads_become_days() -> None:
    reads = [read(slot, slot) for slot in range(100)] + [read(slot, 7, "b", RECEIVED) for slot in range(4)]
    replay = open_head_end(Given(reads[::-1]), ReplayOptions())
    assert (replay.meters, replay.channels, replay.interval_minutes) == (("a", "b"), ("delivered", "received"), 15)
    assert reads_of(replay) == {(read.meter, read.channel.value, read.start): read.wh for read in reads}
    first, second = replay.days()
    assert first[0].wh[0].tolist() == list(range(96))
    assert second[0].present[0].tolist() == [True] * 4 + [False] * 92


def test_the_example_of_the_documentation_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    script = tmp_path / "example.py"
    script.write_text(example)
    runpy.run_path(str(script))
    assert capsys.readouterr().out == "20513 delivered ('m-17',) 520 Wh in 2 intervals\n"


def test_missing_and_repeated_reads_zones_and_days() -> None:
    shifted = read(1, 5)._replace(start=(START + timedelta(minutes=15)).astimezone(timezone(timedelta(hours=-8))))
    replay = open_head_end(
        Given([read(0, 4), shifted, read(1, 5), read(2, None), read(400, 1)]),
        ReplayOptions(days=1, interval_minutes=15),
    )
    assert (replay.reads, replay.missing, replay.duplicates) == (2, 1, 1)
    assert list(reads_of(replay).values()) == [4, 5]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (read(2, -1), "energy -1 is not a whole number of Wh from 0 to 2^40"),
        (read(2, (1 << 40) + 1), "energy 1099511627777 is not"),
        (read(2, 1.5), "energy 1.5 is not"),  # type: ignore[arg-type]
        (read(2, 1, ""), "meter name is empty"),
        (read(2, 1, "x" * 65), "is longer than 64 bytes"),
        (read(2, 1, channel="sideways"), "channel 'sideways' is none of delivered, received"),  # type: ignore[arg-type]
        (read(2, 1)._replace(start=datetime(2026, 3, 1)), "start 2026-03-01 00:00:00 has no zone"),  # noqa: DTZ001
        (read(2, 1)._replace(start=START + timedelta(seconds=1)), "is not on the interval grid"),
        (read(2, 1)._replace(start=START + timedelta(microseconds=1)), "is not on the interval grid"),
        (read(2, 1)._replace(start=datetime(1970, 1, 1, tzinfo=UTC)), "is before 1970-01-02"),
        (read(2, 1)._replace(start=START + timedelta(minutes=1)), "time is not on the grid of 15 minutes"),
        (read(1, 9), "another value for a meter and interval than at head-end, read 2"),
    ],
)
def test_bad_reads_are_named_by_their_number(bad: HeadEndRead, why: str) -> None:
    with pytest.raises(ReplayError) as caught:
        open_head_end(Given([read(0, 1), read(1, 1), bad, *(read(slot, 1) for slot in range(4, 8))]), ReplayOptions())
    assert str(caught.value).startswith("head-end, read 3: ")
    assert why in str(caught.value)


def test_nothing_to_read_and_options_of_files() -> None:
    with pytest.raises(ReplayError, match="head-end: no reads"):
        open_head_end(Given([]), ReplayOptions())
    with pytest.raises(ReplayError, match="head-end, read 1 and after: no reads, only empty cells"):
        open_head_end(Given([read(0, None)]), ReplayOptions())
    for options in (ReplayOptions(timezone="UTC"), ReplayOptions(columns={"a": "received"})):
        with pytest.raises(ReplayError, match="without --timezone and --map"):
            open_head_end(Given([read(0, 1)]), options)


def test_stamps_at_the_end() -> None:
    replay = open_head_end(Given([read(slot, slot) for slot in (1, 2, 3)]), ReplayOptions(stamps="end"))
    assert [start for _, _, start in reads_of(replay)] == [START + timedelta(minutes=15 * slot) for slot in (0, 1, 2)]
