"""The client library: ask for a total or for bills, have them released, check every signature on the way."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from wattseal.collector.bill_terms import Account, Terms, runs
from wattseal.collector.bills import Settled, Unbilled, settled
from wattseal.collector.deployment import Places
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import read_private, write_private
from wattseal.protocol.billing import (
    BillAnswer,
    BillQuestion,
    BillRelease,
    BillReleaseRequest,
    BillStatement,
)
from wattseal.protocol.billing_route import RouteMeters, RouteQuestion
from wattseal.protocol.codec import first_fault
from wattseal.protocol.errors import Contradiction, MalformedMessage, PeerUnavailable, UnknownSubject
from wattseal.protocol.ids import Channel, CohortId, RegionId, Role, Window
from wattseal.protocol.reconciliation import Reconciliation, ReconciliationQuestion
from wattseal.protocol.release import Head, Release, ReleaseRequest, SeenHeads, SignedHead, latest_heads
from wattseal.protocol.roster import Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalQuestion, TotalStatement
from wattseal.protocol.tariff.bill import Customer, Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import parse_window, window_minutes
from wattseal.protocol.tokens import TokenProof
from wattseal.protocol.trust import TrustAnchors

if TYPE_CHECKING:
    import polars as pl

DEFAULT_PURPOSE = "grid-planning"
BILLING_PURPOSE = "billing"
R = TypeVar("R", Release, BillRelease)
T = TypeVar("T")


class _Region(BaseModel):
    """What of a region's description a bill needs."""

    region: str
    interval_minutes: int
    cohorts: dict[str, dict[Channel, int]] = {}


_REGIONS = TypeAdapter(list[_Region])
_TARIFFS = TypeAdapter(list[dict[str, str]])


class Tokens(NamedTuple):
    """The collector's token with each role."""

    aggregator: str
    decryptor: str
    unblinder: str


class _Services(NamedTuple):
    """All three, under one set of tokens."""

    aggregator: RoleClient
    decryptor: RoleClient
    unblinder: RoleClient
    unblinder_token: str

    @classmethod
    def of(cls, urls: Iterable[str], tokens: Tokens) -> Self:
        aggregator, decryptor, unblinder = (RoleClient(url, token) for url, token in zip(urls, tokens, strict=True))
        return cls(aggregator, decryptor, unblinder, tokens.unblinder)

    def proof(self, statement: bytes) -> TokenProof:
        """What the decryptor passes on to the unblinder: it could use the token itself for questions of its own."""
        return TokenProof.issue(self.unblinder_token, statement)

    def close(self) -> None:
        for service in (self.aggregator, self.decryptor, self.unblinder):
            service.close()


