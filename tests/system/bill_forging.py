"""What corrupt roles can make of bills with the keys of their own directories. Nothing here reads anybody else's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from nacl.signing import SigningKey

from tests.system.relay import PostService
from wattseal.collector.client import BILLING_PURPOSE
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.edge.client import RoleClient
from wattseal.keyserver.vault import Vault
from wattseal.protocol.billing import (
    BillAnswer,
    BillPadGrant,
    BillPadRequest,
    BillSegment,
    BillStatement,
    Cancels,
    SegmentReport,
    local_day,
    split_numbers,
)
from wattseal.protocol.ids import Channel, Kind, MeterId, Suite
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tokens import TokenProof
from wattseal.protocol.trust import TrustAnchors

Numbers = list[list[bytes]]
"""By segment, one for each functional."""


class Place(NamedTuple):
    """Of a cycle report."""

    meter: MeterId
    start: int
    end: int
    number: int


@dataclass(frozen=True)
class Asked:
    """What is to be opened of a home: its bill under a tariff, by its cycle report of that number."""

    tariff: Tariff
    cycle: Cycle
    mode: Mode = Mode.AMOUNT
    number: int = 0

    def segment(self, meter: MeterId, cancels: Cancels | None = None) -> BillSegment:
        start, end = self.cycle.minutes
        reports = (SegmentReport(channel=Channel.DELIVERED, number=self.number),)
        return BillSegment(meter=meter, start=start, end=end, reports=reports, cancels=cancels)


@dataclass(frozen=True)
class BillArithmetic:
    """What anybody computes of a statement: every role knows roster and tariffs."""

    roster: Roster
    key_id: int
    tariffs: dict[bytes, Tariff] = field(default_factory=dict)

    def statement(self, asked: Asked, *segments: BillSegment, **changes: Any) -> BillStatement:  # noqa: ANN401 - any field's value
        fields: dict[str, Any] = {
            "purpose": BILLING_PURPOSE,
            "region": self.roster.region,
            "tariff": asked.tariff.fingerprint,
            "mode": asked.mode,
            "timezone": asked.cycle.timezone,
            "first": local_day(asked.cycle.first),
            "after": local_day(asked.cycle.after),
            "suite": int(Suite.CKKS),
            "key_id": self.key_id,
            "roster_digest": self.roster.fingerprint,
            "segments": segments,
        }
        return BillStatement(**{**fields, **changes})

    def compiled(self, statement: BillStatement) -> Iterator[tuple[Place, Compiled]]:
        """By segment."""
        tariff = self.tariffs[statement.tariff]
        for segment in statement.segments:
            place = Place(segment.meter, segment.start, segment.end, segment.reports[0].number)
            yield place, statement.compiled(segment, tariff, self.roster)


def functionals_of(compiled: Compiled) -> list[Functional]:
    return [Functional.of(one.y) for one in compiled.functionals]


@dataclass(frozen=True)
class BillForger:
    """The aggregator's signing key and the reports that it has, used for any statement."""

    key: SigningKey
    arithmetic: BillArithmetic
    ciphertexts: Mapping[Place, bytes]

    def numbers(self, statement: BillStatement) -> Numbers:
        """Those that open, if both halves let them."""
        told = self.arithmetic.compiled(statement)
        return [bill_sums([self.ciphertexts[place]], functionals_of(compiled)) for place, compiled in told]

    def answer(self, statement: BillStatement, numbers: Numbers | None = None) -> BillAnswer:
        joined = list(chain.from_iterable(self.numbers(statement) if numbers is None else numbers))
        return BillAnswer.issue(statement, joined, (0,) * len(statement.segments), self.key)


@dataclass(frozen=True)
class BillPadAsker:
    """The decryptor's signing key and a collector's token, used to ask the unblinder for the pads of any statement.

    It goes on showing the real ledger's head, so that the unblinder sees nothing odd.
    """

    key: SigningKey
    trust: TrustAnchors
    decryptor: RoleClient
    unblinder: RoleClient
    token: str

    def pads(self, answer: BillAnswer, counts: Sequence[int]) -> Numbers:
        """By segment, `counts` of its functionals. Raises what the unblinder refuses with."""
        head = Envelope.parse(self.decryptor.get("/v1/head"))
        proof = TokenProof.issue(self.token, answer.statement)
        request = BillPadRequest(approval=answer.approval, proof=proof, head=head)
        envelope = Envelope.parse(self.unblinder.post("/v1/bill-pads", Envelope.issue(request, self.key)))
        return split_numbers(envelope.opened(BillPadGrant, self.trust.unblinder).numbers, counts)


@dataclass
class CarelessUnblinder:
    """The unblinder's keys: grants the pads of whatever a statement asks for, and checks nothing.

    It goes on showing the real ledger's head, so that the decryptor sees nothing odd.
    """

    vault: Vault
    arithmetic: BillArithmetic
    real: RoleClient
    asked: int = 0

    def pads(self, statement: BillStatement) -> Numbers:
        told = self.arithmetic.compiled(statement)
        return [self._pads(statement, place, functionals_of(compiled)) for place, compiled in told]

    def _pads(self, statement: BillStatement, place: Place, functionals: Sequence[Functional]) -> list[bytes]:
        region, installation = statement.region, self.arithmetic.roster.by_meter[place.meter].sealing_key
        of_report = (region, place.meter, Kind.CYCLE, Channel.DELIVERED.code, place.start, place.end)
        label = Label(statement.suite, MODULUS_ID, *of_report, statement.key_id, place.number)
        key = self.vault.root(statement.key_id).meter_key(Use.PAD, region, place.meter, installation)
        return bill_pads(CKKS_4096, [label], key, functionals)

    def serve(self) -> PostService:
        return PostService(self._answer)

    def _answer(self, _path: str, body: bytes) -> tuple[int, bytes]:
        self.asked += 1
        request = BillPadRequest.from_bytes(Envelope.parse(body).body)
        statement = BillStatement.from_bytes(request.approval.statement)
        grant = BillPadGrant(
            statement_digest=statement.digest(),
            policy=bytes(32),
            numbers=b"".join(chain.from_iterable(self.pads(statement))),
            head=Envelope.parse(self.real.get("/v1/head")),
        )
        return 200, Envelope.issue(grant, self.vault.signing_key).to_bytes()
