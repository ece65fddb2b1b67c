"""Noisy totals at real services: both halves' noise, nothing to average, a budget, and never beside an exact total."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.system.town import Day, Town
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER
from wattseal.policy.pack import named_policy
from wattseal.protocol.release import Release

NOISY = "noisy-research"
ROLES = (AGGREGATOR, DECRYPTOR, UNBLINDER)
TRIAL = Path("src/wattseal/policy/packs/trial.toml")
SIGMA = 227_024
"""Of the trial pack at quarter hours: 16,384 sqrt(96) / sqrt(2 x 0.25), rounded up twice."""


@pytest.fixture
def day(town: Town) -> Day:
    return town.day()


def released(town: Town, day: Day, cohort: str) -> Release:
    return town.release(town.answer(day, cohort, NOISY))


def errors(day: Day, cohort: str, release: Release) -> list[int]:
    exact = day.total(day.members(cohort))
    return [read - total for read, total in zip(release.reads, exact, strict=True)]


def test_each_half_adds_what_the_policy_asks_for(town: Town) -> None:
    noise = []
    for _ in range(3):
        day = town.day(only=("town/a",))
        release = released(town, day, "town/a")
        assert release.noise is not None
        assert (release.noise.sigma, release.members) == (SIGMA, 16)
        noise += errors(day, "town/a", release)
    # 288 draws: the spread of two halves together, and not of one.
    assert np.std(noise) == pytest.approx(SIGMA * 2**0.5, rel=0.2)
    assert abs(np.mean(noise)) < 5 * SIGMA * 2**0.5 / len(noise) ** 0.5


def test_the_same_homes_under_another_name_bring_nothing_to_average(town: Town, day: Day) -> None:
    once, again = (released(town, day, cohort) for cohort in ("row", "row/only"))
    assert once.statement != again.statement
    assert once.reads == again.reads
    assert once.noise == again.noise


def test_the_budget_of_every_members_day(town: Town, day: Day) -> None:
    spent = [released(town, day, cohort).noise for cohort in ("town/c", "town")]
    assert [noise.spent_rho_millionths for noise in spent if noise is not None] == [250_000, 500_000]
    assert released(town, day, "town/c").noise == spent[0]


@pytest.mark.parametrize(("first", "second"), [("grid-planning", NOISY), (NOISY, "grid-planning")])
def test_exact_beside_noisy_is_refused(town: Town, day: Day, first: str, second: str) -> None:
    town.release(town.answer(day, "town/b", first))
    with town.refuses("pinned-otherwise", AGGREGATOR):
        town.answer(day, "town/b", second)
    with town.refuses("pinned-otherwise", AGGREGATOR):
        town.answer(day, "town", second)


def test_either_half_refuses_an_exact_total_beside_a_noisy_one(town: Town, day: Day) -> None:
    """The aggregator cheats, then the decryptor too."""
    released(town, day, "town/b")
    total = town.arithmetic.fold(day.ciphertexts(day.members("town/b")))
    forged = town.forged(day, "town/b", total)
    with town.refuses("pinned-otherwise", DECRYPTOR):
        town.release(forged)
    with town.refuses("pinned-otherwise", UNBLINDER):
        town.rogue_decryptor.pads(forged)


@pytest.fixture
def stingy(town: Town, tmp_path: Path) -> Iterator[None]:
    """Services whose pack pays for one noisy total of a day."""
    file = tmp_path / "stingy.toml"
    file.write_text(TRIAL.read_text().replace("budget_rho_millionths = 500_000", "budget_rho_millionths = 250_000"))
    assert named_policy(str(file)) != named_policy(None)
    for role in ROLES:
        town.restart(role, file)
    yield
    for role in ROLES:
        town.restart(role)


@pytest.mark.usefixtures("stingy")
def test_a_spent_budget_refuses_and_what_was_released_stays(town: Town, day: Day) -> None:
    first = released(town, day, "town/c")
    with town.refuses("budget-exhausted", AGGREGATOR):
        town.answer(day, "town", NOISY)
    assert released(town, day, "town/c") == first
    released(town, day, "town/a")
