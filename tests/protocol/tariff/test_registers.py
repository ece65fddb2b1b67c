"""Registers that a tariff programs: bills from them are bills from interval reads, and nothing else fits them."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.tariff.metered import register_values
from tests.protocol.tariff.samples import (
    ENERGY,
    EXPORT,
    MAY,
    PACIFIC,
    TOU,
    TWO_SEASONS,
    any_record,
    flat,
    reads,
    segment,
    tariff,
)
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel, Kind
from wattseal.protocol.tariff.bill import Customer, Cycle, Outcome
from wattseal.protocol.tariff.charges import DemandCharge, EnergyCharge, Mode, SeriesCharge, Tier
from wattseal.protocol.tariff.compile import Compiled, Functional, Item, Register, compile_tariff
from wattseal.protocol.tariff.model import DayKind, Row, Schedule, Tariff, Turn
from wattseal.protocol.tariff.plain import Reads, plain_bill
from wattseal.protocol.tariff.registers import Program, program_of, reports_of, results_of
from wattseal.protocol.tariff.settle import settle
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.tariff.urdb import load_urdb

DELIVERED, RECEIVED = Channel
DEMAND = DemandCharge(name="Demand", schedule="tou", tiers=(Tier(limit=None, prices=(0, 900_000)),))
ANY_TIME = DemandCharge(name="Any time", schedule="flat", tiers=(Tier(limit=None, prices=(500_000,)),))
SERIES = SeriesCharge(name="Hourly", start=MAY.minutes[0], step_minutes=60, prices=(10_000,) * 720)
NET = tariff(TOU, EXPORT, DEMAND, ANY_TIME)


def opened(compiled: Compiled, part: Reads, before: int) -> Outcome:
    """What the key server opens of the reports that the compiled segment rests on."""
    values = {(channel, Kind.CYCLE): units for channel, units in part.channels.items()}
    for channel, units in part.channels.items():
        program = program_of(compiled, channel)
        values[channel, Kind.REGISTER] = register_values(program, part.segment.start, units, before)
    told = [
        (one.of, one.released(compiled, int(one.y @ values[one.channel, one.kind]))) for one in results_of(compiled)
    ]
    return Outcome(
        compiled,
        {of.item: value for of, value in told if isinstance(of, Functional)},
        {of: value for of, value in told if isinstance(of, Register)},
    )


def estimated(of: Tariff, cycle: Cycle, part: Reads, before: int, customer: Customer = Customer()) -> object:  # noqa: B008
    compiled = compile_tariff(of, part.segment, of.modes(Mode.AMOUNT), part.segment.channels)
    bill = settle(of, cycle, [opened(compiled, part, before)], customer)
    return bill.lines, bill.energy, bill.demand


def plain(of: Tariff, cycle: Cycle, part: Reads, customer: Customer = Customer()) -> object:  # noqa: B008 - frozen
    bill = plain_bill(of, cycle, [part], Mode.DETERMINANTS, customer)
    return bill.lines, bill.energy, bill.demand


CYCLES = st.builds(
    lambda first, days: Cycle(first, first + timedelta(days=days), PACIFIC),
    st.dates(date(2026, 1, 1), date(2026, 11, 25)),
    st.integers(27, 33),
)
SEEDS, BEFORE = st.integers(0, 2**32 - 1), st.sampled_from([0, 10**10 - 1])


@settings(max_examples=25)
@given(seed=SEEDS, cycle=CYCLES, before=BEFORE, unit=st.sampled_from([1, 10, 100]))
def test_bills_from_registers_are_bills_from_reads(
    seed: int, cycle: Cycle, before: int, unit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any tariff with tiers and both kinds of demand, any load, whatever the indexes stood at."""
    path = tmp_path_factory.mktemp("urdb") / "record.json"
    path.write_text(json.dumps(any_record(np.random.default_rng(seed))))
    part = reads(segment(cycle, interval_minutes=60, read_unit=unit), seed, 60_000)
    assert estimated(load_urdb(path), cycle, part, before) == plain(load_urdb(path), cycle, part)


