"""Cycle and register reports at the door: every reason to reject one, and what becomes of the others."""

from pathlib import Path
from typing import Any

import pytest

from tests.aggregator.cycles import (
    BASIC,
    END,
    FIRST,
    INTERVALS,
    KEY,
    LAST_DAY,
    LAYOUT,
    START,
    ZONE,
    cycle_report,
    home,
    region,
    register_report,
    registry,
    residues,
)
from tests.policy.rosters import REGION
from wattseal.aggregator.door import CLOCK_SKEW_S, HORIZON_DAYS, Door, Overdue, Reason
from wattseal.aggregator.store import Entry
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.parameters import PRIMES
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.registry import Registry
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite, Window
from wattseal.protocol.report import FlagReason, FlagRun, frame
from wattseal.protocol.roster import Unit
from wattseal.protocol.tariff.bill import LONGEST_CYCLE
from wattseal.protocol.tariff.registers import Program
from wattseal.protocol.time import MINUTES_PER_DAY, SECONDS_PER_DAY

DAY = MINUTES_PER_DAY
PROGRAM = Program(BASIC, Channel.DELIVERED, ZONE, 15, 1)
LONGEST = 33 * DAY + 60


def door(known: Registry, now_s: float = END * 60.0, horizon_days: int | None = None) -> Door:
    return Door(known, lambda: now_s, horizon_days=horizon_days, backend=Backend.OURS)


def found(known: Registry, *bodies: bytes) -> list[Reason | None]:
    return [one if isinstance(one, Reason) else None for one in door(known).admit(frame(bodies))]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return registry(tmp_path_factory.mktemp("registry"))


def test_stored_under_the_day_of_its_last_minute(known: Registry) -> None:
    body = cycle_report(number=3)
    assert END % DAY != 0
    assert door(known).admit(frame([body])) == [Entry(REGION, END // DAY, Kind.CYCLE, 1, "m0", 3, body)]
    to_midnight = cycle_report(end=LAST_DAY * DAY)
    [entry] = door(known).admit(frame([to_midnight]))
    assert isinstance(entry, Entry)
    assert entry.window == LAST_DAY - 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": Kind.VECTOR}, Reason.KIND),
        ({"key_id": 8}, Reason.UNKNOWN_KEY),
        ({"region": RegionId("elsewhere")}, Reason.UNKNOWN_REGION),
        ({"meter": MeterId("m6")}, Reason.UNKNOWN_METER),
        ({"channel": Channel.RECEIVED}, Reason.INACTIVE_CHANNEL),
        ({"suite": Suite.MASKING}, Reason.SUITE),
        ({"suite": Suite.INSECURE_CKKS_TEST}, Reason.SUITE),
        ({"layout_id": DEFAULT_LAYOUTS[60].layout_id}, Reason.SUITE),
        ({"start": START + 5}, Reason.SEGMENT),
        ({"end": END - 5}, Reason.SEGMENT),
        ({"start": START + 5, "end": END - 10}, Reason.SEGMENT),
        ({"start": END - LONGEST}, None),
        ({"start": END - LONGEST - 15}, Reason.SEGMENT),
        ({"start": END - DAY}, None),
        ({"start": END - DAY + 15}, Reason.SEGMENT),
        ({"flags": (FlagRun(INTERVALS - 1, 1, FlagReason.MISSING),)}, None),
        ({"flags": (FlagRun(INTERVALS - 1, 2, FlagReason.MISSING),)}, Reason.MALFORMED),
    ],
)
def test_what_the_header_says(known: Registry, changes: dict[str, Any], reason: Reason | None) -> None:
    assert found(known, cycle_report(**changes)) == [reason]


@pytest.mark.parametrize(
    ("after_its_end_s", "reason"),
    [
        (-CLOCK_SKEW_S - 1, Reason.EARLY),
        (-CLOCK_SKEW_S, None),
        (HORIZON_DAYS * SECONDS_PER_DAY, None),
        (HORIZON_DAYS * SECONDS_PER_DAY + 1, "overdue"),
    ],
)
def test_by_the_clock(known: Registry, after_its_end_s: int, reason: Reason | str | None) -> None:
    [one] = door(known, END * 60 + after_its_end_s, HORIZON_DAYS).admit(frame([cycle_report()]))
    assert (one if isinstance(one, Reason) else "overdue" if isinstance(one, Overdue) else None) == reason


