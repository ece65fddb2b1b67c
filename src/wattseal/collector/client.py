"""The client library: ask for a total, have it released, check every signature on the way."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from wattseal.collector.deployment import Places
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.private_files import read_private, write_private
from wattseal.protocol.errors import Contradiction, MalformedMessage
from wattseal.protocol.ids import Channel, CohortId, RegionId, Role, Window
from wattseal.protocol.release import Head, Release, ReleaseRequest, SeenHeads, SignedHead
from wattseal.protocol.roster import Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalQuestion, TotalStatement
from wattseal.protocol.time import parse_window, window_minutes
from wattseal.protocol.trust import TrustAnchors

if TYPE_CHECKING:
    import polars as pl

DEFAULT_PURPOSE = "grid-planning"


class Tokens(NamedTuple):
    """The collector's token with each role."""

    aggregator: str
    decryptor: str
    unblinder: str


class Client:
    """A collector of one deployment.

    `heads_file` keeps the latest ledger heads that releases carried; showing them at the next request is what lets
    a half notice that its ledger was rolled back.
    """

    def __init__(
        self,
        aggregator_url: str,
        decryptor_url: str,
        unblinder_url: str,
        tokens: Tokens,
        trust: TrustAnchors,
        heads_file: Path,
    ) -> None:
        self._aggregator = RoleClient(aggregator_url, tokens.aggregator)
        self._decryptor = RoleClient(decryptor_url, tokens.decryptor)
        self._unblinder = RoleClient(unblinder_url, tokens.unblinder)
        self._unblinder_token = tokens.unblinder
        self._trust = trust
        self._heads_file = heads_file

    @classmethod
    def of_directory(cls, directory: Path) -> Self:
        """The collector of a deployment that `wattseal up` runs. Raises UsageError if none is."""
        places = Places(directory)
        urls = places.urls()
        roles = (Role.AGGREGATOR, Role.DECRYPTOR, Role.UNBLINDER)
        tokens = Tokens(*(places.token(role, Scope.COLLECTOR) for role in roles))
        return cls(*urls, tokens, places.trust_anchors(), places.collector / "heads.json")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for service in (self._aggregator, self._decryptor, self._unblinder):
            service.close()

    def regions(self) -> list[dict[str, object]]:
        """Rosters in force: region, effective date, interval_minutes, meters of each cohort by channel."""
        regions: list[dict[str, object]] = json.loads(self._aggregator.get("/v1/regions"))
        return regions

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

        Raises Refused with the rule that forbids it, Unavailable, or SignatureInvalid if any role cheats.
        """
        question = TotalQuestion(
            region=RegionId(region),
            cohort=CohortId(cohort),
            channel=Channel(channel),
            window=parse_window(window),
        )
        return frame(self.release(self.answer(question), purpose), question.window)

    def answer(self, question: TotalQuestion) -> Answer:
        """The aggregator's signed answer, checked to be about the question."""
        answer = Answer.parse(self._aggregator.post("/v1/totals", question))
        statement = answer.approval.opened(self._trust.aggregator)
        asked = (question.region, question.cohort, question.channel, question.window)
        if (statement.region, statement.cohort, statement.channel, statement.window) != asked:
            raise Contradiction("the aggregator answered another question")
        return answer

    def release(self, answer: Answer, purpose: str = DEFAULT_PURPOSE) -> Release:
        """Have an answer opened, and check the release against it. Raises LedgerBehind if a half was rolled back."""
        seen = self._seen()
        if seen:
            # Not by way of the decryptor alone: it could keep a rolled-back unblinder from learning of it.
            self._unblinder.post("/v1/heads", SeenHeads(heads=seen))
        request = ReleaseRequest(purpose=purpose, answer=answer, unblinder_token=self._unblinder_token, seen=seen)
        envelope = Envelope.parse(self._decryptor.post("/v1/releases", request))
        release = envelope.opened(Release, self._trust.decryptor)
        release.check_heads(self._trust.decryptor, self._trust.unblinder)
        if release.statement != answer.statement:
            raise Contradiction("the decryptor released another statement")
        self._note(release)
        return release

    def _seen(self) -> tuple[SignedHead, ...]:
        if not self._heads_file.exists():
            return ()
        return SeenHeads.parse(read_private(self._heads_file)).heads

    def _note(self, release: Release) -> None:
        """Keep the later head of each half; a repeated release carries old ones. Raises Contradiction for a fork."""
        latest: dict[Role, tuple[Head, SignedHead]] = {}
        for envelope in (*self._seen(), release.decryptor_head, release.unblinder_head):
            head = Head.from_bytes(envelope.body)
            known = latest[head.role][0] if head.role in latest else head
            if head.counter == known.counter and head.hash != known.hash:
                raise Contradiction(f"the {head.role} has shown two ledgers: one of them was rolled back")
            if head.counter >= known.counter:
                latest[head.role] = head, envelope
        heads = SeenHeads(heads=tuple(envelope for _, envelope in latest.values()))
        write_private(self._heads_file, heads.to_bytes())


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
