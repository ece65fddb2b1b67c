"""Heads of ledgers are compared for bills as for totals, and a grant that is no good costs no attempt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.keyserver.bill_run import Careless, Run, head_of, kinds, running
from tests.policy.rosters import operator
from wattseal.cryptosystems.ckks.parameters import NUMBER_BYTES
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.protocol.billing import BillPadGrant
from wattseal.protocol.errors import (
    AttemptsExhausted,
    DominatedGroup,
    LedgerBehind,
    MalformedMessage,
    RemoteError,
    ShareTooLarge,
    SignatureInvalid,
    VerificationRefused,
    WattsealError,
)
from wattseal.protocol.ids import Role
from wattseal.protocol.signing import Envelope


class Altering(Careless):
    """An honest unblinder but for one change of its grant."""

    def __init__(self, run: Run, change: Callable[[BillPadGrant], dict[str, Any]]) -> None:
        super().__init__(run.pads)
        self._change = change

    def grant_bills(self, request: Envelope) -> Envelope:
        grant = BillPadGrant.from_bytes(super().grant_bills(request).body)
        changes = {"head": head_of(Role.UNBLINDER, 8), **self._change(grant)}
        return Envelope.issue(grant.model_copy(update=changes), operator("unblinder"))


GRANTS: dict[str, tuple[Callable[[BillPadGrant], dict[str, Any]], type[WattsealError]]] = {
    "about another statement": (lambda _: {"statement_digest": bytes(32)}, SignatureInvalid),
    "without a number": (lambda grant: {"numbers": grant.numbers[NUMBER_BYTES:]}, MalformedMessage),
    "half a number": (lambda grant: {"numbers": grant.numbers[1:]}, MalformedMessage),
    "at an old head": (lambda _: {"head": head_of(Role.UNBLINDER, 6)}, LedgerBehind),
    "with another ledger": (lambda _: {"head": head_of(Role.UNBLINDER, 7, b"f" * 32)}, LedgerBehind),
    "with the decryptor's head": (lambda _: {"head": head_of(Role.DECRYPTOR, 8)}, SignatureInvalid),
    "that saw more of the decryptor": (lambda _: {"seen": (head_of(Role.DECRYPTOR, 99),)}, LedgerBehind),
}


@pytest.mark.parametrize(("change", "error"), GRANTS.values(), ids=GRANTS.keys())
def test_a_grant_that_is_no_good(
    tmp_path: Path, change: Callable[[BillPadGrant], dict[str, Any]], error: type[WattsealError]
) -> None:
    with running(tmp_path) as run:
        run.decryptor.compare_heads([head_of(Role.UNBLINDER, 7)])
        run.service = DecryptorService(run.decryptor, Altering(run, change))
        statement = run.of("m0")
        with pytest.raises(error):
            run.release(statement)
        assert run.decryptor.ledger.attempts(statement.item(statement.segments[0])) == 0
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal"]


def test_a_grant_of_somebody_else(tmp_path: Path) -> None:
    with running(tmp_path) as run:

        class Stranger(Careless):
            def grant_bills(self, request: Envelope) -> Envelope:
                return Envelope.issue(
                    BillPadGrant.from_bytes(super().grant_bills(request).body), operator("aggregator")
                )

        run.service = DecryptorService(run.decryptor, Stranger(run.pads))
        with pytest.raises(SignatureInvalid):
            run.release(run.of("m0"))
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal"]


class Refusing(Careless):
    def __init__(self, error: WattsealError) -> None:
        super().__init__(lambda _: [])
        self._error = error

    def grant_bills(self, request: Envelope) -> Envelope:
        raise self._error


@pytest.mark.parametrize("word", [DominatedGroup, VerificationRefused, AttemptsExhausted])
def test_words_that_are_not_the_unblinders(tmp_path: Path, word: type[WattsealError]) -> None:
    """Else it could put an end to a bill that the decryptor has not looked at."""
    with running(tmp_path) as run:
        reached = run.service
        run.service = DecryptorService(run.decryptor, Refusing(word("no")))
        with pytest.raises(RemoteError, match=word.slug):
            run.release(run.of("m0"))
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal"]
        run.service = reached
        assert run.release(run.of("m0")) == run.expected(run.of("m0"))


def test_a_refusal_of_the_unblinder_is_recorded_by_both(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.service = DecryptorService(run.decryptor, Refusing(ShareTooLarge("no")))
        with pytest.raises(ShareTooLarge):
            run.release(run.of("m0"))
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal", "refusal"]


def test_a_decryptor_that_was_rolled_back_stops(tmp_path: Path) -> None:
    """For a finished release too."""
    with running(tmp_path) as run:
        run.release(run.of("m0"))
        with pytest.raises(LedgerBehind):
            run.ask(run.answer(run.of("m1")), seen=(head_of(Role.DECRYPTOR, 50),))
        for meter in ("m0", "m1"):
            with pytest.raises(LedgerBehind):
                run.release(run.of(meter))
        assert kinds(run.unblinder) == ["intent"]


def test_an_unblinder_that_was_rolled_back_stops(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        with pytest.raises(LedgerBehind):
            run.ask(run.answer(run.of("m0")), seen=(head_of(Role.UNBLINDER, 50),))
        assert kinds(run.unblinder) == []
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal"]


def test_the_unblinder_sees_a_decryptor_that_went_back(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.unblinder.compare_heads([head_of(Role.DECRYPTOR, 50)])
        with pytest.raises(LedgerBehind, match="behind what the unblinder has seen"):
            run.release(run.of("m0"))
        assert kinds(run.unblinder) == []


def test_a_decryptor_whose_ledger_was_replaced_learns_it_from_the_grant(tmp_path: Path) -> None:
    """It has grown past the head that it lacks."""
    with running(tmp_path) as run:
        run.unblinder.compare_heads([head_of(Role.DECRYPTOR, 1, b"x" * 32)])
        for _ in range(2):
            with pytest.raises(LedgerBehind, match="decryptor's ledger lacks"):
                run.release(run.of("m0"))
        assert kinds(run.decryptor) == ["intent", "attempt", "withdrawal"]


def test_the_unblinders_head_covers_the_attempt(tmp_path: Path) -> None:
    """A decryptor that is rolled back after it saw pads is found out by the unblinder."""
    with running(tmp_path) as run:
        run.release(run.of("m0"))
        seen = run.unblinder.seen_of_other()
        assert seen is not None
        assert b'"counter":2' in seen.body
