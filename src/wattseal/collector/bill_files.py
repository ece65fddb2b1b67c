"""Bills as tables, CSV and JSON, and the files that a bill is asked for with: accounts, and an earlier bill."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from wattseal.collector.bills import Settled, Unbilled, money
from wattseal.protocol.codec import Bytes32, Digest, canonical_json, to_base64
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import MeterField, MeterId
from wattseal.protocol.roster import Name
from wattseal.protocol.tariff.bill import Bill, Cancelled, Cycle
from wattseal.protocol.tariff.literals import named, read_text

if TYPE_CHECKING:
    import polars as pl

Found = Settled | Unbilled


class Row(NamedTuple):
    """A row of bills.csv. `cycle_end` is the local day after the last; no amount: there is no bill."""

    meter: str
    account: str | None
    cycle_start: date
    cycle_end: date
    tariff: str
    amount: Decimal | None
    determinants: str
    estimated: bool


def rows_of(found: Found) -> list[Row]:
    """A bill's row; before it, that of the bill which it cancels, with the amount taken back."""
    if isinstance(found, Unbilled):
        return [_row(found, found.terms.cycle, None, {"not_billed": found.error.slug}, estimated=False)]
    bill = found.bill
    cancelled = []
    if bill.cancels is not None:
        back, release = -bill.cancels.cents, {"cancels": to_base64(bill.cancels.release)}
        cancelled = [_row(found, bill.cycle, money(back), release, estimated=False)]
    return [
        *cancelled,
        _row(found, bill.cycle, money(bill.total_cents), determinants(found), estimated=bool(bill.estimated)),
    ]


def _row(found: Found, cycle: Cycle, amount: Decimal | None, made_from: Mapping[str, Any], *, estimated: bool) -> Row:
    tariff = f"{found.terms.tariff.name} {found.terms.tariff.revision}"
    text = canonical_json(made_from).decode()
    return Row(" ".join(found.meters), found.account, cycle.first, cycle.after, tariff, amount, text, estimated)


