"""`wattseal consent`: customers agree to a secondary purpose, and take it back. Signed on the meters' side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattseal.collector.terminal import show
from wattseal.protocol.errors import UsageError

if TYPE_CHECKING:
    from wattseal.collector.deployment import Places

cli = typer.Typer(no_args_is_help=True, help="What customers agree to for a secondary purpose, and take back.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Directory = Annotated[
    Path, typer.Option("--dir", envvar="WATTSEAL_DIR", help="Directory of the deployment that `wattseal up` runs.")
]
Evidence = Annotated[
    str | None, typer.Option(help="How the utility knows, if it signs for the customer; else their meter signs.")
]
_DEFAULT_DIR = Path("wattseal-data")


@cli.command()
def grant(
    meter: Annotated[str, typer.Option(help="The customer's meter.")],
    recipient: Annotated[str, typer.Option(help="Who may ask: the name of their token.")],
    purpose: Annotated[str, typer.Option(help="What for: a purpose on the basis of consent.")],
    first: Annotated[str, typer.Option(help="First day (UTC) of the reads that are meant.")],
    last: Annotated[str, typer.Option(help="Last day (UTC) of them.")],
    until: Annotated[str, typer.Option(help="Last day (UTC) on which it may be asked.")],
    out: Annotated[Path, typer.Option(help="Where the signed consent goes; it is needed to take it back.")],
    evidence: Evidence = None,
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Sign a consent of whoever lives at the meter on the first day, and hand it to all three services."""
    term = [f"--first={first}", f"--last={last}", f"--until={until}", *_evidence(evidence)]
    about = [f"--meter={meter}", f"--recipient={recipient}", f"--purpose={purpose}", f"--out={out}"]
    _signed(directory, "consent", [*about, *term], "/v1/consents", out, as_json)


@cli.command()
def revoke(
    consent: Annotated[Path, typer.Argument(help="The signed consent.")],
    evidence: Evidence = None,
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Take a consent back, at all three services, from now on."""
    out = consent.with_name(f"{consent.name}.revoked")
    words = [f"--consent={consent}", f"--out={out}", *_evidence(evidence)]
    _signed(directory, "revoke-consent", words, "/v1/consent-revocations", out, as_json)


@cli.command("list")
def list_consents(directory: Directory = _DEFAULT_DIR, as_json: Json = False) -> None:
    """All that the decryptor knows: whose, to whom, what for, and whether in force."""
    import json

    from wattseal.edge.access import Scope
    from wattseal.edge.client import RoleClient
    from wattseal.protocol.ids import Role

    places = _places(directory)
    with RoleClient(places.urls().decryptor, places.token(Role.DECRYPTOR, Scope.AUDITOR)) as decryptor:
        show({"consents": json.loads(decryptor.get("/v1/consents")) or "none"}, as_json)


def my_data(
    meter: Annotated[str, typer.Option(help="The customer's meter.")],
    out: Annotated[Path, typer.Option(help="Green Button file to write.")],
    account: Annotated[str | None, typer.Option(help="The customer's account; whoever lives there if absent.")] = None,
    day: Annotated[str | None, typer.Option("--date", help="A day of the tenure, if no account is given.")] = None,
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """Give a customer their own reads as Green Button XML: of their tenure alone, from the meters' side."""
    from wattseal.collector.processes import order

    words = [f"--meter={meter}", f"--out={out}"]
    words += [f"--account={account}"] if account is not None else []
    words += [f"--date={day}"] if day is not None else []
    show(order("meter_sim", "my-data", "--fleet", _places(directory).fleet, *words), as_json)


def _evidence(evidence: str | None) -> list[str]:
    return [] if evidence is None else [f"--evidence={evidence}"]


def _signed(directory: Path, verb: str, words: list[str], path: str, document: Path, as_json: bool) -> None:
    """In a process of the meters' side: this one never sees a key."""
    from wattseal.collector import deployment
    from wattseal.collector.processes import order

    places = _places(directory)
    answer = order("meter_sim", verb, "--fleet", places.fleet, *words)
    deployment.install(places, path, document.read_bytes())
    show({**answer, "installed": ["aggregator", "decryptor", "unblinder"]}, as_json)


def _places(directory: Path) -> "Places":
    from wattseal.collector.deployment import Places

    places = Places(directory)
    if not places.trust.exists():
        raise UsageError(f"no deployment is in {directory}: make one with wattseal up")
    return places
