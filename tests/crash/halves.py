"""Both halves of the key server as processes that can be killed, and a collector that asks them with stored answers."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Self

from nacl.signing import SigningKey

from tests.commands.shell import environment
from tests.crash.neighborhood import COHORT, DYING
from wattseal.collector.client import Client, Tokens
from wattseal.collector.deployment import Places
from wattseal.edge.access import Scope
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.ledger import Ledger
from wattseal.protocol.ids import Channel, CohortId, HalfRole, RegionId, Role
from wattseal.protocol.statement import (
    Answer,
    TotalQuestion,
    TotalStatement,
    bits_to_positions,
    positions_to_bits,
)
from wattseal.protocol.time import parse_window

HALVES: tuple[HalfRole, HalfRole] = (Role.UNBLINDER, Role.DECRYPTOR)


class HalfProcess:
    """One serving half; with a point, one that kills itself there, maybe before it has an address."""

    def __init__(self, places: Places, role: HalfRole, point: str | None, *more: str) -> None:
        begin = ["-m", "wattseal.keyserver"] if point is None else [DYING, point, "wattseal.keyserver"]
        home = ["--data", places.of(role), "--passphrase-file", places.passphrase(role)]
        words = [sys.executable, *begin, "serve", *home, "--role", role, "--replay", *more]
        words.append("--until-stdin-closes")
        with (places.logs / f"{role}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment(),
            )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().removeprefix("ready ")
        assert self.url or point is not None, f"the {role} did not start"

    def stop(self) -> None:
        """By the end of its input, so that it stops when the tests do, too."""
        self.process.communicate(timeout=60)

    def has_killed_itself(self) -> bool:
        return self.process.wait(60) == -signal.SIGKILL


class Halves:
    """Both halves of a deployment, running. With a point, the unblinder dies there."""

    def __init__(self, places: Places, point: str | None = None) -> None:
        self.places = places
        self.unblinder = HalfProcess(places, Role.UNBLINDER, point)
        self.decryptor = self._start_decryptor(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.decryptor.stop()
        self.unblinder.stop()

    def restart_decryptor(self, point: str | None = None) -> None:
        """With a point, as one that dies there."""
        self.decryptor.stop()
        self.decryptor = self._start_decryptor(point)

    def _start_decryptor(self, point: str | None) -> HalfProcess:
        return HalfProcess(self.places, Role.DECRYPTOR, point, "--unblinder-url", self.unblinder.url)

    @contextmanager
    def collector(self, heads: Path, aggregator: str = "http://127.0.0.1:1") -> Iterator[Client]:
        """One that remembers the heads it saw in `heads`. It has its answers, so an aggregator may be away."""
        tokens = Tokens(*(self.places.token(role, Scope.COLLECTOR) for role in (Role.AGGREGATOR, *reversed(HALVES))))
        trust = self.places.trust_anchors()
        with Client(aggregator, self.decryptor.url, self.unblinder.url, tokens, trust, heads) as client:
            yield client


def ask(places: Places, day: date) -> Answer:
    """The answer that a running aggregator gives, kept for when it does not run."""
    question = TotalQuestion(
        purpose="grid-planning",
        region=RegionId("region-1"),
        cohort=CohortId(COHORT),
        channel=Channel.DELIVERED,
        window=parse_window(day.isoformat()),
    )
    with Client.of_directory(places.directory) as client:
        answer = client.answer(question)
    _kept(places, day).write_bytes(answer.to_bytes())
    return answer


def answer_of(places: Places, day: date) -> Answer:
    return Answer.from_bytes(_kept(places, day).read_bytes())


def _kept(places: Places, day: date) -> Path:
    return places.collector / f"{day}.json"


def contradicting(places: Places, answer: Answer) -> Answer:
    """What a cheating aggregator would sign next: the same question with one member left out."""
    statement = TotalStatement.from_bytes(answer.statement)
    count = 8 * len(statement.members)
    members = positions_to_bits(bits_to_positions(statement.members, count)[1:], count)
    key: SigningKey = Home(places.of(Role.AGGREGATOR), places.passphrase(Role.AGGREGATOR)).signing_key(SERVICE)
    return Answer.issue(statement.model_copy(update={"members": members}), answer.ciphertext, answer.flagged, key)


def ledger_of(places: Places, role: HalfRole) -> Ledger:
    """Of a half that does not run."""
    return Ledger(places.of(role) / "ledger.sqlite")
