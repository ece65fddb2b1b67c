"""Results for third parties: at each half by itself, of customers who agreed, of their own days, until they say no."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from tests.keyserver import bill_run
from tests.keyserver.bill_run import END, FIRST, START, Run, entries, homes, running
from tests.keyserver.test_bill_refusals import HALVES, Ask, half_of
from tests.policy.packs import pack_of, purpose_rule
from tests.policy.rosters import REGION
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation
from wattseal.protocol.errors import ConsentMissing
from wattseal.protocol.ids import HalfRole, MeterId, Role, Window
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import MINUTES_PER_DAY

FIRST_DAY, LAST_DAY = Window(START // MINUTES_PER_DAY), Window((END - 1) // MINUTES_PER_DAY)
KEYS = {name: SigningKey(name.encode().ljust(32)) for name in ("m0", "m1", "m2", "m3")}
SHARED = "third-party"


@pytest.fixture(autouse=True)
def _pack(monkeypatch: pytest.MonkeyPatch) -> None:
    study = purpose_rule(4, use="secondary", basis="consent")
    monkeypatch.setattr(bill_run, "POLICY", pack_of({"billing": purpose_rule(4), SHARED: study}))


def signing_homes(effective: Window = FIRST, **changes: dict[str, Any]) -> Roster:
    told: dict[str, Any] = {
        name: {"identity_key": key.verify_key.encode(), **changes.get(name, {})} for name, key in KEYS.items()
    }
    return homes(4, effective, **told)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with running(tmp_path, rosters=[signing_homes()]) as started:
        yield started


def consent(meter: str, **changes: Any) -> Consent:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "region": REGION,
        "meter": MeterId(meter),
        "account": f"account of {meter}",
        "tenure_since": Window(0),
        "recipient": bill_run.ASKER.name,
        "purpose": SHARED,
        "first": FIRST_DAY,
        "last": LAST_DAY,
        "until": LAST_DAY,
    }
    return Consent(**{**fields, **changes})


def agree(run: Run, *given: Consent) -> None:
    for half in (run.decryptor, run.unblinder):
        for one in given:
            half.registry.consents.install(SignedConsent.issue(one, "customer", KEYS[one.meter]))


@HALVES
@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "another"},
        {"purpose": "billing"},
        {"first": FIRST_DAY + 1},
        {"last": LAST_DAY - 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_each_half_refuses_without_a_consent_to_just_that(
    run: Run, role: Role, ask: Ask, changes: dict[str, Any]
) -> None:
    agree(run, consent("m0"), consent("m1", **changes))
    before = len(entries(half_of(run, role)))
    with pytest.raises(ConsentMissing, match="1 of 2") as refusal:
        ask(run, run.of("m0", "m1", purpose=SHARED))
    assert "m1" not in str(refusal.value)
    assert [entry.kind for entry in entries(half_of(run, role))[before:]] == ["refusal"]


def test_with_consents_it_opens_and_both_ledgers_name_them(run: Run) -> None:
    given = [consent("m0"), consent("m1")]
    agree(run, *given)
    statement = run.of("m0", "m1", purpose=SHARED)
    assert run.release(statement) == run.expected(statement)
    for half in (run.decryptor, run.unblinder):
        intent = entries(half)[0].body.decode()
        assert all(one.fingerprint.hex() in intent for one in given)


def test_a_primary_purpose_needs_none(run: Run) -> None:
    statement = run.of("m3")
    assert run.release(statement) == run.expected(statement)
    assert "consents" not in entries(run.decryptor)[0].body.decode()


def test_taken_back_it_is_refused_even_what_was_released(run: Run) -> None:
    given = consent("m0")
    agree(run, given)
    answer = run.answer(run.of("m0", purpose=SHARED))
    run.ask(answer)
    revocation = SignedRevocation.issue(ConsentRevocation(consent=given.fingerprint), "customer", KEYS["m0"])
    run.decryptor.registry.consents.revoke(revocation)
    with pytest.raises(ConsentMissing):
        run.ask(answer)


def test_the_unblinder_refuses_what_was_taken_back_there_alone(run: Run) -> None:
    given = consent("m0")
    agree(run, given)
    revocation = SignedRevocation.issue(ConsentRevocation(consent=given.fingerprint), "customer", KEYS["m0"])
    run.unblinder.registry.consents.revoke(revocation)
    with pytest.raises(ConsentMissing):
        run.ask(run.answer(run.of("m0", purpose=SHARED)))
    assert [entry.kind for entry in entries(run.decryptor)] == ["intent", "attempt", "withdrawal", "refusal"]


def test_the_next_occupants_data_is_not_covered(tmp_path: Path) -> None:
    """m1 changed hands amid the cycle: the former tenant's consent opens their part, and not the other."""
    moved = Window(FIRST_DAY + 10)
    cut = moved * MINUTES_PER_DAY
    rosters = [signing_homes(), signing_homes(moved, m1={"account": "the next", "tenure_since": moved})]
    with running(tmp_path, rosters=rosters) as run:
        agree(run, consent("m1", last=LAST_DAY))
        former = run.statement(run.segment("m1", minutes=(START, cut)), purpose=SHARED)
        assert run.release(former) == run.expected(former)
        with pytest.raises(ConsentMissing):
            run.release(run.statement(run.segment("m1", minutes=(cut, END)), purpose=SHARED))


@pytest.mark.parametrize("role", [Role.DECRYPTOR, Role.UNBLINDER])
def test_a_roster_that_comes_after_the_move_leaves_the_next_occupants_days_theirs(
    tmp_path: Path, role: HalfRole
) -> None:
    """Between the move and the roster the row in force is still the former tenant's: their consent opens nothing."""
    from tests.keyserver.test_bill_memory import total

    moved, told = Window(FIRST_DAY + 10), Window(FIRST_DAY + 25)
    later = signing_homes(told, m1={"account": "the next", "tenure_since": moved})
    with running(tmp_path, rosters=[signing_homes(), later]) as run:
        agree(run, *map(consent, KEYS))
        half = half_of(run, role)
        part = run.segment("m1", minutes=(moved * MINUTES_PER_DAY, (told - 1) * MINUTES_PER_DAY))
        day = total(run, *KEYS, window=moved + 5).model_copy(update={"purpose": SHARED})
        for statement in (day, run.statement(part, purpose=SHARED)):
            with pytest.raises(ConsentMissing, match=r"1 of"):
                half.asked_by(statement, bill_run.ASKER)
        agree(run, consent("m1", account="the next", tenure_since=moved, first=moved))
        for statement in (day, run.statement(part, purpose=SHARED)):
            assert half.asked_by(statement, bill_run.ASKER)
        before = day.model_copy(update={"window": Window(moved - 1)})
        assert len(half.asked_by(before, bill_run.ASKER)) == 4


def test_a_total_of_consenting_homes(run: Run) -> None:
    """All of them, and sizes hold besides; asked at each half by itself."""
    from tests.keyserver.test_bill_memory import total

    run.rosters = (run.rosters[0],)
    everybody = total(run, "m0", "m1", "m2", "m3").model_copy(update={"purpose": SHARED})
    for half in (run.decryptor, run.unblinder):
        with pytest.raises(ConsentMissing, match="4 of 4"):
            half.asked_by(everybody, bill_run.ASKER)
    agree(run, *map(consent, KEYS))
    for half in (run.decryptor, run.unblinder):
        assert len(half.asked_by(everybody, bill_run.ASKER)) == 4
