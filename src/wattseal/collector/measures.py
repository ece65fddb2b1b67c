"""`wattseal waiver`, `quarantine` and `extension`: what three operators settle beside a roster, signed and installed.

Signing is for trials, where one directory holds every role's home; `docs/deployment.md` says who signs otherwise.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattseal.collector.terminal import show
from wattseal.protocol.errors import SignatureInvalid, UsageError

if TYPE_CHECKING:
    from wattseal.collector.deployment import Places
    from wattseal.protocol.countersigned import Countersigned, Operator
    from wattseal.protocol.trust import TrustAnchors

waivers = typer.Typer(no_args_is_help=True, help="Less coverage for a cohort, for some days, if all three sign.")
quarantines = typer.Typer(no_args_is_help=True, help="A meter that totals do not count, for some days to come.")
extensions = typer.Typer(no_args_is_help=True, help="More results of bills, or noisy totals, if all three sign.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Directory = Annotated[
    Path, typer.Option("--dir", envvar="WATTSEAL_DIR", help="Directory of the deployment that `wattseal up` runs.")
]
Out = Annotated[Path, typer.Option(help="Where the signed document goes, to be countersigned.")]
First = Annotated[str, typer.Option(help="First day (UTC).")]
Last = Annotated[str, typer.Option(help="Last day (UTC), at most a year later.")]
Why = Annotated[str, typer.Option("--reason", help="One line for all three operators to read.")]
Document = Annotated[Path, typer.Argument(help="The signed document.")]
Trust = Annotated[Path, typer.Option(help="The operators' public keys, pinned (trust.json).")]
_DEFAULT_DIR = Path("wattseal-data")


@waivers.command("sign")
def sign_waiver(
    cohort: Annotated[str, typer.Option(help="The cohort; those below it are meant as well.")],
    coverage: Annotated[int, typer.Option(min=50, max=99, help="Percent of the active roster that will do.")],
    first: First,
    last: Last,
    reason: Why,
    out: Out,
    region: Annotated[str, typer.Option(help="Region of the cohort.")] = "region-1",
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """The utility's signature: in this cohort less than the policy's coverage will do, on these days."""
    about = {"--cohort": cohort, "--coverage": str(coverage), "--channel": channel}
    _sign("waiver", directory, out, {**about, **_term(region, first, last, reason)}, as_json)


@quarantines.command("sign")
def sign_quarantine(
    meter: Annotated[str, typer.Option(help="The meter that is not to be counted.")],
    first: First,
    last: Last,
    reason: Why,
    out: Out,
    region: Annotated[str, typer.Option(help="Region of the meter.")] = "region-1",
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """The utility's signature: no total of these days counts the meter. The first of them has not begun."""
    _sign("quarantine", directory, out, {"--meter": meter, **_term(region, first, last, reason)}, as_json)


@extensions.command("sign")
def sign_extension(
    tariff: Annotated[str, typer.Option(help="Name of the tariff, all its revisions.")],
    results: Annotated[int, typer.Option(min=1, max=4, help="How many results of a meter's cycle more than 8.")],
    first: First,
    last: Last,
    reason: Why,
    out: Out,
    region: Annotated[str, typer.Option(help="Region of the meters.")] = "region-1",
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """The utility's signature: of billing cycles wholly within these days, bills under the tariff may tell more."""
    about = {"--tariff": tariff, "--results": str(results)}
    _sign("extension", directory, out, {**about, **_term(region, first, last, reason)}, as_json)


@extensions.command("sign-noise")
def sign_noise_extension(
    cohort: Annotated[str, typer.Option(help="The cohort; those below it are meant as well.")],
    rho_millionths: Annotated[int, typer.Option(min=1, help="How much more of a member's day may be spent.")],
    first: First,
    last: Last,
    reason: Why,
    out: Out,
    region: Annotated[str, typer.Option(help="Region of the cohort.")] = "region-1",
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
    directory: Directory = _DEFAULT_DIR,
    as_json: Json = False,
) -> None:
    """The utility's signature: noisy totals of this cohort may spend more of its members' days."""
    about = {"--cohort": cohort, "--rho-millionths": str(rho_millionths), "--channel": channel}
    _sign("noise-extension", directory, out, {**about, **_term(region, first, last, reason)}, as_json)


@waivers.command("check")
@quarantines.command("check")
@extensions.command("check")
def check(document: Document, trust: Trust, as_json: Json = False) -> None:
    """What a document says and who has signed it: read this before you countersign."""
    from wattseal.edge.countersign import proposed
    from wattseal.protocol.errors import Rejected
    from wattseal.protocol.trust import TrustAnchors

    anchors = TrustAnchors.parse(_read(trust))
    try:
        signed, told = proposed(_read(document), anchors)
    except Rejected as error:
        raise UsageError(f"{document}: {error}") from None
    others: tuple[Operator, Operator] = ("aggregator_operator", "unblinder_operator")
    signatures = {"utility": "holds"} | {operator: _state(signed, operator, anchors) for operator in others}
    show({"document": signed.kind, **told, "signatures": signatures}, as_json)


@waivers.command("countersign")
@quarantines.command("countersign")
@extensions.command("countersign")
def countersign(document: Document, directory: Directory = _DEFAULT_DIR, as_json: Json = False) -> None:
    """Both other operators' signatures, from their homes in the trial's directory, into the document."""
    from wattseal.collector import deployment

    _read(document)
    deployment.countersign(_places(directory), document)
    show({"countersigned": str(document)}, as_json)


@waivers.command("install")
def install_waiver(document: Document, directory: Directory = _DEFAULT_DIR, as_json: Json = False) -> None:
    """Hand the countersigned waiver to all three services."""
    _install("/v1/waivers", document, directory, as_json)


@quarantines.command("install")
def install_quarantine(document: Document, directory: Directory = _DEFAULT_DIR, as_json: Json = False) -> None:
    """Hand the countersigned quarantine to all three services."""
    _install("/v1/quarantines", document, directory, as_json)


@extensions.command("install")
def install_extension(document: Document, directory: Directory = _DEFAULT_DIR, as_json: Json = False) -> None:
    """Hand the countersigned extension to all three services."""
    _install("/v1/budget-extensions", document, directory, as_json)


def _term(region: str, first: str, last: str, reason: str) -> dict[str, str]:
    return {"--region": region, "--first": first, "--last": last, "--reason": reason}


def _sign(kind: str, directory: Path, out: Path, options: Mapping[str, str], as_json: bool) -> None:
    """In a process of the utility's own: this one never sees its key."""
    from wattseal.collector.processes import order

    words = [f"{name}={value}" for name, value in options.items()]
    show(order("meter_sim", kind, "--fleet", _places(directory).fleet, "--out", out, *words), as_json)


def _install(path: str, document: Path, directory: Path, as_json: bool) -> None:
    from wattseal.collector import deployment

    deployment.install(_places(directory), path, _read(document))
    show({"installed": str(document), "at": ["aggregator", "decryptor", "unblinder"]}, as_json)


def _places(directory: Path) -> "Places":
    from wattseal.collector.deployment import Places

    places = Places(directory)
    if not places.trust.exists():
        raise UsageError(f"no deployment is in {directory}: make one with wattseal up")
    return places


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _state(signed: "Countersigned", operator: "Operator", trust: "TrustAnchors") -> str:
    from wattseal.protocol.signing import verify

    signature = getattr(signed, operator)
    if signature is None:
        return "missing"
    try:
        verify(getattr(trust, operator), signed.kind, signed.body, signature)
    except SignatureInvalid:
        return "does not hold"
    return "holds"
