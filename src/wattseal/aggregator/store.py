"""The aggregator's durable reports: put once, frozen at close, read back; and its append-only logs.

Reports are opaque bytes here. Bodies of large ones stand in segment files (`segments.py`), archived windows in files of
their own (`archive.py`), from which they are read as from the store.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

from wattseal.aggregator.archive import Archive, Found
from wattseal.aggregator.archive_file import Held
from wattseal.aggregator.entries import (
    BODY_LIMIT,
    Entry,
    PutStatus,
    ReportId,
    WindowState,
    WindowStatus,
    check_region,
    place_of,
)
from wattseal.aggregator.segments import MAGIC, Segments
from wattseal.aggregator.store_cluster import ClusterLine
from wattseal.aggregator.store_errors import StoreSettingsError, StoreUnavailable, WindowStateError
from wattseal.aggregator.store_keys import (
    STATE_FIELDS,
    asked_key,
    id_text,
    log_key,
    report_id,
    report_key,
    state_of,
    window_key,
    windows_key,
)
from wattseal.aggregator.store_valkey import Line, is_cluster
from wattseal.aggregator.valkey import Supervisor

__all__ = [
    "BODY_LIMIT",
    "Entry",
    "PutStatus",
    "ReportId",
    "Store",
    "WindowState",
    "WindowStatus",
    "embedded_url",
    "open_store",
]

INLINE_LIMIT: Final = 16 * 1024
PUT_BATCH: Final = 3_000  # Lua unpacks two values a report, and 8,000 at most
READ_BATCH: Final = 1_000
EMBEDDED: Final = "valkey+embedded"
EXTERNAL: Final = ("redis", "rediss", "unix")

T = TypeVar("T")


_COUNTS: Final = ("accepted", "late", "conflicts")
_ANSWERS: Final = dict(zip(b"ADCLX", PutStatus, strict=True))


class Store:
    """Every method raises StoreUnavailable if the store fails; a write that raised it may have happened.

    Putting the same entries again is safe then. After a failed `append`, read the log.
    """

    def __init__(self, line: Line | ClusterLine, segments: Segments, archive: Archive) -> None:
        self._line = line
        self._segments = segments
        self.files = archive

    async def put(self, entries: Sequence[Entry]) -> list[PutStatus]:
        """One status an entry, in order, durable when answered. Raises ValueError on an impossible entry.

        Of a window that is archived what the archive holds is a duplicate or a conflict, and the rest `archived`.
        """
        statuses = dict[int, PutStatus]()
        for (region, window), indexes in _by_window(entries).items():
            for batch in _batches(indexes, PUT_BATCH):
                answer = await self._put_batch(region, window, [entries[index] for index in batch])
                statuses |= zip(batch, (_ANSWERS[letter] for letter in answer), strict=True)
        passed_by = [index for index, status in statuses.items() if status is PutStatus.archived]
        statuses |= zip(passed_by, await self.known([entries[index] for index in passed_by]), strict=True)
        return [statuses[index] for index in range(len(entries))]

    async def known(self, entries: Sequence[Entry]) -> list[PutStatus]:
        """What `put` would say of entries that no window takes any more; nothing changes, conflicts are not kept."""
        statuses = dict[int, PutStatus]()
        for (region, window), indexes in _by_window(entries).items():
            ids = [place_of(entries[index]) for index in indexes]
            held = await self._digests(region, window, ids)
            for index, digest in zip(indexes, held, strict=True):
                same = digest == sha256(entries[index].body).digest()
                known = PutStatus.duplicate if same else PutStatus.conflict
                statuses[index] = PutStatus.archived if digest is None else known
        return [statuses[index] for index in range(len(entries))]

    async def _digests(self, region: str, window: int, ids: Sequence[ReportId]) -> list[bytes | None]:
        bodies = await self._read_stored(region, window, ids)
        archive = (await self.state(region, window)).archive
        if archive is not None:
            return await asyncio.to_thread(self.files.held, region, window, archive, ids)
        return [None if body is None else sha256(body).digest() for body in bodies]

    async def _put_batch(self, region: str, window: int, batch: Sequence[Entry]) -> bytes:
        keys = [window_key(region, window, name) for name in ("state", "highest", "late", "conflicts")]
        prefix = window_key(region, window, "report:")
        keys += [f"{prefix}{entry.kind}:{entry.channel}:{entry.number}:{entry.meter}" for entry in batch]
        bodies = await self._without_large(_folder(region, window), [entry.body for entry in batch])
        answer: bytes = await self._line.call("put", keys, bodies, before=("SADD", windows_key(region), window))
        return answer

    async def _without_large(self, folder: str, bodies: list[bytes]) -> list[bytes]:
        """References in place of large bodies, which are on disk from here on."""
        large = [place for place, body in enumerate(bodies) if len(body) > INLINE_LIMIT]
        if large:
            references = await asyncio.to_thread(self._segments.append, folder, [bodies[place] for place in large])
            for place, reference in zip(large, references, strict=True):
                bodies[place] = reference
        return bodies

    async def _with_large(self, folder: str, values: list[bytes | None]) -> list[bytes | None]:
        """Bodies in place of references."""
        large = {place: value for place, value in enumerate(values) if value is not None and value.startswith(MAGIC)}
        if large:
            bodies = await asyncio.to_thread(self._segments.read, folder, [*large.values()])
            for place, body in zip(large, bodies, strict=True):
                values[place] = body
        return values

    async def close(self, region: str, window: int, roster_digest: bytes) -> WindowState:
        """Freeze the window. Raises WindowStateError if it was closed with another roster digest."""
        answer = await self._line.call(
            "close",
            [window_key(region, window, "state")],
            [roster_digest],
            before=("SADD", windows_key(region), window),
        )
        state = state_of(*answer)
        if state.roster_digest != roster_digest:
            raise WindowStateError(f"window {window} of region {region} was closed with another roster")
        return state

    async def archive(self, region: str, window: int, digest: bytes, archived: Mapping[str, int]) -> WindowState:
        """Answer `archived` from now on, then delete the reports; call it again if it was interrupted.

        `digest` names the window's file and `archived` is `counts` as it holds them. Raises WindowStateError, and
        changes nothing, while the window is open or if a late report or a conflict has come since.
        """
        key, expected = window_key(region, window, "state"), [archived[name] for name in _COUNTS]
        refusal = await self._line.call("archive", [key], [digest, *expected])
        if refusal:
            raise WindowStateError(f"window {window} of region {region} {refusal.decode()}")
        state = await self.state(region, window)
        await self._empty(region, window, state)
        await self._line.write("HSET", key, "emptied", 1)
        return state._replace(emptied=True)

    async def forget(self, region: str, window: int) -> None:
        """Delete an archived window's file for good; its state and counts stay. Call it again if it was interrupted.

        Raises WindowStateError, and changes nothing, unless the window is archived.
        """
        key = window_key(region, window, "state")
        if refusal := await self._line.call("forget", [key], []):
            raise WindowStateError(f"window {window} of region {region} {refusal.decode()}")
        await asyncio.to_thread(self.files.keep_only, region, window, None)
        await self._line.write("HSET", key, "emptied", 1)

    async def _empty(self, region: str, window: int, state: WindowState) -> None:
        """Delete everything of the window but its file."""
        async for keys in self._report_keys(region, window):
            await self._line.write("UNLINK", *keys)
        rest = (window_key(region, window, name) for name in ("highest", "late", "conflicts"))
        await self._line.write("UNLINK", *rest)
        await asyncio.to_thread(self._segments.drop, _folder(region, window))
        await asyncio.to_thread(self.files.keep_only, region, window, state.archive)

    async def state(self, region: str, window: int) -> WindowState:
        return state_of(*await self._line.read("HMGET", window_key(region, window, "state"), *STATE_FIELDS))

    async def windows(self, region: str) -> list[int]:
        """Windows of the region that were ever put to or closed, archived ones included, ascending."""
        return sorted(int(window) for window in await self._line.read("SMEMBERS", windows_key(region)))

    async def fetch(
        self, region: str, window: int, kind: int, channel: int, meters: Sequence[str]
    ) -> list[tuple[int, bytes] | None]:
        """Highest accepted number of each meter and its report; cannot change once the window is closed."""
        found: list[tuple[int, bytes] | None] = []
        for batch in _batches(meters, READ_BATCH):
            numbers = await self.highest(region, window, kind, channel, batch)
            ids = [ReportId(kind, channel, *named) for named in zip(batch, numbers, strict=True)]
            stored = await self._line.read("MGET", *(report_key(region, window, id_) for id_ in ids))
            bodies = await self._with_large(_folder(region, window), stored)
            found += [None if body is None else (number, body) for number, body in zip(numbers, bodies, strict=True)]
        return await self._or_archived(found, region, window, (Held.ACCEPTED, kind, channel), meters)

    async def highest(self, region: str, window: int, kind: int, channel: int, meters: Sequence[str]) -> list[int]:
        """The highest accepted number of each meter that has one, of a window that is not archived; else 0."""
        numbers: list[int] = []
        for batch in _batches(meters, READ_BATCH):
            fields = [f"{kind}:{channel}:{meter}" for meter in batch]
            found = await self._line.read("HMGET", window_key(region, window, "highest"), *fields)
            numbers += [0 if number is None else int(number) for number in found]
        return numbers

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
        bodies = dict(zip((id_.meter for id_ in ids), await self.read(region, window, ids), strict=True))
        placed = ((meter, bodies.get(meter)) for meter in meters)
        found = [None if body is None else (highest[meter].number, body) for meter, body in placed]
        return await self._or_archived(found, region, window, (Held.LATE, kind, channel), meters)

    async def _or_archived(
        self, found: Found, region: str, window: int, place: tuple[Held, int, int], meters: Sequence[str]
    ) -> Found:
        """What the archive holds, if the window is there by now: while it moves, the store lacks some already."""
        archive = (await self.state(region, window)).archive
        if archive is None:
            return found
        return await asyncio.to_thread(self.files.fetch, region, window, archive, place, meters)

    async def read(self, region: str, window: int, ids: Sequence[ReportId]) -> list[bytes | None]:
        """Exactly the named reports, accepted or late."""
        found = await self._read_stored(region, window, ids)
        archive = (await self.state(region, window)).archive if None in found else None
        return found if archive is None else await asyncio.to_thread(self.files.read, region, window, archive, ids)

    async def _read_stored(self, region: str, window: int, ids: Sequence[ReportId]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for batch in _batches(ids, READ_BATCH):
            accepted = await self._line.read("MGET", *(report_key(region, window, id_) for id_ in batch))
            late = await self._line.read("HMGET", window_key(region, window, "late"), *map(id_text, batch))
            found += [second if first is None else first for first, second in zip(accepted, late, strict=True)]
        return await self._with_large(_folder(region, window), found)

    async def accepted(self, region: str, window: int) -> list[ReportId]:
        """Ids of all accepted reports, sorted; walks the whole store, so for archiving only."""
        prefix = len(window_key(region, window, "report:"))
        return sorted({report_id(key[prefix:]) async for keys in self._report_keys(region, window) for key in keys})

    async def late(self, region: str, window: int) -> list[ReportId]:
        return await self._ids(region, window, "late")

    async def conflicts(self, region: str, window: int) -> list[ReportId]:
        """Ids under which other bytes were refused."""
        return await self._ids(region, window, "conflicts")

    async def refused(self, region: str, window: int, report: ReportId) -> bytes | None:
        """The first bytes refused under this id: with the accepted ones, evidence against the meter."""
        stored = await self._line.read("HGET", window_key(region, window, "conflicts"), id_text(report))
        (body,) = await self._with_large(_folder(region, window), [stored])
        return body

    async def counts(self, region: str, window: int) -> dict[str, int]:
        """How many reports are accepted and late, and how many ids have conflicts; outlives the archive."""
        values = await self._line.read("HMGET", window_key(region, window, "state"), *_COUNTS)
        return {name: 0 if value is None else int(value) for name, value in zip(_COUNTS, values, strict=True)}

    async def spend(self, token: bytes, day: int, budgets: Mapping[str, int]) -> str | None:
        """Count a token's question in each of its budgets, for all workers together; none if one is spent: its name."""
        words = [word for budget in budgets.items() for word in budget]
        spent = await self._line.call("spend", [asked_key(token)], [day, *words])
        return None if not spent else list(budgets)[spent - 1]

    async def append(self, log: str, expected: int, entries: Sequence[bytes]) -> bool:
        """Append to the log if it holds `expected` entries, else change nothing and answer False."""
        return bool(await self._line.call("append", [log_key(log)], [expected, *entries]))

    async def read_log(self, log: str, first: int = 0) -> list[bytes]:
        """The entries from place `first` on."""
        entries: list[bytes] = []
        while batch := await self._log_part(log, first + len(entries), READ_BATCH):
            entries += batch
        return entries

    async def read_entry(self, log: str, place: int) -> bytes:
        """One that is known to be there."""
        (entry,) = await self._log_part(log, place, 1)
        return entry

    async def _log_part(self, log: str, first: int, most: int) -> list[bytes]:
        entries: list[bytes] = await self._line.read("LRANGE", log_key(log), first, first + most - 1)
        return entries

    async def ready(self) -> None:
        """Raises StoreUnavailable with the reason if a put would not be durable now."""
        try:
            await self._line.check()
        except StoreSettingsError as error:
            raise StoreUnavailable(str(error)) from error
        await self._line.probe()

    async def _ids(self, region: str, window: int, name: str) -> list[ReportId]:
        return sorted(report_id(text) for text in await self._line.read("HKEYS", window_key(region, window, name)))

    async def _report_keys(self, region: str, window: int) -> AsyncIterator[list[bytes]]:
        pattern, cursor = window_key(region, window, "report:*"), b"0"
        while True:
            cursor, keys = await self._line.read("SCAN", cursor, "MATCH", pattern, "COUNT", READ_BATCH)
            if keys:
                yield keys
            if int(cursor) == 0:
                return


