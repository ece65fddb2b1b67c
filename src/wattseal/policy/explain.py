"""Which rule would decide a question about a total, and why: the real rules, asked without opening anything."""

from typing import Any

from wattseal.policy.levels import Granted, Question
from wattseal.policy.limits import limits_of
from wattseal.policy.measures import Measures
from wattseal.policy.pack import NO_SHARE_TEST, Policy
from wattseal.policy.privacy import DELTA, epsilon_of
from wattseal.policy.questions import Capacity, permit_total, question_of
from wattseal.protocol.errors import Refused
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalStatement


def explain_total(
    statement: TotalStatement, roster: Roster, key: KeyNotice, granted: Granted, measures: Measures, capacity: Capacity
) -> dict[str, Any]:
    """Facts in the order in which they are looked at. Raises Rejected for a statement that means nothing here."""
    policy = granted.levels.policy
    facts = {"policy": facts_of(policy), "question": _question(statement, roster)}
    rules = _rules(statement, roster, granted, measures)
    try:
        permit_total(statement, roster, key, granted, measures, capacity)
    except Refused as refusal:
        return {**facts, "rules": rules, "decision": "refused", "decided_by": refusal.slug, "why": refusal.detail}
    return {
        **facts,
        "rules": rules,
        "decision": "permitted",
        "decided_by": "every rule that needs no opening",
        "why": _still_to_come(statement, roster, policy),
    }


def facts_of(policy: Policy) -> dict[str, str | int]:
    return {"name": policy.name, "revision": policy.revision, "digest": policy.fingerprint.hex()}


def _question(statement: TotalStatement, roster: Roster) -> dict[str, Any]:
    question = question_of(statement, roster)
    return {
        "purpose": statement.purpose,
        "cohort": statement.cohort,
        "channel": statement.channel.value,
        "interval_minutes": roster.interval_minutes,
        "active": len(question.grant.active),
        "reported": len(question.grant.members),
        "classes": ", ".join(f"{len(meters)} {name}" for name, meters in sorted(question.classes.items())),
    }


def _rules(statement: TotalStatement, roster: Roster, granted: Granted, measures: Measures) -> dict[str, str]:
    """What the pack asks of such a sum; nothing for a purpose that it does not have."""
    policy = granted.levels.policy
    rule = policy.purposes.get(statement.purpose)
    if rule is None:
        return {}
    limits = limits_of(policy, statement.purpose, roster.interval_minutes)
    classes = sorted(question_of(statement, roster).classes.keys() & rule.classes.keys())
    sizes = {name: limits.least_of(name) for name in classes}
    return {
        "use": f"{rule.use}, on the basis of {rule.basis}",
        "functionals": ", ".join(rule.functionals),
        "noise": _noise(question_of(statement, roster), granted, measures.rho_more(statement.cohort)),
        "least group": ", ".join(f"{size} for {name}" for name, size in sizes.items()) or "none",
        "coverage": f"{rule.coverage_percent} %",
    }


def _noise(question: Question, granted: Granted, rho_more: int) -> str:
    noise = granted.levels.noise(question.under)
    if noise is None:
        return "none"
    spent, budget = granted.spent_millionths(question), noise.extended(rho_more).budget_rho_millionths
    return (
        f"zcdp, standard deviation {noise.sigma:,} from each half; costs {noise.rho_millionths:,} millionths of rho of "
        f"a member's day, of which {spent:,} of {budget:,} are spent; all of them are "
        f"({epsilon_of(budget, DELTA):.3g}, {DELTA:g})-differential privacy of one customer's day"
    )


def _still_to_come(statement: TotalStatement, roster: Roster, policy: Policy) -> str:
    limits = limits_of(policy, statement.purpose, roster.interval_minutes)
    share = min((limits.share_of(name) for name in question_of(statement, roster).classes), default=NO_SHARE_TEST)
    agreed = ""
    if policy.check_purpose(statement.purpose).basis == "consent":
        agreed = "everybody in it must have agreed that the recipient has it; "
    if share == NO_SHARE_TEST:
        return f"{agreed}nothing is left to be tested when it is opened but its check values"
    return f"{agreed}when it is opened, nobody may turn out to be above {share} % of it, nor of what follows from it"