class Client:
    """A collector of one deployment.

    `heads_file` keeps the latest ledger heads that releases carried; showing them at the next request is what lets
    a half notice that its ledger was rolled back. Bills are asked for with the tokens `billing`, if there are any.
    """

    def __init__(
        self,
        aggregator_url: str,
        decryptor_url: str,
        unblinder_url: str,
        tokens: Tokens,
        trust: TrustAnchors,
        heads_file: Path,
        billing: Tokens | None = None,
    ) -> None:
        urls = (aggregator_url, decryptor_url, unblinder_url)
        self._totals = _Services.of(urls, tokens)
        self._bills = self._totals if billing is None else _Services.of(urls, billing)
        self._trust = trust
        self._heads_file = heads_file
        self._has_asked_around = False

    @classmethod
    def of_directory(cls, directory: Path) -> Self:
        """The collector of a deployment that `wattseal up` runs. Raises UsageError if none is."""
        places = Places(directory)
        urls = places.urls()
        roles = (Role.AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER)
        tokens, billing = (
            Tokens(*(places.token(role, scope) for role in roles)) for scope in (Scope.COLLECTOR, Scope.BILLING)
        )
        return cls(*urls, tokens, places.trust_anchors(), places.collector / "heads.json", billing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for services in (self._totals, self._bills):
            services.close()

    def regions(self) -> list[dict[str, object]]:
        """Rosters in force: region, effective date, interval_minutes, meters of each cohort by channel."""
        regions: list[dict[str, object]] = json.loads(self._totals.aggregator.get("/v1/regions"))
        return regions

    def channels_of(self, region: str, cohort: str) -> set[Channel]:
        """In which any meter of the cohort is active by any roster that the aggregator knows."""
        known = [one for one in self._listed(_REGIONS, "/v1/regions") if one.region == region]
        counts = (one.cohorts.get(cohort, {}) for one in known)
        return {channel for of_channel in counts for channel, meters in of_channel.items() if meters}

    def total(
        self,
        cohort: str,
        window: str,
        *,
        region: str = "region-1",
        channel: str = "delivered",
        purpose: str = DEFAULT_PURPOSE,
    ) -> "pl.DataFrame":
        """Columns interval_start (UTC), total_wh (of gas total_l), meters, estimated; a row an interval.

        Under a purpose with noise, totals may be below zero.
        Raises Refused with the rule that forbids it, Unavailable, or SignatureInvalid if any role cheats.
        """
        return frame(*self.released(cohort, window, region=region, channel=channel, purpose=purpose))

    def released(
        self,
        cohort: str,
        window: str,
        *,
        region: str = "region-1",
        channel: str = "delivered",
        purpose: str = DEFAULT_PURPOSE,
    ) -> tuple[Release, Window]:
        """What `total` makes a table of; it says whether there is noise, and what that cost. Raises as `total`."""
        question = TotalQuestion(
            region=RegionId(region),
            cohort=CohortId(cohort),
            channel=Channel(channel),
            window=parse_window(window),
            purpose=purpose,
        )
        return self.release(self.answer(question)), question.window

    def answer(self, question: TotalQuestion) -> Answer:
        """The aggregator's signed answer, checked to be about the question."""
        answer = Answer.parse(self._totals.aggregator.post("/v1/totals", question))
        statement = answer.approval.opened(self._trust.aggregator)
        if _asked_of_total(statement) != _asked_of_total(question):
            raise Contradiction("the aggregator answered another question")
        return answer

    def release(self, answer: Answer) -> Release:
        """Have an answer opened, and check the release against it. Raises LedgerBehind if a half was rolled back."""
        seen = self._shown()
        request = ReleaseRequest(answer=answer, proof=self._totals.proof(answer.statement), seen=seen)
        return self._checked(Release, self._totals.decryptor.post("/v1/releases", request), answer.statement)

    def explain(self, question: TotalQuestion) -> dict[str, object]:
        """Which rule would decide, as far as the aggregator knows. Raises what refuses before any rule of a pack."""
        explanation: dict[str, object] = json.loads(self._totals.aggregator.post("/v1/explanations", question))
        return explanation

    def tariffs(self) -> list[dict[str, str]]:
        """Tariffs registered with the aggregator: name, revision, digest (base64url), class, commodity."""
        return self._listed(_TARIFFS, "/v1/tariffs")

    def interval_minutes(self, region: str) -> int:
        """Of the region's reads, which never changes. Raises UnknownSubject.

        Only the aggregator says so; each release says it again, signed by the decryptor.
        """
        for one in self._listed(_REGIONS, "/v1/regions"):
            if one.region == region:
                return one.interval_minutes
        raise UnknownSubject(f"there is no region {region}")

    def _listed(self, kind: TypeAdapter[T], path: str) -> T:
        try:
            return kind.validate_json(self._bills.aggregator.get(path))
        except ValidationError as error:
            raise MalformedMessage(f"{path}: {first_fault(error)}") from None

    def bill(
        self,
        meters: Iterable[str],
        cycle: Cycle,
        tariff: Tariff,
        mode: Mode = Mode.AMOUNT,
        *,
        region: str = "region-1",
        customer: Customer = Customer(),  # noqa: B008 - frozen
        therms_per_ccf: Decimal | None = None,
        estimates: bool = False,
        purpose: str = BILLING_PURPOSE,
    ) -> "pl.DataFrame":
        """A row a bill, each meter by itself, with the columns of bills.csv.

        `tariff` is the collector's own copy, `customer` what all of them are;
        `estimates`: see `Terms`.
        Raises as `total`, and UsageError for what a bill would lack.
        """
        from wattseal.collector.bill_files import bills_frame

        terms = Terms(tariff, cycle, mode, self.interval_minutes(region), therms_per_ccf, estimates)
        accounts = dict.fromkeys(meters, Account(customer=customer))
        return bills_frame(self.bills(accounts, terms, region=region, purpose=purpose))

    def bills(
        self,
        accounts: Mapping[str, Account],
        terms: Terms,
        *,
        region: str = "region-1",
        purpose: str = BILLING_PURPOSE,
    ) -> list[Settled | Unbilled]:
        """A bill, or why there is none, for each account; by meter. Raises as `bill`.

        A refusal is of a whole run of up to 1,000 meters; runs before it can be asked for again, at no cost.
        """
        terms.rehearse(account.customer for account in accounts.values())
        found = []
        for meters in runs(accounts):
            some = {meter: accounts[meter] for meter in meters}
            found += self.bill_run(some, terms, region=region, purpose=purpose)
        return found

    def bill_run(
        self,
        accounts: Mapping[str, Account],
        terms: Terms,
        *,
        region: str = "region-1",
        purpose: str = BILLING_PURPOSE,
    ) -> list[Settled | Unbilled]:
        """As `bills`, of as many meters as one statement has room for; what they would lack is not looked for."""
        answer = self.bill_answer(terms.question(region, accounts, purpose))
        return settled(self.bill_release(answer), terms, accounts)

    def route(self, question: RouteQuestion) -> RouteMeters:
        """Who is on a billing route, and who reported: the aggregator's word, which nobody else gives."""
        return RouteMeters.parse(self._bills.aggregator.post("/v1/billing-routes", question))

    def reconciliation(self, question: ReconciliationQuestion) -> Reconciliation:
        """The decryptor's signed word, checked to be about the question."""
        envelope = Envelope.parse(self._bills.decryptor.post("/v1/reconciliations", question))
        answer = envelope.opened(Reconciliation, self._trust.decryptor)
        if answer.question != question.digest():
            raise Contradiction("the decryptor answered another question")
        return answer

    def bill_answer(self, question: BillQuestion) -> BillAnswer:
        """The aggregator's signed answer, checked to be about the question: these meters, and all of them."""
        answer = BillAnswer.parse(self._bills.aggregator.post("/v1/bills", question))
        statement = answer.approval.opened(self._trust.aggregator)
        if _asked(statement) != _asked(question):
            raise Contradiction("the aggregator answered another question")
        if {segment.meter for segment in statement.segments} != set(question.meters):
            raise Contradiction("the aggregator answered about other meters")
        if any(segment.cancels != question.cancels.get(segment.meter) for segment in statement.segments):
            raise Contradiction("the aggregator cancels other bills than were asked")
        if not question.estimates and any(segment.by_registers for segment in statement.segments):
            raise Contradiction("the aggregator would estimate what it was not asked to")
        return answer

    def bill_release(self, answer: BillAnswer) -> BillRelease:
        """As `release`, for bills. Whether each result is there is seen by `bills.settled`, which has the tariff."""
        seen = self._shown()
        request = BillReleaseRequest(answer=answer, proof=self._bills.proof(answer.statement), seen=seen)
        release = self._checked(BillRelease, self._bills.decryptor.post("/v1/bill-releases", request), answer.statement)
        if release.flagged != answer.flagged:
            raise Contradiction("the decryptor changed what the aggregator said of flagged intervals")
        return release

    def _shown(self) -> tuple[SignedHead, ...]:
        """The heads to send along. The unblinder gets them first: the decryptor could keep its rollback from it."""
        if not self._has_asked_around:
            self._keep(self._told_by_aggregator())
            self._has_asked_around = True
        seen = self._seen()
        if seen:
            self._totals.unblinder.post("/v1/heads", SeenHeads(heads=seen))
        return seen

    def _checked(self, kind: type[R], envelope: bytes, statement: bytes) -> R:
        release = Envelope.parse(envelope).opened(kind, self._trust.decryptor)
        release.check_heads(self._trust.decryptor, self._trust.unblinder)
        if release.statement != statement:
            raise Contradiction("the decryptor released another statement")
        self._note(release)
        return release

    def _seen(self) -> tuple[SignedHead, ...]:
        if not self._heads_file.exists():
            return ()
        return SeenHeads.parse(read_private(self._heads_file)).heads

    def _told_by_aggregator(self) -> tuple[SignedHead, ...]:
        """What other collectors have seen, for what this one has seen; nothing while the aggregator is away."""
        try:
            told = SeenHeads.parse(self._totals.aggregator.post("/v1/heads", SeenHeads(heads=self._seen()))).heads
        except PeerUnavailable:
            return ()
        for envelope in told:
            envelope.opened(Head, self._trust.service(Head.from_bytes(envelope.body).role))
        return told

    def _note(self, release: Release | BillRelease) -> None:
        """Keep the heads, and tell the aggregator. Raises Contradiction for a half that has shown two ledgers."""
        self._keep((release.decryptor_head, release.unblinder_head))
        self._keep(self._told_by_aggregator())

    def _keep(self, heads: Iterable[SignedHead]) -> None:
        """The later one of each half; a repeated release carries old ones."""
        known = SeenHeads(heads=self._seen())
        latest = latest_heads((*known.heads, *heads))
        if latest != known:
            write_private(self._heads_file, latest.to_bytes())


def frame(release: Release, window: Window) -> "pl.DataFrame":
    """A release as a table, a row an interval. Raises MalformedMessage if its intervals do not fill a day."""
    import polars as pl

    intervals = len(release.reads)
    if not intervals or (24 * 60) % intervals or len(release.flagged) != intervals:
        raise MalformedMessage("the release does not hold a day of intervals")
    begin, minutes = window_minutes(window)[0], 24 * 60 // intervals
    starts = [datetime.fromtimestamp(60 * (begin + i * minutes), UTC) for i in range(intervals)]
    total = "total_l" if release.unit is Unit.LITRE else "total_wh"
    return pl.DataFrame(
        {
            "interval_start": starts,
            total: [read * release.unit.factor for read in release.reads],
            "meters": [release.members] * intervals,
            "estimated": release.flagged,
        },
        schema_overrides={total: pl.Int64, "meters": pl.Int64, "estimated": pl.Int64},
    )


def statement_of(answer: Answer) -> TotalStatement:
    return TotalStatement.from_bytes(answer.statement)


def _asked_of_total(about: TotalQuestion | TotalStatement) -> tuple[object, ...]:
    return about.purpose, about.region, about.cohort, about.channel, about.window


def _asked(about: BillQuestion | BillStatement) -> tuple[object, ...]:
    return about.purpose, about.region, about.tariff, about.mode, about.timezone, about.first, about.after
