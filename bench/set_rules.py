"""The set rules at scale: what one party spends on a question, beside releases of the same channel and day.

The peer keeps plain sets and works everything out anew at each question. Processor time, so that a busy machine counts
for little. Measured figures: `docs/set-rules.md`.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

from tests.policy import naive

from wattseal.policy.bill_atoms import DayAtoms, groups_of
from wattseal.policy.dominance import Opened, OpenedSets, check_dominance
from wattseal.policy.sets import Day, Grant, SizeRule, permit_set
from wattseal.protocol.ids import MeterId

LEAF, INNER, REGION, DAYS = 20, 400, 16_000, 31
LIMIT_MS = 50
EDGES = (0, 1_000, 2_000, 4_000, 100_000)
RULE, SHARE = SizeRule(15, 90), 15


def main() -> None:
    print(f"one question; at most {LIMIT_MS} ms of rules and dominance   [ratio to plain sets]")
    for meters, releases in ((1_000, 1), (1_000, 50), (10_000, 500), (100_000, 1), (100_000, 1_000), (100_000, 5_000)):
        _measure(meters, releases)
    print(f"one bill statement or total in a cycle of {DAYS} days, region of {REGION:,}: whom bills must hide among")
    for what, days in (("the same cohorts every day", _days(1)), ("leaves and feeders in turn", _days(2))):
        learned = _milliseconds(partial(DayAtoms.of, days[0], _town(REGION)), 3)
        atoms = [DayAtoms.of(day, _town(REGION)) for day in days]
        shared = [day.sharing(atoms[:2]) for day in atoms]
        found = _milliseconds(partial(groups_of, shared), 9)
        verdict = "met" if found <= LIMIT_MS else "MISSED"
        print(f"  {what:40} a new day once {learned:7.2f} ms, then {found:7.2f} ms {verdict}")


def _measure(meters: int, releases: int) -> None:
    *earlier, question = _questions(meters, releases + 1)
    day = Day.of(earlier)
    sets = OpenedSets().after(*map(_opened, earlier))

    def ask() -> None:
        permit_set(day, question, RULE, REGION)

    def dominance() -> None:
        check_dominance(_opened(question), sets, EDGES, SHARE)

    def plain() -> None:
        naive.check_set(earlier, question, RULE, REGION)
        naive.check_dominance(_opened(question), map(_opened, earlier), EDGES, SHARE)

    ours = [_milliseconds(ask, 9), _milliseconds(dominance, 9)]
    ratio = sum(ours) / _milliseconds(plain, 1)
    verdict = "met" if sum(ours) <= LIMIT_MS else "MISSED"
    print(
        f"  {meters:7,} meters, {releases:5,} releases, a question of {len(question.active):6,}:"
        f" sets {ours[0]:7.2f} ms, dominance {ours[1]:7.2f} ms  [{ratio:8.5f}] {verdict}"
    )


def _questions(meters: int, count: int) -> Iterator[Grant]:
    """Leaves, then inner nodes, then a whole region; in every third leaf one meter has not reported."""
    town = _town(meters)
    silent = set(town[:: 3 * LEAF])
    cohorts = (town[first : first + size] for size in (LEAF, INNER) for first in range(0, meters, size))
    for cohort in [*itertools.islice(cohorts, count - 1), town[:REGION]]:
        yield Grant(frozenset(cohort), dict.fromkeys((meter for meter in cohort if meter not in silent), 0))


def _town(meters: int) -> list[MeterId]:
    return [MeterId(f"m{number:06}") for number in range(meters)]


def _days(kinds: int) -> list[Day]:
    """Of all regions; the first kind is of leaves, the second of feeders."""
    town = _town(100_000)
    cohorts = [[town[first : first + size] for first in range(0, len(town), size)] for size in (LEAF, INNER)]
    grants = [[Grant(frozenset(one), dict.fromkeys(one, 0)) for one in each] for each in cohorts]
    of_kind = [Day.of(grants[kind]) for kind in range(kinds)]
    return [of_kind[day % kinds] for day in range(DAYS)]


def _opened(grant: Grant) -> Opened:
    count = len(grant.members)
    return Opened(frozenset(grant.members), (0, count, 0, 0, 0), 900 * count)


def _milliseconds(action: Callable[[], object], rounds: int) -> float:
    times: Sequence[float] = [_seconds(action) for _ in range(rounds)]
    return median(times) * 1e3


def _seconds(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


if __name__ == "__main__":
    main()
