"""An aggregator that forges numbers, alone and with the unblinder: whatever they try is answered as not opened."""

import secrets
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.keyserver.bill_run import MAY, ZONE, Careless, Numbers, Run, opened, running
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import MODULUS, NUMBER_BYTES
from wattseal.cryptosystems.ckks.residues import number_from_bytes, number_to_bytes
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.protocol.billing import BillResult, BillStatement
from wattseal.protocol.tariff.bill import Cycle

NOT_OPENED = BillResult(values=(), opened=False)
HOURS = 30 * 24


def plus(number: bytes, constant: int) -> bytes:
    return number_to_bytes(number_from_bytes(number) + constant)


def times(number: bytes, factor: int) -> bytes:
    return number_to_bytes(number_from_bytes(number) * factor)


FORGED: dict[str, Callable[[Numbers], bytes]] = {
    "a unit of scale": lambda numbers: plus(numbers[0][0], 1 << 63),
    "minus a unit of scale": lambda numbers: plus(numbers[0][0], -(1 << 63)),
    "half the modulus": lambda numbers: plus(numbers[0][0], MODULUS // 2),
    "zero": lambda _: bytes(NUMBER_BYTES),
    "minus one": lambda _: number_to_bytes(-1),
    "not below the modulus": lambda _: MODULUS.to_bytes(NUMBER_BYTES, "little"),
    "all ones": lambda _: b"\xff" * NUMBER_BYTES,
    "random": lambda _: number_to_bytes(secrets.randbelow(MODULUS)),
    "of another meter": lambda numbers: numbers[1][0],
    "of another functional": lambda numbers: numbers[0][1],
    "doubled": lambda numbers: times(numbers[0][0], 2),
    "negated": lambda numbers: times(numbers[0][0], -1),
    "with another's added": lambda numbers: plus(numbers[0][0], number_from_bytes(numbers[1][0])),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_number(tmp_path: Path, forge: Callable[[Numbers], bytes]) -> None:
    """Threat A9: one answer for every cause, and the neighbor's bill is not touched."""
    with running(tmp_path) as run:
        statement = run.of("m0", "m1")
        numbers = run.numbers(statement)
        numbers[0][0] = forge(numbers)
        released = run.ask(run.answer(statement, numbers))
        assert list(opened(released).results) == [NOT_OPENED, run.expected(statement)[1]]
        assert released.failed == 1


def test_seal_opens_the_bills_and_refuses_the_forged_one(tmp_path: Path) -> None:
    """`--backend reference`, behind the same door, rules and ledger."""
    with running(tmp_path, backend=Backend.REFERENCE) as run:
        statement = run.of("m0", "m1")
        numbers = run.numbers(statement)
        numbers[0][0] = plus(numbers[0][0], 1 << 63)
        assert run.release(statement, numbers) == [NOT_OPENED, run.expected(statement)[1]]


def test_what_stays_within_the_errors_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        numbers = [[plus(number, 1000) for number in segment] for segment in run.numbers(statement)]
        assert run.release(statement, numbers) == run.expected(statement)


def together(run: Run, numbers: Numbers, pads: Numbers) -> list[BillResult]:
    """What the aggregator's numbers with an unblinder's pads come to, for the first of the cohort's homes."""
    run.service = DecryptorService(run.decryptor, Careless(lambda _: pads))
    return run.release(run.of("m0"), numbers)


@pytest.mark.parametrize(
    "prices", [[1] + [0] * (HOURS - 1), [2] * HOURS, [-1] * HOURS], ids=["an hour", "double", "minus"]
)
def test_another_functional_under_the_statement(tmp_path: Path, prices: list[int]) -> None:
    """Threat C20: aggregator and unblinder agree on other prices, and no half of theirs is wrong."""
    with running(tmp_path) as run:
        functionals = [Functional.of(prices)] * 3
        numbers, pads = (each(run.of("m0"), functionals) for each in (run.numbers, run.pads))
        assert together(run, numbers, pads) == [NOT_OPENED]


def test_honest_numbers_and_pads_of_theirs_do_open(tmp_path: Path) -> None:
    """So that the others are refused for what they are."""
    with running(tmp_path) as run:
        statement = run.of("m0")
        assert together(run, run.numbers(statement), run.pads(statement)) == run.expected(statement)


ATTACKS: dict[str, Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]] = {
    "another meter": lambda numbers, pads: ([numbers[1]], [pads[1]]),
    "pads of another meter": lambda numbers, pads: ([numbers[0]], [pads[1]]),
    "pads of zero": lambda numbers, pads: ([numbers[0]], [[bytes(NUMBER_BYTES)] * 3]),
    "everything zero": lambda numbers, pads: ([[bytes(NUMBER_BYTES)] * 3], [[bytes(NUMBER_BYTES)] * 3]),
    "twice the meter": lambda numbers, pads: ([[times(n, 2) for n in numbers[0]]], [[times(n, 2) for n in pads[0]]]),
    "both meters": lambda numbers, pads: ([_sums(numbers)], [_sums(pads)]),
    "another functional's": lambda numbers, pads: ([numbers[0][::-1]], [pads[0][::-1]]),
    "a pad not below the modulus": lambda numbers, pads: ([numbers[0]], [[*pads[0][:2], b"\xff" * NUMBER_BYTES]]),
}


def _sums(numbers: Numbers) -> list[bytes]:
    return [plus(one, number_from_bytes(other)) for one, other in zip(*numbers, strict=True)]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_aggregator_and_unblinder_together(
    tmp_path: Path, attack: Callable[[Numbers, Numbers], tuple[Numbers, Numbers]]
) -> None:
    """Threat C20."""
    with running(tmp_path) as run:
        both = run.of("m0", "m1")
        assert together(run, *attack(run.numbers(both), run.pads(both))) == [NOT_OPENED]


def replayed(run: Run, first: date, number: int) -> BillStatement:
    """About the meter's report of another cycle, or of another number."""
    cycle = Cycle(first, first + timedelta(days=30), ZONE)
    run.cycle = cycle
    return run.statement(run.segment("m0", number))


@pytest.mark.parametrize(("first", "number"), [(MAY.first, 1), (MAY.after, 0)], ids=["number", "cycle"])
@pytest.mark.parametrize("colluding", [False, True], ids=["aggregator", "and unblinder"])
def test_another_report_of_the_same_meter(tmp_path: Path, first: date, number: int, colluding: bool) -> None:
    """Threat A7: each half takes the label from the statement."""
    with running(tmp_path) as run:
        honest, other = run.of("m0"), replayed(run, first, number)
        numbers, pads = run.numbers(other), run.pads(other if colluding else honest)
        run.cycle = MAY
        assert together(run, numbers, pads) == [NOT_OPENED]
