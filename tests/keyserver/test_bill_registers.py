"""Bills that rest on register reports: exact through both halves, and nothing else of a register ever opens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.keyserver.bill_run import (
    END,
    START,
    Careless,
    Run,
    cancelling,
    entries,
    homes,
    opened,
    running,
)
from tests.keyserver.test_bill_forging import plus, times
from tests.keyserver.test_bill_refusals import HALVES, Ask, granted_before, refused
from tests.protocol.tariff.samples import EXPORT, TOU, tariff
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, NUMBER_BYTES
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.protocol.billing import BillResult, BillStatement
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import (
    Contradiction,
    MalformedMessage,
    PinnedOtherwise,
    RankExhausted,
    ReadingNotPermitted,
    ShareTooLarge,
)
from wattseal.protocol.ids import Channel, Kind, Role
from wattseal.protocol.tariff.charges import DemandCharge, Mode, Tier
from wattseal.protocol.tariff.model import Row, Schedule
from wattseal.protocol.tariff.registers import results_of

NOT_OPENED = BillResult(values=(), opened=False)
DAY = 1440
DEMAND = DemandCharge(name="Demand", schedule="tou", tiers=(Tier(limit=None, prices=(500_000, 900_000)),))
DEMANDING = tariff(TOU, EXPORT, DEMAND)
LARGE = tariff(TOU, DEMAND, customer_class="large")


@pytest.mark.parametrize("mode", Mode)
def test_demand_beside_amounts_and_beside_sums(tmp_path: Path, mode: Mode) -> None:
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        statement = run.statement(*(run.resting_on(meter, None, END) for meter in ("m0", "m1")), mode=mode)
        assert run.release(statement) == run.expected(statement)
        assert {len(result.values) for result in run.expected(statement)} == {3 if mode is Mode.AMOUNT else 4}


def test_an_estimated_bill_beside_one_from_reads(tmp_path: Path) -> None:
    """Sums of energy and the demand, from one report; the same bytes when it is asked again."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        statement = run.statement(run.resting_on("m0", END), run.resting_on("m1", None, END))
        answer = run.answer(statement)
        released = run.ask(answer)
        assert list(opened(released).results) == run.expected(statement)
        assert [len(result.values) for result in opened(released).results] == [4, 3]
        assert run.ask(answer).body == released.body


def test_large_customers_are_billed_by_sums_and_demand(tmp_path: Path) -> None:
    changes: dict[str, Any] = {f"m{place}": {"customer_class": "large"} for place in range(6)}
    rosters = [homes(tariff=LARGE, **changes)]
    with running(tmp_path, tariffs=[LARGE], rosters=rosters) as run:
        statement = run.statement(run.resting_on("m0", None, END))
        assert run.release(statement) == run.expected(statement)


@HALVES
def test_a_reading_amid_the_cycle(tmp_path: Path, role: Role, ask: Ask) -> None:
    """The energy between two readings would be that of a few hours."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        for minute in (START + DAY, END - DAY, END - 1, END + DAY):
            refused(run, role, ask, run.statement(run.resting_on("m0", minute)), ReadingNotPermitted)
        refused(run, role, ask, run.statement(run.resting_on("m0", None, END - DAY)), ReadingNotPermitted)


@HALVES
def test_each_reading_counts_until_the_rank_is_used_up(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Threat A6: four results each, eight in all."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        first = run.statement(run.resting_on("m0", END))
        second = run.statement(run.resting_on("m0", END, number=1, cancels=cancelling(first)))
        granted_before(run, role, first, second)
        third = run.statement(run.resting_on("m0", END, number=2, cancels=cancelling(second)))
        refused(run, role, ask, third, RankExhausted)


@HALVES
def test_an_estimate_that_a_rebill_took_back(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Though both kinds of report were billed: one bill is in force, and only a rebill that cites it follows."""
    with running(tmp_path, tariffs=[tariff(TOU)]) as run:
        estimate = run.statement(run.resting_on("m0", END))
        rebill = run.statement(run.resting_on("m0", None, cancels=cancelling(estimate)))
        granted_before(run, role, estimate, rebill)
        refused(run, role, ask, run.statement(run.resting_on("m0", END)), PinnedOtherwise)
        refused(run, role, ask, run.statement(run.resting_on("m0", END), mode=Mode.DETERMINANTS), PinnedOtherwise)
        stale = run.statement(run.resting_on("m0", END, cancels=cancelling(estimate)))
        refused(run, role, ask, stale, PinnedOtherwise)


def test_what_was_released_is_read_again_after_a_rebill(tmp_path: Path) -> None:
    """The bill in force and the one that it took back: the bytes that there are, and nothing is granted anew."""
    with running(tmp_path, tariffs=[tariff(TOU)]) as run:
        estimate = run.statement(run.resting_on("m0", END))
        first = run.ask(run.answer(estimate))
        rebill = run.statement(run.resting_on("m0", None, cancels=cancelling(estimate, opened(first))))
        second = run.ask(run.answer(rebill))
        granted = entries(run.unblinder)
        assert run.ask(run.answer(rebill)).body == second.body
        assert run.ask(run.answer(estimate)).body == first.body
        assert entries(run.unblinder) == granted


