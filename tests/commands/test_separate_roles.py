"""The roles' own commands, put together by hand with both halves in one process; and where secrets must not be."""

import base64
import csv
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.commands.shell import WATTSEAL, environment, module
from wattseal.collector.client import Client, Tokens
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.home import Home
from wattseal.keyserver.vault import Vault
from wattseal.protocol.ids import Role
from wattseal.protocol.trust import TrustAnchors

METERS, HOURS, DAY = 20, 24, "2026-01-05"
# Five digits each, and no multiple of another: none of them is likely to be anything else.
CANARIES = [60_013 + 271 * meter for meter in range(METERS)]
ROLES = {"aggregator": "aggregator", "decryptor": "keyserver", "unblinder": "keyserver"}


class Site:
    """Directories of every role under one roof; `keyserver` holds both halves, which share a passphrase."""

    def __init__(self, directory: Path) -> None:
        self.fleet, self.tokens = directory / "fleet", directory / "tokens"
        self.roster, self.trust = directory / "roster.json", directory / "trust.json"
        self.logs = {"aggregator": directory / "aggregator.log", "keyserver": directory / "keyserver.log"}
        self.homes = {
            "aggregator": directory / "aggregator",
            "decryptor": directory / "keyserver/decryptor",
            "unblinder": directory / "keyserver/unblinder",
        }
        self.passphrase = directory / "passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text(secrets.token_urlsafe(24))
        self.tokens.mkdir(mode=0o700)

    def home(self, role: str) -> Home:
        return Home(self.homes[role], self.passphrase)

    def token(self, role: str, scope: Scope) -> str:
        return (self.tokens / f"{role}.{scope}").read_text()

    def init(self) -> None:
        """Every operator makes keys and pins the others'."""
        public = {}
        for role, name in ROLES.items():
            half = () if role == "aggregator" else ("--role", role)
            home = ("--data", self.homes[role], "--passphrase-file", self.passphrase)
            public[role] = module(name, "init", *home, *half).json
            for scope in Scope:
                shutil.move(self.homes[role] / "tokens" / scope, self.tokens / f"{role}.{scope}")
        anchors = TrustAnchors(
            utility=module("meter_sim", "init", "--fleet", self.fleet).json["utility"],
            aggregator_operator=public["aggregator"]["operator"],
            unblinder_operator=public["unblinder"]["operator"],
            **{role: keys["service"] for role, keys in public.items()},
        )
        for place in (self.trust, *(home / "trust.json" for home in self.homes.values())):
            place.write_bytes(anchors.to_bytes())

    def serve(self, resources: ExitStack, name: str, *more: object) -> str:
        """URL of a service that stops with the context."""
        home = ("--passphrase-file", self.passphrase, "--replay", *more)
        log = resources.enter_context(self.logs[name].open("wb"))
        service = subprocess.Popen(
            [str(word) for word in (WATTSEAL, name, "serve", *home)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(),
        )
        resources.callback(service.communicate)
        resources.callback(service.send_signal, signal.SIGTERM)
        assert service.stdout is not None
        return service.stdout.readline().removeprefix("ready ").strip()


class Done(NamedTuple):
    """A site after a day, at rest; `wh` are the released totals."""

    site: Site
    wh: list[int]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """The canaries of a day from meters to a released total."""
    directory = tmp_path_factory.mktemp("site")
    site = Site(directory)
    site.init()
    _write_canaries(directory / "reads.csv")
    fleet = ("--fleet", site.fleet, "--roster", site.roster, "--reads", directory / "reads.csv")
    assert module("meter_sim", "prepare", *fleet).json["meters"] == METERS
    with ExitStack() as resources:
        both = site.serve(resources, "keyserver", "--data", directory / "keyserver", "--role", "both")
        urls = {
            "aggregator": site.serve(resources, "aggregator", "--data", site.homes["aggregator"]),
            "decryptor": f"{both}/decryptor",
            "unblinder": f"{both}/unblinder",
        }
        _install(site, urls)
        send = ("--fleet", site.fleet, "--tokens", site.tokens, "--trust", site.trust)
        assert module("meter_sim", "send", *urls.values(), *send).json["outcomes"] == {"accepted": METERS}
        with RoleClient(urls["aggregator"], site.token("aggregator", Scope.OPERATOR)) as aggregator:
            aggregator.post(f"/v1/regions/region-1/windows/{DAY}/close", b"")
        tokens = Tokens(*(site.token(role, Scope.COLLECTOR) for role in ROLES))
        anchors = TrustAnchors.parse(site.trust.read_bytes())
        heads = directory / "heads.json"
        with Client(urls["aggregator"], urls["decryptor"], urls["unblinder"], tokens, anchors, heads) as client:
            wh = client.total("neighborhood", DAY)["total_wh"].to_list()
        # While everything runs: what a crash would leave behind is searched, not what an orderly end tidied.
        yield Done(site, wh)


def _write_canaries(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("meter", "interval_start", "delivered_wh"))
        for hour in range(HOURS):
            writer.writerows((f"m{i}", f"{DAY}T{hour:02}:00:00Z", wh) for i, wh in enumerate(CANARIES))


def _install(site: Site, urls: dict[str, str]) -> None:
    for role in ("unblinder", "aggregator"):
        home = ("--data", site.homes[role], "--passphrase-file", site.passphrase)
        module(ROLES[role], "countersign", *home, site.roster).json  # noqa: B018
    for role, url in urls.items():
        with RoleClient(url, site.token(role, Scope.OPERATOR)) as service:
            service.post("/v1/keys", (site.homes["decryptor"] / "key-notice.json").read_bytes())
            service.post("/v1/rosters", site.roster.read_bytes())


def test_a_total_through_one_process_for_both_halves(done: Done) -> None:
    assert done.wh == [sum(CANARIES)] * HOURS
    assert "both halves run in this one process: that voids their separation" in done.site.logs["keyserver"].read_text()


def contents(*places: Path) -> dict[Path, bytes]:
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    found = {path: path.read_bytes() for path in files if path.is_file()}
    assert all(place.is_file() or any(place in path.parents for path in found) for place in places)
    return found


def finds(secret: bytes, files: dict[Path, bytes]) -> list[Path]:
    """Files that hold the bytes, plainly or as text."""
    forms = (secret, secret[::-1], secret.hex().encode(), *_base64(secret))
    return [path for path, data in files.items() if any(form in data for form in forms)]


def _base64(secret: bytes) -> tuple[bytes, ...]:
    return tuple(encode(secret).rstrip(b"=") for encode in (base64.b64encode, base64.urlsafe_b64encode))


def finds_number(number: int, files: dict[Path, bytes]) -> list[Path]:
    """Files that hold the number in decimal, by itself."""
    pattern = re.compile(rb"(?<![0-9A-Za-z_.:-])%d(?![0-9A-Za-z_-])" % number)
    return [path for path, data in files.items() if pattern.search(data)]


def test_reads_and_totals_are_nowhere_that_they_must_not_be(done: Done) -> None:
    site = done.site
    aggregator = contents(site.homes["aggregator"], site.logs["aggregator"])
    assert any("appendonly" in path.name and len(data) > METERS * 768 for path, data in aggregator.items())
    decryptor = contents(site.homes["decryptor"], site.logs["keyserver"])
    unblinder = contents(site.homes["unblinder"])
    for canary in CANARIES:
        assert finds_number(canary, {**aggregator, **decryptor, **unblinder}) == []
    total = sum(CANARIES)
    assert finds_number(total, {**aggregator, **unblinder, **contents(site.logs["keyserver"])}) == []
    # The search finds what is there: the decryptor's ledger keeps the releases.
    assert [path.parent.name for path in finds_number(total, {p: _plain(d) for p, d in decryptor.items()})]


def _plain(data: bytes) -> bytes:
    """With the base64url bodies of envelopes decoded beside it."""
    parts = re.findall(rb"[A-Za-z0-9_-]{400,}", data)
    return data + b" ".join(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in parts)


def test_keys_are_nowhere_that_they_must_not_be(done: Done) -> None:
    site = done.site
    everywhere = contents(*site.homes.values(), *site.logs.values())
    with sqlite3.connect(site.fleet / "fleet.sqlite") as database:
        own = database.execute("SELECT identity, sealing FROM meters").fetchall()
        shared = database.execute("SELECT pad_key, tag_key FROM meter_keys").fetchall()
        check_keys = database.execute("SELECT key FROM check_keys").fetchall()
    database.close()
    assert len(own) == len(shared) == METERS
    assert len(check_keys) == 1
    halves = {role: Vault.open(site.home(role), role) for role in (Role.DECRYPTOR, Role.UNBLINDER)}
    kept = [
        *(key for row in (*own, *shared, *check_keys) for key in row),
        *(vault.root(1).secret.expose() for vault in halves.values()),
        halves[Role.DECRYPTOR].secret_key(1).to_bytes()[8:],
        *(site.home(role).read_secret(f"{name}-key") for role in ROLES for name in ("service", "operator")),
        *(path.read_bytes() for path in site.tokens.iterdir()),
        site.passphrase.read_bytes(),
    ]
    assert [path for key in kept for path in finds(key, everywhere)] == []
    # The search finds what is there.
    assert finds(shared[0][0], contents(site.fleet))
