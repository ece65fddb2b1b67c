"""What a pack permits as a table, and the answer to a question that nobody has asked yet."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, TypeAdapter, ValidationError

from wattseal.collector.client import Client
from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID
from wattseal.policy.explain import explain_total, facts_of
from wattseal.policy.levels import Granted, Levels
from wattseal.policy.measures import NO_MEASURES
from wattseal.policy.meter_index import NO_METERS
from wattseal.policy.pack import NO_SHARE_TEST, Policy, Zcdp, named_policy
from wattseal.policy.privacy import DELTA, MICRO, epsilon_of
from wattseal.policy.questions import Capacity, noise_of, question_of
from wattseal.policy.weaknesses import weaknesses
from wattseal.protocol.codec import first_fault
from wattseal.protocol.errors import Rejected, UsageError
from wattseal.protocol.ids import Channel, CohortId, RegionId, Window, checked_cohort
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.statement import TotalQuestion, TotalStatement, positions_to_bits
from wattseal.protocol.time import parse_window, window_date

_SIZES = ("minutes_15", "minutes_30", "minutes_60", "minutes_1440")


class Doubt(NamedTuple):
    """A question about a total, as a person puts it."""

    cohort: str
    purpose: str
    day: str | None
    channel: str
    missing: int


class _Entry(BaseModel):
    """Of a ledger, as `wattseal ledger --json` prints it."""

    kind: str
    body: str


class _Entries(BaseModel):
    entries: list[_Entry]


class _Intent(BaseModel):
    kind: str = "total"
    statement: str


_ENTRIES = TypeAdapter(_Entries)


def table_of(policy: Policy) -> dict[str, Any]:
    """Purposes, sizes, and warnings."""
    return {
        **facts_of(policy),
        "least_change": policy.least_change,
        "purposes": [
            {
                "purpose": purpose,
                "use": f"{rule.use}: {rule.basis}",
                "opens": ", ".join(rule.functionals),
            }
            for purpose, rule in policy.purposes.items()
        ],
        "terms": [
            {
                "purpose": purpose,
                "asked by": ", ".join(rule.asked_by) + (f": {', '.join(rule.recipients)}" if rule.recipients else ""),
                "coverage": f"{rule.coverage_percent} %",
                "noise": rule.noise if isinstance(rule.noise, str) else _noise(rule.noise),
                "questions a day": rule.questions_per_token_day,
                "keys kept (days)": rule.retention_days,
            }
            for purpose, rule in policy.purposes.items()
        ],
        "least_groups_by_interval": list(_sizes(policy)),
        "warnings": weaknesses(policy) or "none",
    }


def _noise(rule: Zcdp) -> str:
    """The budget in words that papers use, too."""
    rho, budget = rule.rho_millionths / MICRO, rule.budget_rho_millionths / MICRO
    return f"rho {rho:g} of {budget:g} a day, ({epsilon_of(rule.budget_rho_millionths, DELTA):.3g}, {DELTA:g})"


def _sizes(policy: Policy) -> Iterator[dict[str, str | int]]:
    for purpose, rule in policy.purposes.items():
        if rule.opens_totals:
            for name, of_class in rule.classes.items():
                sizes = {size.removeprefix("minutes_") + " min": getattr(of_class.least_group, size) for size in _SIZES}
                share = of_class.largest_share_percent
                shown = "not tested" if share == NO_SHARE_TEST else f"{share} %"
                yield {"purpose": purpose, "class": name, **sizes, "largest share": shown}


def explained(doubt: Doubt, roster_file: Path, asked_file: Path | None, policy: str | None) -> dict[str, Any]:
    """As `explain_total`, for a total of everybody but `missing` meters. Raises UsageError."""
    levels, roster = Levels(named_policy(policy)), _roster(roster_file)
    statement = _statement(doubt, roster, levels)
    key = KeyNotice(
        key_id=1, suite=roster.suite, public_key=b"", first_window=statement.window, last_window=statement.window
    )
    try:
        earlier = [] if asked_file is None else list(_asked(asked_file, statement))
        granted = Granted.none(levels, NO_METERS).after(*(question_of(one, roster) for one in earlier))
        answer = explain_total(statement, roster, key, granted, NO_MEASURES, _capacity(roster))
    except Rejected as error:
        raise UsageError(str(error)) from None
    told = f"{len(earlier)} totals of that day, region and channel, of {asked_file}" if earlier else "nothing"
    return {**answer, "granted_before": told}


def explained_by_aggregator(doubt: Doubt, directory: Path, region: str) -> dict[str, Any]:
    """The same by what the running aggregator knows: who reported, what was granted. Raises UsageError, Refused."""
    if doubt.day is None:
        raise UsageError("--date: the running aggregator is asked about a day")
    with _named_options():
        question = TotalQuestion(
            purpose=doubt.purpose,
            region=RegionId(region),
            cohort=CohortId(doubt.cohort),
            channel=Channel(doubt.channel),
            window=parse_window(doubt.day),
        )
    with Client.of_directory(directory) as client:
        return client.explain(question)


@contextmanager
def _named_options() -> Iterator[None]:
    """Raises UsageError for what is no name, date or channel."""
    try:
        yield
    except ValidationError as error:
        raise UsageError(f"--{first_fault(error)}") from None
    except (ValueError, Rejected) as error:
        raise UsageError(str(error)) from None


def _roster(path: Path) -> Roster:
    try:
        data = path.read_bytes()
        return Roster.from_bytes(SignedRoster.from_bytes(data).body)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except Rejected as error:
        raise UsageError(f"{path}: {error}") from None


def _statement(doubt: Doubt, roster: Roster, levels: Levels) -> TotalStatement:
    """The aggregator's, if that many of the cohort's first meters had not reported. Raises UsageError."""
    with _named_options():
        window = roster.effective if doubt.day is None else parse_window(doubt.day)
        if window < roster.effective:
            raise UsageError(f"--date {doubt.day}: the roster takes effect on {window_date(roster.effective)}")
        cohort, channel = CohortId(checked_cohort(doubt.cohort)), Channel(doubt.channel)
        count = len(roster.active(cohort, channel))
        return TotalStatement(
            purpose=doubt.purpose,
            region=roster.region,
            cohort=cohort,
            channel=channel,
            window=window,
            suite=roster.suite,
            key_id=1,
            layout_id=roster.layout_id,
            roster_digest=roster.fingerprint,
            members=positions_to_bits(range(min(doubt.missing, count), count), count),
            noise=noise_of(levels, doubt.purpose, roster.interval_minutes),
        )


def _asked(path: Path, about: TotalStatement) -> Iterator[TotalStatement]:
    """Totals that bear on this one. Raises UsageError for a file that is no exported ledger."""
    try:
        for entry in _ENTRIES.validate_json(path.read_bytes()).entries:
            intent = _Intent.model_validate(json.loads(entry.body)) if entry.kind == "intent" else None
            if intent is not None and intent.kind == "total":
                padded = intent.statement + "=" * (-len(intent.statement) % 4)
                statement = TotalStatement.from_bytes(base64.urlsafe_b64decode(padded))
                if _place(statement) == _place(about):
                    yield statement
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (ValueError, Rejected) as error:
        raise UsageError(f"{path}: not what `wattseal ledger --json` prints ({type(error).__name__})") from None


def _place(statement: TotalStatement) -> tuple[str, Channel, Window]:
    return statement.region, statement.channel, statement.window


def _capacity(roster: Roster) -> Capacity:
    layout = LAYOUTS_BY_ID.get(roster.layout_id)
    if layout is None:
        raise UsageError("the roster's layout is not one that this version offers")
    return Capacity(layout.largest_group, layout.largest_read)
