"""The unblinder half: grants the sums of pads for exactly the set, or the bills, that a statement names, or refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from wattseal.cryptosystems.summing import MemberSums
from wattseal.edge.access import Scope
from wattseal.keyserver.bills import bill_pads_of
from wattseal.keyserver.half import Half, Permitted
from wattseal.keyserver.member_sums import Summing
from wattseal.keyserver.preparing import Preparing
from wattseal.keyserver.schemes import day_label, modulus_id_of, unblinder_of
from wattseal.protocol.billing import BillPadGrant, BillPadRequest
from wattseal.protocol.ids import RegionId
from wattseal.protocol.keys import CheckKeyNames
from wattseal.protocol.release import PadGrant, PadRequest, SignedHead
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement


class UnblinderService:
    """Grants are made one at a time. What they are for counts as released from its intent on, whatever comes after."""

    def __init__(self, half: Half) -> None:
        self.half = half
        self.summing = Summing(half, self._pad_sums)
        self._check_keys: dict[tuple[RegionId, int, str], bytes] = {}
        self.preparing = Preparing(half, self.summing, lambda *month: self._check_keys.get(month))

    def expect(self, names: Envelope) -> None:
        """Learn which check keys pads are to be summed for ahead. Raises SignatureInvalid, MalformedMessage."""
        found = names.opened(CheckKeyNames, self.half.trust.decryptor).names
        self._check_keys = {(each.region, each.key_id, each.month): each.check_key_id for each in found}

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
            about = (digest, request.approval.statement, statement.region, bills.minutes, statement.purpose)
            half.ledger.intend_bills(*about, extensions=bills.extended_by, consents=consents)
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
        place = (statement.region, statement.channel, statement.window)
        label = day_label(notice, modulus_id_of(notice), *place, check_key)
        return self.summing.of(self._pad_sums(statement.key_id, statement.layout_id), statement, permitted, label)

    def _pad_sums(self, key_id: int, layout_id: bytes) -> MemberSums:
        unblinder = unblinder_of(self.half.registry.key(key_id), layout_id)
        return MemberSums(unblinder.pad_sum, unblinder.combined)
