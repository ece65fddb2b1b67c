"""Green Button files as a stream: which Atom entries there are, how they are linked, and every interval reading.

What units, flows and links mean is told in replay_green_button.py. Files are hostile until read: no document
type, entity, network access or deep tree is taken, and what has been read is dropped from memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from lxml import etree
from numpy.typing import NDArray

from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay_table import Texts

_ATOM, _ESPI = "{http://www.w3.org/2005/Atom}", "{http://naesb.org/espi}"
_FEED, _ENTRY, _CONTENT = f"{_ATOM}feed", f"{_ATOM}entry", f"{_ATOM}content"
_BLOCK, _READING = f"{_ESPI}IntervalBlock", f"{_ESPI}IntervalReading"
_PERIOD, _START, _DURATION = f"{_ESPI}timePeriod", f"{_ESPI}start", f"{_ESPI}duration"
_VALUE, _QUALITY, _CODE = f"{_ESPI}value", f"{_ESPI}ReadingQuality", f"{_ESPI}quality"
_FIELDS = {
    "UsagePoint": {"kind": f"{_ESPI}ServiceCategory/{_ESPI}kind"},
    "MeterReading": {},
    "ReadingType": {
        name: f"{_ESPI}{name}"
        for name in (
            "uom",
            "powerOfTenMultiplier",
            "commodity",
            "flowDirection",
            "accumulationBehaviour",
            "dataQualifier",
            "intervalLength",
        )
    },
    "IntervalBlock": {},
}
_KINDS = {f"{_ESPI}{kind}": kind for kind in _FIELDS}
_CHUNK_BYTES = 256 << 10
_LARGEST_GAP_BYTES = 2 << 20  # without the end of a reading or an entry, so that nothing else can fill the memory
_BATCH = 1 << 14
_TWO_CONTENTS = "entry has more than one content"
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


@dataclass(frozen=True)
class Entry:
    """One resource of the feed; hrefs without a final slash, `fields` are its texts that replay needs.

    The same resource told twice is equal.
    """

    line: int = field(compare=False)
    kind: str
    id: str
    own: str | None
    up: str | None
    related: frozenset[str]
    fields: Mapping[str, str | None] = field(hash=False)
    readings: int = field(compare=False)


@dataclass(frozen=True)
class Readings:
    """Every reading in the order of the file; `starts` and `durations` in seconds as texts, null where absent."""

    starts: pl.Series
    durations: pl.Series
    values: Texts
    lines: NDArray[np.int64]
    qualities: tuple[tuple[int, str], ...]


def is_xml(head: bytes) -> bool:
    """Whether a file that begins with `head` is XML."""
    return head.lstrip().startswith(_XML_STARTS)


def read_feed(path: Path) -> tuple[list[Entry], Readings]:
    """Entries of the kinds that replay needs, and the readings of their IntervalBlocks one after another.

    Raises ReplayError for anything that is not well formed, or not a feed; OSError.
    """
    return _Stream(path).read()


class _Malformed(Exception):
    """What is wrong with an element; the stream adds the name of the file."""

    def __init__(self, element: "etree._Element", what: str) -> None:
        super().__init__(what)
        self.line = element.sourceline


class _Stream:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: list[Entry] = []
        self._columns = _Columns()
        self._before = 0  # readings of earlier entries
        self._open: list[etree._Element] = []  # feed, then content and block of the latest reading

    def read(self) -> tuple[list[Entry], Readings]:
        # Not with collect_ids=False: libxml2 then loads what a document type names, whatever load_dtd says.
        parser = etree.XMLPullParser(
            events=("end",),
            tag=(_READING, _ENTRY),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=True,
        )
        try:
            self._feed(parser)
            root = parser.close()
            if not self._open:
                self._check_root(root)
        except _Malformed as fault:
            raise ReplayError(f"{self._path}, line {fault.line}: {fault}") from fault
        except etree.XMLSyntaxError as error:
            first = parser.feed_error_log[0]  # the exception may only tell what came of it
            raise ReplayError(
                f"{self._path}, line {first.line}: not well-formed XML: {first.message.splitlines()[0]}"
            ) from error
        if not self._open:
            raise ReplayError(f"{self._path}: the feed has no entries")
        return self._entries, self._columns.readings()

    def _feed(self, parser: "etree.XMLPullParser[etree._Element]") -> None:
        since = 0
        for chunk in self._chunks():
            since += len(chunk)
            parser.feed(chunk)
            for _, element in parser.read_events():
                since = 0
                self._take(element)
            if since > _LARGEST_GAP_BYTES:
                raise ReplayError(f"{self._path}: {since >> 20} MiB and more without an entry or a reading")
            self._drop()
            self._columns.pack(at_least=_BATCH)

    def _chunks(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def _take(self, element: "etree._Element") -> None:
        if not self._open:
            root = element.getroottree().getroot()
            self._check_root(root)
            self._open = [root]
        if element.tag == _ENTRY:
            self._take_entry(element)
            return
        if element.getparent() is not self._open[-1]:
            self._enter(element)
        self._columns.take(element)

    def _check_root(self, root: "etree._Element") -> None:
        if root.getroottree().docinfo.internalDTD is not None:
            raise ReplayError(f"{self._path}: has a document type; files with entities or a DTD are not read")
        if root.tag != _FEED:
            raise _Malformed(root, f"root element is {_name(root)}; expected an Atom feed")

    def _enter(self, reading: "etree._Element") -> None:
        ancestors = list(reading.iterancestors())
        if [ancestor.tag for ancestor in ancestors] != [_BLOCK, _CONTENT, _ENTRY, _FEED]:
            raise _Malformed(reading, "IntervalReading is not in the IntervalBlock of an entry's content")
        block, content, _, root = ancestors
        if self._open[1:] and content is not self._open[1]:
            raise _Malformed(content, _TWO_CONTENTS)
        self._open = [root, content, block]

    def _drop(self) -> None:
        """Forget what has been taken; the parser may still be appending to a last child."""
        for parent in self._open:
            del parent[:-1]

    def _take_entry(self, entry: "etree._Element") -> None:
        if entry.getparent() is not self._open[0]:
            raise _Malformed(entry, "entry is not directly in the feed")
        contents = entry.findall(_CONTENT)
        if len(contents) > 1:
            raise _Malformed(entry, _TWO_CONTENTS)
        del self._open[1:]
        readings, self._before = self._columns.count - self._before, self._columns.count
        resource = contents[0][-1] if contents and len(contents[0]) else None
        kind = None if resource is None else _KINDS.get(resource.tag)
        if readings and kind != "IntervalBlock":
            raise _Malformed(entry, "entry holds more than its IntervalBlocks")
        if resource is not None and kind is not None:
            self._entries.append(_entry_of(entry, resource, kind, readings))


def _entry_of(entry: "etree._Element", resource: "etree._Element", kind: str, readings: int) -> Entry:
    hrefs: dict[str, list[str]] = {}
    for link in entry.iterchildren(f"{_ATOM}link"):
        hrefs.setdefault(link.get("rel", ""), []).append(link.get("href", "").strip().rstrip("/"))
    return Entry(
        line=resource.sourceline,
        kind=kind,
        id=(_text(entry, f"{_ATOM}id") or "").strip(),
        own=next(iter(hrefs.get("self", ())), None),
        up=next(iter(hrefs.get("up", ())), None),
        related=frozenset(hrefs.get("related", ())),
        fields={name: _text(resource, where) for name, where in _FIELDS[kind].items()},
        readings=readings,
    )


def _text(parent: "etree._Element", where: str) -> str | None:
    """The text of the one element there, None if there is none."""
    found = parent.findall(where)
    if not found:
        return None
    if len(found) > 1:
        raise _Malformed(found[1], f"{_name(parent)} has {_name(found[1])} twice")
    if len(found[0]):
        raise _Malformed(found[0], f"{_name(found[0])} has an element within its text")
    return found[0].text or ""


def _name(element: "etree._Element") -> str:
    return str(etree.QName(element).localname)


class _Columns:
    """Texts of readings, packed batch by batch: Python's own strings take ten times the memory."""

    def __init__(self) -> None:
        self._rows: list[tuple[str | None, str | None, str | None, int]] = []
        self._packed: list[tuple[pa.Array, pa.Array, pa.Array, NDArray[np.int64]]] = []
        self._packed_count = 0
        self._qualities: list[tuple[int, str]] = []

    @property
    def count(self) -> int:
        return self._packed_count + len(self._rows)

    def take(self, reading: "etree._Element") -> None:
        """The innermost loop of replay: flat, and without calls of our own but for qualities."""
        found: dict[str, str | None] = {}
        leaves = within = 0
        for child in reading:
            tag = child.tag
            if tag == _PERIOD:
                for leaf in child:
                    found[leaf.tag] = leaf.text
                    leaves += 1
                    within += len(leaf)
            elif tag == _QUALITY:
                self._qualities.append((self.count, (_text(child, _CODE) or "").strip()))
            else:
                found[tag] = child.text
                leaves += 1
                if tag == _VALUE:
                    within += len(child)
        if len(found) < leaves:
            raise _Malformed(reading, "IntervalReading has an element twice")
        if within:
            raise _Malformed(reading, "IntervalReading has an element within the text of another")
        self._rows.append((found.get(_START), found.get(_DURATION), found.get(_VALUE), reading.sourceline))

    def pack(self, at_least: int) -> None:
        if len(self._rows) < at_least:
            return
        starts, durations, values, lines = zip(*self._rows, strict=True) if self._rows else ((),) * 4
        text = pa.string()
        self._packed.append(
            (
                pa.array(starts, text),
                pa.array(durations, text),
                pa.array(values, text).dictionary_encode(),
                np.array(lines, dtype=np.int64),
            )
        )
        self._packed_count += len(self._rows)
        self._rows.clear()

    def readings(self) -> Readings:
        self.pack(at_least=0)
        starts, durations, values, lines = zip(*self._packed, strict=True)
        return Readings(
            starts=pl.Series(pl.from_arrow(pa.chunked_array(starts))).str.strip_chars(),
            durations=pl.Series(pl.from_arrow(pa.chunked_array(durations))).str.strip_chars(),
            values=Texts.of(pa.chunked_array(values)),
            lines=np.concatenate(lines),
            qualities=tuple(self._qualities),
        )