def embedded_url(directory: Path) -> str:
    return f"{EMBEDDED}://{quote(str(directory.absolute()))}"


@asynccontextmanager
async def open_store(
    url: str, segments: Path | None = None, archive: Path | None = None, *, allow_loss: bool = False
) -> AsyncIterator[Store]:
    """The store at `valkey+embedded:///absolute/directory`, or at a redis://, rediss:// or unix:// address.

    `segments` is the directory of large reports' bodies and `archive` that of archived windows, shared by all workers
    of one store; an embedded one has the former within its own. Raises StoreSettingsError for a bad URL or, unless
    `allow_loss`, for settings that can lose acknowledged reports; StoreLocked if another process holds the directory
    and does not answer; StoreUnavailable.
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
        line = await (ClusterLine if await is_cluster(url) else Line).open(url, allow_loss=allow_loss)
        resources.push_async_callback(line.aclose)
        files = Segments(segments)
        resources.callback(files.close)
        yield Store(line, files, Archive(archive))


def _by_window(entries: Sequence[Entry]) -> dict[tuple[str, int], list[int]]:
    """Positions of the entries of each region and window. Raises ValueError on an impossible entry."""
    places: dict[tuple[str, int], list[int]] = {}
    for index, entry in enumerate(entries):
        entry.check()
        places.setdefault(entry[:2], []).append(index)
    for region, _ in places:
        check_region(region)
    return places


def _folder(region: str, window: int) -> str:
    """Of the segment files of a window."""
    return f"{quote(region, safe='')}-{window}"


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
