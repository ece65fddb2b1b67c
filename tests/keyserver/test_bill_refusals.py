"""What each half refuses by itself although the other would allow everything, and what is rejected without a trace."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from tests.keyserver.bill_run import (
    BASIC,
    END,
    MAY,
    OTHER,
    PURPOSE,
    START,
    TOKEN,
    ZONE,
    Careless,
    Run,
    entries,
    homes,
    kinds,
    running,
)
from tests.policy.measures import extension, signed_extension
from tests.policy.rosters import REGION
from tests.protocol.tariff.samples import tariff
from wattseal.cryptosystems.ckks.parameters import NUMBER_BYTES
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half
from wattseal.protocol.billing import BillAnswer, BillStatement, Cancels, local_day
from wattseal.protocol.errors import (
    Contradiction,
    FunctionalNotPermitted,
    MalformedMessage,
    PinnedOtherwise,
    PurposeNotPermitted,
    RankExhausted,
    Refused,
    ShareTooLarge,
    SignatureInvalid,
    Unauthorized,
    UnknownSubject,
    WattsealError,
    WindowNotClosed,
)
from wattseal.protocol.ids import Role, Window
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import SeriesCharge
from wattseal.protocol.time import MINUTES_PER_DAY
from wattseal.protocol.tokens import TokenProof

HOURS = (END - START) // 60
SELECTOR = tariff(SeriesCharge(name="Event", start=START, step_minutes=60, prices=(*[200_000] * 5, *[0] * (HOURS - 5))))
"""A price for five hours of the cycle."""

Ask = Callable[[Run, BillStatement], object]


def of_decryptor(run: Run, statement: BillStatement) -> object:
    """The decryptor, beside an unblinder that would grant everything and is not even asked."""
    careless = Careless(run.pads)
    run.service = DecryptorService(run.decryptor, careless)
    try:
        return run.ask(run.answer(statement, [[]]))
    finally:
        assert careless.asked == 0


def of_unblinder(run: Run, statement: BillStatement) -> object:
    """The unblinder, asked by a decryptor that checks nothing."""
    return run.granting.grant_bills(run.pad_request(statement))


HALVES = pytest.mark.parametrize(
    ("role", "ask"), [(Role.DECRYPTOR, of_decryptor), (Role.UNBLINDER, of_unblinder)], ids=["decryptor", "unblinder"]
)


def half_of(run: Run, role: Role) -> Half:
    return run.decryptor if role is Role.DECRYPTOR else run.unblinder


def granted_before(run: Run, role: Role, *statements: BillStatement) -> None:
    for statement in statements:
        digest, cycle = statement.digest(), statement.cycle.minutes
        half_of(run, role).ledger.intend_bills(digest, statement.to_bytes(), statement.region, cycle, PURPOSE)


def refused(run: Run, role: Role, ask: Ask, statement: BillStatement, error: type[Refused]) -> None:
    """Recorded by the statement's digest, and nothing else happens; no meter is named."""
    before = len(entries(half_of(run, role)))
    with pytest.raises(error) as caught:
        ask(run, statement)
    [entry] = entries(half_of(run, role))[before:]
    assert entry.kind == "refusal"
    about = {"statement": statement.digest().hex(), "region": REGION, "purpose": statement.purpose}
    about["reason"] = error.slug
    assert {**about, "times": 1} == {name: value for name, value in json.loads(entry.body).items() if name != "at"}
    assert not any(segment.meter in str(caught.value) for segment in statement.segments)


@HALVES
def test_a_purpose_that_the_policy_does_not_know(tmp_path: Path, role: Role, ask: Ask) -> None:
    with running(tmp_path) as run:
        refused(run, role, ask, run.of("m0", purpose="curiosity"), PurposeNotPermitted)


@HALVES
def test_a_cycle_that_is_not_over(tmp_path: Path, role: Role, ask: Ask) -> None:
    with running(tmp_path, now=END * 60 - 1) as run:
        refused(run, role, ask, run.of("m0"), WindowNotClosed)