def test_past_the_horizon_only_what_may_be_held_is_looked_at_further(known: Registry) -> None:
    body, forged = cycle_report(), cycle_report()[:-1] + b"\0"
    unknown = cycle_report(meter=MeterId("m6"))
    long_after = door(known, END * 60 + HORIZON_DAYS * SECONDS_PER_DAY + 1, HORIZON_DAYS)
    [good, *bad] = long_after.admit(frame([body, forged, unknown, body[:-1]]))
    assert good == Overdue(Entry(REGION, END // DAY, Kind.CYCLE, 1, "m0", 0, body))
    assert bad == [Reason.ARCHIVED, Reason.ARCHIVED, Reason.MALFORMED]


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (START // DAY, LAST_DAY, None),
        (LAST_DAY, LAST_DAY, None),
        (START // DAY + LONGEST_CYCLE, LAST_DAY + 60, None),
        (START // DAY + LONGEST_CYCLE + 1, LAST_DAY + 60, Reason.RETIRED_KEY),
        (START // DAY, LAST_DAY - 1, Reason.RETIRED_KEY),
    ],
)
def test_its_key_is_one_of_the_last_day_that_its_cycle_may_have(
    tmp_path: Path, first: int, last: int, reason: Reason | None
) -> None:
    notice = KEY.model_copy(update={"first_window": Window(first), "last_window": Window(last)})
    assert found(registry(tmp_path, notices=[notice]), cycle_report()) == [reason]


def test_the_roster_is_the_one_of_the_last_day(tmp_path: Path) -> None:
    """Who came meanwhile is known; who left is not, save for what ended before."""
    new = {"service_point": "point of m0", "account": "account of m0", "installed": LAST_DAY}
    rows = [*(home(f"m{number}") for number in range(1, 6)), home("m9", **new)]
    known = registry(tmp_path, [region(), region(*rows, effective=LAST_DAY)])
    left, came = cycle_report(), cycle_report(meter=MeterId("m9"))
    before = cycle_report(end=LAST_DAY * DAY)
    assert found(known, left, came, before) == [Reason.UNKNOWN_METER, None, None]


def test_daily_reads_have_neither_cycle_nor_register_reports(tmp_path: Path) -> None:
    """Nor are there days of 23 and 25 hours in a UTC grid."""
    gas = region(effective=FIRST, interval_minutes=1440, commodity="gas", unit=Unit.LITRE)
    month: dict[str, Any] = {"start": FIRST * DAY, "end": (FIRST + 30) * DAY}
    bodies = cycle_report(**month), register_report(PROGRAM, **month)
    assert found(registry(tmp_path, [gas]), *bodies) == [Reason.KIND] * 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"end": END - 5 * DAY}, None),
        ({"end": START + DAY}, None),
        ({"end": START + DAY - 15}, Reason.SEGMENT),
        ({"start": END - LONGEST - 15}, Reason.SEGMENT),
        ({"start": START + 5}, Reason.SEGMENT),
        ({"end": END - 5}, Reason.SEGMENT),
        ({"layout_id": bytes(8)}, None),  # what registers count is nothing that the door knows
        ({"suite": Suite.MASKING}, Reason.SUITE),
        ({"channel": Channel.RECEIVED}, Reason.INACTIVE_CHANNEL),
        ({"flags": (FlagRun(0, 1, FlagReason.MISSING),)}, Reason.MALFORMED),
    ],
)
def test_registers_are_read_a_day_or_more_after_a_segment_began(
    known: Registry, changes: dict[str, Any], reason: Reason | None
) -> None:
    assert found(known, register_report(PROGRAM, **changes)) == [reason]


@pytest.mark.parametrize("size", [0, 1, 13, 15, 26, 28, 14 * 4096])
def test_registers_are_whole_coefficients(known: Registry, size: int) -> None:
    """Each of 13.25 bytes, so that 14 bytes are one, and 27 are two."""
    assert found(known, register_report(PROGRAM, bytes(size))) == [Reason.CIPHERTEXT]


def test_registers_are_residues(known: Registry) -> None:
    not_reduced = b"\xff" * len(residues(PROGRAM.coefficients))
    assert found(known, register_report(PROGRAM, bytes(14)), register_report(PROGRAM, not_reduced)) == [
        None,
        Reason.CIPHERTEXT,
    ]


def test_readings_of_one_meter_lie_under_days_of_their_own(known: Registry) -> None:
    bodies = [register_report(PROGRAM, end=START + day * DAY) for day in range(1, 30)]
    entries = [one for one in door(known).admit(frame(bodies)) if isinstance(one, Entry)]
    assert [(one.kind, one.number) for one in entries] == [(Kind.REGISTER, 0)] * 29
    assert len({one.window for one in entries}) == 29


def test_hourly_reads_have_a_grid_of_their_own(tmp_path: Path) -> None:
    hourly = registry(tmp_path, [region(interval_minutes=60)])
    off_grid = cycle_report(residues((END - START) // 60), start=START + 30, end=END - 30)
    assert found(hourly, cycle_report(), cycle_report(residues(INTERVALS // 4)), off_grid) == [
        Reason.CIPHERTEXT,
        None,
        Reason.SEGMENT,
    ]


def test_only_the_meter_signs(known: Registry) -> None:
    body = cycle_report()
    other = cycle_report(meter=MeterId("m1"))
    assert found(known, body[:-64] + other[-64:]) == [Reason.SIGNATURE]


def test_ciphertexts_of_each_length_among_others(known: Registry) -> None:
    """Reports of one upload have as many lengths as there are segments: each is held against its own."""
    short: dict[str, Any] = {"start": END - 3 * DAY}
    too_large = bytearray(residues(INTERVALS))
    too_large[:7] = PRIMES[0].to_bytes(7, "little")
    odd: dict[str, Any] = {"start": END - DAY - 15}  # 97 coefficients: 10,282 bits of 10,288
    spare_bit = bytearray(residues(97))
    spare_bit[-1] |= 0x80
    bodies = [
        cycle_report(),
        cycle_report(residues(INTERVALS - 1)),
        cycle_report(residues(3 * 96), **short),
        cycle_report(residues(INTERVALS), **short),
        cycle_report(bytes(too_large)),
        cycle_report(bytes(spare_bit), **odd),
        cycle_report(**odd),
        cycle_report(b""),
    ]
    bad = Reason.CIPHERTEXT
    assert found(known, *bodies) == [None, bad, None, bad, bad, bad, None, bad]


def test_the_region_s_layout_is_named_though_it_lays_nothing_out(known: Registry) -> None:
    assert found(known, cycle_report(layout_id=LAYOUT), cycle_report(layout_id=bytes(8))) == [None, Reason.SUITE]
