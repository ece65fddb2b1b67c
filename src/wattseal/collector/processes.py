"""The other roles as child processes: real ones, with logs of their own, that end when this one does."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from wattseal.edge.command import UNAVAILABLE
from wattseal.protocol.errors import PeerUnavailable, RemoteError, Unavailable, UsageError

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 20.0


def order(role: str, *arguments: str | Path) -> dict[str, Any]:
    """Run one command of a role to its end; its last line of output is JSON. Its progress shows on our terminal.

    Raises UsageError or Unavailable with the role's own line when it fails.
    """
    done = subprocess.run(_command(role, *arguments), stdout=subprocess.PIPE, stderr=None, check=False, text=True)
    if done.returncode:
        # The role has printed its line already; ours only says which step it was.
        kind: type[UsageError | Unavailable] = Unavailable if done.returncode == UNAVAILABLE else UsageError
        raise kind(f"the step '{role} {arguments[0]}' failed")
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise RemoteError(f"the step '{role} {arguments[0]}' gave no answer") from None
    return answer


class Service:
    """One serving role. It stops when its standard input closes, so that killing this process leaves no orphans."""

    def __init__(self, role: str, log: Path, *arguments: str | Path) -> None:
        """Returns once it listens. Raises PeerUnavailable, with the end of its log, if it does not."""
        self.role = role
        self._log = log
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
    return [sys.executable, "-m", f"wattseal.{role}", *map(str, arguments)]
