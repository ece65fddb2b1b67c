"""The fleet of the crash tests and what must be true of it in the end, whoever was killed on the way."""

import csv
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

from tests.commands.shell import Ended, finish, module, start
from tests.crash.fault_proxy import FaultProxy
from wattseal.collector.client import Client
from wattseal.collector.deployment import Places
from wattseal.collector.trial import close_windows, install_rosters
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.protocol.ids import Role

METERS = 40
COHORT = "town"
DAYS = [date(2026, 3, day) for day in range(2, 10)]
DYING = Path(__file__).with_name("dying.py")


HOURS = 24


def wh(meter: int, day: date, hour: int) -> int:
    """Reads that differ by meter, day and hour, without one meter that dominates."""
    return 500 + (meter * 7919 + day.toordinal() * 104_729 + hour * 1_299_709) % 1_000


def plain_sums(day: date) -> list[int]:
    return [sum(wh(meter, day, hour) for meter in range(METERS)) for hour in range(HOURS)]


def write_reads(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("meter", "interval_start", "delivered_wh"))
        writer.writerows(
            (f"house-{meter:02}", f"{day}T{hour:02}:00:00Z", wh(meter, day, hour))
            for meter in range(METERS)
            for day in DAYS
            for hour in range(HOURS)
        )


class Neighborhood:
    """A deployment's fleet. Each day is an upload of its own."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def prepare(self, reads: Path) -> None:
        write_reads(reads)
        fleet = ("--fleet", self.places.fleet, "--roster", self.places.roster, "--root", COHORT)
        assert module("meter_sim", "prepare", *fleet, "--reads", reads).status == 0
        install_rosters(self.places, [self.places.roster])

    def send_words(self, aggregator: str | None = None) -> list[object]:
        urls = self.places.urls()
        return [
            *("send", urls.aggregator if aggregator is None else aggregator, urls.decryptor, urls.unblinder),
            *("--fleet", self.places.fleet, "--tokens", self.places.tokens, "--trust", self.places.trust),
        ]

    def send(self, aggregator: str | None = None) -> Ended:
        return finish(self.start_sending(aggregator))

    def start_sending(self, aggregator: str | None = None) -> subprocess.Popen[str]:
        return start([sys.executable, "-m", "wattseal.meter_sim", *self.send_words(aggregator)])

    def send_and_die(self, point: str, aggregator: str) -> Ended:
        return finish(start([sys.executable, DYING, point, "wattseal.meter_sim", *self.send_words(aggregator)]))

    def close(self, days: list[date]) -> None:
        close_windows(self.places, days)

    def windows(self) -> list[dict[str, object]]:
        token = self.places.token(Role.AGGREGATOR, Scope.COLLECTOR)
        with RoleClient(self.places.urls().aggregator, token) as aggregator:
            windows: list[dict[str, object]] = json.loads(aggregator.get("/v1/regions/region-1/windows"))
        return sorted(windows, key=lambda window: str(window["date"]))

    def check_counted_once(self, proxy: FaultProxy) -> None:
        """No number with two contents, no acknowledged report lost, each report counted once, totals exact."""
        assert {len(bodies) for bodies in proxy.bodies.values()} == {1}
        counted = {"status": "open", "accepted": METERS, "conflicts": 0, "late": 0}
        assert self.windows() == [{"date": day.isoformat(), **counted} for day in DAYS]
        self.close(DAYS)
        with Client.of_directory(self.places.directory) as client:
            for day in DAYS:
                total = client.total(COHORT, day.isoformat())
                assert total["total_wh"].to_list() == plain_sums(day)
                assert set(total["meters"]) == {METERS}
        assert len({(meter, start) for meter, start, _, _ in proxy.acknowledged}) == METERS * len(DAYS)
