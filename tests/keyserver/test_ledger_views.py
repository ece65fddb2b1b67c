"""What a ledger tells of bills, of refusals that repeat, and of its own checkpoints."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.protocol.samples import ONE_OF_EACH
from wattseal.keyserver.ledger import MAX_ATTEMPTS, About, Ledger
from wattseal.protocol.ids import Channel, RegionDay, RegionId, Window
from wattseal.protocol.ledger import EMPTY, EntryKind
from wattseal.protocol.reconciliation import Reconciliation, ReconciliationQuestion, Undefined
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.resets import ItemReset

T = TypeVar("T")
WEST, EAST = RegionId("west"), RegionId("east")
CYCLE, NEXT = (100, 200), (200, 300)
ABOUT = About(b"d" * 32, WEST, "billing")
FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite", lambda: 1_000.7) as opened:
        yield opened


def on(window: Window) -> RegionDay:
    return RegionDay(WEST, Channel.DELIVERED, window)


def one_of(kind: type[T]) -> T:
    return next(message for message in ONE_OF_EACH if isinstance(message, kind))


def bodies(ledger: Ledger, kind: EntryKind) -> list[dict[str, object]]:
    return [json.loads(entry.body) for entry in ledger.entries(1, 1_000) if entry.kind is kind]


def test_an_item_has_three_attempts() -> None:
    assert MAX_ATTEMPTS == 3


class TestBills:
    def test_statements_of_a_cycle_beyond_what_is_known(self, ledger: Ledger) -> None:
        ledger.intend_bills(b"a", b"statement a", WEST, CYCLE, "billing")
        ledger.intend_bills(b"b", b"statement b", WEST, NEXT, "billing")
        ledger.intend_bills(b"c", b"statement c", EAST, CYCLE, "billing")
        ledger.intend_bills(b"d", b"statement d", WEST, CYCLE, "billing")
        assert sorted(ledger.bill_cycles(WEST)) == [CYCLE, NEXT]
        assert ledger.bill_cycles(EAST) == [CYCLE]
        assert ledger.bills_of(WEST, CYCLE, 0) == [(1, b"statement a"), (4, b"statement d")]
        assert ledger.bills_of(WEST, CYCLE, 1) == [(4, b"statement d")]
        assert ledger.bills_of(WEST, CYCLE, 4) == []

    def test_an_intent_is_written_once(self, ledger: Ledger) -> None:
        for _ in range(2):
            ledger.intend_bills(b"a", b"statement a", WEST, CYCLE, "billing")
        assert ledger.head[0] == 1
        [body] = bodies(ledger, EntryKind.INTENT)
        assert (body["kind"], body["purpose"], body["at"]) == ("bills", "billing", 1_000)

    def test_attempts_are_counted_by_item_and_named_by_segment(self, ledger: Ledger) -> None:
        ledger.attempt_bills(b"a", {0: FIRST, 3: SECOND})
        ledger.attempt_bills(b"a", {3: SECOND})
        assert (ledger.attempts(FIRST), ledger.attempts(SECOND)) == (1, 2)
        ledger.withdraw_bills(b"a", {3: SECOND})
        assert (ledger.attempts(FIRST), ledger.attempts(SECOND)) == (1, 1)
        assert [body["segments"] for body in bodies(ledger, EntryKind.ATTEMPT)] == [[0, 3], [3]]
        assert [body["segments"] for body in bodies(ledger, EntryKind.WITHDRAWAL)] == [[3]]

    def test_a_release_is_kept_and_what_it_opened_did_not_fail(self, ledger: Ledger) -> None:
        ledger.attempt_bills(b"a", {0: FIRST, 1: SECOND})
        ledger.finish_bills(b"a", [1], [FIRST], b"release", [b"head"], b"exact")
        assert ledger.release(b"a") == b"release"
        assert (ledger.exact_bills(b"a"), ledger.exact_bills(b"b")) == (b"exact", None)
        assert (ledger.attempts(FIRST), ledger.attempts(SECOND)) == (0, 1)
        [body] = bodies(ledger, EntryKind.RELEASE)
        assert (body["unopened"], body["heads"], body["statement"]) == ([1], ["aGVhZA"], b"a".hex())
        assert ledger.opened_of(on(Window(0))) == []


class TestRefusals:
    def test_of_repeats_eight_are_written_and_then_every_doubling(self, ledger: Ledger) -> None:
        for _ in range(40):
            ledger.refuse(ABOUT, "share-too-large")
        assert [body["times"] for body in bodies(ledger, EntryKind.REFUSAL)] == [*range(1, 9), 16, 32]

    def test_each_reason_and_each_statement_is_counted_by_itself(self, ledger: Ledger) -> None:
        other = ABOUT._replace(digest=b"e" * 32)
        for about, reason in ((ABOUT, "a"), (ABOUT, "b"), (other, "a"), (ABOUT, "a")):
            ledger.refuse(about, reason)
        written = bodies(ledger, EntryKind.REFUSAL)
        assert [(body["reason"], body["times"]) for body in written] == [("a", 1), ("b", 1), ("a", 1), ("a", 2)]
        assert {body["region"] for body in written} == {WEST}

    def test_a_repeat_that_is_not_written_is_an_items_last_word_too(self, ledger: Ledger) -> None:
        for _ in range(9):
            ledger.refuse(ABOUT, "dominated-group")
        ledger.attempt(FIRST, ABOUT.digest)
        ledger.refuse(ABOUT, "dominated-group", final_for=FIRST)
        assert ledger.refusal(FIRST) == "dominated-group"
        assert ledger.refusal(SECOND) is None


def test_an_intent_names_the_extensions_that_it_may_rest_on(ledger: Ledger) -> None:
    for digest, extensions in ((b"a", [FIRST, SECOND]), (b"b", [])):
        ledger.intend_bills(digest, b"", WEST, CYCLE, "billing", extensions=extensions)
        ledger.intend(digest, b"", on(Window(1)), "research", extensions=extensions)
    named = [body.get("extensions") for body in bodies(ledger, EntryKind.INTENT)]
    assert named == [[FIRST.hex(), SECOND.hex()]] * 2 + [None] * 2


class TestWaivers:
    def test_an_intent_names_those_that_it_rests_on(self, ledger: Ledger) -> None:
        for digest, waivers in ((b"a", [FIRST, SECOND]), (b"b", [])):
            ledger.intend(digest, b"", on(Window(1)), "research", waivers=waivers)
        assert [body.get("waivers") for body in bodies(ledger, EntryKind.INTENT)] == [[FIRST.hex(), SECOND.hex()], None]


class TestNoise:
    def test_an_intent_names_what_it_costs(self, ledger: Ledger) -> None:
        noise = one_of(ReleaseNoise)
        ledger.intend(b"a", b"", on(Window(1)), "research", noise=noise)
        ledger.intend(b"b", b"", on(Window(1)), "research")
        assert [body.get("noise") for body in bodies(ledger, EntryKind.INTENT)] == [noise.model_dump(), None]


class TestReconciliations:
    def test_a_question_is_recorded_with_all_that_its_answer_tells(self, ledger: Ledger) -> None:
        question, told = one_of(ReconciliationQuestion), one_of(Reconciliation)
        undefined = told.model_copy(update={"charges": (), "question": FIRST, "undefined": Undefined.NOBODY_LEFT})
        assert ledger.reconciliation(told.question) is None
        ledger.reconcile(question, told, b"answer")
        ledger.reconcile(question, undefined, b"none")
        assert [ledger.reconciliation(one) for one in (told.question, FIRST)] == [b"answer", b"none"]
        recorded = [(body["equal"], body["reason"]) for body in bodies(ledger, EntryKind.RECONCILIATION)]
        assert recorded == [({"Energy (delivered)": True}, ""), ({}, "nobody-left")]


class TestCheckpoints:
    def test_none_before_there_is_somebody_to_sign(self, ledger: Ledger) -> None:
        ledger.checkpoint()
        ledger.intend(b"a", b"", on(Window(1)), "research")
        assert ledger.checkpoints(0, 10) == []

    def test_of_every_intent_and_of_the_head_that_a_release_follows(self, ledger: Ledger) -> None:
        ledger.sign_with(lambda counter, hash_, at: f"{counter} {hash_.hex()[:4]} {at}".encode())
        hashes = [ledger.hash_at(0)]

        def told() -> None:
            hashes.append(ledger.head[1])

        ledger.checkpoint()
        ledger.intend(b"a", b"", on(Window(1)), "research")
        told()
        ledger.intend_bills(b"b", b"", WEST, CYCLE, "billing")
        told()
        ledger.attempt(FIRST, b"a")
        told()
        ledger.finish(b"a", FIRST, on(Window(1)), b"release", b"opened", ())
        told()
        ledger.attempt_bills(b"b", {0: SECOND})
        told()
        ledger.finish_bills(b"b", [], [SECOND], b"bills", (), b"exact")
        expected = [f"{n} {(hash_ or b'').hex()[:4]} 1000".encode() for n, hash_ in enumerate(hashes) if n != 4]
        assert ledger.checkpoints(0, 10) == expected
        assert ledger.checkpoints(2, 2) == expected[2:4]
        assert hashes[0] == EMPTY

    def test_of_a_reset(self, ledger: Ledger) -> None:
        ledger.attempt(FIRST, b"a")
        ledger.sign_with(lambda counter, *_: str(counter).encode())
        ledger.reset_item(ItemReset(item=FIRST, serial=1, reason="three power cuts"))
        assert ledger.checkpoints(0, 10) == [b"2"]

    def test_the_first_one_of_a_head_stays(self, ledger: Ledger) -> None:
        signed = iter((b"first", b"second"))
        ledger.sign_with(lambda *_: next(signed))
        for _ in range(2):
            ledger.checkpoint()
        assert ledger.checkpoints(0, 10) == [b"first"]


class TestRecipients:
    def test_each_further_one_is_recorded_once(self, ledger: Ledger) -> None:
        ledger.finish(b"a", FIRST, on(Window(1)), b"release", b"", (), recipient="first")
        ledger.finish_bills(b"b", [], [], b"bills", (), b"", recipient="first")
        for digest in (b"a", b"b"):
            for recipient in ("first", "second", "second"):
                ledger.hand_out(digest, recipient)
        told = [(body["statement"], body["recipient"]) for body in bodies(ledger, EntryKind.RECIPIENT)]
        assert told == [(b"a".hex(), "second"), (b"b".hex(), "second")]


class TestPeriods:
    def test_what_is_erased_is_on_no_page_of_the_disk(self, ledger: Ledger, tmp_path: Path) -> None:
        secret = b"what was opened " * 8
        ledger.finish(b"a", FIRST, on(Window(1)), b"release", secret, ())

        def on_disk() -> bool:
            return any(secret in path.read_bytes() for path in tmp_path.iterdir())

        assert on_disk()
        ledger.destroy_period(1, range(1, 3))
        assert not on_disk()

    def test_what_was_opened_of_its_windows_is_erased_and_no_more(self, ledger: Ledger) -> None:
        ledger.sign_with(lambda counter, *_: f"{counter}".encode())
        for day in range(4):
            name = bytes([day])
            ledger.finish(name, FIRST, on(Window(day)), b"release", b"opened", ())
            cycle = (day * 1_440, (day + 1) * 1_440)
            ledger.intend_bills(b"bill" + name, b"", WEST, cycle, "billing")
            ledger.finish_bills(b"bill" + name, [], [], b"bills", (), b"exact")
        for _ in range(2):
            ledger.destroy_period(7, range(1, 3))
        left = [ledger.release(bytes([day])) for day in range(4)]
        assert left == [b"release", None, None, b"release"]
        assert [ledger.exact_bills(b"bill" + bytes([day])) for day in range(4)] == [b"exact", None, None, b"exact"]
        assert [len(ledger.opened_of(on(Window(day)))) for day in range(4)] == [1, 0, 0, 1]
        assert [body["act"] for body in bodies(ledger, EntryKind.PERIOD)] == ["destroyed"]
        assert ledger.checkpoints(ledger.head[0], 1) == [str(ledger.head[0]).encode()]


def test_a_closed_ledger_takes_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        pass
    with pytest.raises(sqlite3.ProgrammingError):
        ledger.attempts(FIRST)
