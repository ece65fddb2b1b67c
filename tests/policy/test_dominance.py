"""The dominance test: exact at its boundary, and never passing what a brute-force search finds dominated."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from random import Random

import pytest

from tests.policy.oracle import derivable_sets
from tests.policy.trees import Meters, meters, random_tree
from wattseal.policy.dominance import Opened, OpenedSets, check_dominance
from wattseal.protocol.errors import DominatedGroup
from wattseal.protocol.ids import MeterId

EDGES_WH = (0, 1_000, 2_000, 4_000, 100_000)
Energies = Mapping[MeterId, int]


def bucket_of(energy_wh: int) -> int:
    return next(bucket for bucket, edge in enumerate(EDGES_WH) if energy_wh <= edge)


def opened(members: Meters, energies: Energies) -> Opened:
    buckets = [bucket_of(energies[meter]) for meter in members]
    total = sum(energies[meter] for meter in members)
    return Opened(members, tuple(buckets.count(bucket) for bucket in range(len(EDGES_WH))), total)


def passes(question: Opened, released: Iterable[Opened], share: int) -> bool:
    try:
        check_dominance(question, OpenedSets().after(*released), EDGES_WH, share)
    except DominatedGroup:
        return False
    return True


def evenly(first: int, count: int, energy_wh: int) -> dict[MeterId, int]:
    return dict.fromkeys(meters(range(first, first + count)), energy_wh)


class TestOneGroup:
    homes = meters(range(20))

    def test_the_edge_of_the_highest_bucket_at_the_share(self) -> None:
        """15 % of 26,667 Wh is 4,000.05 Wh; of 26,666 Wh it is 3,999.9 Wh."""
        buckets = (0, 19, 0, 1, 0)
        check_dominance(Opened(self.homes, buckets, 26_667), OpenedSets(), EDGES_WH, 15)
        with pytest.raises(DominatedGroup):
            check_dominance(Opened(self.homes, buckets, 26_666), OpenedSets(), EDGES_WH, 15)

    def test_exactly_the_share_passes(self) -> None:
        assert passes(Opened(self.homes, (0, 20, 0, 0, 0), 20_000), (), 5)
        assert not passes(Opened(self.homes, (0, 20, 0, 0, 0), 19_999), (), 5)

    def test_a_bucket_counts_by_its_upper_edge(self) -> None:
        """The largest member has 2,002 Wh, under 10 % of 38,019 Wh; its bucket ends at 4,000 Wh, which is above."""
        energies = evenly(0, 18, 2_000) | evenly(18, 1, 17) | evenly(19, 1, 2_002)
        assert not passes(opened(self.homes, energies), (), 10)

    def test_the_last_bucket_counts_too(self) -> None:
        assert not passes(Opened(self.homes, (0, 19, 0, 0, 1), 600_000), (), 15)
        assert passes(Opened(self.homes, (0, 19, 0, 0, 1), 666_667), (), 15)

    def test_nobody_used_anything(self) -> None:
        assert passes(Opened(self.homes, (20, 0, 0, 0, 0), 0), (), 15)

    def test_a_total_of_zero_with_a_member_above_bucket_zero(self) -> None:
        assert not passes(Opened(self.homes, (19, 1, 0, 0, 0), 0), (), 15)

    def test_a_vacant_street_with_one_home_in_use(self) -> None:
        assert not passes(opened(self.homes, evenly(0, 19, 0) | evenly(19, 1, 900)), (), 15)

    def test_the_refusal_names_no_meter_and_no_energy(self) -> None:
        with pytest.raises(DominatedGroup) as refusal:
            check_dominance(opened(self.homes, evenly(0, 19, 0) | evenly(19, 1, 901)), OpenedSets(), EDGES_WH, 15)
        assert "901" not in refusal.value.detail
        assert not any(meter in refusal.value.detail for meter in self.homes)


class TestHistograms:
    def test_one_of_another_layout_is_not_passed_over(self) -> None:
        """Neither by itself, nor beside one that it is inside of."""
        homes = meters(range(40))
        whole = opened(homes, evenly(0, 40, 900))
        short = Opened(meters(range(20)), (0, 20), 18_000, frozenset())
        with pytest.raises(ValueError, match="zip"):
            check_dominance(short, OpenedSets(), EDGES_WH, 60)
        with pytest.raises(ValueError, match="zip"):
            OpenedSets().after(whole, short)


class TestDifferences:
    """A street of 20, 19 of them vacant, in a town that is large enough to hide it."""

    energies = evenly(0, 100, 900) | evenly(100, 19, 0) | evenly(119, 1, 900)
    town, street, others = meters(range(120)), meters(range(100, 120)), meters(range(100))

    def test_each_order_of_parent_and_child(self) -> None:
        town, others = opened(self.town, self.energies), opened(self.others, self.energies)
        for first, second in permutations((town, others)):
            assert passes(first, (), 15)
            assert not passes(second, [first], 15)

    def test_the_last_of_several_children(self) -> None:
        streets = [opened(meters(range(first, first + 50)), self.energies) for first in (0, 50)]
        town = opened(self.town, self.energies)
        assert passes(town, [], 15)
        assert passes(streets[0], [town], 15)
        assert not passes(streets[1], [town, streets[0]], 15)
        assert not passes(town, streets, 15)

    def test_only_the_nearest_set_around_matters(self) -> None:
        """In the county, the street is not left alone by the others: the town around them was not released."""
        energies = self.energies | evenly(200, 100, 900)
        county = opened(self.town | meters(range(200, 300)), energies)
        others, town = opened(self.others, energies), opened(self.town, energies)
        assert passes(others, [county], 15)
        assert not passes(town, [county, others], 15)
        assert not passes(others, [county, town], 15)

    def test_a_middle_level_between_released_ones(self) -> None:
        """The street stays hidden in county without others; the town between would lay it bare, whatever the order."""
        energies = self.energies | evenly(200, 100, 900)
        levels = [
            opened(members, energies) for members in (self.town | meters(range(200, 300)), self.town, self.others)
        ]
        for order in permutations(levels):
            refused = [not passes(question, order[:place], 15) for place, question in enumerate(order)]
            assert any(refused)

    def test_three_levels_without_a_dominated_difference(self) -> None:
        energies = evenly(0, 300, 900)
        levels = [opened(meters(range(size)), energies) for size in (300, 200, 100)]
        for order in permutations(levels):
            assert all(passes(question, order[:place], 15) for place, question in enumerate(order))

    def test_an_empty_difference(self) -> None:
        """Parts that make up the whole leave nobody, and nobody dominates nothing."""
        energies = evenly(0, 40, 900)
        parts = [opened(meters(range(first, first + 20)), energies) for first in (0, 20)]
        assert passes(opened(meters(range(40)), energies), parts, 15)

    def test_the_same_group_again(self) -> None:
        town = opened(self.town, self.energies)
        assert passes(town, [town, town], 15)

    def test_crossing_groups_are_refused(self) -> None:
        energies = evenly(0, 60, 900)
        before, after = (opened(meters(range(first, first + 40)), energies) for first in (0, 20))
        with pytest.raises(DominatedGroup, match="crosses"):
            check_dominance(after, OpenedSets().after(before), EDGES_WH, 15)

    def test_groups_apart_do_not_meet(self) -> None:
        assert passes(opened(self.others, self.energies), [opened(meters(range(200, 220)), evenly(200, 20, 900))], 15)


def dominated(part: Meters, energies: Energies, share: int) -> bool:
    """By the buckets' upper edges; the true largest member is never above its own bucket's."""
    return 100 * max(EDGES_WH[bucket_of(energies[m])] for m in part) > share * sum(energies[m] for m in part)


def random_energies(random: Random, everyone: Meters) -> dict[MeterId, int]:
    highest = random.choice((900, 2_000, 30_000))
    return {m: random.choice((0, highest // 2, highest, random.randint(0, highest))) for m in sorted(everyone)}


def release_all(random: Random, nodes: Sequence[Meters], energies: Energies, share: int) -> tuple[list[Opened], int]:
    """What was released, in random order, and how often a question was refused, each for a reason."""
    released: list[Opened] = []
    refused = 0
    for members in random.sample([node for node in nodes if node], k=sum(map(bool, nodes))):
        question = opened(members, energies)
        known = derivable_sets([*(earlier.members for earlier in released), members])
        expected = not any(dominated(part, energies, share) for part in known)
        assert passes(question, released, share) is expected
        if expected:
            released.append(question)
        else:
            refused += 1
    return released, refused


def test_no_derivable_difference_is_dominated() -> None:
    """A question passes if and only if nothing that follows from it and all earlier releases is dominated."""
    random, passed, refused = Random(5), 0, 0
    for _ in range(400):
        nodes = random_tree(random)
        energies, share = random_energies(random, nodes[0]), random.choice((15, 30, 60))
        released, failures = release_all(random, nodes, energies, share)
        passed, refused = passed + len(released), refused + failures
        for part in derivable_sets([earlier.members for earlier in released]) if released else ():
            assert 100 * max(energies[meter] for meter in part) <= share * sum(energies[meter] for meter in part)
    assert passed > 500
    assert refused > 500
