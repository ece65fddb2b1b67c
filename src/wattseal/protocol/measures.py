"""What the three operators settle beside a roster, for some days: waivers, quarantines and extensions of budgets.

Signed by the utility and countersigned by both other operators, like rosters.
"""

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from nacl.signing import SigningKey
from pydantic import Field, model_validator

from wattseal.protocol.codec import Digest, Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.ids import (
    Channel,
    CohortField,
    CohortId,
    MeterField,
    RegionField,
    RegionId,
    Window,
    WindowField,
    within,
)
from wattseal.protocol.roster import Name
from wattseal.protocol.trust import TrustAnchors

MOST_WINDOWS = 366
LEAST_COVERAGE_PERCENT = 50
MOST_RESULTS_MORE = 4
Reason = Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,198}[!-~])?$")]


class _Measure(Message):
    """In force in every window from `first` to `last`, at most a year of them."""

    version: Literal[1] = 1
    region: RegionField
    first: WindowField
    last: WindowField
    reason: Reason

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if not self.first <= self.last < self.first + MOST_WINDOWS:
            raise ValueError(f"'last' is none of the {MOST_WINDOWS} windows from 'first' on")
        return self

    def in_force(self, window: Window) -> bool:
        return self.first <= window <= self.last

    @cached_property
    def fingerprint(self) -> Digest:
        """The digest, computed once."""
        return self.digest()


class Waiver(_Measure):
    """Of one channel: in this cohort and those below it, less than the policy's coverage will do. Nothing else."""

    cohort: CohortField
    channel: Channel
    coverage_percent: Annotated[int, Field(ge=LEAST_COVERAGE_PERCENT, lt=100)]

    def touches(self, cohort: CohortId) -> bool:
        """Whether it is about meters of that cohort."""
        return within(cohort, self.cohort) or within(self.cohort, cohort)


class Quarantine(_Measure):
    """Of one meter: no total counts its daily reports. It stays active, and is missing."""

    meter: MeterField


class MoreResults(Message):
    """Of bills under the tariffs of this name, all revisions: so many independent results more than the rule's."""

    budget: Literal["rank"] = "rank"
    tariff: Name
    results: Annotated[int, Field(ge=1, le=MOST_RESULTS_MORE)]


class MoreNoisyTotals(Message):
    """Of noisy totals of this cohort and of those below it: so much more of each member's day may be spent."""

    budget: Literal["noise"] = "noise"
    cohort: CohortField
    channel: Channel
    rho_millionths: Annotated[int, Field(ge=1, lt=1 << 40)]


class BudgetExtension(_Measure):
    """Of one budget: of results in billing cycles that lie wholly within its windows, or of noise on their days."""

    more: Annotated[MoreResults | MoreNoisyTotals, Field(discriminator="budget")]

    def of_bills(self, region: RegionId, tariff: str, windows: range) -> bool:
        """Whether it is about bills under a tariff of that name, of a cycle that touches these windows."""
        more, within_it = self.more, self.first <= windows[0] and windows[-1] <= self.last
        return within_it and isinstance(more, MoreResults) and (self.region, more.tariff) == (region, tariff)

    def of_totals(self, region: RegionId, channel: Channel, window: Window) -> bool:
        """Whether it is about noisy totals of that day, of whatever cohort."""
        more, in_force = self.more, self.in_force(window)
        return in_force and isinstance(more, MoreNoisyTotals) and (self.region, more.channel) == (region, channel)


class SignedWaiver(Countersigned):
    """A waiver's canonical bytes with all signatures."""

    kind: ClassVar[str] = "waiver"

    @classmethod
    def issue(cls, waiver: Waiver, utility: SigningKey) -> Self:
        return cls.of(waiver, utility)

    def opened(self, trust: TrustAnchors) -> Waiver:
        """The waiver, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return Waiver.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> Waiver:
        """The waiver as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return Waiver.from_bytes(self.body)


class SignedQuarantine(Countersigned):
    """A quarantine's canonical bytes with all signatures."""

    kind: ClassVar[str] = "quarantine"

    @classmethod
    def issue(cls, quarantine: Quarantine, utility: SigningKey) -> Self:
        return cls.of(quarantine, utility)

    def opened(self, trust: TrustAnchors) -> Quarantine:
        """The quarantine, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return Quarantine.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> Quarantine:
        """The quarantine as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return Quarantine.from_bytes(self.body)


class SignedBudgetExtension(Countersigned):
    """An extension's canonical bytes with all signatures."""

    kind: ClassVar[str] = "budget extension"

    @classmethod
    def issue(cls, extension: BudgetExtension, utility: SigningKey) -> Self:
        return cls.of(extension, utility)

    def opened(self, trust: TrustAnchors) -> BudgetExtension:
        """The extension, once all three signatures hold. Raises SignatureInvalid or MalformedMessage."""
        self.check(trust)
        return BudgetExtension.from_bytes(self.body)

    def proposed(self, trust: TrustAnchors) -> BudgetExtension:
        """The extension as the utility signed it. Raises as `opened`."""
        self.check_proposed(trust)
        return BudgetExtension.from_bytes(self.body)
