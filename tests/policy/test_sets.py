"""The set rules: each refusal at its boundary, the attacks on sets, and exact algebra over whatever is granted."""

from collections import Counter
from collections.abc import Iterable
from functools import reduce
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.oracle import derivable_sets, smallest_support
from tests.policy.trees import Meters, grant, meters, policy, random_tree, regular_tree
from wattseal.policy.meter_index import MeterIndex
from wattseal.policy.sets import Day, Grant, permit_set
from wattseal.protocol.errors import (
    CoverageTooLow,
    GroupTooLarge,
    GroupTooSmall,
    NobodyReported,
    PinnedOtherwise,
    Refused,
)

TRIAL = policy()
LARGEST = 16_384


def day_after(*grants: Grant) -> Day:
    return reduce(lambda day, question: permit_set(day, question, TRIAL, LARGEST), grants, Day())


def everyone(numbers: Iterable[int]) -> Grant:
    return grant(meters(numbers), meters(numbers))


class TestOneGroup:
    def test_k_members_are_permitted(self) -> None:
        assert day_after(everyone(range(15))).pins == dict.fromkeys(meters(range(15)), 0)

    def test_fewer_than_k_are_refused(self) -> None:
        with pytest.raises(GroupTooSmall, match=r"^the group has fewer than 15 members"):
            day_after(everyone(range(14)))

    def test_ninety_percent_of_the_active_roster_is_enough(self) -> None:
        day = day_after(grant(meters(range(100)), meters(range(90))))
        assert [(len(atom.present), len(atom.active)) for atom in day.atoms()] == [(90, 100)]

    @pytest.mark.parametrize(("present", "active"), [(89, 100), (90, 101), (17, 19), (899, 999)])
    def test_less_is_refused(self, present: int, active: int) -> None:
        with pytest.raises(CoverageTooLow):
            day_after(grant(meters(range(active)), meters(range(present))))

    def test_nobody_reported(self) -> None:
        with pytest.raises(NobodyReported):
            day_after(grant(meters(range(30)), ()))

    def test_a_cohort_without_active_meters(self) -> None:
        with pytest.raises(NobodyReported):
            day_after(grant((), ()))

    def test_the_largest_group_is_what_the_layout_holds(self) -> None:
        permit_set(Day(), everyone(range(64)), TRIAL, largest_group=64)
        with pytest.raises(GroupTooLarge):
            permit_set(Day(), everyone(range(65)), TRIAL, largest_group=64)

    def test_a_refusal_names_no_meter(self) -> None:
        earlier = day_after(everyone(range(20)))
        with pytest.raises(PinnedOtherwise) as refusal:
            permit_set(earlier, grant(meters(range(20)), meters(range(19))), TRIAL, LARGEST)
        assert not any(meter in refusal.value.detail for meter in meters(range(20)))


