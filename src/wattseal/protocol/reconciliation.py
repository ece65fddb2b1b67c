"""Revenue reconciliation: whether the bills of a cohort add up to its totals, by the decryptor's word of yes or no."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from wattseal.protocol.billing import LocalDay, Timezone, cycle_of
from wattseal.protocol.codec import Bytes32, Count, Many, Message
from wattseal.protocol.ids import Channel, CohortField, MeterField, Purpose, RegionField
from wattseal.protocol.release import SignedHead
from wattseal.protocol.roster import MAX_METERS, Name
from wattseal.protocol.tariff.bill import Cycle

MOST_STATEMENTS = 1_024


class Why(StrEnum):
    """Why a meter of the cohort is left out."""

    ANOTHER_TARIFF = "another-tariff"
    NOT_BILLED = "not-billed"
    CANCELLED = "cancelled"
    PART_OF_CYCLE = "part-of-cycle"
    ESTIMATED = "estimated"
    NOT_OPENED = "not-opened"
    NOT_IN_TOTALS = "not-in-totals"


class Undefined(StrEnum):
    """Why bills and totals cannot be compared at all."""

    MEMBERS_CHANGED = "members-changed"
    EXCLUDED_IN_TOTALS = "excluded-in-totals"
    NOBODY_LEFT = "nobody-left"


class ReconciliationQuestion(Message):
    """By digests of statements that were released: bills under the tariff over the cycle, and the cohort's totals.

    The totals are of every window that the cycle touches, on each channel that is compared.
    """

    purpose: Purpose
    region: RegionField
    cohort: CohortField
    tariff: Bytes32
    timezone: Timezone
    first: LocalDay
    after: LocalDay
    bills: Annotated[Many[Bytes32], Field(min_length=1, max_length=MOST_STATEMENTS)]
    totals: Annotated[Many[Bytes32], Field(min_length=1, max_length=MOST_STATEMENTS)]

    @property
    def cycle(self) -> Cycle:
        """Raises MalformedMessage for a cycle that is too short or too long."""
        return cycle_of(self.first, self.after, self.timezone)


class ReconciledCharge(Message):
    """Whether the exact sum over the bills is prices times totals."""

    charge: Name
    channel: Channel
    equal: bool


class ExcludedMeter(Message):
    """A meter of the cohort whose bill is not in the sum of that channel."""

    meter: MeterField
    channel: Channel
    why: Why


class Reconciliation(Message):
    """Nothing but this is told of the values; `undefined` says why nothing is compared, and then nothing else is."""

    version: Literal[1] = 1
    question: Bytes32
    charges: Annotated[Many[ReconciledCharge], Field(max_length=256)]
    excluded: Annotated[Many[ExcludedMeter], Field(max_length=2 * MAX_METERS)]
    meters: Count
    undefined: Undefined | None = None
    decryptor_head: SignedHead

    @property
    def equal(self) -> bool:
        """Of all charges."""
        return self.undefined is None and all(charge.equal for charge in self.charges)
