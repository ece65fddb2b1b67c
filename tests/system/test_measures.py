"""Waivers, quarantines and extensions at real services: three signatures or nothing, and each lock applies its own."""

from typing import Any, TypeVar

import pytest

from tests.system.town import Day, Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.edge.access import Scope
from wattseal.edge.home import OPERATOR
from wattseal.meter_sim.rosters import utility_key
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import MalformedMessage, Refused, SignatureInvalid
from wattseal.protocol.ids import Channel, CohortId, MeterId, Role, Window
from wattseal.protocol.measures import (
    BudgetExtension,
    MoreResults,
    Quarantine,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
    Waiver,
)

C = TypeVar("C", bound=Countersigned)
ROLES = (AGGREGATOR, DECRYPTOR, UNBLINDER)
COHORT = "row"
SILENT = tuple(f"y-{number:02d}" for number in range(4))
"""Of 24: 83 % report."""


def fields(day: Day, **about: Any) -> dict[str, Any]:  # noqa: ANN401 - any field's value
    return {"region": day.roster.region, "first": day.window, "last": day.window, "reason": "a test", **about}


def waiver(day: Day, percent: int = 80, cohort: str = COHORT) -> Waiver:
    about = {"cohort": CohortId(cohort), "channel": Channel.DELIVERED, "coverage_percent": percent}
    return Waiver(**fields(day, **about))


def signed_waiver(town: Town, measure: Waiver) -> SignedWaiver:
    return town.countersigned(SignedWaiver.issue(measure, utility_key(town.state)))


def signed_quarantine(town: Town, measure: Quarantine) -> SignedQuarantine:
    return town.countersigned(SignedQuarantine.issue(measure, utility_key(town.state)))


PATHS = {
    SignedWaiver: "/v1/waivers",
    SignedQuarantine: "/v1/quarantines",
    SignedBudgetExtension: "/v1/budget-extensions",
}


def post(town: Town, role: Role, measure: SignedWaiver | SignedQuarantine | SignedBudgetExtension) -> None:
    town.service(role, Scope.OPERATOR).post(PATHS[type(measure)], measure)


@pytest.fixture
def day(town: Town) -> Day:
    return town.day(only=("row/only",), without=SILENT)


def test_a_waiver_opens_what_coverage_refuses_and_both_ledgers_name_it(town: Town, day: Day) -> None:
    with town.refuses("coverage-too-low", AGGREGATOR):
        town.answer(day, COHORT)
    measure = waiver(day)
    for role in ROLES:
        post(town, role, signed_waiver(town, measure))
    counts = {role: town.counter(role) for role in (DECRYPTOR, UNBLINDER)}
    town.opens_exactly(day, COHORT)
    for role, count in counts.items():
        intents: list[dict[str, Any]] = [content for kind, content in town.entries(role, count) if kind == "intent"]
        assert [intent["waivers"] for intent in intents] == [[measure.fingerprint.hex()]]


def test_an_intent_without_waivers_names_none(town: Town) -> None:
    day = town.day(only=("row/only",))
    count = town.counter(UNBLINDER)
    town.opens_exactly(day, COHORT)
    assert ["waivers" in content for kind, content in town.entries(UNBLINDER, count) if kind == "intent"] == [False]


@pytest.mark.parametrize("role", ROLES)
def test_two_signatures_are_rejected_by_each_service(town: Town, day: Day, role: Role) -> None:
    """Threat E42: whichever two collude, the third one's signature is missing or forged."""
    whole = signed_waiver(town, waiver(day))
    other = town.home(AGGREGATOR).signing_key(OPERATOR)
    for lacking in ("aggregator_operator", "unblinder_operator"):
        with pytest.raises(MalformedMessage, match="not countersigned by both"):
            post(town, role, whole.model_copy(update={lacking: None}))
    with pytest.raises(SignatureInvalid):
        post(town, role, whole.countersigned("unblinder_operator", other))
    with pytest.raises(SignatureInvalid):
        post(town, role, town.countersigned(SignedWaiver.issue(waiver(day), other)))
    with town.refuses("coverage-too-low", AGGREGATOR):
        town.answer(day, COHORT)


