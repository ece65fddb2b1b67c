"""Fields of an OpenEI Utility Rate Database record (JSON, version 8 of its service), as they are written."""

import json
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from wattseal.protocol.errors import UsageError
from wattseal.protocol.tariff.charges import Span
from wattseal.protocol.tariff.literals import Number, Written, named

MONTHS, HOURS = 12, 24
SPANS: dict[str, Span] = {"$/day": "day", "$/month": "cycle"}
NET_BILLING = ("Net Billing Instantaneous", "Net Billing Hourly")
# Say something about the record or the customer, nothing about the amount.
_DESCRIPTIVE = re.compile(
    "_note|label|uri|revisions|approved|is_default|utility|eiaid|name|startdate|enddate|supersedes|sector|servicetype"
    "|description|source|sourceparent|country|(basicinformation|energy|demand)comments|(fixed|energy|demand)attrs"
    "|(energy|demand|flatdemand)toulabels|demandunits|demandwindow|voltage(category|minimum|maximum)|phasewiring"
    "|peakkw(capacity|husage)(min|max|history)|usenetmetering"
)


class UrdbTier(Written):
    rate: Number = Decimal(0)
    adj: Number = Decimal(0)
    sell: Number = Decimal(0)
    limit: Annotated[Number | None, Field(alias="max")] = None
    unit: str | None = None


Structure = list[Annotated[list[UrdbTier], Field(min_length=1, max_length=16)]]
PeriodNumber = Annotated[int, Field(ge=0, lt=600)]
Day = Annotated[list[PeriodNumber], Field(min_length=HOURS, max_length=HOURS)]
Year = Annotated[list[Day], Field(min_length=MONTHS, max_length=MONTHS)]


class UrdbRecord(Written):
    """The fields that make the amount; others are kept apart, to be known as harmless or refused."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    label: str = ""
    sector: str = ""
    dgrules: str = "Net Metering"
    energyratestructure: Annotated[Structure, Field(min_length=1)]
    energyweekdayschedule: Year
    energyweekendschedule: Year
    demandratestructure: Structure | None = None
    demandweekdayschedule: Year | None = None
    demandweekendschedule: Year | None = None
    demandrateunit: Literal["kW"] = "kW"
    flatdemandstructure: Structure | None = None
    flatdemandmonths: Annotated[list[PeriodNumber] | None, Field(min_length=MONTHS, max_length=MONTHS)] = None
    flatdemandunit: Literal["kW"] = "kW"
    fixedchargefirstmeter: Number = Decimal(0)
    fixedchargeunits: str = "$/month"
    fixedmonthlycharge: Number = Decimal(0)
    mincharge: Number = Decimal(0)
    minchargeunits: str = "$/month"
    minmonthlycharge: Number = Decimal(0)


def parse_record(text: str, leaving_out: Collection[str]) -> UrdbRecord:
    """Raises UsageError naming a field that is malformed, or that would change the amount and is not known here."""
    fields = {name: value for name, value in _fields(text).items() if name not in leaving_out}
    with named("record"):
        record = UrdbRecord.model_validate(fields)
    _refuse_the_rest(record)
    return record


def _fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"not JSON: {error}") from None
    if isinstance(found, dict) and "items" in found:
        found = found["items"][0] if isinstance(found["items"], list) and len(found["items"]) == 1 else None
    if not isinstance(found, dict):
        raise UsageError("not one record, nor 'items' with one record in it")
    return found


def _refuse_the_rest(record: UrdbRecord) -> None:
    for field, value in (record.model_extra or {}).items():
        if not _DESCRIPTIVE.fullmatch(field) and not _is_nothing(value):
            raise UsageError(f"{field}: is not supported; name it as left out to load the rest")
    if record.dgrules not in ("Net Metering", *NET_BILLING):
        raise UsageError(f"dgrules: '{record.dgrules}' is not supported")
    for field in ("fixedchargeunits", "minchargeunits"):
        if (unit := getattr(record, field)) not in SPANS:
            raise UsageError(f"{field}: '{unit}' is not {' or '.join(SPANS)}")


def _is_nothing(value: object) -> bool:
    """A ratchet of twelve zeros adds nothing."""
    return value in (0, None, False, "") or (isinstance(value, list) and all(_is_nothing(part) for part in value))
