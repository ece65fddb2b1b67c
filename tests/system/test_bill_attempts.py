"""Forged bills: each is a loss of its own, and attempts at it run out however it is asked for again."""

from collections.abc import Iterable
from dataclasses import replace

from tests.system.bill_forging import Asked, Numbers
from tests.system.billed_town import BILL, NOT_OPENED, RANK, SUMS, BilledTown
from wattseal.collector.deployment import DECRYPTOR, UNBLINDER
from wattseal.cryptosystems.ckks.parameters import NUMBER_BYTES
from wattseal.cryptosystems.ckks.residues import number_from_bytes, number_to_bytes
from wattseal.protocol.billing import BillAnswer, BillRelease, BillStatement, Cancels
from wattseal.protocol.ids import MeterId

FAILED = "wattseal_failed_openings_total"
SPELLED = "America/Vancouver"
"""Another name for the same days."""


def forged(billed: BilledTown, statement: BillStatement, *homes: MeterId) -> BillAnswer:
    """The numbers of these homes are raised by about a unit of the scale; all others are right."""
    numbers: Numbers = billed.forger.numbers(statement)
    for segment, of_home in zip(statement.segments, numbers, strict=True):
        if segment.meter in homes:
            of_home[-1] = number_to_bytes(number_from_bytes(of_home[-1]) + (1 << 63))
    return billed.forger.answer(statement, numbers)


def opens_all_but(billed: BilledTown, answer: BillAnswer, *homes: MeterId) -> BillRelease:
    """The others to what their meters measured."""
    statement = BillStatement.from_bytes(answer.statement)
    expected = [
        NOT_OPENED if segment.meter in homes else result
        for segment, result in zip(statement.segments, billed.expected(statement), strict=True)
    ]
    release = billed.client.bill_release(answer)
    assert list(release.results) == expected
    return release


def attempted(billed: BilledTown, after: int) -> list[list[int]]:
    """Places of the segments that the decryptor tried to open, by statement, since its ledger was so long."""
    return [body["segments"] for kind, body in billed.entries(DECRYPTOR, after) if kind == "attempt"]


def unopened(billed: BilledTown, after: int) -> list[list[int]]:
    """Likewise of those that it released unopened."""
    return [body["unopened"] for kind, body in billed.entries(DECRYPTOR, after) if kind == "release"]


def used_up(billed: BilledTown, home: MeterId, *others: MeterId) -> None:
    """Three failures: alone, in a list where it stands elsewhere, and under another spelling."""
    statements = [billed.statement(BILL, home), billed.statement(BILL, home, *others)]
    statements.append(billed.arithmetic.statement(BILL, BILL.segment(home), timezone=SPELLED))
    for statement in statements:
        opens_all_but(billed, forged(billed, statement, home), home)


def test_one_forged_bill_among_many(billed: BilledTown) -> None:
    """Threat E44: the others open, each exactly, and the home's own bill still does."""
    homes = billed.homes(12)
    bad = homes[5]
    before, alarms = billed.counter(DECRYPTOR), billed.metric(DECRYPTOR, FAILED)
    release = opens_all_but(billed, forged(billed, billed.statement(BILL, *homes), bad), bad)
    assert [kind for kind, _ in billed.entries(DECRYPTOR, before)] == ["intent", "attempt", "release"]
    assert (attempted(billed, before), unopened(billed, before)) == ([list(range(12))], [[5]])
    assert billed.metric(DECRYPTOR, FAILED) == alarms + 1
    assert billed.client.bill_release(billed.answer(BILL, *homes)) == release
    billed.opens_exactly(billed.answer(BILL, bad))


def test_attempts_do_not_restart_under_another_list_or_form(billed: BilledTown) -> None:
    """Threat E44: counted by item, then final for whoever asks, honest numbers or not; nobody beside it is harmed."""
    first, home, last = billed.homes(3)
    used_up(billed, home, first)
    before, alarms = billed.counter(DECRYPTOR), billed.metric(DECRYPTOR, FAILED)
    for others in ((last,), (first, last)):
        opens_all_but(billed, billed.answer(BILL, home, *others), home)
    spelled = billed.arithmetic.statement(BILL, *map(BILL.segment, (home, last)), timezone=SPELLED)
    opens_all_but(billed, forged(billed, spelled, home), home)
    assert attempted(billed, before) == [[1], [0, 2], [1]]
    assert unopened(billed, before) == [[0], [1], [0]]
    assert billed.metric(DECRYPTOR, FAILED) == alarms
    billed.opens_exactly(billed.answer(BILL, first, last))


