"""What noisy totals spend: of every member's day, of all purposes together; and never beside exact ones."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.packs import pack_of, purpose_rule
from tests.policy.trees import Meters, grant, meters
from wattseal.policy.levels import Granted, Levels, Question, Under
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.pack import Zcdp
from wattseal.policy.questions import noise_of
from wattseal.policy.spending import Noise, Spending
from wattseal.protocol.errors import BudgetExhausted, FunctionalNotPermitted, PinnedOtherwise, Refused
from wattseal.protocol.roster import Interval

NOISE = Noise(sigma=1_000, rho_millionths=200, budget_rho_millionths=500)
RULE = Zcdp(mechanism="zcdp", rho_millionths=200, clip=16_383, budget_rho_millionths=500)
PACK = pack_of(
    {
        "planning": purpose_rule(),
        "study": purpose_rule(use="secondary", basis="noise", functionals=("totals",), noise=RULE),
        "survey": purpose_rule(use="secondary", basis="noise", functionals=("totals",), noise=RULE),
    }
)
LEVELS = Levels(PACK)
TOWN = meters(range(60))
NORTH, SOUTH = meters(range(30)), meters(range(30, 60))


def asked(active: Meters, purpose: str, levels: Levels = LEVELS) -> Question:
    stated = noise_of(levels, purpose, 15)
    return Question(grant(active, sorted(active)), Under(purpose, 15), {"residential": active}, stated)


def granted(*questions: tuple[Meters, str]) -> Granted:
    known = Granted.none(LEVELS, NO_METERS)
    for active, purpose in questions:
        known = known.permit(asked(active, purpose), 16_384)
    return known


def places(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.array(numbers, dtype=np.intp)


def test_every_member_pays_for_every_draw_that_counted_it() -> None:
    after = granted((TOWN, "study"), (NORTH, "study"))
    assert after.spent_millionths(asked(NORTH, "study")) == 400
    assert after.spent_millionths(asked(SOUTH, "study")) == 200


def test_a_budget_that_is_spent_refuses_and_others_are_not_touched() -> None:
    once = granted((TOWN, "study"), (NORTH, "study"))
    west = meters(range(20))
    with pytest.raises(BudgetExhausted):
        once.permit(asked(west, "study"), 16_384)
    twice = once.permit(asked(SOUTH, "study"), 16_384)
    assert twice.spent_millionths(asked(TOWN, "study")) == 400


def test_a_budget_is_spent_to_the_last_millionth() -> None:
    noise = Noise(sigma=1_000, rho_millionths=250, budget_rho_millionths=500)
    spent = Spending().knowing(3).permit(places(0), noise).permit(places(0, 1), noise)
    assert (spent.of(places(0)), spent.of(places(1)), spent.of(places(2))) == (500, 250, 0)
    with pytest.raises(BudgetExhausted):
        spent.permit(places(0, 2), noise)


@pytest.mark.parametrize(("more", "draws"), [(0, 2), (99, 2), (100, 3), (499, 4), (500, 5), (1 << 39, 5)])
def test_an_extended_budget_pays_for_more_and_is_at_most_doubled(more: int, draws: int) -> None:
    noise, spending = NOISE.extended(more), Spending().knowing(9)
    for other in range(1, draws + 1):
        spending = spending.permit(places(0, other), noise)
    assert spending.of(places(0)) == 200 * draws <= noise.budget_rho_millionths <= 1_000
    with pytest.raises(BudgetExhausted):
        spending.permit(places(0, 8), noise)


def test_what_an_extended_budget_paid_for_stays_granted_without_it() -> None:
    west, rest = asked(meters(range(15)), "study"), asked(meters(range(15, 30)), "study")
    known = granted((TOWN, "study"), (NORTH, "study")).permit(west, 16_384, rho_more=100)
    assert known.permit(west, 16_384).spent_millionths(west) == 600
    with pytest.raises(BudgetExhausted):
        known.permit(rest, 16_384)
    read = Granted.none(LEVELS, NO_METERS).after(asked(TOWN, "study"), asked(NORTH, "study"), west)
    assert read.spent_millionths(west) == 600


def test_a_budget_that_lacks_one_millionth_does_not_pay() -> None:
    rule = RULE.model_copy(update={"budget_rho_millionths": 399})
    study = purpose_rule(use="secondary", basis="noise", functionals=("totals",), noise=rule)
    levels = Levels(pack_of({"study": study}))
    once = Granted.none(levels, NO_METERS).permit(asked(TOWN, "study", levels), 16_384)
    with pytest.raises(BudgetExhausted):
        once.permit(asked(NORTH, "study", levels), 16_384)


def test_the_least_noise_is_noise() -> None:
    noisy = Spending().knowing(2).permit(places(0), Noise(sigma=1, rho_millionths=1, budget_rho_millionths=1))
    with pytest.raises(PinnedOtherwise):
        noisy.permit(places(0, 1), None)


def test_purposes_share_one_budget() -> None:
    once = granted((TOWN, "study"), (NORTH, "survey"))
    with pytest.raises(BudgetExhausted):
        once.permit(asked(meters(range(20)), "survey"), 16_384)


def test_the_same_members_again_are_no_new_draw() -> None:
    once = granted((TOWN, "study"), (TOWN, "survey"), (TOWN, "study"))
    assert once.spent_millionths(asked(TOWN, "study")) == 200


@pytest.mark.parametrize(("first", "second"), [("planning", "study"), ("study", "planning")])
@pytest.mark.parametrize(("one", "other"), [(TOWN, TOWN), (TOWN, NORTH), (NORTH, TOWN)])
def test_a_meters_day_is_exact_or_noisy_never_both(one: Meters, other: Meters, first: str, second: str) -> None:
    once = granted((one, first))
    with pytest.raises(PinnedOtherwise, match=r"counted (exactly|with noise) in an earlier"):
        once.permit(asked(other, second), 16_384)


def test_apart_one_half_of_a_town_is_exact_and_the_other_noisy() -> None:
    after = granted((NORTH, "planning"), (SOUTH, "study"))
    assert after.spent_millionths(asked(SOUTH, "study")) == 200


def test_what_a_ledger_tells_is_what_was_permitted() -> None:
    questions = ((TOWN, "study"), (NORTH, "survey"), (SOUTH, "study"))
    read = Granted.none(LEVELS, NO_METERS).after(*(asked(*question) for question in questions))
    permitted = granted(*questions)
    for active in (TOWN, NORTH, SOUTH):
        assert read.spent_millionths(asked(active, "study")) == permitted.spent_millionths(asked(active, "study"))
    with pytest.raises(PinnedOtherwise):
        read.permit(asked(TOWN, "planning"), 16_384)


class TestPacksThatChange:
    """What was granted stays what it was: its ledger entry says so, not the pack of the day."""

    def later(self, **study: object) -> Granted:
        """What a party reads back of a noisy total of the town, once another pack is in force."""
        purposes = {name: rule for name, rule in PACK.purposes.items() if name != "study"}
        if study:
            changed = purpose_rule(use="secondary", basis="noise", functionals=("totals",), noise=Zcdp(**study))  # type: ignore[arg-type]
            purposes |= {"study": changed, "survey": changed}
        return Granted.none(Levels(pack_of(purposes)), NO_METERS).after(asked(TOWN, "study"))

    def test_a_lost_purpose_leaves_its_totals_noisy(self) -> None:
        with pytest.raises(PinnedOtherwise):
            self.later().permit(asked(TOWN, "planning"), 16_384)

    def test_a_cheaper_noise_is_a_new_draw_on_what_was_spent(self) -> None:
        cheaper = {**RULE.model_dump(), "rho_millionths": 100, "budget_rho_millionths": 250}
        known = self.later(**cheaper)
        assert known.spent_millionths(asked(TOWN, "study")) == 200
        again = asked(TOWN, "survey", known.levels)
        with pytest.raises(BudgetExhausted):
            known.permit(again, 16_384)

    def test_a_statement_of_other_noise_than_the_packs_is_refused(self) -> None:
        for noise in (None, NOISE.stated):
            with pytest.raises(FunctionalNotPermitted, match="noise"):
                granted().permit(asked(TOWN, "study")._replace(noise=noise), 16_384)
        with pytest.raises(FunctionalNotPermitted, match="noise"):
            granted().permit(asked(TOWN, "planning")._replace(noise=NOISE.stated), 16_384)


def test_another_scale_is_another_draw() -> None:
    other = NOISE._replace(sigma=999)
    after = Spending().knowing(2).permit(places(0, 1), NOISE).permit(places(1, 0), other)
    assert after.of(places(0)) == 400


def test_the_scale_follows_from_cost_clip_and_interval() -> None:
    intervals_of: dict[Interval, int] = {15: 96, 30: 48, 60: 24}
    for interval, intervals in intervals_of.items():
        exact = RULE.clip * (interval // 15) * math.sqrt(intervals * 1_000_000 / (2 * RULE.rho_millionths))
        assert exact <= Noise.of(RULE, interval).sigma < exact * 1.0001


@given(st.lists(st.tuples(st.sets(st.integers(0, 9), min_size=1), st.booleans()), max_size=12))
def test_nobody_is_ever_over_budget_nor_told_both_ways(totals: list[tuple[set[int], bool]]) -> None:
    spending = Spending().knowing(10)
    draws: set[frozenset[int]] = set()
    exact: set[int] = set()
    for members, noisy in totals:
        try:
            spending = spending.permit(places(*members), NOISE if noisy else None)
        except Refused:
            continue
        if noisy:
            draws.add(frozenset(members))
        else:
            exact |= members
    for meter in range(10):
        cost = NOISE.rho_millionths * sum(meter in draw for draw in draws)
        assert cost <= NOISE.budget_rho_millionths
        assert not (cost and meter in exact)
        assert spending.of(places(meter)) == (0 if meter in exact else cost)
