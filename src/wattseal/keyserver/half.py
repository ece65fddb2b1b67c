"""What both halves do alike: know their rosters, apply the policy to their own ledger, show and compare heads."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from nacl.public import PublicKey as SealingKey
from nacl.public import SealedBox

from wattseal.cryptosystems.pads.label import Use
from wattseal.cryptosystems.secret import Secret
from wattseal.edge.access import Tokens
from wattseal.edge.keepers import Keeper
from wattseal.edge.registry import Registry
from wattseal.keyserver.ahead import Ahead
from wattseal.keyserver.bills import Billing
from wattseal.keyserver.days import Days
from wattseal.keyserver.ledger import About, Ledger
from wattseal.keyserver.noise import noise_of, share_of
from wattseal.keyserver.schemes import layout_of
from wattseal.keyserver.vault import Vault
from wattseal.policy.consents import check_consents, of_bills, of_total
from wattseal.policy.levels import Levels
from wattseal.policy.limits import Asker, check_asker
from wattseal.policy.measures import Measures
from wattseal.policy.pack import Policy
from wattseal.policy.questions import Capacity, permit_total
from wattseal.protocol.billing import BillPadGrant, BillStatement
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import LedgerBehind, Refused, SignatureInvalid, UnknownSubject, WindowNotClosed
from wattseal.protocol.ids import HalfRole, MeterId, RegionId, Role, Window
from wattseal.protocol.keys import Enrolment, EnrolmentRequest, KeyNotice, MeterKeysOfHalf, SealedKeys
from wattseal.protocol.ledger import Checkpoint
from wattseal.protocol.reconciliation import ReconciliationQuestion
from wattseal.protocol.release import Head, PadGrant, ReleaseNoise, SignedHead
from wattseal.protocol.resets import ItemReset, SignedItemReset
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.tariff.bill import LONGEST_CYCLE
from wattseal.protocol.time import SECONDS_PER_DAY, Clock, window_date
from wattseal.protocol.trust import TrustAnchors

_USE_OF_METER_KEY: dict[HalfRole, Use] = {Role.DECRYPTOR: Use.TAG, Role.UNBLINDER: Use.PAD}
_KEYS_KEPT = 1 << 17
_OTHER: dict[HalfRole, HalfRole] = {Role.DECRYPTOR: Role.UNBLINDER, Role.UNBLINDER: Role.DECRYPTOR}


class Permitted(NamedTuple):
    """A total that one half's rules permit: its members with their report numbers, and its noise, if it has any."""

    roster: Roster
    members: dict[MeterId, int]
    noise: ReleaseNoise | None


