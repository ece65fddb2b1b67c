"""A meter is exchanged, an account moves: real roles under one roster after the other, and no read is lost."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.shell import Ended, module, wattseal
from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import Deployment, Places
from wattseal.collector.trial import close_windows, install_rosters, send_fleet
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.sources import SourceSettings, open_source
from wattseal.policy.tenures import tenures
from wattseal.protocol.ids import Suite
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.time import parse_window

METERS, DAYS = 40, [date(2026, 3, day) for day in (2, 3, 4)]
FIRST, EXCHANGED, MOVED = (parse_window(day.isoformat()) for day in DAYS)
SIMULATED = ("--simulate", METERS, "--first-date", DAYS[0], "--days", len(DAYS), "--root", "town")


class Done(NamedTuple):
    """A deployment after all days, its services still running."""

    places: Places
    facts: dict[str, Any]
    sent: dict[str, Any]

    @property
    def files(self) -> list[Path]:
        return [Path(file) for file in self.facts["rosters"]]

    def rosters(self) -> list[Roster]:
        return [SignedRoster.from_bytes(file.read_bytes()).opened(self.places.trust_anchors()) for file in self.files]


def prepare(directory: Path, *changes: object) -> Ended:
    places = ("--fleet", directory / "fleet", "--roster", directory / "roster.json", "--suite", int(Suite.MASKING))
    return module("meter_sim", "prepare", *places, *SIMULATED, *changes)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    places = Places(tmp_path_factory.mktemp("town"))
    deployment.create(places, Suite.MASKING)
    changes = ("--exchange", f"meter-00007@{DAYS[1]}", "--move", f"meter-00021@{DAYS[2]}")
    facts = prepare(places.directory, *changes).json
    with Deployment(places):
        done = Done(places, facts, {})
        install_rosters(places, done.files)
        sent = send_fleet(places)
        close_windows(places, DAYS)
        yield done._replace(sent=sent)


def test_a_roster_for_each_day_of_a_change(done: Done) -> None:
    names = ["roster.json", "roster-2026-03-03.json", "roster-2026-03-04.json"]
    assert done.files == [done.places.directory / name for name in names]
    rosters = done.rosters()
    assert [roster.effective for roster in rosters] == [FIRST, EXCHANGED, MOVED]
    changed = {point: history for point, history in tenures(rosters).items() if len(history) > 1}
    assert changed == {
        "sp-meter-00007": (
            ("meter-00007", "ac-meter-00007", FIRST, FIRST, FIRST),
            ("meter-00007.2", "ac-meter-00007", EXCHANGED, None, FIRST),
        ),
        "sp-meter-00021": (
            ("meter-00021", "ac-meter-00021", FIRST, EXCHANGED, FIRST),
            ("meter-00021", "ac-meter-00021.2", MOVED, None, MOVED),
        ),
    }


def plain_reads() -> list[DayReads]:
    """What the fleet's source has, by day and channel."""
    settings = SourceSettings(simulated=METERS, seed=1, interval_minutes=None, first_day=FIRST, days=len(DAYS))
    return [part for parts in open_source(settings).days() for part in parts]


def test_every_total_of_every_day_is_the_plain_sum(done: Done) -> None:
    parts = plain_reads()
    reports = sum(len(part.meters) for part in parts)
    assert (done.sent["sealed_reports"], done.sent["outcomes"]) == (reports, {"accepted": reports})
    delivered = {part.day: part.wh.sum(axis=0).tolist() for part in parts if part.channel == "delivered"}
    assert delivered.keys() == {FIRST, EXCHANGED, MOVED}
    with Client.of_directory(done.places.directory) as client:
        for day in DAYS:
            total = client.total("town", day.isoformat())
            assert total["total_wh"].to_list() == delivered[parse_window(day.isoformat())]
            assert set(total["meters"]) == {METERS}


def test_each_meter_reported_on_its_own_days_only(done: Done) -> None:
    """And each under number 0: another meter's outbox begins anew."""
    with sqlite3.connect(done.places.fleet / "fleet.sqlite") as database:
        query = "SELECT meter, start / 1440, number FROM outbox WHERE meter LIKE ? AND channel = ? ORDER BY start"
        rows = database.execute(query, ("meter-00007%", "delivered")).fetchall()
    database.close()
    assert rows == [("meter-00007", FIRST, 0), ("meter-00007.2", EXCHANGED, 0), ("meter-00007.2", MOVED, 0)]


def test_sent_again_nothing_is_new(done: Done, tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    again = send_fleet(done.places, "--plain-totals", plain)
    assert (again["sealed_reports"], again["outcomes"]) == (0, done.sent["outcomes"])
    assert len(plain.read_text().splitlines()) == 1 + 96 * len(plain_reads())


def test_what_an_operator_reads_before_the_exchange(done: Done) -> None:
    first, second, third = done.files
    words = (second, "--previous", first, "--trust", done.places.trust)
    report = wattseal("roster", "check", *words, "--json").json
    assert report["signatures"] == dict.fromkeys(("utility", "aggregator_operator", "unblinder_operator"), "holds")
    assert [row["meter"] for row in report["exchanges"]] == ["meter-00007 -> meter-00007.2"]
    assert (report["moves"], report["joins_and_leaves"], report["refused"]) == ([], [], None)
    shown = wattseal("roster", "check", *words)
    assert shown.status == 0
    assert "meter-00007 -> meter-00007.2" in shown.stdout

    backwards = wattseal("roster", "check", first, "--previous", third, "--json")
    assert (backwards.status, json.loads(backwards.stdout)["signatures"]["utility"]) == (
        2, "not checked: no trust was given",
    )  # fmt: skip
    assert backwards.words == (
        f"{first} could not be installed: the roster before takes effect on 2026-03-04, not earlier"
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (["--exchange", "meter-00007"], "--exchange takes METER@DATE"),
        (["--move", "@2026-03-03"], "--move takes METER@DATE"),
        (["--move", "meter-00007@tomorrow"], "'tomorrow' is not a date"),
        (["--exchange", "meter-00040@2026-03-03"], "the reads have no meter meter-00040"),
    ],
)
def test_changes_that_cannot_be(tmp_path: Path, changes: list[str], named: str) -> None:
    refused = prepare(tmp_path, *changes)
    assert (refused.status, named in refused.words) == (2, True), refused
    assert list(tmp_path.iterdir()) == []
