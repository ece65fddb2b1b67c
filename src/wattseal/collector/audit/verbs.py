"""`wattseal audit`: verify ledgers, report a year of one, and tell customers who asked about them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wattseal.collector.terminal import show
from wattseal.protocol.errors import UsageError

if TYPE_CHECKING:
    from wattseal.collector.audit.answers import AnswerLog
    from wattseal.collector.audit.sources import LedgerSource
    from wattseal.collector.audit.verify import Audited
    from wattseal.edge.client import RoleClient
    from wattseal.protocol.roster import Roster
    from wattseal.protocol.trust import TrustAnchors

cli = typer.Typer(no_args_is_help=True, help=__doc__)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Directory = Annotated[
    Path, typer.Option("--dir", envvar="WATTSEAL_DIR", help="Deployment of `wattseal up`, if no --ledger is given.")
]
Ledger = Annotated[
    str | None, typer.Option("--ledger", "--url", help="A half's home, a copy of its ledger file, or its address.")
]
Other = Annotated[str | None, typer.Option("--other", "--other-url", help="The other half's, to compare.")]
Token = Annotated[Path | None, typer.Option("--token", help="File with an auditor's token for --url.")]
OtherToken = Annotated[Path | None, typer.Option(help="File with an auditor's token for --other-url.")]
Trust = Annotated[Path | None, typer.Option(help="The roles' public keys, pinned (trust.json).")]
RosterFiles = Annotated[
    list[Path] | None, typer.Option("--roster", help="Signed roster that lies elsewhere; repeat for several.")
]
_DEFAULT_DIR = Path("wattseal-data")


@cli.command()
def verify(
    directory: Directory = _DEFAULT_DIR,
    ledger: Ledger = None,
    other: Other = None,
    token: Token = None,
    other_token: OtherToken = None,
    aggregator: Annotated[
        str | None, typer.Option("--aggregator-url", help="Address of the aggregator, to compare its log.")
    ] = None,
    aggregator_token: Annotated[Path | None, typer.Option(help="File with an auditor's token for it.")] = None,
    trust: Trust = None,
    as_json: Json = False,
) -> None:
    """Walk a ledger's chain, verify its checkpoints and releases' heads, and compare all three roles' records."""
    with _places(directory, ledger, other, token, other_token, trust, (), aggregator, aggregator_token) as places:
        found = places.verified()
    answer = {
        "ledgers": [
            {
                "half": one.role,
                "entries": one.head.counter,
                "hash": one.head.hash.hex(),
                "checkpoints": one.checkpoints,
                "releases": len(one.book.releases),
            }
            for one in found
        ],
        "compared": len(found) > 1,
        "compared_with_aggregator": places.log is not None,
        "findings": [finding for one in found for finding in one.findings],
    }
    show(answer, as_json)
    if answer["findings"]:
        raise UsageError("the ledgers do not verify")


@cli.command()
def report(
    year: Annotated[int, typer.Option(min=1970, max=9999, help="Of the entries' times, in UTC.")],
    directory: Directory = _DEFAULT_DIR,
    ledger: Ledger = None,
    other: Other = None,
    token: Token = None,
    other_token: OtherToken = None,
    trust: Trust = None,
    roster: RosterFiles = None,
    out: Annotated[Path | None, typer.Option(help="Directory for annual-YEAR.html and annual-YEAR.json.")] = None,
    as_json: Json = False,
) -> None:
    """The annual report of one half: purposes, refusals by rule, customers touched."""
    from wattseal.collector.audit.customers import Customers
    from wattseal.collector.audit.page import annual_page
    from wattseal.collector.audit.report import annual
    from wattseal.protocol.codec import canonical_json

    with _places(directory, ledger, other, token, other_token, trust, tuple(roster or ())) as places:
        found = [*places.audited()]
        told = annual(found[0], Customers(places.rosters()), year, compared=len(found) > 1)
    if out is not None:
        _write(out / f"annual-{year}.html", annual_page(told))
        _write(out / f"annual-{year}.json", canonical_json(told.to_json()))
    show(told.to_json(), as_json)


