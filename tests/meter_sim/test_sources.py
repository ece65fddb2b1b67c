"""Simulated neighbors stand beside replayed meters, never in front of them."""

from pathlib import Path

import numpy as np
import pytest

from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.meter_sim.sources import SourceSettings, neighbor_reads, open_source
from wattseal.policy.dominance import Opened, OpenedSets, check_dominance
from wattseal.policy.limits import limits_of
from wattseal.policy.pack import trial_policy
from wattseal.protocol.ids import Channel, MeterId

AUSGRID = Path(__file__).parents[3] / "shared/data/ausgrid/ausgrid_customer12_2011-2012_30min.csv"
YEAR = SourceSettings(
    simulated=39,
    seed=1,
    interval_minutes=None,
    first_day=None,
    days=None,
    paths=(AUSGRID,),
    timezone="+10:00",
    columns={"GC": "delivered"},
)


def test_neighbors_are_there_exactly_where_the_files_are() -> None:
    source = open_source(YEAR)
    assert len(source.meters) == 40
    first, second, *_ = (parts[0] for parts in source.days())
    household = source.meters.index(AUSGRID.stem)
    for day in (first, second):
        assert day.meters == source.meters
        assert (day.present == day.present[household]).all()
        others = np.delete(np.arange(40), household)
        assert (day.wh[others] == neighbor_reads(1, 39, day.day, 30) * day.present[household]).all()
    assert (first.present[household].sum(), second.present[household].sum()) == (20, 48)


def test_a_household_and_its_neighbors_are_a_group_that_the_trial_policy_opens_all_year() -> None:
    edges = DEFAULT_LAYOUTS[30].upper_edges
    share = limits_of(trial_policy(), "grid-planning", 30).share_of("residential")
    for (day,) in open_source(YEAR).days():
        energies = day.wh.sum(axis=1)
        buckets = np.bincount(np.searchsorted(edges, energies), minlength=len(edges))
        opened = Opened(frozenset(map(MeterId, day.meters)), tuple(buckets.tolist()), int(energies.sum()))
        check_dominance(opened, OpenedSets(), edges, share)


def test_neighbors_have_no_other_channel() -> None:
    source = open_source(YEAR.model_copy(update={"columns": {"GC": "delivered", "GG": "received"}}))
    assert source.channels_of(AUSGRID.stem) == (Channel.DELIVERED, Channel.RECEIVED)
    assert source.channels_of("neighbor-00000") == (Channel.DELIVERED,)
    for delivered, received in source.days():
        assert (len(delivered.meters), len(received.meters)) == (40, 1)


def test_registers_beside_reads_are_counted(tmp_path: Path) -> None:
    """One step of the meter begins off the grid of its reads, one ends there; the other meter's are not its own."""
    reads, registers = tmp_path / "reads.csv", tmp_path / "registers.csv"
    reads.write_text("meter,interval_start,delivered_wh\na,2026-03-09T00:00:00Z,1\na,2026-03-09T00:30:00Z,2\n")
    times = ["00:00", "00:30", "00:45", "01:00"]
    rows = [f"{meter},2026-03-09T{time}:00Z,5\n" for meter in "ab" for time in times]
    registers.write_text("meter,time,delivered_index_wh\n" + "".join(rows))
    settings = SourceSettings(
        simulated=0, seed=1, interval_minutes=30, first_day=None, days=None, paths=(reads,), registers=registers
    )
    assert open_source(settings).notes == {
        "rounded_reads": 0,
        "register_reads": 8,
        "registers_of_other_meters": 1,
        "register_steps_off_grid": 2,
    }


@pytest.mark.parametrize("seed", [-1, 1 << 64])
def test_seeds_are_bounded(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        SourceSettings(simulated=1, seed=seed, interval_minutes=15, first_day=0, days=1)
