"""Reports as the store sees them: where each has its place, what became of it, and the states of windows."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from wattseal.aggregator.segments import MAGIC

BODY_LIMIT: Final = 64 * 1024
_UNSAFE: Final = re.compile(r"[{}*?\[\]\\^]")  # ends a key's tag, or means something in a SCAN pattern


class Entry(NamedTuple):
    """One signed report of at most 64 KiB and its place; `window` is a UTC day number."""

    region: str
    window: int
    kind: int
    channel: int
    meter: str
    number: int
    body: bytes

    def check(self) -> None:
        """Raises ValueError if the store cannot hold it, whatever its region."""
        if self.kind < 0 or self.channel < 0 or self.number < 0:
            raise ValueError(f"report of {self.meter}: kind, channel and number cannot be negative")
        if len(self.body) > BODY_LIMIT:
            raise ValueError(f"report of {self.meter}: {len(self.body)} bytes are above {BODY_LIMIT}")
        if self.body.startswith(MAGIC):
            raise ValueError(f"report of {self.meter}: it begins as what stands for a large one")


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
    """Open takes reports, closed is frozen, archived is no longer held in the store, deleted is held nowhere."""

    open = "open"
    closed = "closed"
    archived = "archived"
    deleted = "deleted"


class WindowState(NamedTuple):
    """The roster digest is None while the window is open.

    Of an archived one `archive` is the digest of its content, and `emptied` tells that the store holds no more of it;
    of a deleted one, that no file is left either.
    """

    status: WindowStatus
    roster_digest: bytes | None
    archive: bytes | None = None
    emptied: bool = False

    @property
    def is_archivable(self) -> bool:
        """Whether it is closed and something of it is still in the store."""
        return self.status in (WindowStatus.closed, WindowStatus.archived) and not self.emptied

    @property
    def is_deletable(self) -> bool:
        """Whether all that is left of it is its file, or that was to be deleted before."""
        return self.emptied if self.status is WindowStatus.archived else self.is_half_deleted

    @property
    def is_half_deleted(self) -> bool:
        return self.status is WindowStatus.deleted and not self.emptied


def check_region(region: str) -> None:
    if _UNSAFE.search(region):
        raise ValueError(f"region {region!r} holds one of {{}}*?[]\\^")


def place_of(entry: Entry) -> ReportId:
    return ReportId(entry.kind, entry.channel, entry.meter, entry.number)
