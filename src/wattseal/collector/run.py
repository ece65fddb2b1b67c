"""`wattseal run`: the whole chain on the user's own interval files."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from wattseal.collector.out import check_out, publish
from wattseal.collector.story import BILL_PAGES, QUANTITIES, Attempt, Found, Story, TotalOutcome
from wattseal.collector.trial import REGION, Sent, Trial, dates_between, open_trial, write_totals
from wattseal.collector.trial_bills import Billing
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.private_files import private_directory
from wattseal.policy.pack import named_policy
from wattseal.protocol.ids import Suite


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; `reads_options` go to the meters' side as they are."""

    reads: tuple[Path, ...]
    out: Path
    neighbors: int
    policy: str | None
    suite: Suite
    backend: Backend
    reads_options: tuple[str, ...]
    billing: Billing | None = None


def run(options: RunOptions, console: Console) -> dict[str, Any]:
    """Write totals.csv, report.html, load.png and bills into `out`, all at the end; returns a summary.

    Raises UsageError for reads, options or a directory that cannot be used.
    """
    policy = named_policy(options.policy)
    check_out(options.out)
    files = [word for path in options.reads for word in ("--reads", str(path))]
    with open_trial(policy, options.policy, console, options.suite, options.backend) as trial:
        with trial.stage("reading the files, making the meters' keys"):
            reads = (*files, "--simulate", str(options.neighbors), *options.reads_options)
            facts = trial.prepare(*reads, billing=options.billing)
            trial.check_size(int(facts["meters"]), facts["interval_minutes"])
        dates = dates_between(facts["first_date"], facts["last_date"])
        with trial.collected(dates) as (client, sent):
            bills = trial.ask_bills(client)
            with trial.stage("adding ciphertexts, opening totals"):
                totals = trial.ask(client, facts["cohorts"], dates, facts["channels"])
        told = Told("Totals of your reads", totals, bills)
        return finish(trial, facts, sent, told, options.out)


class Told(NamedTuple):
    """What the services told in answer to all questions."""

    title: str
    totals: list[TotalOutcome]
    bills: list[Found]
    attempts: Sequence[Attempt] = ()
    bill_pages: int | None = None
    """Only so many bills get a page."""


def finish(trial: Trial, facts: dict[str, Any], sent: Sent, told: Told, out: Path) -> dict[str, Any]:
    """Compare with the plain reads, write the files, sum up. Raises Contradiction if what was released is wrong."""
    from wattseal.collector.bill import write_bills
    from wattseal.collector.report_page import write_report

    quantity = QUANTITIES[facts["commodity"]]
    with trial.stage("comparing with the plain reads"):
        checked, checked_bills = trial.compare(told.totals, quantity), trial.compare_bills(told.bills)
    story = Story(
        title=told.title,
        region=REGION,
        policy=trial.policy.name,
        meters=facts["meters"],
        interval_minutes=facts["interval_minutes"],
        quantity=quantity,
        reports=sent.sealed_reports,
        report_bytes=sent.sealed_bytes / max(1, sent.sealed_reports),
        totals=tuple(told.totals),
        attempts=tuple(told.attempts),
        stages=tuple(trial.stages),
        checked=checked,
        bills=tuple(told.bills),
        checked_bills=checked_bills,
        bill_pages=told.bill_pages,
    )
    staged = private_directory(trial.places.directory / "results")
    files = [write_totals(told.totals, quantity, staged), *write_report(story, staged)]
    published = [publish(file, out) for file in files]
    if told.bills:
        write_bills(told.bills, out, BILL_PAGES, told.bill_pages)
        published += [out / "bills.csv", out / BILL_PAGES]
    return summary(story, facts, sent, published)


def summary(story: Story, facts: dict[str, Any], sent: Sent, files: list[Path]) -> dict[str, Any]:
    intervals = 24 * 60 // story.interval_minutes
    return {
        "meters": story.meters,
        "first_date": facts["first_date"],
        "last_date": facts["last_date"],
        "interval_minutes": story.interval_minutes,
        **facts["notes"],
        "reports": sent.outcomes,
        "bytes_a_read": round(story.report_bytes / intervals, 2),
        "totals_released": len(story.released),
        "totals_refused": _refused(story),
        "interval_totals_equal_to_plain_sums": story.checked,
        **_bills(story),
        "attempts_refused": [f"{attempt.what}: {attempt.answer.slug}" for attempt in story.attempts],
        "seconds": {stage.name: round(stage.seconds, 2) for stage in story.stages},
        "files": [str(file) for file in files],
    }


def _refused(story: Story) -> dict[str, int]:
    """How many totals were refused, by channel and rule; the report page names the groups."""
    return dict(Counter(f"{one.channel}, {one.refusal.slug}" for one in story.refused if one.refusal))


def _bills(story: Story) -> dict[str, Any]:
    """How many there are, and why others are not; bills.csv names the meters."""
    if not story.bills:
        return {}
    unbilled = Counter(one.error.detail for one in story.unbilled)
    return {
        "bills": len(story.settled),
        **({"not_billed": dict(unbilled)} if unbilled else {}),
        "bills_equal_to_those_of_plain_reads": story.checked_bills,
    }
