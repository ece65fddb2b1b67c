"""What a bill is made from and what it says. The arithmetic in between is in `settle.py`."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.calendar import first_minute, first_noon, zone_of
from wattseal.protocol.tariff.compile import Compiled, Item, Register

SHORTEST_CYCLE, LONGEST_CYCLE = 27, 33


@dataclass(frozen=True, slots=True)
class Cycle:
    """Local days from `first` up to `after`, 27 to 33 of them.

    A customer who moved in or out has a `part` of it, of fewer days: `whole_days` is then the length of the whole
    cycle, by which charges a cycle are prorated, and `span` are the minutes of the part that do not begin and end with
    its days. Raises UsageError.
    """

    first: date
    after: date
    timezone: str
    whole_days: int | None = None
    span: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not SHORTEST_CYCLE <= self.length <= LONGEST_CYCLE:
            raise UsageError(f"cycle: {self.length} days are not {SHORTEST_CYCLE} to {LONGEST_CYCLE}")
        if not 1 <= self.days <= self.length:
            raise UsageError(f"cycle: {self.days} days are not 1 to {self.length}")

    @property
    def days(self) -> int:
        """Days that are billed."""
        return (self.after - self.first).days

    @property
    def length(self) -> int:
        """Days of the whole cycle."""
        return self.days if self.whole_days is None else self.whole_days

    @property
    def minutes(self) -> tuple[int, int]:
        """Beginning and end in minutes since 1970 UTC."""
        if self.span is not None:
            return self.span
        zone = zone_of(self.timezone)
        return first_minute(self.first, zone), first_minute(self.after, zone)

    def part(self, start: int, end: int) -> "Cycle":
        """What is billed from one minute since 1970 UTC to another: the days whose local noon lies between.

        Parts are cut at UTC days; so each day is in one of the parts that tile the cycle, and their days add up.
        Raises UsageError for a part without a noon, or beyond the cycle.
        """
        whole, zone = self.minutes, zone_of(self.timezone)
        if (start, end) == whole:
            return self
        if not whole[0] <= start < end <= whole[1]:
            raise UsageError(f"cycle of {self.first}: a part of it lies beyond it")
        first, after = first_noon(start, zone), first_noon(end, zone)
        if first == after:
            raise UsageError(f"cycle of {self.first}: a part of it, on {first}, has no day's noon and so no days")
        part = Cycle(first, after, self.timezone, self.length)
        return part if part.minutes == (start, end) else replace(part, span=(start, end))


def parse_cycle(text: str, timezone: str) -> Cycle:
    """A cycle from its dates, such as 2026-03-02..2026-04-01. Raises UsageError."""
    first, _, after = text.partition("..")
    try:
        return Cycle(date.fromisoformat(first), date.fromisoformat(after), timezone)
    except ValueError:
        raise UsageError(f"cycle {text[:40]!a}: not two dates such as 2026-03-02..2026-04-01") from None


def in_order(cycles: Iterable[Cycle]) -> list[Cycle]:
    """By their beginnings. Raises UsageError for cycles that overlap."""
    ordered = sorted(cycles, key=lambda cycle: cycle.minutes)
    for before, after in itertools.pairwise(ordered):
        if after.minutes[0] < before.minutes[1]:
            raise UsageError(f"cycle: those of {before.first} and {after.first} overlap")
    return ordered


@dataclass(frozen=True, slots=True)
class Customer:
    """What a bill depends on besides reads: a baseline territory and a program of the tariff's, if any."""

    territory: str | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was opened for one segment: whole cents of amounts, sums in the segment's unit, registers in W.

    `estimated`: not all of it rests on measured reads. `compiled` tells which sums came from registers instead.
    """

    compiled: Compiled
    results: Mapping[Item, int]
    registers: Mapping[Register, int] = field(default_factory=dict)
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One charge on the bill: dollars before rounding, and cents. Cents round half to even, as fractions of a Wh do."""

    name: str
    dollars: Fraction

    @property
    def cents(self) -> int:
        return round(self.dollars * 100)


class Cancelled(NamedTuple):
    """An earlier bill that a rebill takes the place of: statement and release that it rested on, what it came to."""

    statement: Digest
    release: Digest
    cents: int


@dataclass(frozen=True, slots=True)
class Bill:
    """Lines in the tariff's order, and the determinants that they came from.

    `energy` is in thousandths of a kWh or therm, `demand` in W, `estimated` segments in minutes since 1970 UTC; among
    them are those `by_registers`, of which a channel was billed from registers for want of interval reads.
    """

    tariff: str
    revision: str
    tariff_digest: Digest
    cycle: Cycle
    lines: tuple[Line, ...]
    energy: Mapping[Item, Fraction]
    demand: Mapping[Register, int]
    estimated: tuple[tuple[int, int], ...] = ()
    by_registers: tuple[tuple[int, int], ...] = ()
    cancels: Cancelled | None = None

    @property
    def total_cents(self) -> int:
        """The sum of the lines as printed, so that a paper bill adds up."""
        return sum(line.cents for line in self.lines)

    @property
    def due_cents(self) -> int:
        """The total less what was billed before; negative: to be paid back."""
        return self.total_cents - (0 if self.cancels is None else self.cancels.cents)
