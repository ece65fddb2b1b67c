"""`wattseal bench`, a process of its own: it imports what no role may import together."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wattseal.edge.command import run as run_command

_WIDE = 132
cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@cli.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Under a minute, with wider ranges.")] = False,
    out: Annotated[Path | None, typer.Option(help="Directory for bench.html, pictures and bench.json.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="bench.json of an earlier run: exit status 1 if a ratio is worse by half.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """What each scheme costs here, beside python-paillier, TenSEAL and the same pipeline without encryption."""
    from wattseal.bench.measure import FULL, QUICK, measure
    from wattseal.bench.page import write_files
    from wattseal.bench.recorded import recorded_ratios, regressions
    from wattseal.bench.table import tables

    recorded = {} if against is None else recorded_ratios(against)
    errors = Console(stderr=True)
    with errors.status("starting") as status:
        result = measure(QUICK if quick else FULL, status.update)
    if as_json:
        typer.echo(json.dumps(result.as_dict()))
    else:
        # Written to a file or a pipe, rows are not to be cut as for a small screen.
        console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
        for table in tables(result):
            console.print(table, "", sep="\n", highlight=False)
    if out is not None:
        errors.print(*(f"wrote {file}" for file in write_files(result, out)), sep="\n", highlight=False)
    if worse := regressions(result, recorded):
        errors.print("[bold]worse than recorded[/bold]", *worse, sep="\n", highlight=False)
        raise typer.Exit(1)


if __name__ == "__main__":
    run_command(cli)
