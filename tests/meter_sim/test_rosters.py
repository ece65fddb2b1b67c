"""A fleet's rosters over time: each is permitted after the one before, and reads go to the meter of their day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.rosters import Homes, Installed, make_rosters, utility_key, write_rosters
from wattseal.meter_sim.state import FleetState
from wattseal.policy.succession import check_succession
from wattseal.policy.tenures import tenures
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, CohortId, RegionId, Window
from wattseal.protocol.roster import Commodity, Roster, SignedRoster
from wattseal.protocol.signing import verify

FIRST, LAST = 20_000, 20_009
REGION = Region(RegionId("west"), 3, b"layout-1", 60)
Dates = Mapping[str, Sequence[int]]


@dataclass
class _Source:
    """Reads of no use: only their names and days matter."""

    meters: tuple[str, ...] = ("a", "b", "c d")
    customers = frozenset[str]()
    has_registers = False
    interval_minutes = 60
    first_day = FIRST
    last_day = LAST
    commodity: Commodity = "electricity"
    largest_read = 0
    largest_day = 0
    notes: Mapping[str, int] = field(default_factory=dict)

    def channels_of(self, meter: str) -> tuple[Channel, ...]:
        return tuple(Channel) if meter == "a" else (Channel.DELIVERED,)

    def days(self) -> Iterator[tuple[DayReads, ...]]:
        raise NotImplementedError


def homes(exchanges: Dates | None = None, moves: Dates | None = None, *meters: str) -> Homes:
    source = _Source(meters) if meters else _Source()
    cohorts = {name: CohortId(f"town/{name[0]}") for name in source.meters}
    return Homes(source, cohorts, _windows(exchanges or {}), _windows(moves or {}))


def _windows(dates: Dates) -> dict[str, list[Window]]:
    return {name: [Window(day) for day in days] for name, days in dates.items()}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    with FleetState(tmp_path / "fleet") as opened:
        yield opened


def test_without_changes_there_is_one_roster(state: FleetState) -> None:
    [roster] = make_rosters(state, homes(), REGION)
    assert (roster.region, roster.effective, roster.suite, roster.layout_id) == ("west", FIRST, 3, b"layout-1")
    assert {row.installed for row in roster.rows} == {row.tenure_since for row in roster.rows} == {FIRST}
    keys = {meter.meter: meter for meter in state.meters()}
    assert {keys[row.meter].name for row in roster.rows} == {"a", "b", "c d"}
    for row in roster.rows:
        meter = keys[row.meter]
        assert row.identity_key == bytes(SigningKey(meter.identity).verify_key)
        assert row.sealing_key == bytes(PrivateKey(meter.sealing).public_key)
        assert row.cohort == f"town/{meter.name[0]}"
        assert row.channels == (tuple(Channel) if meter.name == "a" else (Channel.DELIVERED,))


def test_each_change_is_in_the_roster_of_its_day(state: FleetState) -> None:
    changes = homes({"a": [FIRST + 1, FIRST + 5], "b": [FIRST + 5]}, {"a": [FIRST + 3], "b": [FIRST + 5]})
    rosters = make_rosters(state, changes, REGION)
    assert [roster.effective - FIRST for roster in rosters] == [0, 1, 3, 5]
    for before, after in pairwise(rosters):
        check_succession(before, after, 2)
    found = tenures(rosters)
    assert found["sp-a"] == (
        ("a", "ac-a", FIRST, FIRST, FIRST),
        ("a.2", "ac-a", FIRST + 1, FIRST + 2, FIRST),
        ("a.2", "ac-a.2", FIRST + 3, FIRST + 4, FIRST + 3),
        ("a.3", "ac-a.2", FIRST + 5, None, FIRST + 3),
    )
    assert found["sp-b"] == (("b", "ac-b", FIRST, FIRST + 4, FIRST), ("b.2", "ac-b.2", FIRST + 5, None, FIRST + 5))
    assert [len(history) for history in found.values()] == [4, 2, 1]


def test_names_that_are_no_ids_have_successors_too(state: FleetState) -> None:
    first, second = make_rosters(state, homes({"c d": [LAST]}), REGION)
    [(old, new)] = [
        (old, new)
        for old in first.rows
        for new in second.rows
        if old.service_point == new.service_point and old.meter != new.meter
    ]
    names = {meter.meter: meter.name for meter in state.meters()}
    assert (names[old.meter], names[new.meter]) == ("c d", "c d.2")
    assert old.account == new.account == f"ac-{old.meter}"


def test_again_the_same(state: FleetState) -> None:
    changes = homes({"a": [FIRST + 1]})
    assert make_rosters(state, changes, REGION) == make_rosters(state, changes, REGION)


@pytest.mark.parametrize("kind", ["exchange", "move"])
@pytest.mark.parametrize(
    ("dates", "named"),
    [
        ({"d": [FIRST + 1]}, "the reads have no meter d"),
        ({"a": [FIRST]}, "2024-10-04 is not one of the reads' days after the first"),
        ({"a": [LAST + 1]}, "2024-10-14 is not one of the reads' days after the first"),
        ({"a": [FIRST + 1, FIRST + 1]}, "meter a has two changes of one kind on one day"),
    ],
)
def test_changes_that_cannot_be(kind: str, dates: Dates, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        homes(*((dates,) if kind == "exchange" else (None, dates)))


def test_a_successor_named_as_another_meter(state: FleetState) -> None:
    with pytest.raises(UsageError, match="named as another one's successor"):
        homes({"a": [LAST]}, None, "a", "a.2")
    make_rosters(state, homes({"a": [LAST]}, None, "a", "a.3"), REGION)


def test_files(state: FleetState, tmp_path: Path) -> None:
    rosters, utility = make_rosters(state, homes({"a": [FIRST + 1]}, {"a": [FIRST + 2]}), REGION), utility_key(state)
    files = write_rosters(tmp_path / "town.json", rosters, utility)
    assert [file.name for file in files] == ["town.json", "town-2024-10-05.json", "town-2024-10-06.json"]
    for file, roster in zip(files, rosters, strict=True):
        signed = SignedRoster.from_bytes(file.read_bytes())
        verify(bytes(utility.verify_key), "roster", signed.body, signed.utility)
        assert Roster.from_bytes(signed.body) == roster


def test_reads_go_to_the_meter_that_was_there_on_their_day(state: FleetState) -> None:
    rosters = make_rosters(state, homes({"a": [FIRST + 1], "b": [FIRST + 3]}), REGION)
    installed = Installed(rosters, state.meters())
    wh = np.arange(48).reshape(2, 24)
    for day, names in ((0, ("a", "b")), (1, ("a.2", "b")), (2, ("a.2", "b")), (3, ("a.2", "b.2")), (9, ("a.2", "b.2"))):
        reads = EditedDay(FIRST + day, "delivered", ("a", "b"), wh, np.zeros(wh.shape, dtype=np.uint8))
        renamed = installed.on_their_day(reads)
        assert renamed.meters == names
        assert renamed.wh is wh
