"""Real services: yesterday's total, with pads and tags that both halves summed ahead, or not, is the plain total."""

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from bench.million import Costs, Place, Run

from wattseal.collector import deployment
from wattseal.collector.client import Client
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, Deployment, Places
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.meter_sim.days import Days
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.sources import open_source
from wattseal.protocol.ids import Role, Suite, Window
from wattseal.protocol.roster import Unit
from wattseal.protocol.time import system_clock, window_date, window_of

METERS = 24
PATIENCE_S = 120.0


@pytest.mark.parametrize("sum_ahead", [True, False])
def test_yesterdays_total(tmp_path: Path, sum_ahead: bool) -> None:
    with ExitStack() as resources:
        places = Places(tmp_path / "deployment")
        deployment.create(places, Suite.PAILLIER_3072)
        resources.enter_context(Deployment(places, sum_ahead=sum_ahead))
        region = Place("here", tmp_path / "fleet", range(METERS), 1, Window(window_of(system_clock()) - 1))
        run = Run(places, Suite.PAILLIER_3072, [region], Costs())
        run.set_up(region)
        sealer = Sealer(run.notice(), run.layout, error_key=None)
        resources.callback(sealer.close)
        fleet, operator = (
            resources.enter_context(RoleClient(places.urls().aggregator, places.token(AGGREGATOR, scope)))
            for scope in (Scope.FLEET, Scope.OPERATOR)
        )
        run.send(region, sealer, fleet)
        run.close(region, operator)
        for role in (DECRYPTOR, UNBLINDER) if sum_ahead else ():
            wait_until_ready(places, role)
        with Client.of_directory(places.directory) as client:
            table = client.total("town", window_date(region.first).isoformat(), region=region.name)
        assert table["total_wh"].to_list() == plain_total(region, run)
        for role in (DECRYPTOR, UNBLINDER):
            made = {made: sums(places, role, made) for made in ("ahead", "when-asked")}
            assert made == {"ahead": sum_ahead, "when-asked": not sum_ahead}
            assert "Traceback" not in (places.logs / f"{role}.log").read_text()


def wait_until_ready(places: Places, role: Role) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not metric(places, role, f'wattseal_days_summed_ahead{{half="{role}"}}'):
        assert time.monotonic() < deadline, f"the {role} sums nothing ahead"
        time.sleep(0.2)


def sums(places: Places, role: Role, made: str) -> float:
    return metric(places, role, f'wattseal_member_sums_total{{half="{role}",made="{made}"}}')


def metric(places: Places, role: Role, sample: str) -> float:
    with RoleClient(getattr(places.urls(), role)) as service:
        lines = service.get("/metrics").decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.split()[0] == sample)


def plain_total(region: Place, run: Run) -> list[int]:
    days = [
        part.wh
        for parts in Days(open_source(region.settings), run.layout, Unit.WH)
        for part in parts
        if part.channel == "delivered"
    ]
    total: list[int] = np.sum(np.concatenate(days), axis=0).tolist()
    return total
