"""What the three operators settle beside a roster, for some days: waivers of coverage, and meters that are not counted.

Signed by the utility and countersigned by both other operators, like rosters.
"""

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from nacl.signing import SigningKey
from pydantic import Field, model_validator

from wattseal.protocol.codec import Digest, Message
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.ids import Channel, CohortField, CohortId, MeterField, RegionField, Window, WindowField, within
from wattseal.protocol.trust import TrustAnchors

MOST_WINDOWS = 366
LEAST_COVERAGE_PERCENT = 50
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