@HALVES
def test_the_demand_of_one_hour_of_the_weekends(tmp_path: Path, role: Role, ask: Ask) -> None:
    """It would be one of some ten reads, at a known time of the day."""
    rows = [
        Row(season="year", days="weekday", runs=((0, 0),)),
        Row(season="year", days="weekend", runs=((0, 0), (72, 1), (76, 0))),
    ]
    narrow = Schedule(name="narrow", periods=("off", "on"), rows=tuple(rows))
    price = Tier(limit=None, prices=(0, 900_000))
    charge = DemandCharge(name="Demand", schedule="narrow", tiers=(price,))
    selector = tariff(TOU, charge, schedules=(*tariff(TOU).schedules, narrow))
    with running(tmp_path, tariffs=[selector]) as run:
        refused(run, role, ask, run.statement(run.resting_on("m0", None, END)), ShareTooLarge)
        refused(run, role, ask, run.statement(run.resting_on("m0", END)), ShareTooLarge)


@HALVES
def test_reports_that_the_bill_does_not_rest_on(tmp_path: Path, role: Role, ask: Ask) -> None:
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        with pytest.raises(Contradiction, match="not those that its part of a bill rests on"):
            ask(run, run.statement(run.resting_on("m0", None)))
        assert entries(run.decryptor) == entries(run.unblinder) == []


def test_two_readings_of_one_segment_are_no_statement(tmp_path: Path) -> None:
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        both = run.resting_on("m0", END).model_dump(mode="json")
        both["reports"] = [*both["reports"], {**both["reports"][0], "read_at": END - DAY}]
        statement = {**run.statement(run.resting_on("m0", END)).model_dump(mode="json"), "segments": [both]}
        with pytest.raises(MalformedMessage, match="sorted by channel and kind, each once"):
            BillStatement.parse(canonical_json(statement))


def with_registers_of(
    run: Run, statement: BillStatement, change: Callable[[Label], Label], *, colluding: bool
) -> list[BillResult]:
    """The aggregator weighs another report than the statement names; the unblinder may give the pads of that."""
    [segment], [compiled] = statement.segments, run.compiled(statement)
    [named] = (run.label(segment, report) for report in segment.reports)
    other = change(named)
    sealed, length = run.sealed(other), len(run.values(other))
    rows = ([*one.y.tolist(), *[0] * length][:length] for one in results_of(compiled))
    weights = [Functional.of(row if any(row) else [1] * length) for row in rows]
    padded = other if colluding else named
    pads = bill_pads(CKKS_4096, [padded], run.key(Role.UNBLINDER, padded), weights)
    run.service = DecryptorService(run.decryptor, Careless(lambda _: [pads]))
    return run.release(statement, [bill_sums([sealed], weights)])


OTHER_REPORTS: dict[str, Callable[[Label], Label]] = {
    "the cycle report": lambda label: label._replace(kind=Kind.CYCLE, registers=b""),
    "a reading amid the cycle": lambda label: label._replace(end=END - DAY),
    "another number": lambda label: label._replace(number=1),
    "another meter": lambda label: label._replace(meter="m1"),
    "another beginning": lambda label: label._replace(start=START + DAY),
    "another program": lambda label: label._replace(registers=b"p" * 16),
    "none that binds": lambda label: label._replace(registers=b""),
    "the other channel": lambda label: label._replace(channel=Channel.RECEIVED.code),
}


@pytest.mark.parametrize("change", OTHER_REPORTS.values(), ids=OTHER_REPORTS.keys())
@pytest.mark.parametrize("colluding", [False, True], ids=["aggregator", "and unblinder"])
def test_another_report_in_the_place_of_the_reading(
    tmp_path: Path, change: Callable[[Label], Label], colluding: bool
) -> None:
    """Threats A7 and C20: pads, a and scale are those of the label that the statement names."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        statement = run.statement(run.resting_on("m0", END))
        assert with_registers_of(run, statement, change, colluding=colluding) == [NOT_OPENED]


def test_the_reading_itself_does_open(tmp_path: Path) -> None:
    """So that the others are refused for what they are."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        statement = run.statement(run.resting_on("m0", END))
        opened = with_registers_of(run, statement, lambda label: label, colluding=True)
        assert opened == run.expected(statement)


@pytest.mark.parametrize("colluding", [False, True], ids=["aggregator", "and unblinder"])
def test_a_reading_in_the_place_of_the_cycle_report(tmp_path: Path, colluding: bool) -> None:
    """Whoever billed by registers in secret would tell sums for amounts."""
    with running(tmp_path, tariffs=[tariff(TOU)]) as run:
        statement, other = run.of("m0"), run.statement(run.resting_on("m0", END))
        numbers, pads = run.numbers(other)[0][:1], run.pads(other if colluding else statement)[0][:1]
        run.service = DecryptorService(run.decryptor, Careless(lambda _: [pads]))
        assert run.release(statement, [numbers]) == [NOT_OPENED]


FORGED: dict[str, Callable[[list[bytes]], bytes]] = {
    "a unit of scale": lambda numbers: plus(numbers[0], 1 << 63),
    "two periods as one": lambda numbers: plus(numbers[0], int.from_bytes(numbers[1], "little")),
    "doubled": lambda numbers: times(numbers[0], 2),
    "zero": lambda _: bytes(NUMBER_BYTES),
    "another register": lambda numbers: numbers[-1],
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_number_of_registers(tmp_path: Path, forge: Callable[[list[bytes]], bytes]) -> None:
    """Threat A9: as energy or as demand; the neighbor's bill is not touched."""
    with running(tmp_path, tariffs=[DEMANDING]) as run:
        statement = run.statement(*(run.resting_on(meter, END) for meter in ("m0", "m1", "m2")))
        numbers = run.numbers(statement)
        numbers[0][1], numbers[1][2] = forge(numbers[0]), forge(numbers[1])
        assert run.release(statement, numbers) == [NOT_OPENED, NOT_OPENED, run.expected(statement)[2]]
