"""Which numbers of a meter's reports are billed: pinned by the first bill, moved forward by rebills that say so."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import NamedTuple

from wattseal.protocol.billing import BillSegment, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import PinnedOtherwise
from wattseal.protocol.ids import Channel, Kind, MeterId

_OTHER = {Kind.CYCLE: Kind.REGISTER, Kind.REGISTER: Kind.CYCLE}


class Place(NamedTuple):
    """What has one number: the reports of one kind that a meter made of one channel and segment."""

    meter: MeterId
    kind: Kind
    channel: Channel
    start: int
    end: int


class Pin(NamedTuple):
    """The number that is billed, the statements that bill it, and those that billed a lower one before."""

    number: int
    statements: tuple[Digest, ...]
    before: tuple[Digest, ...] = ()


PinOf = Callable[[Place], Pin | None]


def places_of(segment: BillSegment) -> Iterator[tuple[Place, int]]:
    """Each report's place with its number."""
    for report in segment.reports:
        yield Place(segment.meter, report.kind, report.channel, segment.start, segment.end), report.number


def pin(pins: MutableMapping[Place, Pin], statement: BillStatement) -> None:
    """What a granted statement pins. A number that is behind its pin, which only an old ledger holds, moves nothing."""
    digest = statement.fingerprint
    for segment in statement.segments:
        for place, number in places_of(segment):
            known = pins.get(place)
            if known is None:
                pins[place] = Pin(number, (digest,))
            elif number > known.number:
                pins[place] = Pin(number, (digest,), (*known.before, *known.statements))
            elif number == known.number and digest not in known.statements:
                pins[place] = known._replace(statements=(*known.statements, digest))


def check_pins(statement: BillStatement, pin_of: PinOf) -> None:
    """A pin moves forward only, and only for a segment that names the bill which it cancels.

    So does what is billed move from one kind of report to the other. Raises PinnedOtherwise, which names no meter.
    """
    for segment in statement.segments:
        cancels = None if segment.cancels is None else segment.cancels.statement
        for place, number in places_of(segment):
            other = pin_of(place._replace(kind=_OTHER[place.kind]))
            _check(pin_of(place), other, number, cancels)


def _check(known: Pin | None, other: Pin | None, number: int, cancels: Digest | None) -> None:
    """`other` is the pin of the other kind of report."""
    if known is not None and number < known.number:
        raise PinnedOtherwise("a later report of a meter is billed already")
    moved = other if known is None else known if number > known.number else None
    if cancels is not None and cancels not in _cancelled(known, moved):
        raise PinnedOtherwise("a rebill cancels something else than the bill of its meter")
    if cancels is None and moved is not None:
        raise PinnedOtherwise("another report of a meter is billed: a rebill names the bill that it cancels")


def _cancelled(known: Pin | None, moved: Pin | None) -> tuple[Digest, ...]:
    """What may be cancelled: what is billed now; or what ever was, where nothing moves."""
    if moved is not None:
        return moved.statements
    return () if known is None else (*known.statements, *known.before)
