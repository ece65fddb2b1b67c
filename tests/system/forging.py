"""What a corrupt role can make with the keys of its own directory. Nothing here reads anybody else's."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmpy2 import mpz
from nacl.signing import SigningKey

from tests.system.relay import PostService
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.client import RoleClient
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import WattsealError, problem
from wattseal.protocol.ids import Channel, CohortId, MeterId, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.release import PadGrant, PadRequest
from wattseal.protocol.report import decode_report
from wattseal.protocol.roster import Roster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalStatement, positions_to_bits
from wattseal.protocol.time import month_of
from wattseal.protocol.tokens import TokenProof
from wattseal.protocol.trust import TrustAnchors

PURPOSE = "research"
CIPHERTEXT_BYTES, PLAINTEXT_BYTES = PAILLIER_3072.ciphertext_bytes, PAILLIER_3072.plaintext_bytes


def outcome(act: Callable[..., object], *arguments: object) -> str:
    """The problem type that an act ended with, or `granted`."""
    try:
        act(*arguments)
    except WattsealError as error:
        return error.slug
    return "granted"


def ciphertext_of(body: bytes) -> bytes:
    return decode_report(body).ciphertext


class Arithmetic:
    """What anybody can compute on ciphertexts with the public key alone."""

    def __init__(self, notice: KeyNotice) -> None:
        self.public = PublicKey.from_bytes(PAILLIER_3072, notice.public_key)
        self._evaluator = PaillierEvaluator(self.public, DEFAULT_LAYOUTS[15])

    def fold(self, ciphertexts: Sequence[bytes]) -> bytes:
        return self._evaluator.sum_many(ciphertexts)

    def weighted(self, ciphertexts: Sequence[bytes], coefficients: Sequence[int]) -> bytes:
        return self._evaluator.linear(ciphertexts, coefficients)

    def plus(self, ciphertext: bytes, constant: int) -> bytes:
        """The ciphertext of the plaintext plus `constant`, which may be negative."""
        n = mpz(self.public.n)
        shifted = int.from_bytes(ciphertext, "little") * (1 + constant % n * n) % n**2
        return encoded(shifted)

    def rerandomized(self, ciphertext: bytes) -> bytes:
        return encoded(int.from_bytes(ciphertext, "little") * mpz(self.public.h_s) % mpz(self.public.n) ** 2)


def encoded(number: int | mpz) -> bytes:
    return int(number).to_bytes(CIPHERTEXT_BYTES, "little")


@dataclass(frozen=True)
class RogueAggregator:
    """The aggregator's signing key, used for any statement and any ciphertext."""

    key: SigningKey
    notice: KeyNotice

    def statement(
        self,
        roster: Roster,
        cohort: str,
        window: Window,
        members: Collection[str] | None = None,
        **changes: Any,  # noqa: ANN401 - any field's value
    ) -> TotalStatement:
        """About the whole cohort, or those of it in `members`."""
        active = roster.active(CohortId(cohort), Channel.DELIVERED)
        chosen = [place for place, meter in enumerate(active) if members is None or meter in members]
        fields: dict[str, Any] = {
            "purpose": PURPOSE,
            "region": roster.region,
            "cohort": CohortId(cohort),
            "channel": Channel.DELIVERED,
            "window": window,
            "suite": roster.suite,
            "key_id": self.notice.key_id,
            "layout_id": roster.layout_id,
            "roster_digest": roster.fingerprint,
            "members": positions_to_bits(chosen, len(active)),
        }
        return TotalStatement(**{**fields, **changes})

    def answer(self, statement: TotalStatement, ciphertext: bytes, flagged: tuple[int, ...] = (0,) * 96) -> Answer:
        return Answer.issue(statement, ciphertext, flagged, self.key)


@dataclass(frozen=True)
class RogueDecryptor:
    """The decryptor's signing key, used to ask the unblinder for the pads of any statement.

    It goes on showing the real ledger's head, so that the unblinder sees nothing odd.
    """

    key: SigningKey
    trust: TrustAnchors
    decryptor: RoleClient
    unblinder: RoleClient
    collector_token: str
    check_key_ids: Callable[[], Mapping[str, bytes]]

    def pads(self, answer: Answer) -> int:
        """The pad sum. Raises what the unblinder refuses with."""
        return self.send(self.request(answer))

    def request(self, answer: Answer, proof: TokenProof | None = None) -> Envelope:
        """`proof`: of a collector, where the decryptor has nothing better than what it saw of one."""
        month = month_of(TotalStatement.from_bytes(answer.statement).window)
        request = PadRequest(
            approval=answer.approval,
            check_key_id=self.check_key_ids().get(month, bytes(16)),
            proof=TokenProof.issue(self.collector_token, answer.statement) if proof is None else proof,
            head=Envelope.parse(self.decryptor.get("/v1/head")),
        )
        return Envelope.issue(request, self.key)

    def send(self, request: Envelope) -> int:
        envelope = Envelope.parse(self.unblinder.post("/v1/pads", request))
        return int.from_bytes(envelope.opened(PadGrant, self.trust.unblinder).pad_sum, "little")


class RogueUnblinder:
    """Answers the decryptor with the pad sum that `choose` returns for a statement, and checks nothing.

    It goes on showing the real ledger's head, so that the decryptor sees nothing odd.
    """

    def __init__(self, key: SigningKey, real: RoleClient, choose: Callable[[TotalStatement], int]) -> None:
        self._key, self._real = key, real
        self.choose = choose

    def serve(self) -> PostService:
        return PostService(self._answer)

    def _answer(self, _path: str, body: bytes) -> tuple[int, bytes]:
        request = PadRequest.from_bytes(Envelope.parse(body).body)
        statement = TotalStatement.from_bytes(request.approval.statement)
        try:
            head = Envelope.parse(self._real.get("/v1/head"))
        except WattsealError as error:
            return error.status, canonical_json(problem(error))
        pad_sum = self.choose(statement).to_bytes(PLAINTEXT_BYTES, "little")
        grant = PadGrant(statement_digest=statement.digest(), policy=bytes(32), pad_sum=pad_sum, head=head)
        return 200, Envelope.issue(grant, self._key).to_bytes()


def meters_of(roster: Roster, cohort: str) -> tuple[MeterId, ...]:
    return roster.active(CohortId(cohort), Channel.DELIVERED)


def role_directory(directory: Path, role: str) -> tuple[Path, Path]:
    """A role's data directory and passphrase file, in a deployment or in what two of its roles carried off."""
    return directory / role, directory / "passphrases" / role
