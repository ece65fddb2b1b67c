"""The installed commands as real processes: run to their end, or started and stopped like a person does."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from wattseal.collector.deployment import Places

WATTSEAL = Path(sys.executable).with_name("wattseal")
PATIENCE_S = 120.0
# Wide enough that no line is folded.
_ENVIRONMENT = {**os.environ, "COLUMNS": "1000"}


class Ended(NamedTuple):
    """What a command left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.status == 0, self.stderr
        answer: dict[str, Any] = json.loads(self.stdout)
        return answer

    @property
    def words(self) -> str:
        """The one line with which the command ended, without the command's name; progress lines end in dots."""
        lines = [line for line in self.stderr.splitlines() if line.strip() and not line.endswith(" ...")]
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("wattseal: "), self.stderr
        return lines[0].removeprefix("wattseal: ")


def environment(temporary: Path | None = None, **more: str) -> dict[str, str]:
    return {**_ENVIRONMENT, **({} if temporary is None else {"TMPDIR": str(temporary)}), **more}


def wattseal(*words: object, temporary: Path | None = None) -> Ended:
    return ended([str(WATTSEAL), *map(str, words)], temporary)


def module(name: str, *words: object) -> Ended:
    """A role's own command."""
    return ended([sys.executable, "-m", f"wattseal.{name}", *map(str, words)])


def ended(command: list[str], temporary: Path | None = None, cwd: Path | None = None) -> Ended:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=environment(temporary), cwd=cwd
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def start(command: Iterable[object], temporary: Path | None = None, **more: str) -> subprocess.Popen[str]:
    """A command in a group of its own, as a terminal would start it."""
    return subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment(temporary, **more),
    )


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Lines of standard error up to the one that holds the words."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"it ended before it said '{words}': {''.join(lines)}")


def finish(process: subprocess.Popen[str]) -> Ended:
    stdout, stderr = process.communicate(timeout=PATIENCE_S)
    return Ended(process.returncode, stdout, stderr)


def interrupt(process: subprocess.Popen[str]) -> Ended:
    """Ctrl-C, which a terminal sends to the whole group."""
    os.killpg(process.pid, signal.SIGINT)
    return finish(process)


def processes_of(directory: Path) -> dict[int, str]:
    """Command lines of the processes that name the directory or work in it, by process id."""
    return {
        pid: line
        for pid, place, line in _processes()
        if str(directory) in line or place == directory or directory in place.parents
    }


def valkeys_of(directory: Path) -> list[int]:
    """Wherever their sockets are, they work where their files are."""
    return [pid for pid, place, line in _processes() if place == directory and "valkey-server" in line]


def _processes() -> Iterator[tuple[int, Path, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                yield int(entry.name), (entry / "cwd").readlink(), line
            except OSError:
                continue


class Up:
    """`wattseal up` on a directory, for as long as the context lasts."""

    def __init__(self, directory: Path, *options: str | Path) -> None:
        self.places = Places(directory)
        self.process = start([WATTSEAL, "up", "--dir", directory, *options])
        self.said = read_until(self.process, "Ctrl-C stops")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self) -> Ended:
        return interrupt(self.process)

    def pid_of(self, role: str) -> int:
        """Of the serving process of one role."""
        at = f"--data {self.places.directory / role} "
        (pid,) = [pid for pid, line in processes_of(self.places.directory).items() if at in line and " serve " in line]
        return pid