class TestPins:
    def test_the_same_question_again_changes_nothing(self) -> None:
        question = grant(meters(range(100)), meters(range(95)))
        day = day_after(question)
        assert permit_set(day, question, TRIAL, LARGEST) is day

    def test_a_member_cannot_be_left_out_later(self) -> None:
        with pytest.raises(PinnedOtherwise):
            day_after(everyone(range(100)), grant(meters(range(100)), meters(range(99))))

    def test_a_meter_left_out_cannot_become_a_member(self) -> None:
        with pytest.raises(PinnedOtherwise):
            day_after(grant(meters(range(100)), meters(range(99))), everyone(range(100)))

    def test_pins_hold_at_every_level(self) -> None:
        town, street = meters(range(200)), meters(range(100))
        with pytest.raises(PinnedOtherwise):
            day_after(grant(town, town), grant(street, meters(range(99))))
        with pytest.raises(PinnedOtherwise):
            day_after(grant(street, street), grant(town, town - meters([0])))

    def test_the_report_number_is_pinned(self) -> None:
        homes = meters(range(100))
        rebilled = Grant(homes, {**dict.fromkeys(homes, 0), next(iter(homes)): 1})
        with pytest.raises(PinnedOtherwise):
            day_after(grant(homes, homes), rebilled)
        with pytest.raises(PinnedOtherwise):
            day_after(rebilled, grant(homes, homes))

    def test_a_refused_question_pins_nobody(self) -> None:
        day = day_after(everyone(range(20)))
        with pytest.raises(CoverageTooLow):
            permit_set(day, grant(meters(range(100, 200)), meters(range(100, 150))), TRIAL, LARGEST)
        after = permit_set(day, everyone(range(100, 200)), TRIAL, LARGEST)
        assert after.pins == dict.fromkeys(meters([*range(20), *range(100, 200)]), 0)

    def test_a_refused_set_may_be_asked_by_its_parts(self) -> None:
        town = meters(range(100))
        north, south = meters(range(50)), meters(range(50, 100))
        reported = town - meters(range(50, 70))
        with pytest.raises(CoverageTooLow):
            day_after(grant(town, reported))
        assert day_after(grant(north, reported & north)).pins.keys() == north
        with pytest.raises(CoverageTooLow):
            day_after(grant(south, reported & south))


class TestAttacks:
    """Threats A5, E36 and E40, as `permit_set` sees them."""

    cohort = meters(range(150))
    carved = meters(range(7, 22))

    def test_main_group_then_all(self) -> None:
        with pytest.raises(PinnedOtherwise):
            day_after(grant(self.cohort, self.cohort - self.carved), grant(self.cohort, self.cohort))

    def test_main_group_then_the_late_ones(self) -> None:
        with pytest.raises(PinnedOtherwise):
            day_after(grant(self.cohort, self.cohort - self.carved), grant(self.cohort, self.carved))

    def test_a_few_of_the_aggregator_and_the_target(self) -> None:
        with pytest.raises(CoverageTooLow):
            day_after(grant(self.cohort, self.carved))

    def test_a_whole_late_cohort_is_not_carved(self) -> None:
        """Threat E40's exception: nobody of the cohort was pinned in, and it meets the size rule by itself."""
        town, street = meters(range(200)), meters(range(180, 200))
        day = day_after(grant(town - street, town - street), grant(street, street), grant(town, town))
        assert sorted(len(atom.present) for atom in day.atoms()) == [20, 180]

    @pytest.mark.parametrize("few", [1, 14])
    def test_complement_of_a_child(self, few: int) -> None:
        town, rest = meters(range(100)), meters(range(few, 100))
        for order in ((town, rest), (rest, town)):
            with pytest.raises(GroupTooSmall):
                day_after(*(grant(active, active) for active in order))

    def test_complement_of_all_children_but_one(self) -> None:
        town = meters(range(110))
        streets = [meters(range(first, first + 50)) for first in (0, 50)]
        day = day_after(*(grant(street, street) for street in streets))
        with pytest.raises(GroupTooSmall):
            permit_set(day, grant(town, town), TRIAL, LARGEST)

    def test_complement_below_its_own_ninety_percent(self) -> None:
        """270 of 300 will do for the town; its northern street alone, 70 of 100, must not follow from it."""
        town, south = meters(range(300)), meters(range(100, 300))
        reported = town - meters(range(30))
        for order in ((town, south), (south, town)):
            with pytest.raises(CoverageTooLow):
                day_after(*(grant(active, active & reported) for active in order))

    def test_a_middle_level_splits_an_atom(self) -> None:
        town, feeder, street = meters(range(100)), meters(range(60)), meters(range(50))
        day = day_after(grant(town, town), grant(street, street))
        with pytest.raises(GroupTooSmall):
            permit_set(day, grant(feeder, feeder), TRIAL, LARGEST)

    def test_a_silent_sibling_gives_nothing(self) -> None:
        town, quiet = meters(range(190)), meters(range(180, 190))
        day = day_after(grant(town, town - quiet), grant(town - quiet, town - quiet))
        assert sorted((len(atom.present), len(atom.active)) for atom in day.atoms()) == [(0, 10), (180, 180)]
        with pytest.raises(NobodyReported):
            permit_set(day, grant(quiet, ()), TRIAL, LARGEST)

    def test_a_silent_half_is_not_covered_by_the_other(self) -> None:
        """The members are those of an earlier total, but not 90 % of the town that this one is about."""
        town, north = meters(range(40)), meters(range(20))
        with pytest.raises(CoverageTooLow):
            day_after(grant(north, north), grant(town, north))

    def test_an_only_child_is_the_same_group(self) -> None:
        day = day_after(everyone(range(20)))
        assert permit_set(day, everyone(range(20)), TRIAL, LARGEST) is day

    @pytest.mark.parametrize("moved", [1, 14])
    def test_a_second_roster_with_a_meter_moved(self, moved: int) -> None:
        """Threat E35: two cohorts that cross, as two roster versions would make them."""
        before, after = meters(range(50)), meters(range(moved, 50 + moved))
        with pytest.raises(GroupTooSmall):
            day_after(grant(before, before), grant(after, after))

    def test_a_stricter_policy_looks_back(self) -> None:
        town, street = meters(range(100)), meters(range(20))
        lenient = permit_set(Day(), grant(street, street), policy(least_group=15), LARGEST)
        with pytest.raises(GroupTooSmall):
            permit_set(lenient, grant(town, town), policy(least_group=30), LARGEST)


