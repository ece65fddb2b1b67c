"""The unblinder half: grants the sums of pads for exactly the set, or the bills, that a statement names, or refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from wattseal.edge.access import Scope
from wattseal.keyserver.bills import bill_pads_of
from wattseal.keyserver.half import Half, Permitted
from wattseal.keyserver.schemes import labels_of, modulus_id_of, unblinder_of
from wattseal.protocol.billing import BillPadGrant, BillPadRequest
from wattseal.protocol.release import PadGrant, PadRequest, SignedHead
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement


class UnblinderService:
    """Grants are made one at a time. What they are for counts as released from its intent on, whatever comes after."""

    def __init__(self, half: Half) -> None:
        self.half = half

    def grant(self, envelope: Envelope) -> Envelope:
        """A signed PadGrant. The same statement again gets the same pads and makes no new entry.

        Raises Rejected and Unauthorized before anything is recorded, Refused after recording it, LedgerBehind.
        """
        half = self.half
        request = envelope.opened(PadRequest, half.trust.decryptor)
        holder = half.tokens.require_proof(request.proof, request.approval.statement, Scope.COLLECTOR)
        statement = request.approval.opened(half.trust.aggregator)
        digest = statement.digest()
        with self._turn(request) as earlier:
            with half.recording(statement):
                consents = half.asked_by(statement, holder.asker)
                permitted = half.permit(statement)
            half.intend(statement, request.approval.statement, permitted, consents)
            grant = PadGrant(
                statement_digest=digest,
                policy=half.policy.fingerprint,
                pad_sum=self._pads(statement, permitted, request.check_key_id),
                noise=half.noise_share(statement, permitted),
                head=half.head(),
                seen=earlier,
            )
        return Envelope.issue(grant, half.vault.signing_key)

    def grant_bills(self, envelope: Envelope) -> Envelope:
        """A signed BillPadGrant; everything else as `grant`."""
        half = self.half
        request = envelope.opened(BillPadRequest, half.trust.decryptor)
        holder = half.tokens.require_proof(request.proof, request.approval.statement, Scope.BILLING)
        statement = request.approval.opened(half.trust.aggregator)
        digest = statement.fingerprint
        with self._turn(request) as earlier:
            with half.recording(statement):
                consents = half.asked_by(statement, holder.asker)
                bills = half.bills.permit(statement)
            region, cycle = statement.region, bills.minutes
            half.ledger.intend_bills(
                digest, request.approval.statement, region, cycle, statement.purpose, consents=consents
            )
            grant = BillPadGrant(
                statement_digest=digest,
                policy=half.policy.fingerprint,
                numbers=b"".join(bill_pads_of(bills, half.meter_keys)),
                head=half.head(),
                seen=earlier,
            )
        return Envelope.issue(grant, half.vault.signing_key)

    @contextmanager
    def _turn(self, request: PadRequest | BillPadRequest) -> Iterator[tuple[SignedHead, ...]]:
        """One request at a time, once both ledgers stand where they should; what was known of the other before."""
        half = self.half
        with half.one_at_a_time:
            earlier = half.seen_of_other()
            half.compare_heads(request.seen)
            half.check_current(request.head)
            yield () if earlier is None else (earlier,)

    def _pads(self, statement: TotalStatement, permitted: Permitted, check_key: bytes) -> bytes:
        notice = self.half.registry.key(statement.key_id)
        labels = labels_of(statement, permitted.members, modulus_id_of(notice), check_key)
        unblinder = unblinder_of(notice, statement.layout_id)
        pad_keys = self.half.meter_keys(statement.key_id, permitted.roster, permitted.members)
        return unblinder.pad_sum(labels, pad_keys)
