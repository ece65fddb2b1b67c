"""Who can be billed together: the meters of a billing route or cohort, as the aggregator tells whoever bills them."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from wattseal.protocol.billing import BillQuestion, LocalDay, Timezone, cycle_of
from wattseal.protocol.codec import Bytes32, Count, Many, Message
from wattseal.protocol.ids import CohortField, MeterField, MeterId, Purpose, RegionField
from wattseal.protocol.roster import MAX_METERS, Name, RosterRow
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode


class RouteQuestion(Message):
    """Which meters of a billing route, or of a cohort, can be billed under a tariff over one cycle."""

    purpose: Purpose
    region: RegionField
    route: Name | None = None
    cohort: CohortField | None = None
    tariff: Bytes32
    mode: Mode
    timezone: Timezone
    first: LocalDay
    after: LocalDay
    estimates: bool = False

    @model_validator(mode="after")
    def _about_one(self) -> Self:
        if (self.route is None) == (self.cohort is None):
            raise ValueError("it is about a route or about a cohort")
        return self

    def covers(self, row: RosterRow) -> bool:
        if self.cohort is None:
            return row.billing_route == self.route
        return f"{row.cohort}/".startswith(f"{self.cohort}/")

    @property
    def cycle(self) -> Cycle:
        """Raises MalformedMessage for a cycle that is too short or too long."""
        return cycle_of(self.first, self.after, self.timezone)

    def about(self, meters: Sequence[MeterId]) -> BillQuestion:
        """The question for their bills."""
        asked = {name: value for name, value in self if name not in ("route", "cohort")}
        return BillQuestion(**asked, meters=tuple(meters))


class RouteMeter(Message):
    """A meter of the route: segments of the cycle, and whether all reports are there that its bill rests on."""

    meter: MeterField
    segments: Count
    reported: bool


class RouteMeters(Message):
    """The aggregator's word for whoever bills the route, of rows under the tariff; `others` are under another."""

    meters: Annotated[Many[RouteMeter], Field(max_length=MAX_METERS)]
    others: Count
