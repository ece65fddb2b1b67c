"""A tenure's own reads: what was sealed, of both channels and every meter of the tenure, and of no other days."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from greenbutton_objects.parse import parse_feed

from wattseal.meter_sim.load_model import simulate, simulate_gas
from wattseal.meter_sim.orders import Neighborhoods, prepare
from wattseal.meter_sim.own_data import Whose, export
from wattseal.meter_sim.replay import ReplayOptions, open_replay
from wattseal.meter_sim.sources import SourceSettings
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Suite, Window
from wattseal.protocol.time import parse_window

FIRST = parse_window("2026-03-02")
METERS, DAYS = 3, 3
Changes = Mapping[str, Sequence[Window]]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Meter 0 is exchanged on the second day; account 1 moves on the third. Meter 2 has panels."""
    settings = SourceSettings(simulated=METERS, seed=1, interval_minutes=15, first_day=FIRST, days=DAYS)
    exchanges: Changes = {"meter-00000": [Window(FIRST + 1)]}
    moves: Changes = {"meter-00001": [Window(FIRST + 2)]}
    roster = tmp_path / "roster.json"
    places = Neighborhoods(root="town", leaf_size=0, apart=0)
    prepare(tmp_path / "fleet", roster, "region-1", int(Suite.CKKS), settings, places, exchanges, moves)
    return tmp_path / "fleet"


def replayed(path: Path) -> Iterator[tuple[int, str, list[int]]]:
    for parts in open_replay([path], ReplayOptions(interval_minutes=15)).days():
        yield from ((part.day, part.channel, part.wh[0].tolist()) for part in parts)


def plain(home: int, *days: int) -> list[tuple[int, str, list[int]]]:
    return [(day, "delivered", simulate(1, range(METERS), day, 15)[home].tolist()) for day in days]


def test_an_exchange_does_not_cut_a_tenure(fleet: Path, tmp_path: Path) -> None:
    for meter in ("meter-00000", "meter-00000.2"):
        told = export(fleet, Whose(meter), tmp_path / "own.xml")
        assert (told["account"], told["reads"], told["estimated"]) == ("ac-meter-00000", 288, 0)
        assert list(replayed(tmp_path / "own.xml")) == plain(0, FIRST, FIRST + 1, FIRST + 2)


def test_a_move_does(fleet: Path, tmp_path: Path) -> None:
    """Neither occupant gets a day of the other's."""
    export(fleet, Whose("meter-00001"), tmp_path / "new.xml")
    assert list(replayed(tmp_path / "new.xml")) == plain(1, FIRST + 2)
    for whose in (Whose("meter-00001", "ac-meter-00001"), Whose("meter-00001", day=Window(FIRST + 1))):
        export(fleet, whose, tmp_path / "former.xml")
        assert list(replayed(tmp_path / "former.xml")) == plain(1, FIRST, FIRST + 1)


def test_both_channels(fleet: Path, tmp_path: Path) -> None:
    told = export(fleet, Whose("meter-00002"), tmp_path / "own.xml")
    read = list(replayed(tmp_path / "own.xml"))
    assert told["reads"] == 2 * 288
    assert [one for one in read if one[1] == "delivered"] == plain(2, FIRST, FIRST + 1, FIRST + 2)
    assert any(sum(wh) for _, channel, wh in read if channel == "received")


@pytest.mark.parametrize("minutes", [60, 1440])
def test_gas_in_litres(tmp_path: Path, minutes: int) -> None:
    """As a reader of others' making sees it: cubic metres of natural gas."""
    settings = SourceSettings(
        simulated=METERS, seed=1, interval_minutes=minutes, first_day=FIRST, days=DAYS, commodity="gas"
    )
    places = Neighborhoods(root="town", leaf_size=0, apart=0)
    prepare(tmp_path / "fleet", tmp_path / "roster.json", "region-1", int(Suite.CKKS), settings, places, {}, {})
    told = export(tmp_path / "fleet", Whose("meter-00001"), tmp_path / "own.xml")
    days = range(FIRST, FIRST + DAYS)
    litres = np.concatenate([simulate_gas(1, range(METERS), day, minutes)[1] for day in days])
    assert told["reads"] == len(litres) == DAYS * 1440 // minutes
    (point,) = parse_feed(str(tmp_path / "own.xml"))
    (reading,) = point.meterReadings
    kind = reading.readingType
    assert point.serviceCategory.name == "naturalGas"
    assert (kind.commodity.name, kind.uom.name, kind.intervalLength) == ("naturalGas", "cubicMeters", 60 * minutes)
    assert [round(1000 * one.value) for one in reading.intervalReadings] == litres.tolist()
    assert litres.sum() > 0
    starts = [int(one.timePeriod.start.timestamp()) for one in reading.intervalReadings]
    assert starts == [FIRST * 86_400 + 60 * minutes * place for place in range(len(litres))]


@pytest.mark.parametrize(
    "whose",
    [
        Whose("meter-00009"),
        Whose("meter-00001", "ac-meter-00000"),
        Whose("meter-00001", day=Window(FIRST - 1)),
    ],
    ids=["no such meter", "another's account", "before the first tenure"],
)
def test_whom_it_does_not_know(fleet: Path, tmp_path: Path, whose: Whose) -> None:
    with pytest.raises(UsageError):
        export(fleet, whose, tmp_path / "own.xml")
    assert not (tmp_path / "own.xml").exists()


def test_a_file_that_cannot_be_written_is_named(fleet: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing/own\.xml"):
        export(fleet, Whose("meter-00002"), tmp_path / "missing" / "own.xml")
