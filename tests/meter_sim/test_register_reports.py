"""From readings to register reports: each content sealed once, under its own label, opening as energy and demand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.protocol.tariff.samples import PACIFIC, TOU, tariff
from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, MODULUS_ID
from wattseal.cryptosystems.ckks.residues import byte_count, number_from_bytes
from wattseal.cryptosystems.ckks.scales import Cycle as CycleMinutes
from wattseal.cryptosystems.ckks.scales import bill_scale
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.register_reads import Billed, Reading
from wattseal.meter_sim.register_reports import RegisterSealer
from wattseal.meter_sim.state import FleetState
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite
from wattseal.protocol.report import Report, decode_report
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import DemandCharge, Tier
from wattseal.protocol.tariff.compile import Item, Register
from wattseal.protocol.tariff.registers import Program

APRIL = Cycle(date(2026, 4, 1), date(2026, 5, 1), PACIFIC)
START, END = APRIL.minutes
DEMAND = DemandCharge(name="Demand", schedule="tou", tiers=(Tier(limit=None, prices=(0, 900_000)),))
PROGRAM = Program(tariff(TOU, DEMAND), Channel.DELIVERED, PACIFIC, 60, 1)
A, B = MeterId("a"), MeterId("b")
VALUES = np.array([10**10 - 1, 7, 10**10 + 400_000, 90_007, 6_100])
READING = Reading(A, Channel.DELIVERED, Billed((START, END), (START, END)), END, VALUES)
REGION = Region(RegionId("north"), int(Suite.MASKING), b"layout-1", 60)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    with FleetState(tmp_path / "fleet") as state:
        state.make_meters(["a", "b"])
        for column, byte in (("pad_key", b"p"), ("tag_key", b"t")):
            state.keep_meter_keys(1, column, [(A, byte * 32), (B, byte.upper() * 32)])
        yield state


def sealed(state: FleetState, *readings: Reading, program: Program = PROGRAM) -> list[Report]:
    """What is new in the outbox."""
    before = {body for _, body in state.pending(100)}
    sealer = RegisterSealer(state, REGION, lambda _: 1, [program])
    sealer.seal(readings)
    new = [decode_report(body) for _, body in state.pending(100) if body not in before]
    assert sealer.sealed_reports == len(new)
    assert sealer.sealed_bytes == sum(len(report.body) for report in new)
    return new


def read_at(minute: int, **changes: Any) -> Reading:  # noqa: ANN401 - any field's value
    return READING._replace(minute=minute, **changes)


def test_what_a_report_says_in_the_clear(state: FleetState) -> None:
    [report] = sealed(state, READING)
    header = report.header
    assert (header.kind, header.suite, header.layout_id) == (Kind.REGISTER, Suite.CKKS, PROGRAM.layout_id)
    assert (header.start, header.end, header.number, header.flags) == (START, END, 0, ())
    assert len(report.ciphertext) == byte_count(5) == 67
    assert len(report.body) == 62 + 67 + 64


def test_the_same_content_is_sealed_once_and_its_bytes_stay(state: FleetState, tmp_path: Path) -> None:
    [first] = sealed(state, READING)
    assert sealed(state, READING) == []
    with FleetState(tmp_path / "again") as again:
        again.make_meters(["a"])
        for column, byte in (("pad_key", b"p"), ("tag_key", b"t")):
            again.keep_meter_keys(1, column, [(A, byte * 32)])
        again.keep_fact("error key", state.error_key())
        [second] = sealed(again, READING)
    assert second.ciphertext == first.ciphertext


OTHER_CONTENTS = {
    "values": READING._replace(values=VALUES + 1),
    "cycle": READING._replace(billed=Billed((START, END), (START, END + 1440))),
    "beginning": READING._replace(billed=Billed((START + 1440, END), (START, END))),
    "earlier on that day": read_at(END - 60),
}


@pytest.mark.parametrize("other", OTHER_CONTENTS.values(), ids=OTHER_CONTENTS.keys())
def test_other_content_of_that_day_takes_the_next_number(state: FleetState, other: Reading) -> None:
    """The store keeps one report a number and UTC day; and no label ever has two contents."""
    [first], [second] = sealed(state, READING), sealed(state, other)
    assert (first.header.number, second.header.number) == (0, 1)


def test_another_program_is_another_content(state: FleetState) -> None:
    other = replace(PROGRAM, timezone="America/Phoenix")
    [first], [second] = sealed(state, READING), sealed(state, READING, program=other)
    assert (second.header.number, second.header.layout_id) == (1, other.layout_id)
    assert first.ciphertext != second.ciphertext


def test_days_meters_and_kinds_have_numbers_of_their_own(state: FleetState) -> None:
    readings = [read_at(START + day * 1440) for day in (1, 2, 3)]
    reports = sealed(state, *readings, read_at(START + 1440, meter=B))
    assert {report.header.number for report in reports} == {0}
    [cycle] = state.reserve("delivered", START // 1440 * 1440 + 1440, [(A, b"content")], Kind.CYCLE)
    assert cycle.number == 0


def label(binding: bytes, number: int = 0) -> Label:
    place = (Kind.REGISTER, Channel.DELIVERED.code, START, END, 1, number)
    return Label(int(Suite.CKKS), MODULUS_ID, "north", "a", *place, registers=binding)


def test_what_was_sealed_opens_as_energy_and_demand(state: FleetState) -> None:
    [report] = sealed(state, READING)
    named = label(PROGRAM.binding((START, END)))
    decryptor = BillDecryptor(CKKS_4096, Secret(b"t" * 32), named, CycleMinutes(START, END))
    registers: list[Item | Register] = [*PROGRAM.energy, *PROGRAM.demand]
    for what, expected in zip(registers, [400_001, 90_000, 6_100], strict=True):
        functional = Functional.of(PROGRAM.weights(what))
        [number] = bill_sums([report.ciphertext], [functional])
        [pad] = bill_pads(CKKS_4096, [named], Secret(b"p" * 32), [functional])
        opened = decryptor.open_bill(number, pad, Unmasking.of(CKKS_4096, [named], functional))
        assert opened == expected


def differences(*bindings: bytes) -> list[float]:
    """Of the same registers under the scales of two cycles: what is left, value by value, relative to the second."""
    keys = {"pad_key": Secret(b"p" * 32), "secret_key": Secret(b"t" * 32), "error_key": Secret(b"e" * 32)}
    reports = []
    for binding, cycle in zip(bindings, CYCLES, strict=True):
        named = label(binding)
        scale = bill_scale(keys["secret_key"], named, cycle)
        reports.append(MeterSealer(CKKS_4096, named, **keys).seal(VALUES, scale, named))
    units = [Functional.of([int(place == one) for place in range(len(VALUES))]) for one in range(len(VALUES))]
    pairs = zip(*(bill_sums([report], units) for report in reports), strict=True)
    apart = [(number_from_bytes(a) - number_from_bytes(b) + MODULUS // 2) % MODULUS - MODULUS // 2 for a, b in pairs]
    return [one / apart[1] for one in apart]


CYCLES = CycleMinutes(START, END), CycleMinutes(START, END + 1440)


def test_two_scales_under_one_label_would_tell_every_index_up_to_a_common_factor() -> None:
    """So labels of register reports name the cycle."""
    truth = VALUES / VALUES[1]
    assert np.allclose(differences(b"", b""), truth)
    bound = [PROGRAM.binding((cycle.start, cycle.end)) for cycle in CYCLES]
    assert not np.isclose(differences(*bound), truth, rtol=0.1)[[0, 2, 3, 4]].any()
