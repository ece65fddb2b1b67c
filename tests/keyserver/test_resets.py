"""An item that failed three times opens again once all three operators signed that it may, and not a day before."""

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from tests.keyserver.bill_run import Run, kinds, running
from tests.policy.rosters import operator
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import MalformedMessage, Rejected, SignatureInvalid, UnknownSubject
from wattseal.protocol.resets import ItemReset, SignedItemReset


def signed(item: Digest, serial: int = 1, reason: str = "three power cuts") -> SignedItemReset:
    made = SignedItemReset.issue(ItemReset(item=item, serial=serial, reason=reason), operator("utility"))
    for name in ("aggregator_operator", "unblinder_operator"):
        made = made.countersigned(name, operator(name))
    return made


def exhausted(run: Run, meter: str = "m0") -> Digest:
    """As after three crashes between attempt and release."""
    statement = run.of(meter)
    item = statement.item(statement.segments[0])
    for _ in range(3):
        run.decryptor.ledger.attempt_bills(statement.digest(), {0: item})
    return item


def test_three_signatures_open_it_again(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        item = exhausted(run)
        assert [result.opened for result in run.release(run.of("m0", "m1"))] == [False, True]
        run.decryptor.reset_item(signed(item))
        head = run.decryptor.head()
        run.decryptor.reset_item(signed(item))
        assert run.decryptor.head() == head
        assert kinds(run.decryptor)[-1] == "reset"
        assert run.release(run.of("m0")) == run.expected(run.of("m0"))


def test_a_reset_counts_once(tmp_path: Path) -> None:
    """Handed in again after three more failures it changes nothing; another one is the next in turn."""
    with running(tmp_path) as run:
        item = exhausted(run)
        with pytest.raises(Rejected, match="reset 0 times, so 2 is out of turn"):
            run.decryptor.reset_item(signed(item, 2))
        run.decryptor.reset_item(signed(item))
        exhausted(run)
        run.decryptor.reset_item(signed(item))
        assert run.decryptor.ledger.attempts(item) == 3
        run.decryptor.reset_item(signed(item, 2))
        assert run.decryptor.ledger.attempts(item) == 0


def test_two_signatures_do_not(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        item = exhausted(run)
        for missing in ("aggregator_operator", "unblinder_operator"):
            with pytest.raises(MalformedMessage, match="not countersigned by both"):
                run.decryptor.reset_item(signed(item).model_copy(update={missing: None}))
            forged = signed(item).countersigned(missing, SigningKey.generate())
            with pytest.raises(SignatureInvalid):
                run.decryptor.reset_item(forged)
        other = signed(item).model_copy(update={"body": ItemReset(item=item, serial=1, reason="other").to_bytes()})
        with pytest.raises(SignatureInvalid):
            run.decryptor.reset_item(other)
        assert run.decryptor.ledger.attempts(item) == 3
        with pytest.raises(UnknownSubject, match="ever attempted"):
            run.decryptor.reset_item(signed(bytes(32)))


def test_a_dominated_total_stays_refused(tmp_path: Path) -> None:
    """What a reset brings is attempts, not another word about what was seen."""
    with running(tmp_path) as run:
        item, ledger = exhausted(run), run.decryptor.ledger
        ledger._run("UPDATE items SET refusal = 'dominated-group' WHERE item = ?", item)
        run.decryptor.reset_item(signed(item))
        assert (ledger.attempts(item), ledger.refusal(item)) == (0, "dominated-group")
