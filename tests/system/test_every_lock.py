"""Every rule at every lock: what one party must refuse, it refuses although the others permit everything."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.forging import PURPOSE
from tests.system.town import Day, Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.protocol.ids import Role, Window
from wattseal.protocol.statement import ALL_ONES, Answer
from wattseal.protocol.time import system_clock, window_of

_LAX_RULE = """
use = "primary"
basis = "service"
functionals = ["totals"]
asked_by = ["collector"]
coverage_percent = 50
noise = "none"
questions_per_token_day = 1000000
retention_days = 1

[purposes.{purpose}.classes.residential]
least_group = {{ minutes_15 = 2, minutes_30 = 2, minutes_60 = 2, minutes_1440 = 2 }}
largest_share_percent = 100
"""
LAX = 'version = 2\nname = "unsafe-everything"\nrevision = 1\nleast_change = 2\n' + "".join(
    f"[purposes.{purpose}]{_LAX_RULE.format(purpose=purpose)}" for purpose in ("research", "curiosity")
)


class Forbidden(NamedTuple):
    """A statement that the policy forbids: about `cohort` without its first `left_out` reports."""

    slug: str
    cohort: str
    left_out: int = 0
    purpose: str = PURPOSE
    functional: str = ALL_ONES


FORBIDDEN = {
    "a small cohort": Forbidden("group-too-small", "hamlet"),
    "few of a large cohort": Forbidden("group-too-small", "row", 10),
    "the target among 14 others": Forbidden("coverage-too-low", "row", 9),
    "nobody": Forbidden("nobody-reported", "row", 24),
    "counted otherwise before": Forbidden("pinned-otherwise", "town/b", 1),
    "all but what was counted": Forbidden("group-too-small", "town/c"),
    "another functional": Forbidden("functional-not-permitted", "row", functional="interval-7"),
    "an unknown purpose": Forbidden("purpose-not-permitted", "row", purpose="marketing"),
    "an unknown purpose for what is released already": Forbidden("purpose-not-permitted", "town", purpose="marketing"),
}


@pytest.fixture(scope="module")
def day(town: Town) -> Day:
    """`town/a` reported with 13 of 16; `town` and `town/b` were counted, so `town/c` would give those 13."""
    day = town.day(without=("a-00", "a-01", "a-02"))
    town.opens_exactly(day, "town")
    town.opens_exactly(day, "town/b")
    return day


def asked(town: Town, day: Day, case: Forbidden) -> Answer:
    members = day.members(case.cohort)[case.left_out :]
    fold = town.arithmetic.fold(day.ciphertexts(members)) if members else b""
    return town.forged(day, case.cohort, fold, members, functional=case.functional, purpose=case.purpose)


@pytest.mark.parametrize("case", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_decryptor_refuses_by_itself(town: Town, day: Day, case: Forbidden) -> None:
    """Threats C21, E36, E42: the aggregator signs whatever is asked, and the unblinder is never reached."""
    reached = len(town.deployment.relay.exchanges)
    with town.refuses(case.slug, DECRYPTOR):
        town.release(asked(town, day, case))
    assert len(town.deployment.relay.exchanges) == reached


@pytest.mark.parametrize("case", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_unblinder_refuses_by_itself(town: Town, day: Day, case: Forbidden) -> None:
    """Threats C19, C21, E36, E41, E42: the aggregator and the decryptor sign whatever they like."""
    with town.refuses(case.slug, UNBLINDER):
        town.rogue_decryptor.pads(asked(town, day, case))


@pytest.mark.parametrize(
    ("slug", "cohort"),
    [("group-too-small", "hamlet"), ("group-too-small", "town/a"), ("group-too-small", "town/c")],
    ids=["a small cohort", "a cohort with few reports", "all but what was counted"],
)
def test_the_aggregator_refuses_by_itself(town: Town, day: Day, slug: str, cohort: str) -> None:
    """Threats C21, E42: neither half gets to see it, whatever it would permit."""
    with town.refuses(slug, AGGREGATOR):
        town.answer(day, cohort)


def test_the_aggregator_refuses_thin_and_absent_cohorts(town: Town) -> None:
    """Threats C21, E36."""
    day = town.day(only=("town/b", "town/c"), without=("c-00", "c-01", "c-02"))
    for slug, cohort in (("coverage-too-low", "town/c"), ("nobody-reported", "row")):
        with town.refuses(slug, AGGREGATOR):
            town.answer(day, cohort)
    town.opens_exactly(day, "town/b")


def test_the_aggregator_says_which_rule_would_decide_and_records_nothing(town: Town) -> None:
    """What it explains is what it then does."""
    day = town.day(only=("town/b", "hamlet"))
    told = {cohort: town.client.explain(town.question(day, cohort))["decided_by"] for cohort in ("town/b", "hamlet")}
    assert told == {"town/b": "every rule that needs no opening", "hamlet": "group-too-small"}
    marketing = town.client.explain(town.question(day, "town/b", "marketing"))
    assert (marketing["decision"], marketing["decided_by"]) == ("refused", "purpose-not-permitted")
    town.opens_exactly(day, "town/b")


def test_neither_half_grants_anything_of_a_day_to_come(town: Town) -> None:
    """Threat C21: an aggregator that is corrupt for an hour would pin it, and darken it for good."""
    tomorrow = Window(window_of(system_clock()) + 1)
    statement = town.rogue_aggregator.statement(town.roster, "town/b", tomorrow)
    answer = town.rogue_aggregator.answer(statement, b"")
    with town.refuses("window-not-closed", DECRYPTOR):
        town.release(answer)
    with town.refuses("window-not-closed", UNBLINDER):
        town.rogue_decryptor.pads(answer)


@pytest.fixture
def lax(town: Town, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Role]:
    """One half under a policy that permits everything, as if its operator had been bought."""
    policy = tmp_path / "lax.toml"
    policy.write_text(LAX)
    role: Role = request.param
    town.restart(role, policy)
    yield role
    town.restart(role)


@pytest.mark.parametrize("lax", [DECRYPTOR, UNBLINDER], indirect=True)
def test_either_half_refuses_what_the_other_was_changed_to_allow(town: Town, lax: Role) -> None:
    """Threat C21: a decryptor that allows all gets no pads, an unblinder that allows all is never asked."""
    day = town.day(only=("town/b", "town/c", "hamlet"))
    strict = ({DECRYPTOR, UNBLINDER} - {lax}).pop()
    by = (DECRYPTOR, UNBLINDER) if strict is UNBLINDER else (DECRYPTOR,)
    for case in (
        Forbidden("group-too-small", "hamlet"),
        Forbidden("coverage-too-low", "town/c", 9),
        Forbidden("purpose-not-permitted", "town/b", purpose="curiosity"),
    ):
        with town.refuses(case.slug, *by):
            town.release(asked(town, day, case))
    town.opens_exactly(day, "town/b")