@settings(max_examples=15)
@given(seed=SEEDS, cycle=CYCLES, before=BEFORE, name=st.sampled_from(["E-1", "E-TOU-C", "E-TOU-D", "E-ELEC", "EV2-A"]))
def test_the_package_s_sheets_likewise(seed: int, cycle: Cycle, before: int, name: str) -> None:
    customer = Customer("X" if packaged(name).baseline else None)
    part = reads(segment(cycle, interval_minutes=15), seed, 3_000)
    assert estimated(packaged(name), cycle, part, before, customer) == plain(packaged(name), cycle, part, customer)


def test_both_channels_and_a_part_of_a_cycle() -> None:
    start, end = MAY.minutes
    part = reads(segment(MAY, DELIVERED, RECEIVED, start=start + 10 * 1440, end=end - 1440))
    compiled = compile_tariff(NET, part.segment, Mode.AMOUNT, part.segment.channels)
    expected = compile_tariff(NET, part.segment, Mode.DETERMINANTS)
    outcome = opened(compiled, part, 77)
    totals = {one.item: int(one.y @ part.channels[one.item.channel]) for one in expected.functionals}
    largest = {
        register: int((part.channels[DELIVERED] * where).max()) for register, where in expected.registers.items()
    }
    assert (outcome.results, outcome.registers) == (totals, largest)


def test_amounts_come_from_reads_and_demand_from_registers() -> None:
    part = reads(segment())
    compiled = compile_tariff(tariff(TOU, DEMAND), part.segment, Mode.AMOUNT)
    assert reports_of(compiled) == [(DELIVERED, Kind.CYCLE), (DELIVERED, Kind.REGISTER)]
    assert [one.kind for one in results_of(compiled)] == [Kind.CYCLE, Kind.REGISTER]
    bill = settle(compiled.tariff, MAY, [opened(compiled, part, 5)])
    assert bill.lines == plain_bill(compiled.tariff, MAY, [part], Mode.AMOUNT).lines


@pytest.mark.parametrize(
    ("by_registers", "expected"),
    [
        ((), [(DELIVERED, Kind.CYCLE), (DELIVERED, Kind.REGISTER), (RECEIVED, Kind.CYCLE)]),
        ((RECEIVED,), [(DELIVERED, Kind.CYCLE), (DELIVERED, Kind.REGISTER), (RECEIVED, Kind.REGISTER)]),
        ((DELIVERED, RECEIVED), [(DELIVERED, Kind.REGISTER), (RECEIVED, Kind.REGISTER)]),
    ],
)
def test_which_reports_a_bill_rests_on(by_registers: tuple[Channel, ...], expected: list[tuple[Channel, Kind]]) -> None:
    compiled = compile_tariff(NET, segment(MAY, DELIVERED, RECEIVED), Mode.AMOUNT, by_registers)
    assert reports_of(compiled) == expected
    assert {(one.channel, one.kind) for one in results_of(compiled)} == set(expected)


def test_no_register_counts_what_a_series_needs() -> None:
    with pytest.raises(UsageError, match="'Hourly' has a price for each step: no register counts"):
        compile_tariff(tariff(SERIES), segment(), Mode.AMOUNT, [DELIVERED])
    with_demand = compile_tariff(tariff(SERIES, ANY_TIME), segment(), Mode.AMOUNT)
    assert [one.kind for one in results_of(with_demand)] == [Kind.CYCLE, Kind.REGISTER]


def program(of: Tariff = NET, **changes: Any) -> Program:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "tariff": of,
        "channel": DELIVERED,
        "timezone": PACIFIC,
        "interval_minutes": 60,
        "read_unit": 1,
    }
    return Program(**{**fields, **changes})


