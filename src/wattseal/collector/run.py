"""`wattseal run`: the whole chain on the user's own interval files."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from wattseal.collector.story import QUANTITIES, Attempt, Story, TotalOutcome
from wattseal.collector.trial import REGION, Sent, Trial, dates_between, open_trial, write_totals
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.private_files import private_directory
from wattseal.policy.pack import load_policy, trial_policy
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Suite


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for; `reads_options` go to the meters' side as they are."""

    reads: tuple[Path, ...]
    out: Path
    neighbors: int
    policy_file: Path | None
    suite: Suite
    backend: Backend
    reads_options: tuple[str, ...]


def run(options: RunOptions, console: Console) -> dict[str, Any]:
    """Write totals.csv, report.html and load.png into `out`, all at the end; returns a summary.

    Raises UsageError for reads, options or a directory that cannot be used.
    """
    policy = trial_policy() if options.policy_file is None else load_policy(options.policy_file)
    check_out(options.out)
    files = [word for path in options.reads for word in ("--reads", str(path))]
    with open_trial(policy, options.policy_file, console, options.suite, options.backend) as trial:
        with trial.stage("reading the files, making the meters' keys"):
            facts = trial.prepare(*files, "--simulate", str(options.neighbors), *options.reads_options)
            trial.check_size(int(facts["meters"]))
        dates = dates_between(facts["first_date"], facts["last_date"])
        with trial.collected(dates) as (client, sent), trial.stage("adding ciphertexts, opening totals"):
            totals = trial.ask(client, facts["cohorts"], dates, facts["channels"])
        return finish(trial, "Totals of your reads", facts, sent, totals, [], options.out)


def check_out(out: Path) -> None:
    """Raises UsageError unless `out` is, or can become, a directory to write into."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".wattseal").touch()
        (out / ".wattseal").unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None


def finish(
    trial: Trial,
    title: str,
    facts: dict[str, Any],
    sent: Sent,
    totals: list[TotalOutcome],
    attempts: list[Attempt],
    out: Path,
) -> dict[str, Any]:
    """Compare with the plain sums, write the files, sum up. Raises Contradiction if a released total is wrong."""
    from wattseal.collector.report_page import write_report

    quantity = QUANTITIES[facts["commodity"]]
    with trial.stage("comparing with the plain sums"):
        checked = trial.compare(totals, quantity)
    story = Story(
        title=title,
        region=REGION,
        policy=trial.policy.name,
        meters=facts["meters"],
        interval_minutes=facts["interval_minutes"],
        quantity=quantity,
        reports=sent.sealed_reports,
        report_bytes=sent.sealed_bytes / max(1, sent.sealed_reports),
        totals=tuple(totals),
        attempts=tuple(attempts),
        stages=tuple(trial.stages),
        checked=checked,
    )
    staged = private_directory(trial.places.directory / "results")
    files = [write_totals(totals, quantity, staged), *write_report(story, staged)]
    return summary(story, facts, sent, [_publish(file, out) for file in files])


def _publish(file: Path, out: Path) -> Path:
    """Copy a finished file beside its place, then rename: readers see all of it or none."""
    partial = out / f".{file.name}.partial"
    shutil.copyfile(file, partial)
    return partial.replace(out / file.name)


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
        "attempts_refused": [f"{attempt.what}: {attempt.answer.slug}" for attempt in story.attempts],
        "seconds": {stage.name: round(stage.seconds, 2) for stage in story.stages},
        "files": [str(file) for file in files],
    }


def _refused(story: Story) -> dict[str, int]:
    """How many totals were refused, by channel and rule; the report page names the groups."""
    return dict(Counter(f"{one.channel}, {one.refusal.slug}" for one in story.refused if one.refusal))
