"""The number by which a meter is billed: pinned, and moved forward only by what names the bill that it cancels."""

import pytest

from tests.policy.test_bill_questions import MAY, bills, segment
from wattseal.policy.bill_pins import Pin, Place, check_pins, pin, places_of
from wattseal.protocol.billing import BillSegment, BillStatement, SegmentReport
from wattseal.protocol.errors import PinnedOtherwise
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.charges import Mode

NO_CITATION, LOWER, WRONG = "names the bill", "later report", "something else"


def first(*meters: str, mode: Mode = Mode.AMOUNT) -> BillStatement:
    return bills(*map(segment, meters), mode=mode).statement


def rerun(number: int, cancels: BillStatement | None = None, **changes: int) -> BillStatement:
    return bills(segment("m0", number=number, cancels=cancels, **changes)).statement


def known(*statements: BillStatement) -> dict[Place, Pin]:
    """Of one who granted these, each as the rules permit it."""
    pins: dict[Place, Pin] = {}
    for statement in statements:
        check_pins(statement, pins.get)
        pin(pins, statement)
    return pins


ONE, SUMS, BOTH = first("m0"), first("m0", mode=Mode.DETERMINANTS), first("m0", "m1")
TWO = rerun(1, ONE)
THREE = rerun(5, TWO)


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ((), rerun(3)),
        ((ONE,), ONE),
        ((ONE,), BOTH),
        ((ONE,), SUMS),
        ((ONE, SUMS), rerun(1, SUMS)),
        ((BOTH,), rerun(2, BOTH)),
        ((ONE, TWO), rerun(1)),
        ((ONE, TWO), TWO),
        ((ONE, TWO), THREE),
        ((ONE, TWO), rerun(1, TWO)),
        ((ONE, TWO, THREE), rerun(5, ONE)),
        ((ONE,), first("m1")),
        ((ONE,), bills(segment("m0", end=MAY.minutes[1] - 1440, number=1)).statement),
    ],
)
def test_permitted(granted: tuple[BillStatement, ...], asked: BillStatement) -> None:
    check_pins(asked, known(*granted).get)


@pytest.mark.parametrize(
    ("granted", "asked", "match"),
    [
        ((), rerun(0, BOTH), WRONG),
        ((ONE,), rerun(1), NO_CITATION),
        ((ONE,), rerun(1, BOTH), WRONG),
        ((ONE, first("m1")), rerun(1, first("m1")), WRONG),
        ((ONE,), rerun(0, BOTH), WRONG),
        ((ONE, TWO), ONE, LOWER),
        ((ONE, TWO), rerun(0, TWO), LOWER),
        ((ONE, TWO), rerun(2, ONE), WRONG),
        ((ONE, TWO), rerun(2), NO_CITATION),
        ((ONE, TWO, THREE), rerun(4, THREE), LOWER),
    ],
)
def test_refused(granted: tuple[BillStatement, ...], asked: BillStatement, match: str) -> None:
    with pytest.raises(PinnedOtherwise, match=match):
        check_pins(asked, known(*granted).get)


def test_a_pin_of_each_meter_channel_kind_and_segment() -> None:
    pins = known(BOTH, rerun(1, BOTH))
    assert {place: found.number for place, found in pins.items()} == {
        place: number for part in (segment("m0", number=1), segment("m1")) for place, number in places_of(part)
    }


def test_every_segment_of_a_statement_is_looked_at() -> None:
    def asked(*segments: BillSegment) -> BillStatement:
        return bills(*segments).statement

    pins = known(BOTH)
    check_pins(asked(segment("m0", number=1, cancels=BOTH), segment("m1")), pins.get)
    with pytest.raises(PinnedOtherwise, match=NO_CITATION):
        check_pins(asked(segment("m0", number=1, cancels=BOTH), segment("m1", number=1)), pins.get)


def test_a_bill_by_registers_gives_way_to_one_by_reads() -> None:
    """Under a citation of the estimate; kinds are pinned apart."""
    end = MAY.minutes[1]
    by_register = SegmentReport(channel=Channel.DELIVERED, number=0, read_at=end)
    estimate = bills(segment("m0").model_copy(update={"reports": (by_register,)})).statement
    pins = known(estimate)
    check_pins(rerun(3, estimate), pins.get)
    with pytest.raises(PinnedOtherwise, match=WRONG):
        check_pins(rerun(3, BOTH), pins.get)
    with pytest.raises(PinnedOtherwise, match=NO_CITATION):
        check_pins(rerun(3), pins.get)
    again = by_register.model_copy(update={"number": 1})
    with pytest.raises(PinnedOtherwise, match=NO_CITATION):
        check_pins(bills(segment("m0").model_copy(update={"reports": (again,)})).statement, pins.get)