def test_attempts_do_not_restart_with_the_process(billed: BilledTown) -> None:
    """Threat E44: what failed before counts after, and what is final stays so."""
    home, other = billed.homes(2)
    for statement in (billed.statement(BILL, home), billed.statement(BILL, home, other)):
        opens_all_but(billed, forged(billed, statement, home), home)
    billed.restart(DECRYPTOR)
    spelled = billed.arithmetic.statement(BILL, BILL.segment(home), timezone=SPELLED)
    opens_all_but(billed, forged(billed, spelled, home), home)
    [beside] = billed.homes(1)
    billed.restart(DECRYPTOR)
    opens_all_but(billed, billed.answer(BILL, home, beside), home)
    billed.opens_exactly(billed.answer(BILL, other, beside))


def in_disorder(statement: BillStatement) -> Iterable[BillStatement]:
    """Turned around, and one home twice."""
    segments = statement.segments
    for places in (segments[::-1], (segments[0], *segments)):
        yield statement.model_copy(update={"segments": places})


def test_another_order_or_number_is_no_way_around(billed: BilledTown) -> None:
    """Threat E44: a statement has one order; a report that nobody sent is not billed in the place of another."""
    home, other = billed.homes(2)
    used_up(billed, home, other)
    for statement in in_disorder(billed.statement(BILL, home, other)):
        with billed.refuses("malformed"):
            billed.client.bill_release(
                BillAnswer.issue(statement, [], (0,) * len(statement.segments), billed.forger.key)
            )
    for number in (1, 7):
        statement = billed.statement(replace(BILL, number=number), home)
        answer = billed.forger.answer(statement, [[bytes(NUMBER_BYTES)]])
        with billed.refuses("pinned-otherwise", DECRYPTOR):
            billed.client.bill_release(answer)
        with billed.refuses("pinned-otherwise", UNBLINDER):
            billed.pad_asker.pads(answer, [1])
    billed.opens_exactly(billed.answer(BILL, other))


def test_rebills_of_forged_numbers_end_with_the_rank(billed: BilledTown) -> None:
    """Threat E44: each rebill is of another item, and as dear as if it had opened."""
    home, other = billed.homes(2)
    cancels = None
    for number in range(RANK // 2):
        asked = replace(SUMS, number=number)
        billed.report([home], asked.cycle, number)
        answer = forged(billed, rebilling(billed, asked, home, cancels), home)
        release = opens_all_but(billed, answer, home)
        cancels = Cancels(statement=BillStatement.from_bytes(answer.statement).digest(), release=release.digest())
    last = rebilling(billed, replace(SUMS, number=RANK // 2), home, cancels)
    with billed.refuses("rank-exhausted", DECRYPTOR):
        billed.client.bill_release(billed.forger.answer(last, [[bytes(NUMBER_BYTES)] * 2]))
    billed.opens_exactly(billed.answer(BILL, other))


def rebilling(billed: BilledTown, asked: Asked, home: MeterId, cancels: Cancels | None) -> BillStatement:
    return billed.arithmetic.statement(asked, asked.segment(home, cancels))


def test_a_later_report_is_the_way_out(billed: BilledTown) -> None:
    """Threat E44: forged numbers darken a bill for good, yet not the home: its next report is billed in its place."""
    home, other = billed.homes(2)
    answer = billed.answer(BILL, home)
    used_up(billed, home, other)
    darkened = opens_all_but(billed, answer, home)
    billed.report([home], BILL.cycle, 1)
    cancels = Cancels(statement=billed.statement(BILL, home).digest(), release=darkened.digest())
    billed.opens_exactly(billed.answer(replace(BILL, number=1), home, cancels=cancels))
