"""Totals and bills together, of one region and cycle: no combination about fewer than k meters tells more than a share.

Daily reads, of which any combination must mix 7, so that a cycle is small enough for exact algebra.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

import pytest

from tests.policy.mixed_oracle import Known, bill, most_told, total
from tests.policy.trees import Meters, grant, meters, policy
from wattseal.policy.bill_atoms import DayAtoms, Groups, groups_of
from wattseal.policy.bill_questions import CycleMinutes, check_atoms
from wattseal.policy.bills import BillBook, BillRules, Held, Item, Neighbors, Source
from wattseal.policy.sets import Day, permit_set
from wattseal.policy.shares import Functional
from wattseal.protocol.errors import Refused, ShareTooLarge
from wattseal.protocol.ids import Channel, Kind, MeterId, Window
from wattseal.protocol.time import MINUTES_PER_DAY

K, SHARE = 3, Fraction(1, 7)
RULES, SIZES = BillRules(K), policy(least_group=K, coverage_percent=60)


def of_each_day(days: Iterable[DayAtoms]) -> Groups:
    """What an earlier version looked at."""
    return Groups().union(*(day.counted for day in days))


@dataclass
class Party:
    """One rule-keeper of a cycle of so many days, and what it released."""

    length: int
    groups: Callable[[Iterable[DayAtoms]], Groups] = groups_of
    days: dict[int, Day] = field(default_factory=dict)
    books_of: dict[MeterId, BillBook] = field(default_factory=dict)
    released: list[Known] = field(default_factory=list)

    @property
    def cycles(self) -> Mapping[CycleMinutes, object]:
        return {(0, self.length * MINUTES_PER_DAY): None} if self.books_of else {}

    def books(self, meter: MeterId, channel: Channel) -> Mapping[CycleMinutes, BillBook]:
        return dict.fromkeys(self.cycles, self.books_of[meter]) if meter in self.books_of else {}

    def day(self, channel: Channel, window: Window) -> DayAtoms:
        return self.seen(self.days.get(window, Day()))

    def seen(self, day: Day) -> DayAtoms:
        return DayAtoms.of(day, day.pins)

    def billed(self, channel: Channel) -> Set[MeterId]:
        return self.books_of.keys()

    def pin(self, place: object) -> None:
        """Numbers of bills have tests of their own."""

    def ask_total(self, day: int, active: Meters, members: Meters, number: int = 0) -> None:
        after = permit_set(self.days.get(day, Day()), grant(active, members, number), SIZES, 1_000)
        check_atoms(Channel.DELIVERED, Window(day), after, self, RULES)
        self.days[day] = after
        self.released.append(total(members, day))

    def ask_bill(self, meter: MeterId, prices: Sequence[int], *, amount: bool = True, number: int = 0) -> None:
        """As `permit_bills` does, of functionals that no tariff needs to give."""
        before = self.books_of.get(meter, BillBook())
        functional = Functional.of(0, MINUTES_PER_DAY, list(prices), amount=amount)
        after = RULES.permit(before, [Item(Source(Kind.CYCLE, 0, number), functional)])
        for group in self.groups(map(self.seen, self.days.values())):
            if meter in group:
                held = [Held.of(self.books(other, Channel.DELIVERED).values()) for other in group]
                RULES.permit_among(Neighbors.of(held), [(Held.of([before]), Held.of([after]))])
        self.books_of[meter] = after
        self.released.append(bill(meter, prices))

    def ask_bills(self, bills: Iterable[tuple[MeterId, Sequence[int]]]) -> None:
        for meter, prices in bills:
            self.ask_bill(meter, prices)

    def told(self, few: int = K - 1) -> Fraction:
        everybody = {meter for row in self.released for meter, _ in row}
        return most_told(self.released, everybody, few, self.length)


def flat(*parts: tuple[int, int]) -> list[int]:
    """A price for so many days, then the next."""
    return [price for price, count in parts for _ in range(count)]


NORTH, SOUTH, EAST = (meters(range(first, first + 3)) for first in (0, 3, 6))
TOWN = NORTH | SOUTH | EAST
TARGET = MeterId("m6")
HALF = 14
PLAIN, SPIKE = flat((1, 28)), flat((1, 22), (2, 6))
BESIDE = [
    *((meter, PLAIN) for meter in sorted(EAST - {TARGET})),
    *((meter, flat((0, HALF), (1, HALF))) for meter in sorted(NORTH)),
    *((meter, flat((1, HALF), (0, HALF))) for meter in sorted(SOUTH)),
]
"""Everybody's bills but the target's, which differs from those of the rest of the east by six days alone."""


class TestOtherCohortsOnOtherDays:
    """All and the north in the first half of the cycle, all and the south in the second."""

    def party(self, groups: Callable[[Iterable[DayAtoms]], Groups] = groups_of) -> Party:
        party = Party(28, groups)
        for day in range(28):
            for cohort in (TOWN, NORTH if day < HALF else SOUTH):
                party.ask_total(day, cohort, cohort)
        return party

    def test_all_days_together_tell_three_parts_apart(self) -> None:
        party = self.party()
        days = [party.seen(day) for day in party.days.values()]
        assert of_each_day(days) == {NORTH, SOUTH, SOUTH | EAST, NORTH | EAST}
        assert groups_of(days) == {NORTH, SOUTH, EAST, SOUTH | EAST, NORTH | EAST}
        assert groups_of(days[:HALF]) == {NORTH, SOUTH | EAST}

    def test_two_cuts_across_each_other_leave_four_parts(self) -> None:
        one, two, three, four = (meters([number]) for number in range(4))
        by_row, by_column = frozenset({one | two, three | four}), frozenset({one | three, two | four})
        found = groups_of([DayAtoms(by_row, by_row), DayAtoms(by_column, by_column)])
        assert found == by_row | by_column | {one, two, three, four}

    def test_days_alike_share_their_atoms(self) -> None:
        """They are large, and compared for each bill."""
        party = self.party()
        first, second = (party.seen(party.days[day]) for day in (0, 1))
        shared = second.sharing([first])
        assert shared == second
        assert {id(atom) for atoms in shared for atom in atoms} <= {id(atom) for atoms in first for atom in atoms}

    def test_six_days_of_one_home_would_follow_from_what_each_days_atoms_permit(self) -> None:
        party = self.party(of_each_day)
        party.ask_bills([*BESIDE, (TARGET, SPIKE)])
        assert party.told(few=1) == Fraction(1, 6) > SHARE

    @pytest.mark.parametrize("last", range(3))
    def test_the_bill_that_would_complete_it_is_refused(self, last: int) -> None:
        party = self.party()
        bills = [(TARGET, SPIKE), *BESIDE]
        with pytest.raises(ShareTooLarge):
            party.ask_bills([*bills[last:], *bills[:last]])
        assert party.told(few=1) <= SHARE

    def test_so_is_the_total(self) -> None:
        """Bills first, beside all and the north; then the south is asked about on a day of the second half."""
        party = Party(28)
        for day in range(28):
            for cohort in (TOWN, NORTH) if day < HALF else (TOWN,):
                party.ask_total(day, cohort, cohort)
        party.ask_bills([*BESIDE, (TARGET, SPIKE)])
        with pytest.raises(ShareTooLarge):
            party.ask_total(HALF, SOUTH, SOUTH)
        party.ask_total(HALF, NORTH, NORTH)


def prices_drawn(random: Random, length: int) -> list[int]:
    cut = random.choice((0, 4, 7, 8, length))
    low, high = random.choice(((0, 1), (1, 2), (1, 1), (3, 4), (1, 9)))
    return flat((low, cut), (high, length - cut))


@pytest.mark.parametrize("seed", range(12))
def test_random_bills_and_totals(seed: int) -> None:
    """Threats A5, A6, E35, E43 in one: levels, days, numbers, a silent home, bills and rebills in any order."""
    random, party, outcomes = Random(seed), Party(15), Counter[str]()
    nodes = [TOWN, NORTH, SOUTH | EAST] if seed % 2 else [TOWN, NORTH, SOUTH, EAST]
    silent = frozenset(random.sample(sorted(TOWN), seed % 3 // 2))
    reported = TOWN - silent
    for _ in range(60):
        try:
            if random.random() < 0.5:
                node, first = random.choice(nodes), random.randrange(15)
                for day in range(first, min(15, first + random.choice((1, 5, 15)))):
                    party.ask_total(day, node, node & reported, number=int(random.random() < 0.02))
            else:
                prices, number = prices_drawn(random, 15), int(random.random() < 0.1)
                party.ask_bill(random.choice(sorted(TOWN)), prices, amount=random.random() < 0.5, number=number)
            outcomes["granted"] += 1
        except Refused as refusal:
            outcomes[refusal.slug] += 1
    assert outcomes["granted"] > 5
    assert outcomes["share-too-large"] > 2
    assert party.told() <= SHARE
