"""Reads of one meter written as Green Button (NAESB REQ.21, ESPI): what any reader of such feeds takes."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Commodity
from wattseal.protocol.time import SECONDS_PER_DAY

_ESTIMATED = 8


class _Measured(NamedTuple):
    """Codes of ESPI's enumerations for what is measured, in units of 10^`power_of_ten` of `uom`."""

    service: int
    commodity: int
    kind: int
    power_of_ten: int
    uom: int


_MEASURED: dict[Commodity, _Measured] = {
    "electricity": _Measured(service=0, commodity=1, kind=12, power_of_ten=0, uom=72),
    # Litres: thousandths of cubic metres. Readers do not agree on a code for the kind "volume", which the unit says.
    "gas": _Measured(service=1, commodity=7, kind=0, power_of_ten=-3, uom=42),
}
_FLOW = {Channel.DELIVERED: 1, Channel.RECEIVED: 19}
_POINT = "/espi/1_1/resource/RetailCustomer/1/UsagePoint/1"


class OwnDay(NamedTuple):
    """One UTC day of one channel: Wh, or litres of gas, by interval, and which of them were not measured."""

    channel: Channel
    day: int
    wh: NDArray[np.int64]
    estimated: NDArray[np.bool_]


def feed_of(
    title: str, updated: str, commodity: Commodity, interval_minutes: int, days: Iterable[OwnDay]
) -> Iterator[str]:
    """Lines of a feed: a usage point, and for each channel a meter reading with a block for each day, in order."""
    measured = _MEASURED[commodity]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi">'
    yield f"<id>urn:wattseal:own-data</id><title>{escape(title)}</title><updated>{updated}</updated>"
    kind = f"<espi:ServiceCategory><espi:kind>{measured.service}</espi:kind></espi:ServiceCategory>"
    yield from _entry(_POINT, [f"{_POINT}/MeterReading"], title, f"<espi:UsagePoint>{kind}</espi:UsagePoint>")
    begun: set[Channel] = set()
    for number, one in enumerate(days):
        reading = f"{_POINT}/MeterReading/{one.channel.code}"
        if one.channel not in begun:
            begun.add(one.channel)
            yield from _reading(reading, one.channel, measured, interval_minutes)
        blocks = "".join(_block(one, interval_minutes))
        yield from _entry(f"{reading}/IntervalBlock/{number}", [], one.channel, blocks)
    yield "</feed>"


def _reading(own: str, channel: Channel, measured: _Measured, interval_minutes: int) -> Iterator[str]:
    kind = f"/espi/1_1/resource/ReadingType/{channel.code}"
    yield from _entry(own, [f"{own}/IntervalBlock", kind], channel, "<espi:MeterReading/>")
    told = {
        "accumulationBehaviour": 4,
        "commodity": measured.commodity,
        "dataQualifier": 12,
        "flowDirection": _FLOW[channel],
        "intervalLength": 60 * interval_minutes,
        "kind": measured.kind,
        "powerOfTenMultiplier": measured.power_of_ten,
        "uom": measured.uom,
    }
    leaves = "".join(f"<espi:{name}>{value}</espi:{name}>" for name, value in told.items())
    yield from _entry(kind, [], channel, f"<espi:ReadingType>{leaves}</espi:ReadingType>")


def _block(one: OwnDay, interval_minutes: int) -> Iterator[str]:
    start, step = one.day * SECONDS_PER_DAY, 60 * interval_minutes
    yield f"<espi:IntervalBlock>{_period(start, SECONDS_PER_DAY, 'interval')}"
    for place, (wh, estimated) in enumerate(zip(one.wh.tolist(), one.estimated.tolist(), strict=True)):
        quality = f"<espi:ReadingQuality><espi:quality>{_ESTIMATED}</espi:quality></espi:ReadingQuality>"
        period = _period(start + place * step, step, "timePeriod")
        marked = quality if estimated else ""
        yield f"<espi:IntervalReading>{marked}{period}<espi:value>{wh}</espi:value></espi:IntervalReading>"
    yield "</espi:IntervalBlock>"


def _period(start: int, seconds: int, name: str) -> str:
    return f"<espi:{name}><espi:duration>{seconds}</espi:duration><espi:start>{start}</espi:start></espi:{name}>"


def _entry(own: str, related: Iterable[str], title: str, content: str) -> Iterator[str]:
    links = [("self", own), ("up", own.rpartition("/")[0]), *(("related", href) for href in related)]
    yield f"<entry><id>urn:wattseal:{escape(own)}</id><title>{escape(title)}</title>"
    yield "".join(f'<link rel="{rel}" href="{escape(href)}"/>' for rel, href in links)
    yield f"<content>{content}</content></entry>"