def bills_frame(found: Iterable[Found]) -> "pl.DataFrame":
    """The columns of `Row`; dates, and amounts with two decimals."""
    import polars as pl

    rows = [row for one in found for row in rows_of(one)]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "meter": pl.String,
        "account": pl.String,
        "cycle_start": pl.Date,
        "cycle_end": pl.Date,
        "tariff": pl.String,
        "amount": pl.Decimal(18, 2),
        "determinants": pl.String,
        "estimated": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def bills_csv(found: Iterable[Found]) -> bytes:
    """The content of bills.csv."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(Row._fields)
    for one in found:
        writer.writerows((*row[:-1], "true" if row.estimated else "false") for row in rows_of(one))
    return file.getvalue().encode()


def determinants(found: Settled) -> dict[str, list[dict[str, str]]]:
    """The sums that left the key server: kWh exact to the Wh, therms to six decimals; and kW of demand."""
    unit, bill = unit_of(found), found.bill
    energy = [
        {"channel": item.channel.value, "schedule": item.name, "period": item.period, unit: str(quantity(value, unit))}
        for item, value in bill.energy.items()
    ]
    demand = [
        {"schedule": register.schedule, "period": register.period, "kw": str(Decimal(watts).scaleb(-3))}
        for register, watts in bill.demand.items()
    ]
    return {name: rows for name, rows in (("energy", energy), ("demand", demand)) if rows}


def unit_of(found: Settled) -> str:
    return "therms" if found.terms.tariff.commodity == "gas" else "kwh"


def quantity(thousandths: Fraction, unit: str) -> Decimal:
    """Of `Bill.energy`; a Wh is a whole number of thousandths, a litre is not."""
    finer = 3 if unit == "therms" else 0
    return Decimal(round(thousandths * 10**finer)).scaleb(-3 - finer)


def described(found: Found) -> dict[str, Any]:
    """What `--json` prints, and `--cancels` reads."""
    terms = found.terms
    cycle = terms.cycle if isinstance(found, Unbilled) else found.bill.cycle
    head = {
        "meters": list(found.meters),
        "account": found.account,
        "commodity": terms.tariff.commodity,
        "cycle_start": cycle.first.isoformat(),
        "cycle_end": cycle.after.isoformat(),
        "days": cycle.days,
        "days_of_cycle": cycle.length,
        "span": [utc(minute) for minute in cycle.minutes],
        "timezone": cycle.timezone,
        "tariff": terms.tariff.name,
        "revision": terms.tariff.revision,
        "tariff_digest": to_base64(terms.tariff.fingerprint),
        "mode": terms.mode.value,
    }
    if isinstance(found, Unbilled):
        none = {"not_billed": found.error.slug, "detail": found.error.detail}
        return {**head, **none, **({} if found.rests_on is None else {"amount": "0.00", **_rests_on(*found.rests_on)})}
    sums: dict[str, list[dict[str, str]]] = {"energy": [], "demand": []}
    rests_on = _rests_on(found.release, found.statement)
    return {**head, **_amounts(found.bill), **sums, **determinants(found), **rests_on}


def _rests_on(release: Digest, statement: Digest) -> dict[str, str]:
    return {"release": to_base64(release), "statement": to_base64(statement)}


def _amounts(bill: Bill) -> dict[str, Any]:
    cancels = bill.cancels
    taken_back = (
        None if cancels is None else {"release": to_base64(cancels.release), "amount": str(money(cancels.cents))}
    )
    return {
        "charges": [{"charge": line.name, "amount": str(money(line.cents))} for line in bill.lines],
        "amount": str(money(bill.total_cents)),
        "cancels": taken_back,
        "due": str(money(bill.due_cents)),
        "estimated": [
            {"from": utc(start), "to": utc(end), "by": "registers" if (start, end) in bill.by_registers else "reads"}
            for start, end in bill.estimated
        ],
    }


def page_name(found: Settled) -> str:
    """Of the files of one bill, without an ending."""
    return f"bill-{found.meters[0]}-{found.bill.cycle.first}"


def utc(minute: int) -> str:
    return datetime.fromtimestamp(60 * minute, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bill_json(found: Settled) -> bytes:
    return json.dumps(described(found), indent=1).encode() + b"\n"


class _Owned(BaseModel):
    """A line of a file of accounts."""

    meter: MeterField
    account: Name


def read_accounts(path: Path) -> dict[str, str]:
    """The account of each meter, from a CSV file with the columns `meter` and `account`. Raises UsageError."""
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    accounts: dict[str, str] = {}
    try:
        if not {"meter", "account"} <= set(reader.fieldnames or ()):
            raise UsageError(f"{path}: columns meter and account are needed")
        for row in reader:
            with named(f"{path}, line {reader.line_num}"):
                owned = _Owned(meter=MeterId(row["meter"]), account=row["account"])
                if owned.meter in accounts:
                    raise UsageError(f"meter {owned.meter} is there already")
            accounts[owned.meter] = owned.account
    except csv.Error as error:
        raise UsageError(f"{path}: {error}") from None
    return accounts


class _Earlier(BaseModel):
    """What counts of an earlier bill."""

    model_config = ConfigDict(strict=True)

    meters: Annotated[list[str], Field(min_length=1)]
    cycle_start: date
    cycle_end: date
    amount: Annotated[str, Field(pattern=r"^-?[0-9]{1,12}\.[0-9]{2}$")]
    release: Bytes32
    statement: Bytes32


def read_cancelled(path: Path, meters: Iterable[str], cycle: Cycle) -> Cancelled:
    """The bill that a file of `--json` holds. Raises UsageError unless it is of these meters and this cycle."""
    text = read_text(path)
    with named(str(path)):
        earlier = _Earlier.model_validate_json(text)
        if set(earlier.meters) != set(meters):
            raise UsageError("the bill to cancel is of other meters")
        # A customer who moved was billed for a part of the cycle.
        if not cycle.first <= earlier.cycle_start < earlier.cycle_end <= cycle.after:
            raise UsageError("the bill to cancel is of another cycle")
        return Cancelled(earlier.statement, earlier.release, int(Decimal(earlier.amount).scaleb(2)))