def test_registers_do_not_depend_on_the_segment() -> None:
    """A report that was sealed before a move was known serves the segment that ends with it."""
    energy = EnergyCharge(name="Energy", schedule="flat", prices=(1, 2))
    of = tariff(energy, turns=TWO_SEASONS, schedules=(flat("summer", "winter"),))
    assert [item.period for item in program(of).energy] == ["summer", "winter"]
    assert program(of).coefficients == 4


def test_each_coefficient_is_opened_by_its_own_weights() -> None:
    one = program()
    assert (one.energy, one.demand) == (
        (Item(Mode.DETERMINANTS, DELIVERED, "tou", "off-peak"), Item(Mode.DETERMINANTS, DELIVERED, "tou", "peak")),
        (Register("tou", "peak"), Register("flat", "year")),
    )
    counted: list[Item | Register] = [*one.energy, *one.demand]
    assert [one.weights(what).tolist() for what in counted] == [
        [-1, 0, 1, 0, 0, 0],
        [0, -1, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    for unknown in (Register("tou", "off-peak"), Item(Mode.DETERMINANTS, RECEIVED, "tou", "peak")):
        with pytest.raises(UsageError, match="none of tariff T-1 counts"):
            one.weights(unknown)


LATE = Schedule(
    name="tou",
    periods=("off-peak", "peak"),
    rows=tuple(Row(season="year", days=days, runs=((0, 0), (68, 1), (84, 0))) for days in ("weekday", "weekend")),
)
OTHERS = {
    "channel": program(channel=RECEIVED),
    "time zone": program(timezone="America/Phoenix"),
    "interval": program(interval_minutes=15),
    "unit": program(read_unit=10),
    "hours": program(tariff(TOU, EXPORT, DEMAND, ANY_TIME, schedules=(flat("year"), LATE))),
    "seasons": program(tariff(TOU, EXPORT, DEMAND, ANY_TIME, turns=(Turn(month=2, day=1, season="year"),))),
    "demand": program(tariff(TOU, EXPORT, ANY_TIME)),
    "energy": program(tariff(ENERGY, EXPORT, DEMAND, ANY_TIME)),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_another_meaning_is_another_program(other: Program) -> None:
    assert other.layout_id != program().layout_id
    assert other.binding(MAY.minutes) != program().binding(MAY.minutes)


def test_prices_and_revisions_leave_the_program_as_it_is() -> None:
    dearer = TOU.model_copy(update={"prices": (40_000, 60_000)})
    assert program(tariff(dearer, EXPORT, DEMAND, ANY_TIME, revision="2026-04-01")).digest == program().digest


def test_each_billing_cycle_binds_reports_anew() -> None:
    """The same indexes under the scales of two cycles would tell each up to a common factor."""
    start, end = MAY.minutes
    bindings = [program().binding(cycle) for cycle in ((start, end), (start, end + 1440), (start - 1440, end))]
    assert len({len(binding) for binding in bindings}) == 1
    assert len(set(bindings)) == 3


def test_more_registers_than_a_report_holds() -> None:
    """Ten schedules with a period for each quarter hour of weekdays and weekends fit, eleven do not."""
    runs = [tuple((quarter, first + quarter) for quarter in range(96)) for first in (0, 96)]
    kinds: tuple[DayKind, ...] = ("weekday", "weekend")
    rows = tuple(Row(season="year", days=days, runs=of) for days, of in zip(kinds, runs, strict=True))
    names = [f"s{place}" for place in range(11)]
    periods = tuple(f"p{place}" for place in range(192))
    schedules = [Schedule(name=name, periods=periods, rows=rows) for name in names]
    charges = [EnergyCharge(name=name, schedule=name, prices=(1,) * 192) for name in names]
    assert program(tariff(*charges[:10], schedules=tuple(schedules))).coefficients == 3_840
    with pytest.raises(UsageError, match="more registers than a report holds"):
        program(tariff(*charges, schedules=tuple(schedules)))
