"""Sends what the outbox holds until each report is acknowledged. The same bytes go again, so none can count twice."""

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from wattseal.meter_sim.state import FleetState, Slot, State
from wattseal.protocol.errors import MalformedMessage, PeerUnavailable, Unavailable
from wattseal.protocol.report import frame

log = logging.getLogger(__name__)
BATCH = 1000
REPORTS = "application/vnd.wattseal.reports"
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 10.0
_KEPT = ("accepted", "duplicate", "late")
# Not the report's fault: a window that is not over, or a roster or key that the aggregator does not have yet.
_NOT_YET = ("early", "unknown-region", "unknown-meter", "unknown-key")


class Link(Protocol):
    """The way to the aggregator, such as a RoleClient."""

    def post(self, path: str, body: bytes, media_type: str) -> bytes: ...


class Uploader:
    """`patience_s` bounds how long an unavailable aggregator is asked again for one batch."""

    def __init__(
        self,
        state: FleetState,
        aggregator: Link,
        *,
        patience_s: float,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._aggregator = aggregator
        self._patience_s = patience_s
        self._sleep = sleep
        self._monotonic = monotonic

    def send_pending(self) -> int:
        """How many reports were settled. Raises Unavailable once patience ends; nothing is lost then."""
        settled = 0
        while batch := self._state.pending(BATCH):
            outcomes = self._send(batch)
            self._state.settle(outcomes)
            settled += len(outcomes)
            if not outcomes:
                raise PeerUnavailable("the aggregator cannot take these windows yet: send again later")
        return settled

    def _send(self, batch: list[tuple[Slot, bytes]]) -> list[tuple[Slot, State, str]]:
        body = frame(sealed for _, sealed in batch)
        words = [(word["status"], word.get("reason", "")) for word in statuses(self._post_patiently(body), len(batch))]
        outcomes = []
        for (slot, _), (word, reason) in zip(batch, words, strict=True):
            if reason in _NOT_YET:
                continue
            state = State.ACKNOWLEDGED if word in _KEPT else State.FAILED
            outcomes.append((slot, state, f"{word}: {reason}" if reason else word))
        return outcomes

    def _post_patiently(self, body: bytes) -> bytes:
        deadline, delay = self._monotonic() + self._patience_s, _FIRST_DELAY_S
        while True:
            try:
                return self._aggregator.post("/v1/reports", body, REPORTS)
            except Unavailable as error:
                if self._monotonic() + delay > deadline:
                    raise
                log.warning("upload: %s; trying again", error)
            # Spread apart, so that a fleet does not come back all at once.
            self._sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - timing only
            delay = min(2 * delay, _LONGEST_DELAY_S)


def statuses(answer: bytes, count: int) -> list[dict[str, str]]:
    """Status, and reason if there is one, of each report of an upload. Raises MalformedMessage."""
    try:
        words = [{"status": str(word["status"]), **_reason(word)} for word in json.loads(answer)["reports"]]
    except (ValueError, KeyError, TypeError):
        raise MalformedMessage("the aggregator's answer to an upload is malformed") from None
    if len(words) != count:
        raise MalformedMessage("the aggregator's answer does not have one status a report")
    return words


def _reason(word: Mapping[str, object]) -> dict[str, str]:
    return {"reason": str(word["reason"])} if "reason" in word else {}
