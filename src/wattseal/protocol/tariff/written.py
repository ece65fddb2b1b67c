"""The tables of a TOML tariff file as they are written; what they come to is in `toml_file.py`."""

from typing import Annotated, Literal

from pydantic import Field

from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.charges import Month, Span
from wattseal.protocol.tariff.literals import Number, Written
from wattseal.protocol.tariff.model import CustomerClass, DayKind, Holiday

MonthDay = Annotated[str, Field(pattern=r"^\d\d-\d\d$")]
Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):(00|15|30|45)-(([01]\d|2[0-3]):(00|15|30|45)|24:00)$")]
ChannelName = Literal["delivered", "received"]


class SeasonTable(Written):
    name: Name
    begins: Annotated[MonthDay, Field(alias="from")]
    ends: Annotated[MonthDay, Field(alias="to")]


class ScheduleTable(Written):
    """Without seasons or days it is for all of them. Several tables of one name make one schedule."""

    name: Name
    seasons: list[Name] | None = None
    days: list[DayKind] | None = None
    hours: dict[Name, list[Hours]]


class Priced(Written):
    """One price, or one for each period of the schedule."""

    price: Number | None = None
    prices: dict[Name, Number] | None = None


class EnergyTable(Priced):
    kind: Literal["energy"]
    name: Name
    channel: ChannelName = "delivered"
    schedule: Name | None = None


class SeriesTable(Written):
    kind: Literal["series"]
    name: Name
    channel: ChannelName = "delivered"
    csv: str
    step_minutes: Literal[15, 30, 60] = 60


class TierTable(Priced):
    upto: Number | None = None


class TieredTable(Written):
    kind: Literal["tiered"]
    name: Name
    schedule: Name | None = None
    per: Literal["cycle", "day", "baseline"]
    tiers: list[TierTable]


class DemandTable(Written):
    kind: Literal["demand"]
    name: Name
    schedule: Name | None = None
    tiers: list[TierTable]


class FixedTable(Written):
    kind: Literal["fixed"]
    name: Name
    per: Span
    price: Number
    programs: dict[Name, Number] = Field(default_factory=dict)


class MinimumTable(Written):
    kind: Literal["minimum"]
    name: Name
    per: Span
    price: Number
    of: list[Name]


class PercentTable(Written):
    kind: Literal["percent"]
    name: Name
    percent: Number
    of: list[Name]
    program: Name | None = None


class AnnualTable(Written):
    kind: Literal["annual"]
    name: Name
    month: Month
    price: Number


ClearTable = FixedTable | MinimumTable | PercentTable | AnnualTable
ChargeTable = Annotated[EnergyTable | SeriesTable | TieredTable | DemandTable | ClearTable, Field(discriminator="kind")]


class TariffTable(Written):
    """`holidays` is a list of the package's by its name, or the rules themselves."""

    version: Literal[1]
    name: Name
    revision: Name
    commodity: Literal["electricity", "gas"]
    customer_class: CustomerClass
    programs: list[Name] = Field(default_factory=list)
    holidays: str | list[Holiday] = Field(default_factory=list)
    season: list[SeasonTable] = Field(default_factory=list)
    schedule: list[ScheduleTable] = Field(default_factory=list)
    baseline: dict[Name, dict[Name, Number]] = Field(default_factory=dict)
    charge: list[ChargeTable]
