"""Sources without files: who reports in which channel, and what the registers say."""

import numpy as np
import pytest

from wattseal.meter_sim.load_model import have_panels, simulate_channels, simulate_gas
from wattseal.meter_sim.simulated import GasCustomers, Households, LargeCustomers, Simulation, Span
from wattseal.protocol.ids import Channel

DAY = 20_514
ELECTRICITY = Span(seed=3, meters=60, first_day=DAY, days=2, interval_minutes=15)
DAILY_GAS = ELECTRICITY._replace(interval_minutes=1440)


def test_only_homes_with_panels_have_a_received_channel() -> None:
    source = Households(ELECTRICITY)
    solar = have_panels(3, range(60))
    assert 0 < solar.sum() < 60
    channels = {True: (Channel.DELIVERED, Channel.RECEIVED), False: (Channel.DELIVERED,)}
    assert [source.channels_of(meter) for meter in source.meters] == [channels[bool(has)] for has in solar]
    for delivered, received in source.days():
        assert delivered.meters == source.meters
        assert received.meters == tuple(np.array(source.meters)[solar])


def test_reads_are_those_of_the_load_model() -> None:
    days = list(Households(ELECTRICITY).days())
    assert [part.day for parts in days for part in parts] == [DAY, DAY, DAY + 1, DAY + 1]
    for parts in days:
        model = simulate_channels(3, range(60), parts[0].day, 15)
        assert (parts[0].wh == model["delivered"]).all()
        assert (parts[1].wh == model["received"][have_panels(3, range(60))]).all()
    (gas,) = GasCustomers(DAILY_GAS).of_day(DAY)
    assert (gas.wh == simulate_gas(3, range(60), DAY, 1440)).all()


@pytest.mark.parametrize("kind", [Households, LargeCustomers])
def test_a_part_of_the_population_is_the_same_meters(kind: type[Simulation]) -> None:
    whole, part = kind(ELECTRICITY), kind(ELECTRICITY._replace(first_meter=40, meters=20))
    assert part.meters == whole.meters[40:]
    assert (part.of_day(DAY)[0].wh == whole.of_day(DAY)[0].wh[40:]).all()


def test_a_fleet_without_panels_has_one_channel() -> None:
    lone = next(seed for seed in range(100) if not have_panels(seed, range(1)).any())
    (parts,) = Households(ELECTRICITY._replace(seed=lone, meters=1, days=1)).days()
    assert [part.channel for part in parts] == ["delivered"]


@pytest.mark.parametrize("source", [Households(ELECTRICITY), LargeCustomers(ELECTRICITY), GasCustomers(DAILY_GAS)])
def test_registers_are_read_at_every_midnight(source: Simulation) -> None:
    for part in source.of_day(DAY):
        assert part.present.all()
        assert (part.steps.rows == range(len(part.meters))).all()
        assert (part.steps.starts == 1440 * DAY).all()
        assert (part.steps.ends == 1440 * (DAY + 1)).all()
        assert (part.steps.wh == part.wh.sum(axis=1)).all()


def test_large_customers_need_larger_units() -> None:
    source = LargeCustomers(ELECTRICITY)
    (day,) = source.of_day(DAY)
    (again,) = LargeCustomers(ELECTRICITY._replace(meters=20)).of_day(DAY)
    assert (again.wh == day.wh[:20]).all()
    assert 1 << 14 < day.wh.max() < 10 * (1 << 14)
