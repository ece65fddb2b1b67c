"""Waivers, quarantines and budget extensions, signed by operators that the tests play."""

from typing import Any, TypeVar

from tests.policy.rosters import REGION, TODAY, operator
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.ids import Channel, CohortId, MeterId
from wattseal.protocol.measures import (
    BudgetExtension,
    MoreNoisyTotals,
    MoreResults,
    Quarantine,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
    Waiver,
)

C = TypeVar("C", bound=Countersigned)


def waiver(cohort: str, percent: int = 60, **changes: Any) -> Waiver:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "region": REGION,
        "cohort": CohortId(cohort),
        "channel": Channel.DELIVERED,
        "first": TODAY,
        "last": TODAY,
        "coverage_percent": percent,
        "reason": "a collector was struck by lightning",
    }
    return Waiver(**{**fields, **changes})


def quarantine(meter: str, **changes: Any) -> Quarantine:  # noqa: ANN401
    fields: dict[str, Any] = {
        "region": REGION,
        "meter": MeterId(meter),
        "first": TODAY + 1,
        "last": TODAY + 30,
        "reason": "out of range every day",
    }
    return Quarantine(**{**fields, **changes})


def extension(tariff: str, results: int = 1, **changes: Any) -> BudgetExtension:  # noqa: ANN401
    fields: dict[str, Any] = {
        "region": REGION,
        "more": MoreResults(tariff=tariff, results=results),
        "first": TODAY - 30,
        "last": TODAY,
        "reason": "the season changed within the cycle",
    }
    return BudgetExtension(**{**fields, **changes})


def noise_extension(cohort: str, rho_millionths: int, **changes: Any) -> BudgetExtension:  # noqa: ANN401
    channel = changes.pop("channel", Channel.DELIVERED)
    more = MoreNoisyTotals(cohort=CohortId(cohort), channel=channel, rho_millionths=rho_millionths)
    days: dict[str, Any] = {"first": TODAY, "last": TODAY}
    return extension("E-1", **{**days, "more": more, **changes})


def all_signed(signed: C) -> C:
    """By both other operators as well."""
    for signer in ("aggregator_operator", "unblinder_operator"):
        signed = signed.countersigned(signer, operator(signer))
    return signed


def signed_waiver(measure: Waiver) -> SignedWaiver:
    return all_signed(SignedWaiver.issue(measure, operator("utility")))


def signed_quarantine(measure: Quarantine) -> SignedQuarantine:
    return all_signed(SignedQuarantine.issue(measure, operator("utility")))


def signed_extension(measure: BudgetExtension) -> SignedBudgetExtension:
    return all_signed(SignedBudgetExtension.issue(measure, operator("utility")))