@HALVES
def test_a_tariff_that_is_not_the_meters(tmp_path: Path, role: Role, ask: Ask) -> None:
    with running(tmp_path, tariffs=[BASIC, OTHER]) as run:
        run.tariff = OTHER
        refused(run, role, ask, run.of("m0"), FunctionalNotPermitted)


@HALVES
def test_a_price_for_a_few_hours(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Threat E43."""
    with running(tmp_path, tariffs=[SELECTOR]) as run:
        refused(run, role, ask, run.of("m0"), ShareTooLarge)


@HALVES
def test_reruns_until_the_rank_is_used_up(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Threat A6: for the whole statement, if one of its meters has no more."""
    with running(tmp_path) as run:
        first = run.of("m0", "m1")
        second = run.rerun(first, 1, run.segment("m1"))
        granted_before(run, role, first, second)
        refused(run, role, ask, run.rerun(second, 2, run.segment("m1")), RankExhausted)


@HALVES
def test_a_rerun_beyond_the_rank_takes_an_extension_of_this_half_alone(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Threat E42: what the other half installed counts for nothing, and what this one has is named in its intent."""
    windows = range(START // MINUTES_PER_DAY, END // MINUTES_PER_DAY + 1)
    granted = extension(BASIC.name, first=Window(windows[0]), last=Window(windows[-1]))
    with running(tmp_path) as run:
        asked = run.of("m0")
        for number in (1, 2):
            run.release(asked)
            asked = run.rerun(asked, number)
        half, other = (run.decryptor, run.unblinder) if role is Role.DECRYPTOR else (run.unblinder, run.decryptor)
        other.registry.measures.install_extension(signed_extension(granted))
        service = run.service
        refused(run, role, ask, asked, RankExhausted)
        half.registry.measures.install_extension(signed_extension(granted))
        before, run.service = len(entries(half)), service
        assert run.release(asked) == run.expected(asked)
        assert json.loads(entries(half)[before].body)["extensions"] == [granted.fingerprint.hex()]
        refused(run, role, ask, run.rerun(asked, 3), RankExhausted)


@HALVES
def test_another_report_than_the_one_that_is_billed(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Threat E35: the difference of two reports is what was edited, or what somebody made up between them."""
    with running(tmp_path) as run:
        first = run.of("m0", "m1")
        second = run.rerun(first, 1)
        granted_before(run, role, first)
        refused(run, role, ask, run.statement(run.segment("m0", 1)), PinnedOtherwise)
        refused(run, role, ask, run.rerun(run.of("m0"), 1), PinnedOtherwise)  # a statement that was never granted
        granted_before(run, role, second)
        refused(run, role, ask, run.of("m0"), PinnedOtherwise)
        refused(run, role, ask, run.rerun(first, 2), PinnedOtherwise)  # what is cancelled already


def test_only_what_was_released_is_cancelled(tmp_path: Path) -> None:
    """Of releases the decryptor alone knows."""
    with running(tmp_path) as run:
        statement = run.of("m0")
        granted_before(run, Role.DECRYPTOR, statement)
        refused(run, Role.DECRYPTOR, of_decryptor, run.rerun(statement, 1), PinnedOtherwise)
        run.service = DecryptorService(run.decryptor, run.granting)
        run.release(statement)
        made_up = Cancels(statement=statement.digest(), release=statement.digest())
        other = run.segment("m0", 1, cancels=made_up)
        refused(run, Role.DECRYPTOR, of_decryptor, run.statement(other), PinnedOtherwise)


@HALVES
def test_cycles_that_overlap(tmp_path: Path, role: Role, ask: Ask) -> None:
    """Else the difference of two bills would be a day."""
    with running(tmp_path, now=(END + MINUTES_PER_DAY) * 60.0) as run:
        granted_before(run, role, run.of("m0"))
        run.cycle = Cycle(date(2026, 5, 2), date(2026, 6, 1), ZONE)
        refused(run, role, ask, run.of("m0"), FunctionalNotPermitted)


REJECTED: dict[str, tuple[dict[str, Any], type[WattsealError]]] = {
    "another suite": ({"suite": 3}, Contradiction),
    "an unknown key": ({"key_id": 9}, UnknownSubject),
    "another roster": ({"roster_digest": bytes(32)}, Contradiction),
    "another region": ({"region": "east"}, Contradiction),
    "an unknown tariff": ({"tariff": bytes(32)}, UnknownSubject),
    "half a cycle": ({"after": local_day(date(2026, 5, 15))}, MalformedMessage),
    "another time zone": ({"timezone": "America/New_York"}, Contradiction),
}


@HALVES
@pytest.mark.parametrize(("changes", "error"), REJECTED.values(), ids=REJECTED.keys())
def test_what_is_rejected_leaves_no_trace(
    tmp_path: Path, role: Role, ask: Ask, changes: dict[str, Any], error: type[WattsealError]
) -> None:
    with running(tmp_path) as run:
        with pytest.raises(error):
            ask(run, run.of("m0", **changes))
        assert kinds(half_of(run, role)) == []


@HALVES
def test_a_statement_that_the_aggregator_did_not_sign(tmp_path: Path, role: Role, ask: Ask) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        forged = BillAnswer.issue(statement, [], (0,), SigningKey.generate())
        run.answer = lambda *_: forged  # type: ignore[method-assign]
        with pytest.raises(SignatureInvalid):
            ask(run, statement)
        assert kinds(half_of(run, role)) == []


@pytest.mark.parametrize("count", [0, 2, 4, 6])
def test_numbers_that_do_not_fit_the_statement(tmp_path: Path, count: int) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        with pytest.raises(MalformedMessage, match="one number for each functional"):
            run.release(statement, [[bytes(NUMBER_BYTES)] * count])
        assert kinds(run.decryptor) == kinds(run.unblinder) == []


@pytest.mark.parametrize("flagged", [(), (0, 0), (HOURS + 1,)])
def test_flags_that_do_not_fit_the_statement(tmp_path: Path, flagged: tuple[int, ...]) -> None:
    with running(tmp_path) as run:
        statement, aggregator = run.of("m0"), run.aggregator_key
        [numbers] = run.numbers(statement)
        with pytest.raises(MalformedMessage, match="flagged intervals"):
            run.ask(BillAnswer.issue(statement, numbers, flagged, aggregator))
        assert kinds(run.decryptor) == kinds(run.unblinder) == []
        run.ask(BillAnswer.issue(statement, numbers, (HOURS,), aggregator))


def test_who_may_ask_the_unblinder(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        with pytest.raises(Unauthorized):
            run.granting.grant_bills(run.pad_request(statement, token=TOKEN + "!"))
        of_another = TokenProof.issue(TOKEN, run.of("m0", "m1").to_bytes())
        with pytest.raises(Unauthorized, match="not one of this question"):
            run.granting.grant_bills(run.pad_request(statement, proof=of_another))
        body = run.pad_request(statement).body
        with pytest.raises(SignatureInvalid):
            run.granting.grant_bills(Envelope(body=body, signature=bytes(64)))
        assert kinds(run.unblinder) == []


def test_the_unblinder_grants_the_same_again(tmp_path: Path) -> None:
    """And writes no new entry."""
    with running(tmp_path) as run:
        statement = run.of("m0", "m1")
        first = of_unblinder(run, statement)
        assert isinstance(first, Envelope)
        again = of_unblinder(run, statement)
        assert isinstance(again, Envelope)
        assert kinds(run.unblinder) == ["intent"]
    with running(tmp_path, rosters=[homes()], cycle=MAY) as run:
        assert of_unblinder(run, statement) == again
