"""Which bill of a meter's part of a cycle is in force: pinned by the first, followed only by a rebill that cites it."""

from collections.abc import Callable, MutableMapping
from typing import NamedTuple

from wattseal.protocol.billing import BillSegment, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import PinnedOtherwise
from wattseal.protocol.ids import Channel, Kind, MeterId


class Place(NamedTuple):
    """What has one bill in force: one meter's part of a cycle."""

    meter: MeterId
    start: int
    end: int


class Billed(NamedTuple):
    """A report that a bill rests on."""

    channel: Channel
    kind: Kind
    number: int

    def follows(self, other: "Billed") -> bool:
        """Whether the meter made it of the same, and later."""
        return (self.channel, self.kind) == (other.channel, other.kind) and self.number > other.number


class Pin(NamedTuple):
    """The reports that are billed, the statements that bill them, and the reports and statements billed before."""

    reports: tuple[Billed, ...]
    statements: tuple[Digest, ...]
    reports_before: frozenset[Billed] = frozenset()
    statements_before: tuple[Digest, ...] = ()

    def number(self, channel: Channel, kind: Kind) -> int | None:
        """Of the report of that kind that is billed, if one is."""
        return next((one.number for one in self.reports if (one.channel, one.kind) == (channel, kind)), None)


PinOf = Callable[[Place], Pin | None]


def place_of(segment: BillSegment) -> Place:
    return Place(segment.meter, segment.start, segment.end)


def pin(pins: MutableMapping[Place, Pin], statement: BillStatement) -> None:
    """What a granted statement pins. What may not follow, which only an old ledger holds, moves nothing."""
    digest = statement.fingerprint
    for segment in statement.segments:
        place, reports = place_of(segment), _reports(segment)
        known = pins.get(place)
        if known is None:
            pins[place] = Pin(reports, (digest,))
        elif _cites(segment, known.statements) and not _go_back(reports, known):
            pins[place] = _followed(known, reports, digest)
        elif reports == known.reports and digest not in known.statements:
            pins[place] = known._replace(statements=(*known.statements, digest))


def check_pins(statement: BillStatement, pin_of: PinOf) -> None:
    """Other reports than those of the bill in force are billed by a rebill that cites it; numbers never go back.

    Raises PinnedOtherwise, which names no meter.
    """
    for segment in statement.segments:
        _check(pin_of(place_of(segment)), segment)


def _check(known: Pin | None, segment: BillSegment) -> None:
    reports = _reports(segment)
    if known is not None and _go_back(reports, known):
        raise PinnedOtherwise("a later report of a meter is billed already")
    moves = known is not None and reports != known.reports
    if moves and segment.cancels is None:
        raise PinnedOtherwise("another report of a meter is billed: a rebill names the bill that it cancels")
    if segment.cancels is not None and not _cites(segment, _cancelled(known, moves=moves)):
        raise PinnedOtherwise("a rebill cancels something else than the bill of its meter")


def _cancelled(known: Pin | None, *, moves: bool) -> tuple[Digest, ...]:
    """What may be cited: the bill in force; of a rebill that is in force already, also what it cancelled."""
    if known is None:
        return ()
    return known.statements if moves else (*known.statements, *known.statements_before)


def _cites(segment: BillSegment, statements: tuple[Digest, ...]) -> bool:
    return segment.cancels is not None and segment.cancels.statement in statements


def _go_back(reports: tuple[Billed, ...], known: Pin) -> bool:
    """Behind what is billed or ever was, though a bill by another kind of report came between."""
    return any(ever.follows(one) for one in reports for ever in (*known.reports, *known.reports_before))


def _followed(known: Pin, reports: tuple[Billed, ...], digest: Digest) -> Pin:
    return Pin(
        reports,
        (digest,),
        known.reports_before | frozenset(known.reports),
        (*known.statements_before, *known.statements),
    )


def _reports(segment: BillSegment) -> tuple[Billed, ...]:
    return tuple(Billed(report.channel, report.kind, report.number) for report in segment.reports)
