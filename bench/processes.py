"""Processor time and memory of this process and all that it started, read off Linux's /proc."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOK_EVERY_S = 0.5


class _Process(NamedTuple):
    parent: int
    ticks: int
    resident: int


def family(head: int | None = None) -> dict[int, _Process]:
    """A process, this one unless another is named, and all that descend from it."""
    everybody = {int(entry.name): found for entry in Path("/proc").iterdir() if (found := _read(entry)) is not None}
    kept = {os.getpid() if head is None else head}
    while more := {pid for pid, process in everybody.items() if process.parent in kept} - kept:
        kept |= more
    return {pid: everybody[pid] for pid in kept}


def processor_seconds(head: int | None = None) -> float:
    """Of the whole family, those that have ended and were waited for included."""
    return sum(process.ticks for process in family(head).values()) / _TICKS


def peak_of(process: int) -> int:
    """The most memory that was ever resident, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def processor_seconds_of(pid: int) -> float:
    """Of one process that runs."""
    process = _read(Path("/proc") / str(pid))
    assert process is not None
    return process.ticks / _TICKS


class PeakMemory:
    """The largest sum of the family's resident memory while the context lasts, in bytes. Shared pages count in each."""

    def __init__(self) -> None:
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_S):
            self.peak = max(self.peak, sum(process.resident for process in family().values()))


def _read(entry: Path) -> _Process | None:
    """None for what is no process, or has just ended."""
    if not entry.name.isdigit():
        return None
    try:
        # The name, in parentheses, may hold anything.
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # Of proc(5), from the state on: ppid is 1, utime to cstime are 11 to 14, rss is 21.
    return _Process(int(fields[1]), sum(map(int, fields[11:15])), int(fields[21]) * _PAGE)
