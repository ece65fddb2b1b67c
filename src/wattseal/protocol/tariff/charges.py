"""The charges that a tariff is made of, each typed by how its result can be had from a meter's reads.

A price is what the customer pays, in 1e-5 $ (class `large`: 1e-6 $); credits are negative. Quantities are
thousandths of a kWh, kW or therm.
"""

import itertools
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from wattseal.protocol.codec import Count, Many, Message
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Name

PRICE_CAP = 250_000
"""Of energy, in 1e-5 $: one Wh is worth a quarter of a cent at most, so that an amount in cents tells no read."""

Price = Annotated[int, Field(ge=-(10**11), le=10**11)]
Month = Annotated[int, Field(ge=1, le=12)]
Of = Annotated[Many[Name], Field(min_length=1, max_length=64)]
Span = Literal["day", "cycle"]


class Mode(StrEnum):
    """How a charge's results leave the key server: in whole cents, or as the exact sums that a paper bill prints."""

    AMOUNT = "amount"
    DETERMINANTS = "determinants"


class EnergyCharge(Message):
    """So much per unit of energy in each period of the schedule; None: not in this period."""

    modes: ClassVar = (Mode.AMOUNT, Mode.DETERMINANTS)
    kind: Literal["energy"] = "energy"
    name: Name
    channel: Channel = Channel.DELIVERED
    schedule: Name
    prices: Annotated[Many[Price | None], Field(min_length=1, max_length=600)]

    @property
    def periods(self) -> frozenset[int]:
        """Indices of the schedule's periods that the charge is for."""
        return frozenset(index for index, price in enumerate(self.prices) if price is not None)


class SeriesCharge(Message):
    """A price of its own for each step of time from `start` (minutes since 1970 UTC) on. Too many for sums."""

    modes: ClassVar = (Mode.AMOUNT,)
    kind: Literal["series"] = "series"
    name: Name
    channel: Channel = Channel.DELIVERED
    start: Annotated[int, Field(ge=0, lt=1 << 32)]
    step_minutes: Literal[15, 30, 60]
    prices: Annotated[Many[Price], Field(min_length=1, max_length=40_000)]

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        if self.start % self.step_minutes:
            raise ValueError(f"the series begins inside a step of {self.step_minutes} minutes")
        return self

    @property
    def end(self) -> int:
        """The first minute without a price."""
        return self.start + self.step_minutes * len(self.prices)


class Tier(Message):
    """What lies above the former tier's limit and up to this one, None being without end; a price for each period."""

    limit: Count | None
    prices: Annotated[Many[Price | None], Field(min_length=1, max_length=600)]


Tiers = Annotated[Many[Tier], Field(min_length=1, max_length=16)]


def check_tiers(tiers: tuple[Tier, ...]) -> None:
    """Raises ValueError for limits that do not rise, an end, or tiers that disagree on the periods they are for."""
    limits = [tier.limit for tier in tiers]
    inner = [limit for limit in limits[:-1] if limit is not None]
    if limits[-1] is not None or len(inner) != len(limits) - 1:
        raise ValueError("every tier but the last has a limit, and the last has none")
    if any(a >= b for a, b in itertools.pairwise([0, *inner])):
        raise ValueError("the limits of tiers rise from above 0")
    if len({tuple(price is None for price in tier.prices) for tier in tiers}) != 1:
        raise ValueError("tiers disagree: one has a price for a period that another leaves out")


class TieredCharge(Message):
    """Energy of the whole cycle by tiers; each period's share of a tier is its share of the energy.

    Limits are for the cycle, or for each of its days, or in percent of the baseline allowance.
    """

    modes: ClassVar = (Mode.DETERMINANTS,)
    channel: ClassVar = Channel.DELIVERED
    kind: Literal["tiered"] = "tiered"
    name: Name
    schedule: Name
    per: Literal["cycle", "day", "baseline"]
    tiers: Tiers

    @model_validator(mode="after")
    def _one_ladder(self) -> Self:
        check_tiers(self.tiers)
        return self

    @property
    def periods(self) -> frozenset[int]:
        """Indices of the schedule's periods that the charge is for."""
        return frozenset(index for index, price in enumerate(self.tiers[0].prices) if price is not None)


class DemandCharge(Message):
    """Largest power in each period, from the meter's own registers; prorated by the days of the period's seasons."""

    kind: Literal["demand"] = "demand"
    name: Name
    schedule: Name
    tiers: Tiers

    @model_validator(mode="after")
    def _one_ladder(self) -> Self:
        check_tiers(self.tiers)
        return self


class ProgramPrice(Message):
    """Another price for the customers of one program."""

    program: Name
    price: Price


class FixedCharge(Message):
    """So much for each day, or for the cycle; a cycle cut short pays by its days."""

    kind: Literal["fixed"] = "fixed"
    name: Name
    per: Span
    price: Price
    programs: Annotated[Many[ProgramPrice], Field(max_length=16)] = ()


class MinimumCharge(Message):
    """What is missing to `price` when the charges `of`, which come before it, add up to less."""

    kind: Literal["minimum"] = "minimum"
    name: Name
    per: Span
    price: Price
    of: Of


class PercentCharge(Message):
    """Hundredths of a percent of the charges `of`, which come before it: discounts are negative, taxes positive."""

    kind: Literal["percent"] = "percent"
    name: Name
    hundredths: Annotated[int, Field(ge=-10_000, le=10_000)]
    of: Of
    program: Name | None = None


class AnnualCharge(Message):
    """Once a year, on the bill whose cycle holds the first of the month: a climate credit is a negative one."""

    kind: Literal["annual"] = "annual"
    name: Name
    month: Month
    price: Price


LinearCharge = EnergyCharge | SeriesCharge
SummedCharge = EnergyCharge | TieredCharge
MeteredCharge = LinearCharge | TieredCharge
Charge = Annotated[
    MeteredCharge | DemandCharge | FixedCharge | MinimumCharge | PercentCharge | AnnualCharge,
    Field(discriminator="kind"),
]
