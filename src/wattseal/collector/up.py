"""The verbs for services that stay: `up` starts them, `fleet`, `close` and `ledger` talk to them."""

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from wattseal.collector.deployment import DECRYPTOR, UNBLINDER, Deployment, Places, create, install
from wattseal.collector.processes import order
from wattseal.collector.trial import install_charge_list, install_rosters, install_tariff, send_fleet
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import private_directory, sole_use
from wattseal.policy.pack import named_policy
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Role, Suite
from wattseal.protocol.keys import KeyNotice, NextPeriod
from wattseal.protocol.reconciliation import ReconciliationQuestion
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import parse_window, window_date

_LOOK_EVERY_S = 1.0


class FleetOptions(NamedTuple):
    """How a simulated fleet is made, and how it sends: words for the meters' side as they are.

    `tariff` is that of all meters, `listed` are its charges that the operators list.
    """

    making: tuple[str, ...]
    sending: tuple[str, ...]
    tariff: str | None = None
    listed: tuple[str, ...] = ()


def up(directory: Path, policy: str | None, suite: Suite, backend: Backend, console: Console) -> None:
    """Start everything and stay.

    Raises UsageError for a bad policy or a directory in use, PeerUnavailable if a service ends, KeyboardInterrupt
    on Ctrl-C.
    """
    named_policy(policy)
    places = Places(private_directory(directory.absolute()))
    with sole_use(places.directory, 0):
        if not places.trust.exists():
            console.print("making keys for every role ...")
            create(places, suite)
        with Deployment(places, policy, backend) as running:
            _stay(running, places, console)


def _stay(running: Deployment, places: Places, console: Console) -> None:
    for role, url in running.urls()._asdict().items():
        console.print(f"{role}: {url}", highlight=False)
    console.print(f"tokens are in {places.tokens}, logs in {places.logs}; Ctrl-C stops", highlight=False)
    while True:
        running.check_alive()
        time.sleep(_LOOK_EVERY_S)


def fleet(directory: Path, options: FleetOptions) -> dict[str, Any]:
    """Prepare the fleet the first time, install its roster, send its reads."""
    places = Places(directory.absolute())
    places.urls()
    billed = () if options.tariff is None else ("--tariff", install_tariff(places, options.tariff))
    if options.tariff is not None and options.listed:
        install_charge_list(places, options.tariff, options.listed)
    facts = order(
        "meter_sim",
        "prepare",
        *("--fleet", places.fleet),
        *("--roster", places.roster),
        *("--root", "town"),
        *options.making,
        *billed,
        *("--suite", str(places.suite())),
    )
    facts.pop("channel_sets")  # for bills of a trial
    install_rosters(places, [Path(file) for file in facts["rosters"]])
    return {**facts, **send_fleet(places, *options.sending)}


def close(directory: Path, region: str, window: str) -> dict[str, Any]:
    places = Places(directory.absolute())
    with RoleClient(places.urls().aggregator, places.token(Role.AGGREGATOR, Scope.OPERATOR)) as aggregator:
        answer: dict[str, Any] = json.loads(aggregator.post(f"/v1/regions/{region}/windows/{window}/close", b""))
    return answer


def rotate(directory: Path, first: str, last: str) -> dict[str, Any]:
    """The next key period with both halves, known to all three services. Safe to repeat after an interruption.

    Raises Rejected or Contradiction for windows that cannot be, before either half has changed.
    """
    places = Places(directory.absolute())
    with RoleClient(places.urls().unblinder) as unblinder:  # the last one to be told
        known = [Envelope.parse(canonical_json(one)) for one in json.loads(unblinder.get("/v1/keys"))]
    latest = max(KeyNotice.from_bytes(one.body).key_id for one in known)
    asked = NextPeriod(period=latest + 1, first_window=parse_window(first), last_window=parse_window(last))
    begun = {}
    for half, url in ((DECRYPTOR, places.urls().decryptor), (UNBLINDER, places.urls().unblinder)):
        with RoleClient(url, places.token(half, Scope.OPERATOR)) as service:
            begun[half] = json.loads(service.post("/v1/periods", asked))
    install(places, "/v1/keys", canonical_json(begun[DECRYPTOR]["notice"]))
    return {"key_period": begun[DECRYPTOR]["period"], "first_date": first, "last_date": last}


def destroy(directory: Path, period: int) -> dict[str, Any]:
    """A key period with both halves. Raises Rejected, before either half has changed if neither can."""
    places = Places(directory.absolute())
    for half, url in ((DECRYPTOR, places.urls().decryptor), (UNBLINDER, places.urls().unblinder)):
        with RoleClient(url, places.token(half, Scope.OPERATOR)) as service:
            service.post(f"/v1/periods/{period}/destruction", b"")
    return {"destroyed": period}


def ledger(directory: Path, role: str, first: int, most: int) -> dict[str, Any]:
    """Raises UsageError for a role without a ledger of releases."""
    if role not in (DECRYPTOR, UNBLINDER):
        raise UsageError(f"a ledger is the decryptor's or the unblinder's, not '{role}'")
    places, half = Places(directory.absolute()), Role(role)
    urls = {DECRYPTOR: places.urls().decryptor, UNBLINDER: places.urls().unblinder}
    with RoleClient(urls[half], places.token(half, Scope.OPERATOR)) as service:
        return {"entries": json.loads(service.get("/v1/ledger", first=first, most=most))}


def in_words(entries: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Ledger entries for a person: what each is about instead of the bytes that are hashed."""
    known: dict[str, str] = {}
    rows = []
    for entry in entries:
        body = json.loads(entry["body"])
        if entry["kind"] == "period":
            rows.append(_row(entry, f"key period {body['period']}", body["act"]))
            continue
        if entry["kind"] == "reset":
            rows.append(_row(entry, f"item {body['item'][:12]}", body["reason"]))
            continue
        if entry["kind"] == "intent":
            data = _bytes_of(body["statement"])
            digest = hashlib.sha256(data).hexdigest()
            about = known[digest] = _bills(data) if body.get("kind") == "bills" else _total(data)
        elif entry["kind"] == "reconciliation":
            about = _reconciliation(_bytes_of(body["question"]))
        else:
            about = known.get(body["statement"], f"statement {body['statement'][:12]}")
        more = body.get("reason", body.get("purpose", body.get("recipient", "")))
        rows.append(_row(entry, about, more))
    return rows


def _row(entry: dict[str, Any], about: str, more: str) -> dict[str, str]:
    return {"entry": str(entry["counter"]), "kind": entry["kind"], "about": about, "": more}


def _bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _reconciliation(data: bytes) -> str:
    question = ReconciliationQuestion.from_bytes(data)
    return f"bills and totals of {question.cohort} {question.cycle.first} to {question.cycle.after}"


def _total(data: bytes) -> str:
    statement = TotalStatement.from_bytes(data)
    return f"{statement.cohort} {window_date(statement.window)} {statement.channel}"


def _bills(data: bytes) -> str:
    statement = BillStatement.from_bytes(data)
    cycle, meters = statement.cycle, {segment.meter for segment in statement.segments}
    return f"{len(meters)} {'bill' if len(meters) == 1 else 'bills'} {cycle.first} to {cycle.after} {statement.mode}"
