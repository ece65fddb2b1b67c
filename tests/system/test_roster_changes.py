"""A cohort whose meters change: a day's sets are sets of meters, whichever roster a statement was made under."""

from collections.abc import Mapping
from typing import NamedTuple

import pytest

from tests.system.forging import outcome
from tests.system.town import COHORTS, Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.edge.access import Scope
from wattseal.meter_sim.rosters import utility_key
from wattseal.protocol.codec import Message
from wattseal.protocol.ids import Role, Window
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.statement import Answer
from wattseal.protocol.time import parse_window

EVERY_ROLE = (AGGREGATOR, DECRYPTOR, UNBLINDER)
LAST_BEFORE, FIRST_AFTER = parse_window("2024-11-30"), parse_window("2024-12-01")
# All homes of each: fewer than a group must not stay behind.
MOVES = {f"{own}-{home:02d}": f"town/{other}" for own, other in ("bc", "cb") for home in range(COHORTS[f"town/{own}"])}


class Change(NamedTuple):
    """The roster from December on, and two of its days for which something was asked while the old one was in force."""

    roster: Roster
    pads_taken: Window
    intended: Window


@pytest.fixture(scope="module")
def change(town: Town) -> Change:
    pads_taken, intended = parse_window("2024-12-10"), parse_window("2024-12-11")
    town.rogue_decryptor.pads(unfounded(town, town.roster, pads_taken))
    with town.refuses("verification-failed", DECRYPTOR):
        town.release(unfounded(town, town.roster, intended))
    after = changed(town, FIRST_AFTER, MOVES)
    town.install(after)
    return Change(after, pads_taken, intended)


def changed(town: Town, effective: Window, moves: Mapping[str, str]) -> Roster:
    """The town's roster with some meters in other cohorts."""
    return town.new_roster({**{row.meter: row.cohort for row in town.roster.rows}, **moves}, effective)


def unfounded(town: Town, roster: Roster, window: Window) -> Answer:
    """A signed answer about all of `town/b`, with no ciphertext to open."""
    return town.rogue_aggregator.answer(town.rogue_aggregator.statement(roster, "town/b", window), b"")


def installing(town: Town, document: Message) -> dict[Role, str]:
    """What each role says to an operator who installs a roster."""
    posts = {role: town.service(role, Scope.OPERATOR).post for role in EVERY_ROLE}
    return {role: outcome(post, "/v1/rosters", document) for role, post in posts.items()}


def test_each_month_is_counted_under_its_own_roster(town: Town, change: Change) -> None:
    """Threat A5."""
    before = town.day(of=LAST_BEFORE, only=("town/b", "town/c"))
    after = town.day(of=FIRST_AFTER, only=("town/b", "town/c"), roster=change.roster)
    for day, other in ((before, change.roster), (after, town.roster)):
        with town.refuses("contradiction"):
            town.release(unfounded(town, other, day.window))
        town.opens_exactly(day, "town/b")
        town.opens_exactly(day, "town/c")


def test_pads_of_both_rosters_for_one_day_are_refused(town: Town, change: Change) -> None:
    """Threats A5, E35: pads were taken ahead under the old roster, for homes that are in `town/c` now.

    The aggregator and the decryptor collude here, so the difference of the two pad sums would be all that they lack.
    """
    day = town.day(of=change.pads_taken, only=("town/b", "town/c"), without=("b-03",), roster=change.roster)
    with town.refuses("pinned-otherwise", UNBLINDER):
        town.rogue_decryptor.pads(town.answer(day, "town/c"))
    with town.refuses("pinned-otherwise", DECRYPTOR, UNBLINDER):
        town.release(town.answer(day, "town/c"))
    town.opens_exactly(day, "town/b")


def test_an_intent_under_the_old_roster_binds_the_decryptor(town: Town, change: Change) -> None:
    """Threats A5, E35: the aggregator alone asked ahead; the day's pins are of meters, not of places in a roster."""
    day = town.day(of=change.intended, only=("town/b", "town/c"), without=("b-03",), roster=change.roster)
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(town.answer(day, "town/c"))
    town.opens_exactly(day, "town/b")
    next_day = town.day(of=Window(day.window + 1), only=("town/b", "town/c"), without=("b-03",), roster=change.roster)
    town.opens_exactly(next_day, "town/c")


def test_a_contradicting_roster_for_the_same_day_is_refused(town: Town, change: Change) -> None:
    """Threats A5, E35: all three signatures are on it, and every role has another under its date."""
    moves = {meter: cohort for meter, cohort in MOVES.items() if meter not in ("b-15", "c-15")}
    assert set(installing(town, town.signed(changed(town, FIRST_AFTER, moves))).values()) == {"contradiction"}
    assert set(installing(town, town.signed(change.roster)).values()) == {"granted"}


@pytest.mark.parametrize(
    ("effective", "moves"),
    [("2025-01-01", {**MOVES, "b-15": "town/a"}), ("2024-12-15", {})],
    ids=["one home moves", "in the middle of a month"],
)
def test_a_change_by_few_or_amid_a_month_is_refused(
    town: Town, change: Change, effective: str, moves: Mapping[str, str]
) -> None:
    """Threat A5: every role refuses it, so yesterday's total and today's never differ by one home."""
    roster = town.signed(changed(town, parse_window(effective), moves))
    assert set(installing(town, roster).values()) == {"roster-change"}
    assert change.roster.effective == FIRST_AFTER


@pytest.mark.parametrize("missing", ["utility", "aggregator_operator", "unblinder_operator"])
def test_a_roster_signed_by_only_two_is_rejected_by_all_three(town: Town, missing: str) -> None:
    """Threat E42: whoever the two colluding operators are, in their own names or in the third's."""
    roster = town.signed(changed(town, parse_window("2025-02-01"), MOVES))
    forger = utility_key(town.state)
    if missing == "utility":
        forger = town.home(AGGREGATOR).signing_key("operator")
    replaced = SignedRoster.issue(roster.opened(town.trust), forger).utility
    forged = roster.model_copy(update={missing: replaced})
    assert set(installing(town, forged).values()) == {"signature-invalid"}
    if missing != "utility":
        absent = roster.model_copy(update={missing: None})
        assert set(installing(town, absent).values()) == {"malformed"}
