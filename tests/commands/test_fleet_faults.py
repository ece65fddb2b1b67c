"""A fleet with every trouble at once, on real roles: each ends as docs/faults.md says, and nothing else changes."""

import csv
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.commands.shell import module
from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.trial import close_windows, install_rosters, send_fleet
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.protocol.errors import CoverageTooLow, PinnedOtherwise
from wattseal.protocol.ids import Suite

METERS, LEAF = 200, 40
DAYS = [date(2026, 3, 2), date(2026, 3, 3)]
LATE_LEAF, DYING_LEAF = "town/feeder-1/transformer-002", "town/feeder-1/transformer-003"
FAULTS = f"""
late_cohort = "{LATE_LEAF}"
[gaps]
rate = 0.2
[lost]
meters = ["meter-00001"]
[late]
meters = ["meter-00002"]
[duplicated]
rate = 0.1
[conflicting]
meters = ["meter-00003", "meter-00004"]
[skewed_clocks]
meters = ["meter-00005"]
largest_minutes = 60
known_beyond_minutes = 0
[dead]
meters = {[f"meter-{number:05d}" for number in range(80, 85)]}
[lying]
meters = ["meter-00006"]
[out_of_range]
meters = ["meter-00199"]
"""


def leaf(number: int) -> str:
    return f"town/feeder-1/transformer-{number:03d}"


class Troubled(NamedTuple):
    """Two days of a troubled fleet: what was sent before and after the windows were closed."""

    places: Places
    first: dict[str, Any]
    plain: dict[tuple[str, str], list[int]]
    before: dict[str, list[int]]
    second: dict[str, Any]
    plain_late: dict[tuple[str, str], list[int]]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    places = Places(tmp_path_factory.mktemp("troubled"))
    deployment.create(places, Suite.MASKING)
    faults = places.directory / "faults.toml"
    faults.write_text(FAULTS)
    making = ("--simulate", METERS, "--leaf-size", LEAF, "--root", "town", "--first-date", DAYS[0], "--days", len(DAYS))
    where = ("--fleet", places.fleet, "--roster", places.roster, "--suite", int(Suite.MASKING))
    order("meter_sim", "prepare", *map(str, (*where, *making)))
    with Deployment(places):
        install_rosters(places, [places.roster])
        first, plain = sent(places, "--faults", faults)
        close_windows(places, DAYS)
        with Client.of_directory(places.directory) as client:
            before = {leaf(1): client.total(leaf(1), str(DAYS[0]))["total_wh"].to_list()}
        second, plain_late = sent(places, "--faults", faults, "--windows-closed")
        yield Troubled(places, first, plain, before, second, plain_late)


def sent(places: Places, *options: str | Path) -> tuple[dict[str, Any], dict[tuple[str, str], list[int]]]:
    """The meters' side's answer, and its plain sums by (cohort, date) of the delivered channel."""
    file = places.directory / "plain.csv"
    answer = send_fleet(places, *options, "--plain-totals", file)
    sums: dict[tuple[str, str], list[int]] = {}
    with file.open(newline="") as rows:
        for row in csv.DictReader(rows):
            if row["channel"] == "delivered":
                sums.setdefault((row["cohort"], row["interval_start"][:10]), []).append(int(row["total_wh"]))
    return answer, sums


@pytest.fixture
def client(troubled: Troubled) -> Iterator[Client]:
    with Client.of_directory(troubled.places.directory) as client:
        yield client


def test_every_trouble_came_to_its_end(troubled: Troubled) -> None:
    ended = troubled.first["troubles"]
    assert set(ended["gaps"]) <= {"accepted", "no report", "conflict", "duplicate"}
    assert sum(ended["gaps"].values()) > 0.1 * METERS * len(DAYS)
    assert set(ended["lost"]) == {"no report"}
    assert set(ended["late"]) == {"no report"}
    assert set(ended["duplicated"]) - {"no report"} == {"duplicate"}
    assert set(ended["conflicting"]) == {"conflict"}
    assert set(ended["skewed_clocks"]) == {"accepted"}
    assert ended["out_of_range"] == {"refused by the encoder": 2}
    assert troubled.first["too_large"] == 2
    assert troubled.second["troubles"]["late"] == {"late": troubled.second["sealed_reports"]}
    assert troubled.second["outcomes"]["late"] == troubled.second["sealed_reports"] > len(DAYS) * LEAF


def test_conflicts_are_counted_by_the_aggregator(troubled: Troubled) -> None:
    places = troubled.places
    with RoleClient(places.urls().aggregator, places.token(AGGREGATOR, Scope.COLLECTOR)) as aggregator:
        windows = json.loads(aggregator.get("/v1/regions/region-1/windows"))
    assert [window["status"] for window in windows] == ["closed", "closed"]
    assert sum(window["conflicts"] for window in windows) == troubled.first["troubles"]["conflicting"]["conflict"]


@pytest.mark.parametrize(("number", "missing"), [(1, 2), (3, 0), (4, 0), (5, 1)])
def test_totals_are_of_those_who_reported_in_time(
    troubled: Troubled, client: Client, number: int, missing: int
) -> None:
    total = client.total(leaf(number), str(DAYS[0]))
    assert total["total_wh"].to_list() == troubled.plain[leaf(number), str(DAYS[0])]
    assert set(total["meters"]) == {LEAF - missing}
    assert 0 < total["estimated"].sum() < LEAF * 96


def test_late_reports_change_no_total(troubled: Troubled, client: Client) -> None:
    """Threat E40; meter-00002 is late."""
    assert client.total(leaf(1), str(DAYS[0]))["total_wh"].to_list() == troubled.before[leaf(1)]
    assert set(client.total(leaf(1), str(DAYS[1]))["meters"]) == {LEAF - 2}


def test_a_whole_late_cohort_gets_a_total_of_its_own(troubled: Troubled, client: Client) -> None:
    """Threat E40: on the first day alone; on the second the level above is asked before, and refused for it."""
    total = client.total(LATE_LEAF, str(DAYS[0]))
    assert total["total_wh"].to_list() == troubled.plain_late[LATE_LEAF, str(DAYS[0])]
    assert (LATE_LEAF, str(DAYS[0])) not in troubled.plain
    with pytest.raises(PinnedOtherwise):
        client.total("town", str(DAYS[0]))
    with pytest.raises(CoverageTooLow):
        client.total("town", str(DAYS[1]))


def test_a_cohort_of_which_too_many_died_is_refused(client: Client) -> None:
    """On their last day they still report; then only 35 of 40 are left."""
    assert set(client.total(DYING_LEAF, str(DAYS[0]))["meters"]) == {LEAF}
    with pytest.raises(CoverageTooLow):
        client.total(DYING_LEAF, str(DAYS[1]))


def test_a_known_skew_is_flagged_throughout(client: Client) -> None:
    """In every interval of its transformer's total a read is not a plain one; gaps alone do not do that."""
    assert client.total(leaf(1), str(DAYS[0]))["estimated"].to_numpy().min() >= 1
    assert client.total(leaf(4), str(DAYS[0]))["estimated"].to_numpy().min() == 0


def test_a_file_of_faults_that_names_nobody(troubled: Troubled, tmp_path: Path) -> None:
    faults = tmp_path / "faults.toml"
    faults.write_text('[lost]\nmeters = ["meter-99999"]\n')
    places = troubled.places
    common = ("--fleet", places.fleet, "--tokens", places.tokens, "--trust", places.trust, "--faults", faults)
    refused = module("meter_sim", "send", *places.urls(), *common)
    assert (refused.status, refused.words) == (2, "faults: lost.meters: no meter is named 'meter-99999'")