@cli.command()
def mine(
    name: Annotated[str, typer.Argument(help="A meter's or an account's id.")],
    on: Annotated[str | None, typer.Option(help="A day of the tenure to tell of; the latest if absent.")] = None,
    directory: Directory = _DEFAULT_DIR,
    ledger: Ledger = None,
    token: Token = None,
    trust: Trust = None,
    roster: RosterFiles = None,
    as_json: Json = False,
) -> None:
    """Who asked about me: every release that touched a meter within one tenure."""
    from wattseal.collector.audit.customers import Customers
    from wattseal.collector.audit.mine import who_asked
    from wattseal.protocol.time import parse_window

    day = None if on is None else parse_window(on)
    with _places(directory, ledger, None, token, None, trust, tuple(roster or ())) as places:
        (found, *_) = places.audited()
        show(who_asked(found, Customers(places.rosters()), name, day), as_json)


class _Places:
    """The ledgers that were named, and whose signatures are believed."""

    def __init__(self, sources: list["LedgerSource"], trust: "TrustAnchors", log: "AnswerLog | None") -> None:
        self._sources, self._trust, self.log = sources, trust, log

    def verified(self) -> "list[Audited]":
        """As `audited`, and compared with the aggregator's log if it is at hand."""
        from wattseal.collector.audit.answers import compared_with_aggregator

        if self.log is None:
            return [*self.audited()]
        return compared_with_aggregator(self.log, lambda: [*self.audited()], self._trust)

    def audited(self) -> Iterator["Audited"]:
        """Each ledger with what is wrong with it; the first one's findings are also those of the comparison."""
        from wattseal.collector.audit.verify import audit, compare

        found = [audit(source, self._trust) for source in self._sources]
        if len(found) > 1:
            one, other = found
            one.findings += compare(one, other, audit(self._sources[0], self._trust), self._trust)
        return iter(found)

    def rosters(self) -> "list[Roster]":
        return [roster for source in self._sources[:1] for roster in source.rosters(self._trust)]


@contextmanager
def _places(
    directory: Path,
    ledger: str | None,
    other: str | None,
    token: Path | None,
    other_token: Path | None,
    trust: Path | None,
    rosters: tuple[Path, ...],
    aggregator: str | None = None,
    aggregator_token: Path | None = None,
) -> Iterator[_Places]:
    from wattseal.protocol.trust import TrustAnchors

    with ExitStack() as resources:
        if ledger is None:
            yield _of_deployment(resources, directory)
            return
        if trust is None:
            raise UsageError("--trust: an audit needs the roles' public keys")
        try:
            anchors = TrustAnchors.parse(trust.read_bytes())
        except OSError as error:
            raise UsageError(f"{trust}: {error.strerror}") from None
        sources = [_source(resources, ledger, token, rosters)]
        sources += [] if other is None else [_source(resources, other, other_token, ())]
        yield _Places(sources, anchors, _log(resources, aggregator, aggregator_token))


def _source(resources: ExitStack, place: str, token: Path | None, rosters: tuple[Path, ...]) -> "LedgerSource":
    from wattseal.collector.audit.sources import LedgerFile, RemoteLedger

    if not place.startswith(("http://", "https://")):
        return LedgerFile(Path(place), rosters)
    return RemoteLedger(_client(resources, place, token))


def _log(resources: ExitStack, url: str | None, token: Path | None) -> "AnswerLog | None":
    from wattseal.collector.audit.answers import AnswerLog

    return None if url is None else AnswerLog(_client(resources, url, token))


def _client(resources: ExitStack, url: str, token: Path | None) -> "RoleClient":
    from wattseal.edge.client import RoleClient
    from wattseal.edge.private_files import read_private

    if token is None:
        raise UsageError(f"{url}: a running service needs an auditor's token")
    return resources.enter_context(RoleClient(url, read_private(token).decode().strip()))


def _of_deployment(resources: ExitStack, directory: Path) -> _Places:
    from wattseal.collector.audit.answers import AnswerLog
    from wattseal.collector.audit.sources import RemoteLedger
    from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, Places
    from wattseal.edge.access import Scope
    from wattseal.edge.client import RoleClient

    places = Places(directory)
    urls = places.urls()
    roles = ((urls.decryptor, DECRYPTOR), (urls.unblinder, UNBLINDER), (urls.aggregator, AGGREGATOR))
    *halves, aggregator = [
        resources.enter_context(RoleClient(url, places.token(role, Scope.AUDITOR))) for url, role in roles
    ]
    return _Places([RemoteLedger(half) for half in halves], places.trust_anchors(), AnswerLog(aggregator))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(path.suffix + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