class Half:
    """One half of the key server, without what is particular to it.

    Whoever holds `one_at_a_time` alone looks at what was granted and adds to it, totals and bills alike.
    """

    def __init__(
        self,
        vault: Vault,
        ledger: Ledger,
        registry: Registry,
        policy: Policy,
        tokens: Tokens,
        trust: TrustAnchors,
        clock: Clock,
    ) -> None:
        self.role = vault.role
        self.vault = vault
        self.ledger = ledger
        self.checkpoints = Keeper(f"checkpoints of the {vault.role}", clock)
        self.registry = registry
        self.policy = policy
        self.tokens = tokens
        self.trust = trust
        self.levels = Levels(policy)
        self._days = Days(ledger, registry, self.levels)
        self.bills = Billing(ledger, registry, policy, clock, self._days, vault.root)
        self.one_at_a_time = threading.Lock()
        self.ahead = Ahead()
        self.clock = clock
        # Deriving a key costs as much as using it, and a meter's is the same for its whole key period.
        self._meter_key = lru_cache(maxsize=_KEYS_KEPT)(self._derive_meter_key)
        ledger.sign_with(self._signed_checkpoint)

    def head(self) -> SignedHead:
        counter, hash_ = self.ledger.head
        return self.sign(Head(role=self.role, counter=counter, hash=hash_))

    def sign(self, message: Head | Enrolment | Checkpoint) -> Envelope:
        return Envelope.issue(message, self.vault.signing_key)

    def _signed_checkpoint(self, counter: int, hash_: bytes, at: int) -> bytes:
        return self.sign(Checkpoint(role=self.role, counter=counter, hash=hash_, at=at)).to_bytes()

    def compare_heads(self, seen: Iterable[SignedHead]) -> None:
        """Take note of heads that others have seen of either half.

        Raises LedgerBehind if one of this half's own is not in its ledger: from then on at every call, after a restart
        too, until a ledger that has it is back. Raises it at once for two heads of the other half at one counter.
        Raises SignatureInvalid.
        """
        for envelope in seen:
            self._compare(envelope)
        missed = self.ledger.seen(self.role)
        if missed is not None and not self._has(Head.from_bytes(Envelope.from_bytes(missed).body)):
            raise LedgerBehind(f"the {self.role}'s ledger lacks entries that others have seen")

    def _has(self, head: Head) -> bool:
        return self.ledger.hash_at(head.counter) == head.hash

    def _compare(self, envelope: SignedHead) -> None:
        head = Head.from_bytes(envelope.body)
        envelope.opened(Head, self.trust.service(head.role))
        if head.role is not self.role:
            known = self.seen_of_other()
            if known is not None and _forked(Head.from_bytes(known.body), head):
                raise LedgerBehind(f"the {head.role} has shown two ledgers")
            self.ledger.note_seen(head.role, head.counter, envelope.to_bytes())
        elif not self._has(head):
            self.ledger.note_seen(head.role, head.counter, envelope.to_bytes())

    def check_current(self, envelope: SignedHead) -> None:
        """The other half's own word of where it stands now. Raises LedgerBehind if it stood further before."""
        current = envelope.opened(Head, self.trust.service(_OTHER[self.role]))
        latest = self.seen_of_other()
        if latest is not None and current.counter < Head.from_bytes(latest.body).counter:
            raise LedgerBehind(f"the {current.role}'s ledger is behind what the {self.role} has seen of it")
        self._compare(envelope)

    def seen_of_other(self) -> SignedHead | None:
        """The latest head that the other half signed, as far as this half knows."""
        encoded = self.ledger.seen(_OTHER[self.role])
        return None if encoded is None else Envelope.from_bytes(encoded)

    def to_show(self, seen: tuple[SignedHead, ...]) -> tuple[SignedHead, ...]:
        """What a request to the other half carries: the heads that the collector knows, and the one known here."""
        known = self.seen_of_other()
        return seen if known is None else (*seen, known)

    def check_grant(self, grant: PadGrant | BillPadGrant, digest: Digest) -> None:
        """Raises SignatureInvalid if it is about another statement, or as `check_current` and `compare_heads`."""
        if grant.statement_digest != digest:
            raise SignatureInvalid("the unblinder answered about another statement")
        self.check_current(grant.head)
        self.compare_heads(grant.seen)

    @contextmanager
    def recording(
        self, statement: TotalStatement | BillStatement | ReconciliationQuestion, final_for: Digest | None = None
    ) -> Iterator[None]:
        """Record a refusal on its way out, as the item's last word if one is given."""
        try:
            yield
        except Refused as refusal:
            about = About(statement.digest(), statement.region, statement.purpose)
            self.ledger.refuse(about, refusal.slug, final_for=final_for)
            raise

    def permit(self, statement: TotalStatement) -> Permitted:
        """What the statement means here, if this half's policy and ledger permit it. Raises Refused, Rejected."""
        self.policy.check_purpose(statement.purpose)
        # Else an aggregator that is corrupt for an hour could pin every day to come.
        if (statement.window + 1) * SECONDS_PER_DAY > self.clock():
            raise WindowNotClosed(f"window {window_date(statement.window)} is not over yet")
        roster = self.registry.rosters.at(statement.region, statement.window)
        key = self.registry.key(statement.key_id)
        self.vault.root(statement.key_id)
        layout = layout_of(statement.layout_id)
        capacity = Capacity(layout.largest_group, layout.largest_read)
        before = self._days.at(statement.region_day)
        measures = self._measures(statement)
        after = permit_total(statement, roster, key, before, measures, capacity)
        self.bills.check_total(statement, after.day)
        return Permitted(roster, statement.members_in(roster), noise_of(statement, roster, after, measures))

    def noise_share(self, statement: TotalStatement, permitted: Permitted) -> tuple[int, ...]:
        """See `share_of`."""
        noise_key = self.vault.root(statement.key_id).noise_key()
        return share_of(noise_key, statement, permitted.members, permitted.noise)

    def asked_by(self, statement: TotalStatement | BillStatement, asker: Asker) -> list[Digest]:
        """Digests of the consents that a release to them rests on. Raises PurposeNotPermitted or ConsentMissing."""
        if check_asker(self.policy, statement.purpose, asker).basis != "consent":
            return []
        rosters = self.registry.rosters.of(statement.region)
        if isinstance(statement, TotalStatement):
            wanted = of_total(statement, self.registry.rosters.named(statement.roster_digest), rosters)
        else:
            wanted = of_bills(statement, rosters)
        found = check_consents(self.policy, statement, asker, wanted, self.registry.consents)
        return [consent.fingerprint for consent in found]

    def intend(
        self, statement: TotalStatement, encoded: bytes, permitted: Permitted, consents: Iterable[Digest]
    ) -> None:
        """Write the intent of what is permitted, with the measures that it may rest on and what its noise costs."""
        measures, noisy = self._measures(statement), permitted.noise is not None
        waivers = [waiver.fingerprint for waiver in measures.waivers_of(statement.cohort)]
        extensions = [one.fingerprint for one in measures.extensions_of(statement.cohort) if noisy]
        self.ledger.intend(
            statement.digest(),
            encoded,
            statement.region_day,
            statement.purpose,
            waivers=waivers,
            extensions=extensions,
            consents=consents,
            noise=permitted.noise,
        )

    def _measures(self, statement: TotalStatement) -> Measures:
        return self.registry.measures.in_force(statement.region, statement.channel, statement.window)

    def reset_item(self, signed: SignedItemReset) -> ItemReset:
        """Raises SignatureInvalid or MalformedMessage unless all three operators signed it, and as the ledger does."""
        reset = signed.opened(self.trust)
        with self.one_at_a_time:
            self.ledger.reset_item(reset)
        return reset

    def meter_keys(self, key_id: int, roster: Roster, meters: Iterable[MeterId]) -> list[Secret]:
        """This half's key of each meter in a key period: pad keys at the unblinder, tag keys at the decryptor.

        Raises KeyDestroyed.
        """
        return [self._meter_key(key_id, roster.region, meter, roster.by_meter[meter].sealing_key) for meter in meters]

    def _derive_meter_key(self, key_id: int, region: RegionId, meter: MeterId, sealing_key: bytes) -> Secret:
        return self.vault.root(key_id).meter_key(_USE_OF_METER_KEY[self.role], region, meter, sealing_key)

    def forget_keys(self) -> None:
        """Once a period was destroyed: what was derived from its root, for whoever holds `one_at_a_time`."""
        self._meter_key.cache_clear()
        self.ahead.forget()

    def enrol(self, request: EnrolmentRequest) -> Envelope:
        """This half's keys for every meter of the region's roster, each sealed to its meter.

        A roster that was over before a billing cycle of the key period could begin gets none: whoever was exchanged
        since is not enrolled again. Raises UnknownSubject, KeyDestroyed.
        """
        self.vault.root(request.key_id)
        roster = self.registry.rosters.at(request.region, request.window)
        self._check_in_force(roster, self.registry.key(request.key_id))
        check_keys = self._check_keys(request)
        boxes = tuple(self._seal(request.key_id, roster.region, row, check_keys) for row in roster.rows)
        enrolment = Enrolment(
            role=self.role,
            region=roster.region,
            key_id=request.key_id,
            roster_digest=roster.fingerprint,
            months=request.months,
            boxes=boxes,
        )
        return self.sign(enrolment)

    def _check_in_force(self, roster: Roster, key: KeyNotice) -> None:
        earliest = Window(max(0, key.first_window - LONGEST_CYCLE))
        if self.registry.rosters.ends(roster) < earliest or key.last_window < roster.effective:
            raise UnknownSubject(f"no window of key {key.key_id} has that roster")

    def _check_keys(self, request: EnrolmentRequest) -> dict[str, bytes]:
        if self.role is not Role.DECRYPTOR:
            return {}
        root = self.vault.root(request.key_id)
        return {month: root.check_key(request.region, month).expose() for month in request.months}

    def _seal(self, key_id: int, region: RegionId, row: RosterRow, check_keys: dict[str, bytes]) -> SealedKeys:
        meter_key = self._meter_key(key_id, region, row.meter, row.sealing_key).expose()
        content = MeterKeysOfHalf(meter=row.meter, meter_key=meter_key, check_keys=check_keys)
        box = SealedBox(SealingKey(row.sealing_key)).encrypt(content.to_bytes())
        return SealedKeys(meter=row.meter, box=box)


def _forked(a: Head, b: Head) -> bool:
    return a.counter == b.counter and a.hash != b.hash
