"""Waivers and quarantines: what they may say, and whose signatures they need."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.policy.measures import quarantine, signed_quarantine, signed_waiver, waiver
from tests.policy.rosters import TODAY, TRUST, operator
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.ids import CohortId, Window
from wattseal.protocol.measures import SignedQuarantine, SignedWaiver
from wattseal.protocol.roster import SignedRoster


@pytest.mark.parametrize("percent", [50, 89, 99])
def test_a_waiver_goes_down_to_half(percent: int) -> None:
    assert waiver("town", percent).coverage_percent == percent


@pytest.mark.parametrize(
    "changes",
    [
        {"coverage_percent": 49},
        {"coverage_percent": 100},
        {"last": TODAY - 1},
        {"last": TODAY + 366},
        {"reason": ""},
        {"reason": " blank first"},
        {"reason": "two\nlines"},
        {"reason": "x" * 201},
        {"channel": "both"},
        {"cohort": "town/"},
        {"version": 2},
    ],
)
def test_what_no_waiver_says(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        waiver(**{"cohort": "town", **changes})


def test_the_longest_measure_and_the_shortest() -> None:
    year, day = waiver("town", last=TODAY + 365), waiver("town")
    assert [year.in_force(Window(TODAY + days)) for days in (-1, 0, 365, 366)] == [False, True, True, False]
    assert [day.in_force(Window(TODAY + days)) for days in (-1, 0, 1)] == [False, True, False]


@pytest.mark.parametrize(
    ("cohort", "touched"),
    [("town", True), ("town/a", True), ("town/a/x", True), ("town/ab", False), ("town/b", False), ("city", False)],
)
def test_a_waiver_is_about_its_cohort_those_below_and_what_they_are_part_of(cohort: str, touched: bool) -> None:
    assert waiver("town/a").touches(CohortId(cohort)) is touched


def test_all_three_signatures_open_it() -> None:
    assert signed_waiver(waiver("town")).opened(TRUST) == waiver("town")
    assert signed_quarantine(quarantine("m0")).opened(TRUST) == quarantine("m0")


@pytest.mark.parametrize("lacking", ["aggregator_operator", "unblinder_operator"])
def test_two_signatures_do_not(lacking: str) -> None:
    """Threat E42."""
    for signed in (signed_waiver(waiver("town")), signed_quarantine(quarantine("m0"))):
        with pytest.raises(MalformedMessage, match="not countersigned by both"):
            signed.model_copy(update={lacking: None}).opened(TRUST)
        forged = signed.countersigned(lacking, operator("aggregator"))  # type: ignore[arg-type]
        with pytest.raises(SignatureInvalid):
            forged.opened(TRUST)
    unsigned = signed_waiver(waiver("town")).model_copy(update={"utility": bytes(64)})
    with pytest.raises(SignatureInvalid):
        unsigned.opened(TRUST)


def test_signatures_under_one_kind_of_document_count_for_no_other() -> None:
    signed = signed_waiver(waiver("town"))
    for kind in (SignedQuarantine, SignedRoster):
        with pytest.raises(SignatureInvalid):
            kind.from_bytes(signed.to_bytes()).opened(TRUST)
    assert SignedWaiver.from_bytes(signed.to_bytes()) == signed