@pytest.mark.parametrize("role", ROLES)
def test_an_extension_with_two_signatures_is_rejected_by_each_service(town: Town, day: Day, role: Role) -> None:
    """Threat E42."""
    extension = BudgetExtension(**fields(day, more=MoreResults(tariff="E-1", results=4)))
    whole = town.countersigned(SignedBudgetExtension.issue(extension, utility_key(town.state)))
    for lacking in ("aggregator_operator", "unblinder_operator"):
        with pytest.raises(MalformedMessage, match="not countersigned by both"):
            post(town, role, whole.model_copy(update={lacking: None}))
    with pytest.raises(SignatureInvalid):
        post(town, role, whole.countersigned("unblinder_operator", town.home(AGGREGATOR).signing_key(OPERATOR)))
    as_a_waiver = SignedWaiver.model_validate(whole.model_dump())
    with pytest.raises(SignatureInvalid):
        post(town, role, as_a_waiver)
    post(town, role, whole)


@pytest.mark.parametrize(
    ("lock", "told"), [(AGGREGATOR, ()), (DECRYPTOR, ()), (UNBLINDER, (DECRYPTOR,))], ids=lambda value: str(value)
)
def test_a_waiver_that_one_lock_does_not_have_opens_nothing(
    town: Town, day: Day, lock: Role, told: tuple[Role, ...]
) -> None:
    """Threat E42: the aggregator and one half have it, or both halves."""
    for role in ROLES:
        if role is not lock:
            post(town, role, signed_waiver(town, waiver(day)))
    with town.refuses("coverage-too-low", lock, *told):
        town.release(town.answer(day, COHORT))


def test_a_waiver_lowers_neither_k_nor_pins(town: Town) -> None:
    day = town.day(only=("row/only",), without=[f"y-{number:02d}" for number in range(10)])
    for role in ROLES:
        post(town, role, signed_waiver(town, waiver(day, 50)))
    with town.refuses("group-too-small", AGGREGATOR):
        town.answer(day, COHORT)
    members = day.members(COHORT)
    forged = town.forged(day, COHORT, town.arithmetic.fold(day.ciphertexts(members)), members)
    with town.refuses("group-too-small", DECRYPTOR):
        town.release(forged)
    with town.refuses("group-too-small", UNBLINDER):
        town.rogue_decryptor.pads(forged)


def test_one_bad_meter_does_not_darken_its_neighborhood_for_good(town: Town) -> None:
    """Put aside from the next window on, it is missing there: nobody asks for its report, and no lock takes one."""
    today = town.day(only=("row/only",))
    tomorrow = town.day(only=("row/only",), of=Window(today.window + 1))
    town._window = tomorrow.window
    bad = MeterId("y-05")
    measure = Quarantine(**fields(tomorrow, meter=bad))
    for role in ROLES:
        post(town, role, signed_quarantine(town, measure))
    town.opens_exactly(today, COHORT)
    others = [meter for meter in tomorrow.members(COHORT) if meter != bad]
    release = town.release(town.answer(tomorrow, COHORT))
    assert (release.members, release.reads) == (23, tomorrow.total(others))


def test_a_statement_about_a_quarantined_meter_is_refused_by_each_half(town: Town, day: Day) -> None:
    bad = day.members(COHORT)[0]
    members = day.members(COHORT)
    forged = town.forged(day, COHORT, town.arithmetic.fold(day.ciphertexts(members)), members)
    aside = signed_quarantine(town, Quarantine(**fields(day, meter=bad)))
    for role in ROLES:
        post(town, role, aside)
        post(town, role, signed_waiver(town, waiver(day, 50)))
    with town.refuses("meter-quarantined", DECRYPTOR):
        town.release(forged)
    with town.refuses("meter-quarantined", UNBLINDER):
        town.rogue_decryptor.pads(forged)
    release = town.release(town.answer(day, COHORT))
    assert (release.members, release.reads) == (19, day.total(members[1:]))


def test_a_quarantine_dated_back_in_a_replay_darkens_that_day_and_tells_nothing(town: Town) -> None:
    """All of a cohort, then all but one: the pins of the first total refuse the second."""
    day = town.day(only=("row/only",))
    town.opens_exactly(day, COHORT)
    bad = day.members(COHORT)[0]
    for role in ROLES:
        post(town, role, signed_quarantine(town, Quarantine(**fields(day, meter=bad))))
    rest = day.members(COHORT)[1:]
    forged = town.forged(day, "row/only", town.arithmetic.fold(day.ciphertexts(rest)), rest)
    for ask in (town.release, town.rogue_decryptor.pads):
        with pytest.raises(Refused) as refusal:
            ask(forged)
        assert refusal.value.slug == "pinned-otherwise"
    with town.refuses("pinned-otherwise", AGGREGATOR):
        town.answer(day, "row/only")