def roster_of(part: Meters, cohorts: Iterable[Meters]) -> Meters:
    """The active meters of the cells that `part` is made of."""
    granted = list(cohorts)

    def cell(meter: str) -> tuple[bool, ...]:
        return tuple(meter in cohort for cohort in granted)

    cells = {cell(meter) for meter in part}
    return frozenset(meter for meter in Meters().union(*granted) if cell(meter) in cells)


def violation(grants: Iterable[Grant], k: int, percent: int) -> bool:
    """Whether anything below k meters, or a sum below the coverage of its own cells, can be worked out."""
    known = list(grants)
    sets = list({frozenset(question.members) for question in known})
    if smallest_support(sets) < k:
        return True
    actives = {question.active for question in known}
    return any(100 * len(part) < percent * len(roster_of(part, actives)) for part in derivable_sets(sets))


def lie(random: Random, active: Meters, reported: Meters) -> Grant:
    """What the aggregator says of a cohort: mostly the truth, or other members, or another number."""
    members = dict.fromkeys(sorted(active & reported), 0)
    trick = random.random()
    if trick < 0.15:
        members = {meter: 0 for meter in members if random.random() > 0.08}
    elif trick < 0.25:
        members = {meter: 0 for meter in sorted(active) if meter in members or random.random() < 0.5}
    elif trick < 0.3 and members:
        members[random.choice(sorted(members))] = 1
    return Grant(active, members)


