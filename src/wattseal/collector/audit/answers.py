"""Whether the aggregator still knows what the halves recorded, and the halves what was shown to the aggregator.

Its logs are no chain, but what a half records is a statement that the aggregator signed and logged before: one that it
does not know was lost, or its store is an older copy. Then it might answer anew what does not go with it.
"""

import json
from collections.abc import Callable, Iterator, Sequence

from wattseal.collector.audit.book import Statement
from wattseal.collector.audit.verify import Audited
from wattseal.edge.client import RoleClient
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.release import Head, SeenHeads
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import window_date
from wattseal.protocol.trust import TrustAnchors


class AnswerLog:
    """A running aggregator's, with an auditor's or operator's token."""

    def __init__(self, client: RoleClient) -> None:
        self._client = client
        self._known: dict[str, frozenset[str]] = {}

    def knows(self, statement: Statement) -> bool:
        """Whether it was answered before the first question about its day, or region."""
        path = _path(statement)
        if path not in self._known:
            self._known[path] = self._digests(path)
        return statement.digest().hex() in self._known[path]

    def heads(self, trust: TrustAnchors) -> list[Head]:
        """The latest heads of both halves that anybody has shown it. Raises SignatureInvalid."""
        shown = SeenHeads.parse(self._client.post("/v1/heads", SeenHeads())).heads
        return [one.opened(Head, trust.service(Head.from_bytes(one.body).role)) for one in shown]

    def _digests(self, path: str) -> frozenset[str]:
        told = json.loads(self._client.get(path))
        if not isinstance(told, list):
            raise MalformedMessage(f"{self._client.url}{path} is no list")
        return frozenset(told)


def _path(statement: Statement) -> str:
    if isinstance(statement, TotalStatement):
        return f"/v1/answers/totals/{statement.region}/{statement.channel}/{window_date(statement.window)}"
    return f"/v1/answers/bills/{statement.region}"


def compared_with_aggregator(
    log: AnswerLog, ledgers: Callable[[], Sequence[Audited]], trust: TrustAnchors
) -> list[Audited]:
    """The ledgers, the first one's findings with those of this comparison.

    Heads are asked for before the ledgers are read, and answers after: halves may be at work.
    """
    heads = log.heads(trust)
    found = [*ledgers()]
    for one in found:
        one.findings += _rolled_back(one, heads)
        one.findings += _forgotten(one, log)
    return found


def _rolled_back(ledger: Audited, heads: Sequence[Head]) -> Iterator[str]:
    for head in heads:
        if head.role is ledger.role and not ledger.has(head):
            yield f"the aggregator was shown a head at entry {head.counter} that the {head.role}'s ledger does not have"


def _forgotten(ledger: Audited, log: AnswerLog) -> Iterator[str]:
    for intent in ledger.book.intents.values():
        if not log.knows(intent.statement):
            yield f"the aggregator's log does not have the statement of entry {intent.counter} of the {ledger.role}"
