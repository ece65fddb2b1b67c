"""The unblinder half: grants the sum of pads for exactly the set that a statement names, or refuses."""

import threading

from wattseal.edge.access import Scope
from wattseal.keyserver.half import Half
from wattseal.keyserver.schemes import labels_of, modulus_id_of, unblinder_of
from wattseal.protocol.errors import Refused
from wattseal.protocol.ids import MeterId
from wattseal.protocol.release import PadGrant, PadRequest
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement


class UnblinderService:
    """Grants are made one at a time. A set counts as released from its intent on, whatever comes after."""

    def __init__(self, half: Half) -> None:
        self.half = half
        self._one_at_a_time = threading.Lock()

    def grant(self, envelope: Envelope) -> Envelope:
        """A signed PadGrant. The same statement again gets the same pads and makes no new entry.

        Raises Rejected and Unauthorized before anything is recorded, Refused after recording it, LedgerBehind.
        """
        half = self.half
        request = envelope.opened(PadRequest, half.trust.decryptor)
        half.tokens.require(request.token, Scope.COLLECTOR)
        statement = request.approval.opened(half.trust.aggregator)
        with self._one_at_a_time:
            earlier = half.seen_of_other()
            half.compare_heads(request.seen)
            half.check_current(request.head)
            roster, members = self._permitted(statement, request.purpose)
            digest = statement.digest()
            half.ledger.intend(digest, request.approval.statement, statement.channel, statement.window, request.purpose)
            grant = PadGrant(
                statement_digest=digest,
                pad_sum=self._pads(statement, roster, members, request.check_key_id),
                head=half.head(),
                seen=() if earlier is None else (earlier,),
            )
        return Envelope.issue(grant, half.vault.signing_key)

    def _permitted(self, statement: TotalStatement, purpose: str) -> tuple[Roster, dict[MeterId, int]]:
        try:
            return self.half.permit(statement, purpose)
        except Refused as refusal:
            self.half.ledger.refuse(statement.digest(), refusal.slug)
            raise

    def _pads(self, statement: TotalStatement, roster: Roster, members: dict[MeterId, int], check_key: bytes) -> bytes:
        notice = self.half.registry.key(statement.key_id)
        labels = labels_of(statement, members, modulus_id_of(notice), check_key)
        unblinder = unblinder_of(notice, statement.layout_id)
        return unblinder.pad_sum(labels, self.half.meter_keys(roster, members))