class TestOracle:
    def test_it_sees_a_single_meter(self) -> None:
        town = meters(range(40))
        sets = [town, town - meters([3])]
        assert smallest_support(sets) == 1
        assert meters([3]) in derivable_sets(sets)

    def test_it_sees_what_only_three_sums_give(self) -> None:
        """A u B, B u C and C u A give each of A, B and C by halves."""
        a, b, c = meters(range(20)), meters(range(20, 40)), meters([99])
        sets = [a | b, b | c, c | a]
        assert smallest_support(sets) == 1
        assert {a, b, c} <= set(derivable_sets(sets))

    def test_disjoint_sums_give_nothing_smaller(self) -> None:
        assert smallest_support([meters(range(20)), meters(range(30, 55))]) == 20

    def test_grants_are_what_is_safe(self) -> None:
        """Nothing unsafe is granted; and what is refused for size or coverage would have been unsafe."""
        random, rules, outcomes = Random(1), policy(least_group=5), Counter[str]()
        for _ in range(600):
            nodes, day, rate = random_tree(random), Day(), random.choice((1.0, 0.97, 0.9))
            granted: list[Grant] = []
            reported = frozenset(meter for meter in sorted(nodes[0]) if random.random() < rate)
            for _ in range(12):
                question = lie(random, random.choice(nodes), reported)
                try:
                    day = permit_set(day, question, rules, largest_group=40)
                    granted.append(question)
                    outcomes["granted"] += 1
                except Refused as refusal:
                    outcomes[refusal.slug] += 1
                    if isinstance(refusal, GroupTooSmall | CoverageTooLow):
                        low = 100 * len(question.members) < 90 * len(question.active)
                        assert low or violation([*granted, question], 5, 90)
            assert not granted or not violation(granted, 5, 90)
        refusals = (GroupTooSmall, CoverageTooLow, PinnedOtherwise, NobodyReported, GroupTooLarge)
        assert all(outcomes[reason] > 100 for reason in ("granted", *(refusal.slug for refusal in refusals)))

    def test_crossing_cohorts_are_never_unsafe(self) -> None:
        """Cohorts of two roster versions need not form a tree; the algebra must hold for them too."""
        random, rules, count = Random(7), policy(least_group=4, coverage_percent=80), 0
        for _ in range(60):
            day, granted = Day(), list[Grant]()
            reported = frozenset(meter for meter in sorted(meters(range(24))) if random.random() < 0.95)
            for _ in range(8):
                first = random.randrange(0, 20)
                active = meters(range(first, random.randint(first + 1, 24)))
                question = grant(active, active & reported)
                try:
                    day = permit_set(day, question, rules, LARGEST)
                except Refused:
                    continue
                granted.append(question)
            count += len(granted)
            assert not granted or not violation(granted, 4, 80)
        assert count > 100


def test_an_ordinary_day_gets_all_its_totals() -> None:
    random = Random(3)
    for _ in range(5):
        nodes, day = regular_tree(leaves=24, leaf_size=40, branching=3), Day()
        reported = frozenset(meter for meter in sorted(nodes[0]) if random.random() < 0.985)
        for node in random.sample(nodes, len(nodes)):
            day = permit_set(day, grant(node, node & reported), TRIAL, LARGEST)
        assert sorted(len(atom.active) for atom in day.atoms()) == [40] * 24


GRANTS = st.builds(
    lambda active, members, number: grant(meters(active), meters(active & members), number),
    st.frozensets(st.integers(0, 30)),
    st.frozensets(st.integers(0, 30)),
    st.integers(0, 1),
)


def alike(one: Day, other: Day) -> bool:
    return (one.pins, set(one.atoms())) == (other.pins, set(other.atoms()))


@given(st.lists(GRANTS, max_size=6))
def test_a_day_is_the_fold_of_its_grants(grants: list[Grant]) -> None:
    day = Day.of(grants)
    assert alike(day, reduce(Day.after, grants, Day()))
    assert alike(day, Day.of([*grants, *grants]))
    assert all(day.after(question) is day for question in grants[-1:])


@given(st.lists(GRANTS, max_size=6))
def test_atoms_partition_the_active_meters(grants: list[Grant]) -> None:
    day = Day.of(grants)
    atoms = day.atoms()
    assert sum(len(atom.active) for atom in atoms) == len(day.pins)
    assert Meters().union(*(atom.active for atom in atoms)) == day.pins.keys()
    for atom in atoms:
        assert atom.present == {meter for meter in atom.active if day.pins[meter] is not None}
        assert all(atom.active <= question.active or not atom.active & question.active for question in grants)


def test_meters_that_nobody_asked_about_are_in_no_atom() -> None:
    """Although the index of a day has them."""
    day = Day.of([everyone(range(20))], MeterIndex().including(meters(range(40))))
    assert day.atoms_with(meters(range(20, 40))) == []
    assert [atom.active for atom in day.atoms_with(meters([5, 30, 99]))] == [meters(range(20))]
    assert day.pins.keys() == meters(range(20))
