"""The other roles as child processes: real ones, with logs of their own, that end when this one does."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from wattseal.edge.command import INTERRUPTED, REFUSED, UNAVAILABLE, WRONG_INPUT
from wattseal.protocol.errors import PeerUnavailable, RemoteError

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 20.0
_ENDED_WITH_ITS_OWN_WORDS = (WRONG_INPUT, REFUSED, UNAVAILABLE, INTERRUPTED)


def order(role: str, *arguments: str | Path) -> dict[str, Any]:
    """Run one command of a role to its end; its last line of output is JSON. Its progress shows on our terminal.

    Raises SystemExit with the role's own status when it fails: it has printed its line already. Raises RemoteError
    if it ends in any other way.
    """
    return _answer(role, arguments, *_run_to_end(_command(role, *arguments)))


def _answer(role: str, arguments: Sequence[str | Path], status: int, output: str) -> dict[str, Any]:
    if status in _ENDED_WITH_ITS_OWN_WORDS:
        raise SystemExit(status)
    if status:
        raise RemoteError(f"the step '{role} {arguments[0]}' ended with status {status}")
    try:
        answer: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        raise RemoteError(f"the step '{role} {arguments[0]}' gave no answer") from None
    return answer


def judged(role: str, *arguments: str | Path) -> dict[str, Any]:
    """As `order`, of a command that answers also when it says no, with status 3."""
    status, output = _run_to_end(_command(role, *arguments))
    if status == REFUSED and output:
        answer: dict[str, Any] = json.loads(output.splitlines()[-1])
        return answer
    return _answer(role, arguments, status, output)


def _run_to_end(command: list[str]) -> tuple[int, str]:
    """Exit status and output. What ends this process ends the command first, quietly and at any step of its own."""
    with (
        HeldSignals() as held,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process,
    ):
        try:
            held.let_go()
            output, _ = process.communicate()
        except BaseException:
            process.terminate()
            try:
                process.wait(STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return process.returncode, output


class HeldSignals:
    """Keeps them back until what was just started is in our hands. Only the main thread ever gets any."""

    def __init__(self) -> None:
        self._came: list[int] = []
        in_main = threading.current_thread() is threading.main_thread()
        stopping: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM) if in_main else ()
        self._before = {number: signal.signal(number, self._keep) for number in stopping}

    def _keep(self, number: int, _: object) -> None:
        self._came.append(number)

    def let_go(self) -> None:
        """Again: no change."""
        before, self._before = self._before, {}
        for number, handler in before.items():
            signal.signal(number, handler)
        came, self._came = self._came, []
        for number in came:
            signal.raise_signal(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()


class Service:
    """One serving role. It stops when its standard input closes, so that killing this process leaves no orphans."""

    def __init__(self, role: str, log: Path, *arguments: str | Path) -> None:
        """Returns once it listens. Raises PeerUnavailable, with the end of its log, if it does not."""
        self.role = role
        self._log = log
        log.touch(mode=0o600)
        with log.open("ab") as stderr:
            self.process = subprocess.Popen(
                _command(role, "serve", *arguments, "--until-stdin-closes"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C reaches this process, which stops its services in order
            )
        try:
            self.url = self._wait_until_ready()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def stop(self) -> None:
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.close()
        try:
            self.process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        descriptor, line = self.process.stdout.fileno(), b""
        deadline = time.monotonic() + READY_WITHIN_S
        while b"\n" not in line:
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(descriptor, 4096) if readable else b""
            if not chunk:
                raise PeerUnavailable(f"the {self.role} did not start: {self._last_words()}")
            line += chunk
        return line.decode().strip().removeprefix("ready ")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"see {self._log}"


def _command(role: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", f"wattseal.{role}", *map(str, arguments)]
