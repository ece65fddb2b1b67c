"""Green Button (NAESB REQ.21, ESPI) feeds as series of reads: which meter, channel and unit each reading has.

What cannot be replayed beside what can (gas, demand, registers, daily reads) is left out and counted; a feed with
nothing else is refused with the reason.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from wattseal.meter_sim.reads import CHANNELS, ReplayError
from wattseal.meter_sim.replay_espi import Entry, Readings, read_feed
from wattseal.meter_sim.replay_layout import READ_MINUTES, Reads
from wattseal.meter_sim.replay_text import ABSENT, BAD, YEAR_10000_S, Energies, energy_fault, name_fault, parse_energies
from wattseal.protocol.ids import Channel
from wattseal.protocol.time import MINUTES_PER_DAY

# Codes of ESPI's enumerations with which an interval reading is electric energy of one interval and direction;
# a missing element and 0 (not applicable) leave the usual meaning.
_USABLE = {
    "uom": {"72": "Wh"},
    "commodity": {"0": "", "1": "electricity, secondary metered", "2": "electricity, primary metered"},
    "accumulationBehaviour": {"0": "", "4": "delta data"},
    "flowDirection": {"0": "", "1": "forward", "19": "reverse"},
    "dataQualifier": {"0": "", "12": "normal"},
}
_UNUSABLE = {
    "uom": {"38": "W", "42": "cubic metres", "61": "VA", "71": "VAh", "73": "varh", "119": "cubic feet"}
    | {"132": "Btu", "169": "therm"},
    "commodity": {"7": "natural gas"},
    "accumulationBehaviour": {"1": "bulk quantity", "2": "continuous cumulative", "3": "cumulative", "9": "summation"},
    "flowDirection": {"4": "net", "20": "total"},
}
_CHILD = {"UsagePoint": "MeterReading", "MeterReading": "IntervalBlock"}
_RECEIVED_FLOW = "19"
_ELECTRICITY = "0"
_LARGEST_POWER = 12
_ORDINARY = {"", "0", "14", "17", "18", "19"}  # valid, raw, validated, verified, revenue quality
_PROJECTED = "12"
_QUALITIES = {
    "7": "edited",
    "8": "estimated",
    "9": "estimated",
    "10": "questionable",
    "11": "derived",
    _PROJECTED: "projected",
    "13": "mixed",
    "15": "normalized",
}


@dataclass(frozen=True)
class _Series:
    """What the readings of one MeterReading are; `unusable` says why they cannot be replayed."""

    meter: str
    channel: int
    power: int
    length_s: str | None
    unusable: str | None


def read_green_button(path: Path) -> Reads:
    """The interval readings of electric energy in a feed. Raises ReplayError for anything malformed or not linked."""
    entries, readings = read_feed(path)
    blocks = [entry for entry in entries if entry.readings]
    if not blocks:
        raise ReplayError(f"{path}: the feed has no interval readings")
    series_of = _Links(path, entries).series_of
    series = [series_of(block) for block in blocks]
    counts = [block.readings for block in blocks]
    return _reads(_Feed(path, readings, series, np.repeat(np.arange(len(blocks)), counts)))


class _Links:
    """Which MeterReading, UsagePoint and ReadingType an IntervalBlock belongs to, by the hrefs of their links."""

    def __init__(self, path: Path, entries: Iterable[Entry]) -> None:
        self._path = path
        self._by_href: dict[tuple[str, str], set[Entry]] = {}
        for entry in entries:
            for href in _hrefs(entry):
                self._by_href.setdefault((entry.kind, href), set()).add(entry)
        self._series = cache(self._series_of)

    def series_of(self, block: Entry) -> _Series:
        return self._series(self._one(block, "MeterReading", (block.own, block.up)))

    def _one(self, entry: Entry, kind: str, hrefs: Iterable[str | None]) -> Entry:
        found = {other for href in hrefs if href for other in self._by_href.get((kind, href), ())}
        if len(found) != 1:
            many = "more than one" if found else "no"
            raise ReplayError(f"{self._path}, line {entry.line}: {entry.kind} is linked to {many} {kind}")
        return found.pop()

    def _series_of(self, reading: Entry) -> _Series:
        point = self._one(reading, "UsagePoint", (reading.own, reading.up))
        fault = name_fault(point.id)
        if fault is not None:
            raise ReplayError(f"{self._path}, line {point.line}: id of the UsagePoint: {fault}")
        kind = self._one(reading, "ReadingType", reading.related)
        codes = self._codes(kind) | {"kind": self._code(point, "kind", _ELECTRICITY)}
        channel = Channel.RECEIVED if codes["flowDirection"] == _RECEIVED_FLOW else Channel.DELIVERED
        return _Series(
            meter=point.id,
            channel=CHANNELS.index(channel),
            power=int(codes["powerOfTenMultiplier"]),
            length_s=kind.fields["intervalLength"],
            unusable=_unusable(codes, f"{self._path}, line {kind.line}"),
        )

    def _codes(self, kind: Entry) -> dict[str, str]:
        if kind.fields["uom"] is None:
            raise ReplayError(f"{self._path}, line {kind.line}: ReadingType has no uom")
        codes = {name: self._code(kind, name, "0") for name in (*_USABLE, "powerOfTenMultiplier")}
        if abs(int(codes["powerOfTenMultiplier"])) > _LARGEST_POWER:
            power = codes["powerOfTenMultiplier"]
            raise ReplayError(f"{self._path}, line {kind.line}: powerOfTenMultiplier {power} is beyond 12")
        return codes

    def _code(self, entry: Entry, name: str, absent: str) -> str:
        text = entry.fields[name]
        if text is None:
            return absent
        code = text.strip()
        if not (code.removeprefix("-").isdecimal() and code.isascii() and len(code) < 8):
            raise ReplayError(f"{self._path}, line {entry.line}: {name} {code[:40]!r} is not a code")
        return str(int(code))


def _hrefs(entry: Entry) -> Iterable[str]:
    """Where links lead to an entry: to itself or, for a parent, to one of its children or to all of them."""
    if entry.own is not None:
        yield entry.own
    child = _CHILD.get(entry.kind)
    if child is not None:
        yield f"{entry.own}/{child}"
        yield from entry.related


def _unusable(codes: Mapping[str, str], place: str) -> str | None:
    for name, usable in _USABLE.items():
        code = codes[name]
        if code not in usable:
            meaning = _UNUSABLE.get(name, {}).get(code)
            named = code if meaning is None else f"{code} ({meaning})"
            wanted = " or ".join(f"{known} ({what})" for known, what in usable.items() if what)
            return f"{place}: {name} {named} cannot be replayed, only {wanted}"
    if codes["kind"] != _ELECTRICITY:
        return f"{place}: read by a service of kind {codes['kind']}, only 0 (electricity) can be replayed"
    return None


@dataclass(frozen=True)
class _Feed:
    """Readings with the series of their blocks; `block` indexes `series`."""

    path: Path
    readings: Readings
    series: list[_Series]
    block: NDArray[np.int64]

    def by_series(self, values: Iterable[int]) -> NDArray[np.int64]:
        return np.array(list(values), dtype=np.int64)[self.block]

    def place(self, reading: int) -> str:
        return f"{self.path}, line {self.readings.lines[reading]}"

    def fault(self, reading: int, what: str) -> ReplayError:
        return ReplayError(f"{self.place(reading)}: {what}")


def _reads(feed: _Feed) -> Reads:
    usable = feed.by_series(one.unusable is None for one in feed.series) != 0
    seconds = _durations(feed, usable)
    kept = np.flatnonzero(usable & (seconds <= READ_MINUTES[-1] * 60))
    if not len(kept):
        raise _nothing(feed, usable, seconds)
    names = tuple(sorted({feed.series[block].meter for block in np.unique(feed.block[kept]).tolist()}))
    order = {name: index for index, name in enumerate(names)}
    return Reads(
        names=names,
        meters=feed.by_series(order.get(one.meter, 0) for one in feed.series)[kept].astype(np.int32),
        channels=feed.by_series(one.channel for one in feed.series)[kept].astype(np.int8),
        minutes=_starts(feed, kept),
        energies=_energies(feed, kept),
        ignored_columns=0,
        place=lambda read: feed.place(int(kept[read])),
        steps=_steps(feed, kept, seconds),
        ignored_reads=len(usable) - len(kept),
        qualities=_qualities(feed, kept),
    )


def _nothing(feed: _Feed, usable: NDArray[np.bool_], seconds: NDArray[np.int64]) -> ReplayError:
    if usable.any():
        first = int(usable.argmax())
        return feed.fault(first, f"lasts {seconds[first] / 3600:g} hours, and no other reading an hour or less")
    reasons = [one.unusable for one in feed.series if one.unusable is not None]
    return ReplayError(reasons[0])


def _whole(texts: pl.Series) -> NDArray[np.int64]:
    """Seconds, BAD where a text is none."""
    return texts.set(~texts.str.contains(r"^[0-9]{1,12}$"), None).cast(pl.Int64).fill_null(BAD).to_numpy()


def _durations(feed: _Feed, usable: NDArray[np.bool_]) -> NDArray[np.int64]:
    lengths = pl.Series([one.length_s for one in feed.series], dtype=pl.String).str.strip_chars().gather(feed.block)
    texts = feed.readings.durations.zip_with(feed.readings.durations.is_not_null(), lengths)
    seconds = _whole(texts)
    bad = usable & (seconds <= 0)
    if bad.any():
        first = int(bad.argmax())
        raise feed.fault(first, _fault_of("duration", texts[first]))
    return seconds


def _fault_of(name: str, text: str | None) -> str:
    if text is None:
        return f"IntervalReading has no {name}"
    return f"{name} {text[:40]!r} is not a positive whole number of seconds"


def _steps(feed: _Feed, kept: NDArray[np.int64], seconds: NDArray[np.int64]) -> NDArray[np.uint16]:
    lengths = seconds[kept]
    odd = ~np.isin(lengths, np.array(READ_MINUTES) * 60)
    if odd.any():
        first = int(kept[odd.argmax()])
        offered = ", ".join(map(str, READ_MINUTES))
        raise feed.fault(first, f"duration of {seconds[first]} seconds; they may last {offered} minutes")
    return (lengths // 60).astype(np.uint16)


def _starts(feed: _Feed, kept: NDArray[np.int64]) -> NDArray[np.uint32]:
    texts = feed.readings.starts.gather(kept)
    seconds = _whole(texts)
    bad = (seconds < MINUTES_PER_DAY * 60) | (seconds >= YEAR_10000_S) | (seconds % 60 != 0)
    if bad.any():
        first = int(bad.argmax())
        start = int(seconds[first])
        if start == BAD:
            raise feed.fault(int(kept[first]), _fault_of("start", texts[first]))
        where = "is not on the interval grid" if start % 60 else "is not between 1970-01-02 and 9999-12-31"
        raise feed.fault(int(kept[first]), f"start {start} {where}")
    return (seconds // 60).astype(np.uint32)


def _energies(feed: _Feed, kept: NDArray[np.int64]) -> Energies:
    """Values times the power of ten of their series, in Wh; a reading without a value, or projected, is absent."""
    codes = feed.readings.values.codes[kept]
    powers = feed.by_series(one.power for one in feed.series)[kept]
    wh, rounded = np.empty(len(kept), dtype=np.int64), np.empty(len(kept), dtype=np.bool_)
    for power in np.unique(powers).tolist():
        here = powers == power
        texts = feed.readings.values.distinct.str.strip_chars()
        parsed = parse_energies(_scaled(texts, power), 0)
        wh[here], rounded[here] = parsed.wh[codes[here]], parsed.rounded[codes[here]]
    if (wh == BAD).any():
        first = int((wh == BAD).argmax())
        text = feed.readings.values.distinct[int(codes[first])].strip()
        raise feed.fault(int(kept[first]), f"value {energy_fault(_scaled(pl.Series([text]), int(powers[first]))[0])}")
    projected = [reading for reading, quality in feed.readings.qualities if quality == _PROJECTED]
    forecast = np.isin(kept, projected)
    return Energies(np.where(forecast, ABSENT, wh), rounded & ~forecast)


def _scaled(texts: pl.Series, power: int) -> pl.Series:
    return texts if power == 0 else (texts + f"e{power}").zip_with(texts != "", texts)


def _qualities(feed: _Feed, kept: NDArray[np.int64]) -> Counter[str]:
    marked = [(reading, code) for reading, code in feed.readings.qualities if code not in _ORDINARY]
    known = np.isin([reading for reading, _ in marked], kept)
    return Counter(_QUALITIES.get(code, "other") for (_, code), is_kept in zip(marked, known, strict=True) if is_kept)
