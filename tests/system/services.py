"""The three services of a test's town as real processes, and what can be seen of them from outside."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest

from tests.system.forging import role_directory
from tests.system.relay import Relay
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, Deployment, Places, create
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.home import OPERATOR, Home
from wattseal.edge.private_files import write_private
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import WattsealError
from wattseal.protocol.ids import HalfRole, Role, Suite
from wattseal.protocol.release import Head
from wattseal.protocol.signing import Envelope

HALVES: tuple[HalfRole, HalfRole] = (Role.DECRYPTOR, Role.UNBLINDER)
Document = TypeVar("Document", bound=Countersigned)


class _RelayedDeployment(Deployment):
    """The decryptor reaches the unblinder through a relay; a service can be restarted under another policy."""

    def __init__(self, places: Places) -> None:
        super().__init__(places)
        self.relay = Relay()

    def restart(self, role: Role, policy: Path | None) -> None:
        self.services[role].stop()
        self._policy = [] if policy is None else ["--policy", str(policy)]
        self._start(role)
        write_private(self.places.services, json.dumps(self.urls()._asdict()).encode())

    def _start(self, role: Role, *_: str | Path) -> None:
        super()._start(role, *(("--unblinder-url", self.relay.url) if role is DECRYPTOR else ()))
        if role is UNBLINDER:
            self.relay.target = self.services[UNBLINDER].url


class Services:
    """Fresh keys for every role, and every role running. Everything stops with the context."""

    def __init__(self, directory: Path, suite: Suite = Suite.PAILLIER_3072) -> None:
        self.places = Places(directory)
        self._suite = suite
        self.resources = ExitStack()
        self._connections: dict[tuple[str, Scope], RoleClient] = {}

    def __enter__(self) -> Self:
        with self.resources:
            create(self.places, self._suite)
            self.deployment = _RelayedDeployment(self.places)
            self.resources.callback(self.deployment.relay.close)
            self.resources.enter_context(self.deployment)
            self.trust = self.places.trust_anchors()
            self.settle_in()
            self.resources = self.resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.resources.close()

    def settle_in(self) -> None:
        """What is to be done once they run."""

    def home(self, role: Role) -> Home:
        return Home(*role_directory(self.places.directory, role))

    def countersigned(self, document: Document) -> Document:
        """With the signatures of both other operators, after the utility's."""
        return document.countersigned("aggregator_operator", self.home(AGGREGATOR).signing_key(OPERATOR)).countersigned(
            "unblinder_operator", self.home(UNBLINDER).signing_key(OPERATOR)
        )

    def service(self, role: Role, scope: Scope) -> RoleClient:
        """A connection to a service where it listens now."""
        url = self.deployment.services[role].url
        if (url, scope) not in self._connections:
            client = RoleClient(url, self.places.token(role, scope))
            self._connections[url, scope] = self.resources.enter_context(client)
        return self._connections[url, scope]

    def restart(self, role: Role, policy: Path | None = None) -> None:
        """A service again, under another policy than the trial's if one is given."""
        self.deployment.restart(role, policy)

    def entries(self, role: Role, after: int) -> list[tuple[str, dict[str, Any]]]:
        """Kind and content of the entries of a half's ledger beyond the first `after`."""
        rows = json.loads(self.service(role, Scope.OPERATOR).get("/v1/ledger", first=after + 1, most=1000))
        return [(row["kind"], json.loads(row["body"])) for row in rows]

    def counter(self, role: Role) -> int:
        """How many entries the ledger of a half has."""
        return Head.from_bytes(Envelope.parse(self.service(role, Scope.OPERATOR).get("/v1/head")).body).counter

    def metric(self, role: Role, sample: str) -> float:
        """The value of one sample at /metrics; 0 where it has none yet."""
        lines = self.service(role, Scope.OPERATOR).get("/metrics").decode().splitlines()
        return sum(float(line.split()[1]) for line in lines if line.split()[0] == sample)

    @contextmanager
    def refuses(self, slug: str, *by: Role) -> Iterator[None]:
        """What happens inside ends with exactly this problem, releases nothing, and is in the ledgers of `by`.

        With `by` empty the request was rejected, so no ledger tells of it; the aggregator's record is its log.
        """
        counts = {role: self.counter(role) for role in HALVES}
        log = self.places.logs / f"{AGGREGATOR}.log"
        logged = log.stat().st_size
        with pytest.raises(WattsealError) as caught:
            yield
        assert caught.value.slug == slug
        for role in HALVES:
            new = self.entries(role, counts[role])
            assert "release" not in [kind for kind, _ in new]
            refusals = [content["reason"] for kind, content in new if kind == "refusal"]
            assert refusals == ([slug] if role in by else []), role
            may_have_granted = role is UNBLINDER and DECRYPTOR in by
            assert role in by or may_have_granted or not new
        if AGGREGATOR in by:
            assert f"refused: {slug}: " in log.read_bytes()[logged:].decode()
