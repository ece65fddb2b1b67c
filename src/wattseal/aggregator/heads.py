"""The heads of both ledgers that collectors have shown here, for collectors who have seen none.

So a rollback of both halves at once is noticed by anybody's next question, whoever was there before it.
"""

import threading
from pathlib import Path

from wattseal.edge.private_files import read_private, write_private
from wattseal.protocol.release import Head, SeenHeads, latest_heads
from wattseal.protocol.trust import TrustAnchors


class HeadsSeen:
    """Kept in a file of the home."""

    def __init__(self, path: Path, trust: TrustAnchors) -> None:
        self._path, self._trust = path, trust
        self._one_at_a_time = threading.Lock()

    def note(self, shown: SeenHeads) -> SeenHeads:
        """The latest that are known now. Raises SignatureInvalid, MalformedMessage, or Contradiction for a fork."""
        for envelope in shown.heads:
            envelope.opened(Head, self._trust.service(Head.from_bytes(envelope.body).role))
        with self._one_at_a_time:
            known = SeenHeads.from_bytes(read_private(self._path)) if self._path.exists() else SeenHeads()
            latest = latest_heads((*known.heads, *shown.heads))
            if latest != known:
                write_private(self._path, latest.to_bytes())
            return latest
