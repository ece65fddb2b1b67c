"""The aggregator's durable reports: put once, frozen at close, read back; and its append-only logs.

Reports are opaque bytes here. Bodies of large ones stand in segment files (`segments.py`), archives elsewhere.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

from wattseal.aggregator.segments import MAGIC, Segments
from wattseal.aggregator.store_errors import StoreSettingsError, StoreUnavailable, WindowStateError
from wattseal.aggregator.store_valkey import Line
from wattseal.aggregator.valkey import Supervisor

BODY_LIMIT: Final = 64 * 1024
INLINE_LIMIT: Final = 16 * 1024
PUT_BATCH: Final = 3_000  # Lua unpacks two values a report, and 8,000 at most
READ_BATCH: Final = 1_000
EMBEDDED: Final = "valkey+embedded"
EXTERNAL: Final = ("redis", "rediss", "unix")
_UNSAFE: Final = re.compile(r"[{}*?\[\]\\^]")  # ends a key's tag, or means something in a SCAN pattern

T = TypeVar("T")


class Entry(NamedTuple):
    """One signed report of at most 64 KiB and its place; `window` is a UTC day number."""

    region: str
    window: int
    kind: int
    channel: int
    meter: str
    number: int
    body: bytes


class ReportId(NamedTuple):
    """The place of a report within its region and window."""

    kind: int
    channel: int
    meter: str
    number: int


class PutStatus(StrEnum):
    """What became of a report; `late` ones are kept apart, `conflict` keeps what came first."""

    accepted = "accepted"
    duplicate = "duplicate"
    conflict = "conflict"
    late = "late"
    archived = "archived"


class WindowStatus(StrEnum):
    """Open takes reports, closed is frozen, archived is no longer held here."""

    open = "open"
    closed = "closed"
    archived = "archived"


class WindowState(NamedTuple):
    """The roster digest is None while the window is open."""

    status: WindowStatus
    roster_digest: bytes | None


_COUNTS: Final = ("accepted", "late", "conflicts")
_ANSWERS: Final = dict(zip(b"ADCLX", PutStatus, strict=True))


class Store:
    """Every method raises StoreUnavailable if the store fails; a write that raised it may have happened.

    Putting the same entries again is safe then. After a failed `append`, read the log.
    """

    def __init__(self, line: Line, segments: Segments) -> None:
        self._line = line
        self._segments = segments

    async def put(self, entries: Sequence[Entry]) -> list[PutStatus]:
        """One status an entry, in order, durable when answered. Raises ValueError on an impossible entry."""
        places: dict[tuple[str, int], list[int]] = {}
        for index, entry in enumerate(entries):
            _check(entry)
            places.setdefault((entry.region, entry.window), []).append(index)
        statuses = dict[int, PutStatus]()
        for (region, window), indexes in places.items():
            for batch in _batches(indexes, PUT_BATCH):
                answer = await self._put_batch(region, window, [entries[index] for index in batch])
                statuses |= zip(batch, (_ANSWERS[letter] for letter in answer), strict=True)
        return [statuses[index] for index in range(len(entries))]

    async def _put_batch(self, region: str, window: int, batch: Sequence[Entry]) -> bytes:
        keys = [_key(region, window, name) for name in ("state", "highest", "late", "conflicts")]
        prefix = _key(region, window, "report:")
        keys += [f"{prefix}{entry.kind}:{entry.channel}:{entry.number}:{entry.meter}" for entry in batch]
        bodies = await self._without_large([entry.body for entry in batch])
        answer: bytes = await self._line.call("put", keys, bodies, before=("SADD", _windows_key(region), window))
        return answer

    async def _without_large(self, bodies: list[bytes]) -> list[bytes]:
        """References in place of large bodies, which are on disk from here on."""
        large = [place for place, body in enumerate(bodies) if len(body) > INLINE_LIMIT]
        if large:
            references = await asyncio.to_thread(self._segments.append, [bodies[place] for place in large])
            for place, reference in zip(large, references, strict=True):
                bodies[place] = reference
        return bodies

    async def _with_large(self, values: list[bytes | None]) -> list[bytes | None]:
        """Bodies in place of references."""
        large = {place: value for place, value in enumerate(values) if value is not None and value.startswith(MAGIC)}
        if large:
            bodies = await asyncio.to_thread(self._segments.read, [*large.values()])
            for place, body in zip(large, bodies, strict=True):
                values[place] = body
        return values

    async def close(self, region: str, window: int, roster_digest: bytes) -> WindowState:
        """Freeze the window. Raises WindowStateError if it was closed with another roster digest."""
        answer = await self._line.call(
            "close",
            [_key(region, window, "state")],
            [roster_digest],
            before=("SADD", _windows_key(region), window),
        )
        state = _state(*answer)
        if state.roster_digest != roster_digest:
            raise WindowStateError(f"window {window} of region {region} was closed with another roster")
        return state

    async def archive(self, region: str, window: int, archived: Mapping[str, int]) -> None:
        """Answer `archived` from now on, then delete the reports; call it again if it was interrupted.

        `archived` is `counts` as the archive holds them. Raises WindowStateError, and changes nothing, while
        the window is open or if a late report or a conflict has come since.
        """
        expected = [archived[name] for name in _COUNTS]
        refusal = await self._line.call("archive", [_key(region, window, "state")], expected)
        if refusal:
            raise WindowStateError(f"window {window} of region {region} {refusal.decode()}")
        async for keys in self._report_keys(region, window):
            await self._line.write("UNLINK", *keys)
        rest = (_key(region, window, name) for name in ("highest", "late", "conflicts"))
        await self._line.write("UNLINK", *rest)

    async def state(self, region: str, window: int) -> WindowState:
        return _state(*await self._line.read("HMGET", _key(region, window, "state"), "status", "roster"))

    async def windows(self, region: str) -> list[int]:
        """Windows of the region that were ever put to or closed, archived ones included, ascending."""
        return sorted(int(window) for window in await self._line.read("SMEMBERS", _windows_key(region)))

    async def fetch(
        self, region: str, window: int, kind: int, channel: int, meters: Sequence[str]
    ) -> list[tuple[int, bytes] | None]:
        """Highest accepted number of each meter and its report; cannot change once the window is closed."""
        found: list[tuple[int, bytes] | None] = []
        for batch in _batches(meters, READ_BATCH):
            fields = [f"{kind}:{channel}:{meter}" for meter in batch]
            highest = await self._line.read("HMGET", _key(region, window, "highest"), *fields)
            numbers = [0 if number is None else int(number) for number in highest]
            ids = [ReportId(kind, channel, *named) for named in zip(batch, numbers, strict=True)]
            stored = await self._line.read("MGET", *(_report_key(region, window, id_) for id_ in ids))
            bodies = await self._with_large(stored)
            found += [None if body is None else (number, body) for number, body in zip(numbers, bodies, strict=True)]
        return found

    async def fetch_late(
        self, region: str, window: int, kind: int, channel: int, meters: Sequence[str]
    ) -> list[tuple[int, bytes] | None]:
        """The same of late reports: the highest number so far of each meter; more of them may still come."""
        wanted = frozenset(meters)
        of_kind = (late for late in await self.late(region, window) if (late.kind, late.channel) == (kind, channel))
        highest = {
            late.meter: late for late in of_kind if late.meter in wanted
        }  # ids come sorted by number within a meter
        ids = [highest[meter] for meter in meters if meter in highest]
        found = dict(zip((id_.meter for id_ in ids), await self.read(region, window, ids), strict=True))
        bodies = ((meter, found.get(meter)) for meter in meters)
        return [None if body is None else (highest[meter].number, body) for meter, body in bodies]

    async def read(self, region: str, window: int, ids: Sequence[ReportId]) -> list[bytes | None]:
        """Exactly the named reports, accepted or late."""
        found: list[bytes | None] = []
        for batch in _batches(ids, READ_BATCH):
            accepted = await self._line.read("MGET", *(_report_key(region, window, id_) for id_ in batch))
            late = await self._line.read("HMGET", _key(region, window, "late"), *map(_id_text, batch))
            found += [second if first is None else first for first, second in zip(accepted, late, strict=True)]
        return await self._with_large(found)

    async def accepted(self, region: str, window: int) -> list[ReportId]:
        """Ids of all accepted reports, sorted; walks the whole store, so for archiving only."""
        prefix = len(_key(region, window, "report:"))
        return sorted({_report_id(key[prefix:]) async for keys in self._report_keys(region, window) for key in keys})

    async def late(self, region: str, window: int) -> list[ReportId]:
        return await self._ids(region, window, "late")

    async def conflicts(self, region: str, window: int) -> list[ReportId]:
        """Ids under which other bytes were refused."""
        return await self._ids(region, window, "conflicts")

    async def refused(self, region: str, window: int, report: ReportId) -> bytes | None:
        """The first bytes refused under this id: with the accepted ones, evidence against the meter."""
        stored = await self._line.read("HGET", _key(region, window, "conflicts"), _id_text(report))
        (body,) = await self._with_large([stored])
        return body

    async def counts(self, region: str, window: int) -> dict[str, int]:
        """How many reports are accepted and late, and how many ids have conflicts; outlives the archive."""
        values = await self._line.read("HMGET", _key(region, window, "state"), *_COUNTS)
        return {name: 0 if value is None else int(value) for name, value in zip(_COUNTS, values, strict=True)}

    async def append(self, log: str, expected: int, entries: Sequence[bytes]) -> bool:
        """Append to the log if it holds `expected` entries, else change nothing and answer False."""
        return bool(await self._line.call("append", [f"ws:log:{log}"], [expected, *entries]))

    async def read_log(self, log: str) -> list[bytes]:
        entries: list[bytes] = []
        while batch := await self._line.read("LRANGE", f"ws:log:{log}", len(entries), len(entries) + READ_BATCH - 1):
            entries += batch
        return entries

    async def ready(self) -> None:
        """Raises StoreUnavailable with the reason if a put would not be durable now."""
        try:
            await self._line.check()
        except StoreSettingsError as error:
            raise StoreUnavailable(str(error)) from error
        await self._line.probe()

    async def _ids(self, region: str, window: int, name: str) -> list[ReportId]:
        return sorted(_report_id(text) for text in await self._line.read("HKEYS", _key(region, window, name)))

    async def _report_keys(self, region: str, window: int) -> AsyncIterator[list[bytes]]:
        pattern, cursor = _key(region, window, "report:*"), b"0"
        while True:
            cursor, keys = await self._line.read("SCAN", cursor, "MATCH", pattern, "COUNT", READ_BATCH)
            if keys:
                yield keys
            if int(cursor) == 0:
                return


def embedded_url(directory: Path) -> str:
    return f"{EMBEDDED}://{quote(str(directory.absolute()))}"


@asynccontextmanager
async def open_store(url: str, segments: Path | None = None, *, allow_loss: bool = False) -> AsyncIterator[Store]:
    """The store at `valkey+embedded:///absolute/directory`, or at a redis://, rediss:// or unix:// address.

    `segments` is the directory of large reports' bodies, shared by all workers of one store; an embedded one has it
    within its own. Raises StoreSettingsError for a bad URL or, unless `allow_loss`, for settings that can lose
    acknowledged reports; StoreLocked if another process holds the directory and does not answer; StoreUnavailable.
    """
    async with AsyncExitStack() as resources:
        parts = urlsplit(url)
        if parts.scheme == EMBEDDED:
            if parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/"):
                raise StoreSettingsError(f"{EMBEDDED}: needs an absolute directory, as `embedded_url` writes it")
            directory = Path(unquote(parts.path))
            supervisor = await resources.enter_async_context(Supervisor(directory))
            segments = directory / "segments" if segments is None else segments
            url = f"unix://{quote(str(supervisor.socket))}"
        elif parts.scheme not in EXTERNAL:
            raise StoreSettingsError(f"store scheme {parts.scheme!r} is none of {EMBEDDED}, {', '.join(EXTERNAL)}")
        line = await Line.open(url, allow_loss=allow_loss)
        resources.push_async_callback(line.aclose)
        files = Segments(segments)
        resources.callback(files.close)
        yield Store(line, files)


def _check(entry: Entry) -> None:
    _check_region(entry.region)
    if min(entry.kind, entry.channel, entry.number) < 0:
        raise ValueError(f"report of {entry.meter}: kind, channel and number cannot be negative")
    if len(entry.body) > BODY_LIMIT:
        raise ValueError(f"report of {entry.meter}: {len(entry.body)} bytes are above {BODY_LIMIT}")
    if entry.body.startswith(MAGIC):
        raise ValueError(f"report of {entry.meter}: it begins as what stands for a large one")


def _check_region(region: str) -> None:
    if _UNSAFE.search(region):
        raise ValueError(f"region {region!r} holds one of {{}}*?[]\\^")


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _key(region: str, window: int, name: str) -> str:
    """All keys of a window share one tag, hence one node of a cluster."""
    _check_region(region)
    return f"ws:{{{region}:{window}}}:{name}"


def _windows_key(region: str) -> str:
    _check_region(region)
    return f"ws:{{{region}}}:windows"


def _id_text(report: ReportId) -> str:
    return f"{report.kind}:{report.channel}:{report.number}:{report.meter}"


def _report_key(region: str, window: int, report: ReportId) -> str:
    return _key(region, window, f"report:{_id_text(report)}")


def _report_id(text: bytes) -> ReportId:
    kind, channel, number, meter = text.decode().split(":", 3)
    return ReportId(int(kind), int(channel), meter, int(number))


def _state(status: bytes | None, roster: bytes | None) -> WindowState:
    return WindowState(WindowStatus.open if status is None else WindowStatus(status.decode()), roster)
