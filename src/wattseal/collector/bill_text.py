"""A bill for the terminal, from what `--json` says of it: charges, sums, what it takes back or estimates."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

_UNITS: Final = {"kwh": "kWh", "therms": "therms"}
_BAR: Final = 24
_CAUSES: Final = {
    "reads": "Partly estimated: some reads were estimated or edited before they were sealed,",
    "registers": "Estimated: the report of interval reads is missing, and registers stand for it,",
}
_Row = Mapping[str, str]


def show_bill(answer: Mapping[str, Any]) -> None:
    """On standard output."""
    Console().print(*bill_text(answer), sep="\n", highlight=False)


def bill_text(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Of `bill_files.described`, and perhaps `files`."""
    yield from _head(answer)
    yield from _notices(answer)
    yield Text()
    yield _charges(answer)
    for (channel, schedule), rows in groupby(answer["energy"], key=lambda row: (row["channel"], row["schedule"])):
        yield from (Text(), Text(f"energy {channel}, {schedule}", "bold"), _energy(list(rows)))
    if answer["demand"]:
        yield from (Text(), Text("demand", "bold"), _demand(answer["demand"]))
    if not answer["energy"]:
        yield from (
            Text(),
            Text("No sum of energy was opened: every charge on it left the key server in cents.", "dim"),
        )
    yield from (Text(), Text(f"release {answer['release']}", "dim"), Text(f"tariff  {answer['tariff_digest']}", "dim"))
    yield from (Text(file) for file in answer.get("files", ()))


def _head(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    meters = ", ".join(answer["meters"])
    whose = f"meter {meters}" if answer["account"] is None else f"account {answer['account']} (meter {meters})"
    last = date.fromisoformat(answer["cycle_end"]) - timedelta(days=1)
    part = "" if answer["days"] == answer["days_of_cycle"] else f" of a cycle of {answer['days_of_cycle']}"
    yield Text(f"{answer['commodity'].capitalize()} bill, {whose}", "bold")
    yield Text(f"{answer['cycle_start']} to {last}, {answer['days']} days{part}, {answer['timezone']}")
    yield Text(f"tariff {answer['tariff']}, {answer['revision']}")


def _notices(answer: Mapping[str, Any]) -> Iterator[RenderableType]:
    if answer["cancels"] is not None:
        earlier = answer["cancels"]
        yield Text(f"Rebilled: cancels an earlier bill of {_dollars(earlier['amount'])}.", "yellow")
        yield Text(f"  It rested on release {earlier['release']}.", "dim")
    for cause, words in _CAUSES.items():
        spans = [f"{span['from']} to {span['to']}" for span in answer["estimated"] if span["by"] == cause]
        if spans:
            yield Text(f"{words} in {', '.join(spans)}.", "yellow")


def _charges(answer: Mapping[str, Any]) -> Table:
    made = _plain_table(None, "right")
    for charge in answer["charges"]:
        made.add_row(escape(charge["charge"]), _dollars(charge["amount"]))
    made.add_section()
    if answer["cancels"] is not None:
        made.add_row("Total", _dollars(answer["amount"]))
        made.add_row("Earlier bill, cancelled", _dollars(f"{-Decimal(answer['cancels']['amount'])}"))
    due = Decimal(answer["due"])
    made.add_row("Amount due" if due >= 0 else "To be paid back", _dollars(f"{abs(due)}"), style="bold")
    return made


def _energy(rows: Sequence[_Row]) -> Table:
    (unit,) = rows[0].keys() & _UNITS.keys()
    total = sum(Decimal(row[unit]) for row in rows)
    made = _plain_table(None, "right", "right", None)
    for row in rows:
        share = Decimal(row[unit]) / total if total else Decimal(0)
        filled = round(share * _BAR)
        bar = Text("█" * filled, "blue") + Text("░" * (_BAR - filled), "dim")
        made.add_row(escape(row["period"] or "all"), f"{Decimal(row[unit]):,} {_UNITS[unit]}", f"{share:.1%}", bar)
    return made


def _demand(rows: Sequence[_Row]) -> Table:
    made = _plain_table(None, None, "right")
    for row in rows:
        made.add_row(escape(row["period"]), escape(row["schedule"]), f"{row['kw']} kW")
    return made


def _plain_table(*justified: str | None) -> Table:
    made = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for justify in justified:
        made.add_column(justify="right" if justify else "left", overflow="fold")
    return made


def _dollars(amount: str) -> str:
    """As on a printed bill: -$1,234.50."""
    value = Decimal(amount)
    return f"{'-' if value < 0 else ''}${abs(value):,}"
