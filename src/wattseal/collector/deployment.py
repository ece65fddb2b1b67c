"""All roles on one machine, each in a directory of its own: for trials and demonstrations.

A real deployment gives each directory to another operator on another machine; `docs/deployment.md` says how.
"""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

from wattseal.collector.processes import HeldSignals, Service, order
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory, read_private, write_private
from wattseal.protocol.codec import Message
from wattseal.protocol.errors import PeerUnavailable, UsageError
from wattseal.protocol.ids import Role, Suite
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.signing import Envelope
from wattseal.protocol.trust import TrustAnchors

AGGREGATOR, DECRYPTOR, UNBLINDER = Role.AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER
_MODULE = {AGGREGATOR: "aggregator", DECRYPTOR: "keyserver", UNBLINDER: "keyserver"}
# A trial may replay reads of any year.
_FIRST_DATE, _LAST_DATE = "1990-01-01", "2099-12-31"


class Urls(NamedTuple):
    """Where the services listen."""

    aggregator: str
    decryptor: str
    unblinder: str


class Places:
    """What lies where in a deployment's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fleet = directory / "fleet"
        self.collector = directory / "collector"
        self.tokens = directory / "tokens"
        self.logs = directory / "logs"
        self.trust = directory / "trust.json"
        self.services = directory / "services.json"
        self.roster = directory / "roster.json"
        self.tariff = directory / "tariff.json"

    def of(self, role: Role) -> Path:
        return self.directory / role

    def passphrase(self, role: Role) -> Path:
        return self.directory / "passphrases" / role

    def token(self, role: Role, scope: Scope) -> str:
        return read_private(self.tokens / f"{role}.{scope}").decode()

    def suite(self) -> int:
        """Of the key that the deployment was made with."""
        notice = Envelope.from_bytes((self.of(DECRYPTOR) / "key-notice.json").read_bytes())
        return notice.opened(KeyNotice, self.trust_anchors().decryptor).suite

    def trust_anchors(self) -> TrustAnchors:
        return TrustAnchors.parse(self.trust.read_bytes())

    def urls(self) -> Urls:
        """Raises UsageError unless `wattseal up` has written where its services listen."""
        try:
            return Urls(**json.loads(self.services.read_bytes()))
        except (OSError, ValueError, TypeError):
            raise UsageError(f"no services are known in {self.directory}: start them with wattseal up") from None


def create(places: Places, suite: Suite = Suite.PAILLIER_3072) -> None:
    """Keys, tokens and pinned trust for every role. Raises UsageError if something is there already."""
    if places.trust.exists():
        raise UsageError(f"{places.directory} holds a deployment already")
    for directory in (places.directory, places.directory / "passphrases", places.tokens, places.logs, places.collector):
        private_directory(directory)
    roles = (AGGREGATOR, DECRYPTOR, UNBLINDER)
    with HeldSignals() as held, ThreadPoolExecutor() as pool:
        fleet = pool.submit(order, "meter_sim", "init", "--fleet", places.fleet)
        asked = {role: pool.submit(_init, places, role, suite) for role in roles}
        held.let_go()
        public = {role: keys.result() for role, keys in asked.items()}
        utility = fleet.result()["utility"]
    trust: dict[str, str] = {
        "utility": utility,
        "aggregator_operator": public[AGGREGATOR]["operator"],
        "unblinder_operator": public[UNBLINDER]["operator"],
        **{role.value: public[role]["service"] for role in public},
    }
    anchors = TrustAnchors.parse(json.dumps(trust).encode())
    for role in public:
        write_private(places.of(role) / "trust.json", anchors.to_bytes())
    write_private(places.trust, anchors.to_bytes())


def _init(places: Places, role: Role, suite: Suite) -> dict[str, Any]:
    write_private(places.passphrase(role), secrets.token_urlsafe(24).encode())
    particular: list[str | Path] = ["--role", role, "--first-window", _FIRST_DATE, "--last-window", _LAST_DATE]
    particular += ["--suite", str(int(suite))]
    public = order(
        _MODULE[role],
        "init",
        "--data",
        places.of(role),
        "--passphrase-file",
        places.passphrase(role),
        *([] if role is AGGREGATOR else particular),
    )
    for scope in Scope:
        (places.of(role) / "tokens" / scope).rename(places.tokens / f"{role}.{scope}")
    return public


class Deployment:
    """The services, running. Everything stops with the context.

    Without `sum_ahead` the halves add nothing up before it is asked for: work in vain for a day that is long over.
    """

    def __init__(
        self,
        places: Places,
        policy: str | None = None,
        backend: Backend = Backend.OURS,
        *,
        sum_ahead: bool = True,
    ) -> None:
        self.places = places
        self._backend = backend
        self._sum_ahead = sum_ahead
        self._policy: list[str] = [] if policy is None else ["--policy", policy]
        self._resources = ExitStack()
        self.services: dict[Role, Service] = {}

    def __enter__(self) -> Self:
        with self._resources:
            self._start(UNBLINDER)
            self._start(DECRYPTOR, "--unblinder-url", self.services[UNBLINDER].url)
            self._start(AGGREGATOR)
            self._resources.callback(self.places.services.unlink, missing_ok=True)
            write_private(self.places.services, json.dumps(self.urls()._asdict()).encode())
            self._install_key()
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def urls(self) -> Urls:
        return Urls(*(self.services[role].url for role in (AGGREGATOR, DECRYPTOR, UNBLINDER)))

    def check_alive(self) -> None:
        """Raises PeerUnavailable if a service has ended."""
        for role, service in self.services.items():
            if service.process.poll() is not None:
                raise PeerUnavailable(f"the {role} ended: see {self.places.logs / role}.log")

    def _start(self, role: Role, *particular: str | Path) -> None:
        common: list[str | Path] = [
            "--data",
            self.places.of(role),
            "--passphrase-file",
            self.places.passphrase(role),
            "--replay",
            *self._policy,
            *([] if role is AGGREGATOR else ["--role", role]),
            *([] if role is AGGREGATOR or self._sum_ahead else ["--no-sum-ahead"]),
            *([] if role is UNBLINDER else ["--backend", self._backend.value]),
        ]
        service = Service(_MODULE[role], self.places.logs / f"{role}.log", *common, *particular)
        self.services[role] = service
        self._resources.callback(service.stop)

    def _install_key(self) -> None:
        notice = (self.places.of(DECRYPTOR) / "key-notice.json").read_bytes()
        install(self.places, "/v1/keys", notice)


def countersign(places: Places, file: Path) -> None:
    """Both other operators sign the utility's document in place."""
    for role in (UNBLINDER, AGGREGATOR):
        home = ("--data", places.of(role), "--passphrase-file", places.passphrase(role))
        order(_MODULE[role], "countersign", *home, file)


def install(places: Places, path: str, body: bytes | Message) -> None:
    """Hand an operators' document to all three services."""
    for role, url in zip((AGGREGATOR, DECRYPTOR, UNBLINDER), places.urls(), strict=True):
        with RoleClient(url, places.token(role, Scope.OPERATOR)) as service:
            service.post(path, body)
