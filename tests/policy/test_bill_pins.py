"""The bill in force: pinned by its reports, and followed only by what names it as the bill that it cancels."""

import pytest

from tests.policy.test_bill_questions import MAY, bills, segment
from wattseal.policy.bill_pins import Pin, Place, check_pins, pin, place_of
from wattseal.protocol.billing import BillSegment, BillStatement, SegmentReport
from wattseal.protocol.errors import PinnedOtherwise
from wattseal.protocol.ids import Channel, Kind
from wattseal.protocol.tariff.charges import Mode

END = MAY.minutes[1]
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
        ((ONE,), bills(segment("m0", end=END - 1440, number=1)).statement),
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


def test_a_pin_of_each_meter_and_segment() -> None:
    part = bills(segment("m0", end=END - 1440, number=4)).statement
    pins = known(BOTH, rerun(1, BOTH), part)
    assert {place: found.number(Channel.DELIVERED, Kind.CYCLE) for place, found in pins.items()} == {
        place_of(segment("m0")): 1,
        place_of(segment("m1")): 0,
        place_of(part.segments[0]): 4,
    }


def test_every_segment_of_a_statement_is_looked_at() -> None:
    def asked(*segments: BillSegment) -> BillStatement:
        return bills(*segments).statement

    pins = known(BOTH)
    check_pins(asked(segment("m0", number=1, cancels=BOTH), segment("m1")), pins.get)
    with pytest.raises(PinnedOtherwise, match=NO_CITATION):
        check_pins(asked(segment("m0", number=1, cancels=BOTH), segment("m1", number=1)), pins.get)


READS, REGISTER = Kind.CYCLE, Kind.REGISTER


def resting_on(
    *reports: tuple[Channel, Kind, int], cancels: BillStatement | None = None, mode: Mode = Mode.AMOUNT
) -> BillStatement:
    """A bill of m0 by reports of its channels, each by its number."""
    named = tuple(
        SegmentReport(channel=channel, number=number, read_at=END if kind is REGISTER else None)
        for channel, kind, number in reports
    )
    return bills(segment("m0", cancels=cancels).model_copy(update={"reports": named}), mode=mode).statement


def by_register(number: int = 0, cancels: BillStatement | None = None, mode: Mode = Mode.AMOUNT) -> BillStatement:
    return resting_on((Channel.DELIVERED, REGISTER, number), cancels=cancels, mode=mode)


ESTIMATE = by_register()
FROM_READS = rerun(3, ESTIMATE)
BACK = by_register(cancels=FROM_READS)
DEMAND = resting_on((Channel.DELIVERED, READS, 0), (Channel.DELIVERED, REGISTER, 0))


@pytest.mark.parametrize(
    ("granted", "asked"),
    [
        ((ESTIMATE,), by_register(mode=Mode.DETERMINANTS)),
        ((ESTIMATE,), FROM_READS),
        ((ESTIMATE, FROM_READS), FROM_READS),
        ((ESTIMATE, FROM_READS), rerun(3)),
        ((ESTIMATE, FROM_READS), BACK),
        ((ESTIMATE, FROM_READS, BACK), by_register()),
        ((ESTIMATE, FROM_READS, BACK), rerun(3, BACK)),
        ((DEMAND,), by_register(cancels=DEMAND)),
    ],
)
def test_a_rebill_by_the_other_kind_of_report(granted: tuple[BillStatement, ...], asked: BillStatement) -> None:
    check_pins(asked, known(*granted).get)


@pytest.mark.parametrize(
    ("granted", "asked", "match"),
    [
        ((ESTIMATE,), rerun(3), NO_CITATION),
        ((ESTIMATE,), rerun(3, BOTH), WRONG),
        ((ESTIMATE,), by_register(1), NO_CITATION),
        ((ESTIMATE, FROM_READS), ESTIMATE, NO_CITATION),
        ((ESTIMATE, FROM_READS), by_register(mode=Mode.DETERMINANTS), NO_CITATION),
        ((ESTIMATE, FROM_READS), by_register(cancels=ESTIMATE), WRONG),
        ((ESTIMATE, FROM_READS, BACK), rerun(3), NO_CITATION),
        ((ESTIMATE, FROM_READS, BACK), FROM_READS, WRONG),
        ((ESTIMATE, FROM_READS, BACK), rerun(2, BACK), LOWER),
        ((DEMAND,), first("m0"), NO_CITATION),
        ((DEMAND,), by_register(), NO_CITATION),
    ],
)
def test_no_way_back_to_the_other_kind_without_a_citation_of_what_is_in_force(
    granted: tuple[BillStatement, ...], asked: BillStatement, match: str
) -> None:
    with pytest.raises(PinnedOtherwise, match=match):
        check_pins(asked, known(*granted).get)


def test_a_rebill_by_the_same_report_is_in_force_too() -> None:
    again = rerun(0, ONE)
    pins = known(ONE, again)
    with pytest.raises(PinnedOtherwise, match=WRONG):
        check_pins(rerun(1, ONE), pins.get)
    check_pins(rerun(1, again), pins.get)


def test_a_rebill_of_one_channel_takes_the_whole_bill_back() -> None:
    """Else the first would be cancelled twice, once by each channel."""
    of_delivered = (Channel.DELIVERED, READS, 0)
    mixed = resting_on(of_delivered, (Channel.RECEIVED, REGISTER, 0))
    from_reads = resting_on(of_delivered, (Channel.RECEIVED, READS, 0), cancels=mixed)
    pins = known(mixed, from_reads)
    edited = (Channel.DELIVERED, READS, 1), (Channel.RECEIVED, READS, 0)
    with pytest.raises(PinnedOtherwise, match=WRONG):
        check_pins(resting_on(*edited, cancels=mixed), pins.get)
    check_pins(resting_on(*edited, cancels=from_reads), pins.get)


@pytest.mark.parametrize(
    "flip", [by_register(mode=Mode.DETERMINANTS), by_register(cancels=ESTIMATE), rerun(2, FROM_READS)]
)
def test_what_an_old_ledger_holds_against_the_rule_moves_nothing(flip: BillStatement) -> None:
    pins = known(ESTIMATE, FROM_READS)
    before = dict(pins)
    pin(pins, flip)
    assert pins == before
