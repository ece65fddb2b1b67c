"""`wattseal policy`: check a pack before services are given it, and ask which rule would decide a question."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wattseal.collector.terminal import show

cli = typer.Typer(no_args_is_help=True, help=__doc__)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
PackName = Annotated[str | None, typer.Option("--policy", help="Policy pack: a name or a .toml file; trial if absent.")]


@cli.command()
def check(
    policy: Annotated[str, typer.Argument(help="A .toml file, or the name of a pack that comes with the package.")],
    as_json: Json = False,
) -> None:
    """Read a pack, show what it permits, and warn of what it leaves open."""
    from wattseal.collector.policy_check import table_of
    from wattseal.policy.pack import named_policy

    show(table_of(named_policy(policy)), as_json)


@cli.command("list")
def list_packs(as_json: Json = False) -> None:
    """The packs that come with the package."""
    from wattseal.policy.explain import facts_of
    from wattseal.policy.pack import named_policy, packaged_policies

    show({"packs": [facts_of(named_policy(name)) for name in packaged_policies()]}, as_json)


@cli.command()
def explain(
    cohort: Annotated[str, typer.Option(help="Cohort that the question is about.")],
    roster: Annotated[
        Path | None, typer.Option(help="Roster in force on that day; without it the running aggregator is asked.")
    ] = None,
    directory: Annotated[
        Path, typer.Option("--dir", envvar="WATTSEAL_DIR", help="Deployment of `wattseal up`, if no --roster is given.")
    ] = Path("wattseal-data"),
    region: Annotated[str, typer.Option(help="Region of the cohort.")] = "region-1",
    purpose: Annotated[str, typer.Option(help="Purpose that is given.")] = "grid-planning",
    day: Annotated[str | None, typer.Option("--date", help="Day of the reads.")] = None,
    channel: Annotated[str, typer.Option(help="delivered or received")] = "delivered",
    missing: Annotated[int, typer.Option(min=0, help="How many of the cohort's meters did not report.")] = 0,
    asked: Annotated[
        Path | None, typer.Option(help="What was granted before: the output of `wattseal ledger --json`.")
    ] = None,
    policy: PackName = None,
    as_json: Json = False,
) -> None:
    """Say which rule would decide a question about a total, and why. Nothing is opened, and nothing is recorded."""
    from wattseal.collector.policy_check import Doubt, explained, explained_by_aggregator

    doubt = Doubt(cohort, purpose, day, channel, missing)
    answer: dict[str, Any]
    if roster is not None:
        answer = explained(doubt, roster, asked, policy)
    else:
        answer = explained_by_aggregator(doubt, directory, region)
    show(answer, as_json)
    if answer["decision"] == "refused":
        raise typer.Exit(3)
