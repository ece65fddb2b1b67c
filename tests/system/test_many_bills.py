"""More and more bills of one home, and tariffs that pick its hours: refused by all three roles, by each half alone."""

import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.protocol.tariff.samples import PACIFIC, tariff
from tests.system.bill_forging import Asked
from tests.system.bill_locks import AllThree, DecryptorAlone, Lock, UnblinderAlone
from tests.system.billed_town import BILL, CYCLE, RANK, SUMS, BilledTown, flat_at
from wattseal.protocol.ids import Role
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import EnergyCharge, Mode, SeriesCharge
from wattseal.protocol.tariff.model import Row, Schedule
from wattseal.protocol.time import MINUTES_PER_DAY

START, END = CYCLE.minutes
HOURS = (END - START) // 60
SUNDAY_EVENINGS = Schedule(
    name="evenings",
    periods=("others", "evening"),
    rows=(
        Row(season="year", days="weekday", runs=((0, 0),)),
        Row(season="year", days="weekend", runs=((0, 0), (76, 1), (80, 0))),
    ),
)


def hourly(revision: str, *prices: int) -> Asked:
    """A bill under a price of its own for each hour: these, and the last of them for all that follow."""
    series = (*prices, *[prices[-1]] * (HOURS - len(prices)))
    charge = SeriesCharge(name="Energy", start=START, step_minutes=60, prices=series)
    return Asked(tariff(charge, revision=revision), CYCLE)


def drawn(seed: int) -> Asked:
    return hourly(f"drawn {seed}", *np.random.default_rng(seed).integers(10_000, 250_000, HOURS).tolist())


def shifted(days: int) -> Asked:
    cycle = Cycle(CYCLE.first + timedelta(days), CYCLE.after + timedelta(days), PACIFIC)
    return replace(BILL, cycle=cycle)


PRICES = [drawn(seed) for seed in range(RANK + 1)]
MANY_BILLS: dict[str, tuple[str, list[Asked]]] = {
    "price vectors": ("rank-exhausted", PRICES),
    "scaled price vectors": ("rank-exhausted", [flat_at(30_000 + price) for price in range(RANK + 1)]),
    "sums after price vectors": ("rank-exhausted", [*PRICES[: RANK - 1], SUMS]),
    "numbers": ("rank-exhausted", [replace(SUMS, number=number) for number in range(RANK // 2 + 1)]),
    "a cycle that begins a day later": ("functional-not-permitted", [BILL, shifted(1)]),
    "a cycle that begins on the last day": ("functional-not-permitted", [BILL, shifted(CYCLE.days - 1)]),
    "price vectors that differ in an hour": (
        "share-too-large",
        [flat_at(30_000), hourly("another first hour", 30_001, 30_000)],
    ),
}
"""Everything but the last is granted."""


def with_charges(count: int) -> Asked:
    """A bill of so many amounts."""
    charges = (EnergyCharge(name=f"Energy {n}", schedule="flat", prices=(20_000 + n,)) for n in range(count))
    return Asked(tariff(*charges, revision=f"{count} charges"), CYCLE)


NINE, TEN = with_charges(RANK + 1), with_charges(RANK + 2)

SELECTORS: dict[str, list[Asked]] = {
    "a price for five hours": [hourly("five hours", *[200_000] * 5, 0)],
    "a price for one hour": [hourly("one hour", 1, 0)],
    "no price for one hour, after the bill": [flat_at(30_000), hourly("all but one", 0, 30_000)],
    "a difference of one hour of a thousand": [hourly("level", 250_000), hourly("a dip", 249_999, 250_000)],
    "three that come to one hour": [
        hourly("hours 0 to 99", *[9_000] * 100, 0),
        hourly("hours 100 to 199", *[0] * 100, *[9_000] * 100, 0),
        hourly("hours 1 to 199", 0, *[9_000] * 199, 0),
    ],
    "a sum of an hour a weekend day": [
        Asked(
            tariff(
                EnergyCharge(name="Energy", schedule="evenings", prices=(0, 20_000)),
                schedules=(SUNDAY_EVENINGS,),
                revision="evenings",
            ),
            CYCLE,
            Mode.DETERMINANTS,
        )
    ],
}


@pytest.fixture(scope="module", autouse=True)
def _registered(billed: BilledTown) -> None:
    """All of them are signed by all three operators."""
    asked = [one for _, many in MANY_BILLS.values() for one in many] + [
        one for many in SELECTORS.values() for one in many
    ]
    asked += [NINE, TEN]
    billed.register(*{one.tariff.fingerprint: one.tariff for one in asked if one.tariff != BILL.tariff}.values())


LOCKS = pytest.mark.parametrize("lock", [AllThree, DecryptorAlone, UnblinderAlone])


def turned_away(lock: Lock, slug: str, granted: Sequence[Asked], refused: Asked) -> None:
    """At the last, and again; what was granted before stays granted."""
    with lock:
        for asked in granted:
            lock.grants(asked)
        lock.refuses(refused, slug)
        lock.grants_again()
        lock.refuses(refused, slug)


@LOCKS
@pytest.mark.parametrize(("slug", "asked"), MANY_BILLS.values(), ids=MANY_BILLS)
def test_many_bills_of_one_home(billed: BilledTown, lock: type[Lock], slug: str, asked: list[Asked]) -> None:
    """Threat A6: the whole statement is refused, and the neighbor in it is billed as if nothing had been."""
    tried = lock(billed)
    turned_away(tried, slug, asked[:-1], asked[-1])
    billed.opens_exactly(billed.answer(BILL, tried.neighbor))


@LOCKS
def test_an_extension_is_of_its_own_cycle_and_of_what_it_says(billed: BilledTown, lock: type[Lock]) -> None:
    """Threat E42: used for the cycle before, or for two results more, it lets nothing out."""
    following = shifted(CYCLE.days).cycle
    within = following.minutes[0] // MINUTES_PER_DAY, following.minutes[1] // MINUTES_PER_DAY
    billed.extend(1, *within)
    tried = lock(billed)
    turned_away(tried, "rank-exhausted", [], NINE)
    turned_away(tried, "rank-exhausted", [replace(NINE, cycle=following)], replace(TEN, cycle=following))
    billed.opens_exactly(billed.answer(BILL, tried.home, tried.neighbor))


@LOCKS
@pytest.mark.parametrize("asked", SELECTORS.values(), ids=SELECTORS)
def test_tariffs_as_selectors(billed: BilledTown, lock: type[Lock], asked: list[Asked]) -> None:
    """Threat E43: and the honest bill of the home itself opens."""
    tried = lock(billed)
    turned_away(tried, "share-too-large", asked[:-1], asked[-1])
    billed.opens_exactly(billed.answer(BILL, tried.home, tried.neighbor))


def test_each_process_has_a_directory_of_its_own(billed: BilledTown) -> None:
    """Private, beside those of the others, and no process has anything of another role's open."""
    directories = {role: billed.places.of(role) for role in Role}
    for role, directory in directories.items():
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        opened = [path for path in opened_by(billed, role) if path.is_relative_to(billed.places.directory)]
        assert any(path.is_relative_to(directory) for path in opened)
        assert {path for path in opened if not path.is_relative_to(directory)} <= {billed.places.logs / f"{role}.log"}


def opened_by(billed: BilledTown, role: Role) -> list[Path]:
    """Files that the role's process has open."""
    found = []
    for descriptor in Path(f"/proc/{billed.deployment.services[role].process.pid}/fd").iterdir():
        # A connection may end meanwhile.
        with suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return found
