"""The levels rule: what a purpose promises holds whatever other purposes were granted, and in whatever order."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from random import Random
from typing import Any

import pytest

from tests.policy.oracle import smallest_support
from tests.policy.packs import class_rule, flat, pack_of, purpose_rule
from tests.policy.trees import Meters, grant, meters, random_tree
from wattseal.policy.dominance import Opened
from wattseal.policy.levels import Granted, Levels, OpenedAtLevels, OpenedUnder, Question, Under
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.pack import PurposeRule, named_policy
from wattseal.protocol.errors import (
    CoverageTooLow,
    DominatedGroup,
    GroupTooSmall,
    NobodyReported,
    PinnedOtherwise,
    Refused,
)
from wattseal.protocol.roster import CustomerClass

LARGEST = 16_384
NOBODY = Meters()


def purpose(residential: int, share: int, **changes: Any) -> PurposeRule:  # noqa: ANN401 - any field's value
    classes = {"residential": class_rule(residential, share), "commercial": class_rule(15, 15)}
    return purpose_rule(classes=classes, **changes)


PACK = pack_of(
    {
        "public": purpose(100, 100),
        "planning": purpose(15, 15),
        "sampling": purpose(15, 40, coverage_percent=50),
        "homes": purpose_rule(classes={"residential": class_rule(15)}),
    }
)
LEVELS = Levels(PACK)


def asked(active: Meters, purpose: str, commercial: Meters = NOBODY, present: Meters | None = None) -> Question:
    """Customers are residential unless they are said to be commercial."""
    parts: dict[CustomerClass, Meters] = {"residential": active - commercial, "commercial": active & commercial}
    classes = {name: part for name, part in parts.items() if part}
    return Question(grant(active, sorted(active if present is None else present)), Under(purpose, 15), classes)


def granted(*questions: Question, levels: Levels = LEVELS) -> Granted:
    known = Granted.none(levels, NO_METERS)
    for question in questions:
        known = known.permit(question, LARGEST)
    return known


def test_a_pack_of_one_rule_has_one_level() -> None:
    assert len(Levels(flat()).levels) == 1
    assert len(Levels(named_policy("trial")).levels) == 1
    assert len(Levels(named_policy("california-d1405016")).levels) == 3


class TestPurposes:
    town, north, most = meters(range(200)), meters(range(100)), meters(range(150))

    def test_coarse_then_fine_and_fine_then_coarse(self) -> None:
        """Streets of 20 for planners, the town for everybody: who holds the town alone learns nothing finer."""
        streets = [meters(range(first, first + 20)) for first in range(0, 200, 20)]
        questions = [asked(self.town, "public"), *(asked(street, "planning") for street in streets)]
        assert len(granted(*questions).day.atoms()) == len(granted(*questions[::-1]).day.atoms()) == 10

    def test_public_sets_never_differ_by_fewer_than_the_public_rule_says(self) -> None:
        """Although planners may see 50 homes: the attack asks the same two sets for both purposes, in any order."""
        inside = [asked(self.town, "planning"), asked(self.most, "planning")]
        public = [asked(self.town, "public"), asked(self.most, "public")]
        assert len(granted(*inside).day.atoms()) == 2
        for order in permutations([*inside, *public]):
            with pytest.raises(GroupTooSmall, match=r"a group that would follow"):
                granted(*order)

    def test_planners_are_bound_by_their_own_rule_beside_public_sets(self) -> None:
        """What is left of the public town is 14 homes: too few for anybody."""
        rest = self.town - meters(range(14))
        for order in permutations([asked(self.town, "public"), asked(rest, "planning")]):
            with pytest.raises(GroupTooSmall, match="fewer than 15"):
                granted(*order)

    def test_a_looser_purpose_does_not_open_what_a_stricter_one_refuses(self) -> None:
        street = meters(range(20))
        with pytest.raises(GroupTooSmall, match="the group has fewer than 100"):
            granted(asked(street, "planning"), asked(street, "public"))

    def test_the_same_set_for_two_purposes(self) -> None:
        assert len(granted(asked(self.north, "planning"), asked(self.north, "public")).day.atoms()) == 1

    def test_pins_hold_across_purposes(self) -> None:
        fewer = asked(self.town, "public", present=self.town - meters([3]))
        for order in permutations([asked(self.town, "planning"), fewer]):
            with pytest.raises(PinnedOtherwise):
                granted(*order)

    def test_coverage_has_levels_too(self) -> None:
        most = self.town - meters(range(60, 100))
        sampled = asked(self.town, "sampling", present=most)
        granted(sampled)
        with pytest.raises(CoverageTooLow):
            granted(sampled, asked(self.town, "planning", present=most))

    @pytest.mark.parametrize(("purpose", "least"), [("public", 100), ("planning", 15)])
    def test_what_a_lost_purpose_released_counts_at_every_level(self, purpose: str, least: int) -> None:
        """The pack does not know it any more, so nobody knows who holds it."""
        lost = Granted.none(LEVELS, NO_METERS).after(asked(self.most, "forgotten"))
        with pytest.raises(GroupTooSmall, match=f"fewer than {least}"):
            lost.permit(asked(self.most | meters(range(200, 199 + least)), purpose), LARGEST)

    def test_a_grant_that_says_nothing_new_changes_nothing(self) -> None:
        once = granted(asked(self.north, "planning"))
        assert once.permit(asked(self.north, "planning"), LARGEST).day is once.day


def test_nobody_is_no_small_group() -> None:
    with pytest.raises(NobodyReported):
        granted(asked(meters(range(20)), "planning", present=NOBODY))


class TestClasses:
    shops, homes = meters(range(1000, 1020)), meters(range(100))

    def test_the_strictest_of_the_classes_present(self) -> None:
        """One home among shops makes the whole set one of homes too."""
        granted(asked(self.shops, "public", self.shops))
        granted(asked(self.shops | meters(range(80)), "public", self.shops))
        with pytest.raises(GroupTooSmall, match="the group has fewer than 100"):
            granted(asked(self.shops | meters([1]), "public", self.shops))

    def test_a_home_that_did_not_report_is_of_the_set(self) -> None:
        with pytest.raises(GroupTooSmall, match="the group has fewer than 100"):
            granted(asked(self.shops | meters([1]), "public", self.shops, present=self.shops))

    def test_what_is_left_is_judged_by_its_own_classes(self) -> None:
        """100 homes and 20 shops less the homes are 20 shops: enough. 120 homes less 100 are too few homes."""
        mixed, rest = asked(self.homes | self.shops, "public", self.shops), asked(self.homes, "public")
        for order in permutations([mixed, rest]):
            granted(*order)
        for order in permutations([asked(meters(range(120)), "public"), rest]):
            with pytest.raises(GroupTooSmall, match=r"a group that would follow .* fewer than 100"):
                granted(*order)

    def test_a_purpose_without_a_class_cuts_it_as_the_strictest(self) -> None:
        """A purpose for homes alone takes the homes out of a mixed set: what is left of the shops keeps their rule."""
        few = meters(range(1000, 1010))
        for order in permutations([asked(self.homes | few, "public", few), asked(self.homes, "homes")]):
            with pytest.raises(GroupTooSmall, match="fewer than 15"):
                granted(*order)


def test_no_holder_of_any_purposes_derives_less_than_the_most_lenient_of_them_permits() -> None:
    """Against exact algebra, on random trees of homes, for three purposes; both answers occur often."""
    random, outcomes = Random(11), Counter[str]()
    sizes = {"two": 2, "four": 4, "six": 6}
    levels = Levels(pack_of({name: purpose_rule(least, coverage_percent=50) for name, least in sizes.items()}))
    for _ in range(250):
        nodes, known, held = random_tree(random), Granted.none(levels, NO_METERS), list[tuple[int, Meters]]()
        for _ in range(6):
            name, node = random.choice(sorted(sizes)), random.choice(nodes)
            try:
                known = known.permit(asked(node, name), LARGEST)
            except Refused as refusal:
                outcomes[refusal.slug] += 1
            else:
                held.append((sizes[name], node))
        for least in sizes.values():
            sets = {node for strictness, node in held if strictness >= least}
            assert not sets or smallest_support(list(sets)) >= least
        outcomes["granted"] += len(held)
    assert outcomes["granted"] > 250
    assert outcomes["group-too-small"] > 250


EDGES = (0, 1_000, 2_000, 100_000)
HOMES: tuple[CustomerClass, ...] = ("residential",)
MIXED: tuple[CustomerClass, ...] = ("commercial", "residential")


def opened(count: int, largest: int, purpose: str, classes: Sequence[CustomerClass] = HOMES) -> OpenedUnder:
    """`count` members of 500 Wh each, one of them of `largest` Wh."""
    buckets = [0, count - 1, 0, 0]
    buckets[next(place for place, edge in enumerate(EDGES) if largest <= edge)] += 1
    total = 500 * (count - 1) + largest
    return OpenedUnder(Opened(meters(range(count)), tuple(buckets), total, frozenset(classes)), Under(purpose, 15))


def check(question: OpenedUnder, *released: OpenedUnder) -> None:
    OpenedAtLevels.none(LEVELS).after(*released).check(question, EDGES)


def check_all(questions: Sequence[OpenedUnder]) -> None:
    for place, question in enumerate(questions):
        check(question, *questions[:place])


class TestShares:
    def test_one_percent_is_a_share(self) -> None:
        pack = pack_of({"strict": purpose(15, 1), "open": purpose(15, 100)})
        opened_sets = OpenedAtLevels.none(Levels(pack))
        opened_sets.check(opened(400, 500, "open"), EDGES)
        opened_sets.check(opened(400, 500, "strict"), EDGES)
        opened_sets.check(opened(40, 500, "open"), EDGES)
        with pytest.raises(DominatedGroup, match="1 %"):
            opened_sets.check(opened(40, 500, "strict"), EDGES)

    def test_no_share_test_where_the_rule_has_none(self) -> None:
        """One home of half the total: California's public rule for homes does not ask, that for shops does."""
        check(opened(100, 60_000, "public"))
        for question in (opened(100, 60_000, "planning"), opened(100, 60_000, "public", MIXED)):
            with pytest.raises(DominatedGroup):
                check(question)

    def test_what_is_left_of_a_mixed_set_is_tested_like_the_whole(self) -> None:
        """Homes alone are not tested; what they leave of the mixed set is, in either order."""
        homes, mixed = opened(100, 500, "public"), opened(105, 1_500, "public", MIXED)
        check(homes)
        check(mixed)
        for question, released in permutations([mixed, homes]):
            with pytest.raises(DominatedGroup, match="15 %"):
                check(question, released)

    def test_a_stricter_share_is_not_weakened_by_a_looser_purpose(self) -> None:
        """40 % for samples, 15 % for planners: 6 homes that differ by 17 % are hidden from who holds plans alone."""
        whole, part, sample = opened(30, 500, "planning"), opened(24, 500, "planning"), opened(24, 500, "sampling")
        for question, released in permutations([whole, sample]):
            check(question, released)
        for order in permutations([whole, sample, part]):
            with pytest.raises(DominatedGroup, match="15 %"):
                check_all(order)

    def test_sets_that_cross_are_refused_across_purposes(self) -> None:
        first = opened(30, 500, "planning")
        second = OpenedUnder(first.opened._replace(members=meters(range(10, 40))), Under("sampling", 15))
        with pytest.raises(DominatedGroup, match="crosses"):
            check(second, first)

    def test_sets_that_cross_are_refused_where_no_share_is_tested(self) -> None:
        first = opened(100, 500, "research")
        second = OpenedUnder(first.opened._replace(members=meters(range(10, 110))), Under("research", 15))
        released = OpenedAtLevels.none(Levels(flat(largest_share_percent=100))).after(first)
        released.check(first, EDGES)
        with pytest.raises(DominatedGroup, match="crosses"):
            released.check(second, EDGES)
