"""Summaries as lines for a person: nested values indented, lists of rows as columns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def show(answer: Mapping[str, Any], as_json: bool) -> None:
    """What a verb answers, on standard output."""
    if as_json:
        typer.echo(json.dumps(answer, default=str))
        return
    from rich.console import Console

    Console().print(*lines(answer), sep="\n", highlight=False)


def lines(answer: Mapping[str, Any]) -> "Iterator[str | Table]":
    """One line a fact; a list of mappings becomes a table."""
    from rich.markup import escape

    for name, value in answer.items():
        title = name.replace("_", " ")
        if isinstance(value, Mapping):
            yield f"[bold]{title}[/bold]"
            yield from (f"  {escape(str(key))}: {escape(str(inner))}" for key, inner in value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str) and value:
            yield f"[bold]{title}[/bold]"
            yield from [_table(value)] if isinstance(value[0], Mapping) else (f"  {escape(str(v))}" for v in value)
        else:
            yield f"[bold]{title}[/bold]: {escape(str(value))}"


def _table(rows: Sequence[Mapping[str, Any]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    return table
