"""Waivers, quarantines and budget extensions: what they may say, and whose signatures they need."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.policy.measures import (
    extension,
    noise_extension,
    quarantine,
    signed_extension,
    signed_quarantine,
    signed_waiver,
    waiver,
)
from tests.policy.rosters import REGION, TODAY, TRUST, operator
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.ids import Channel, CohortId, RegionId, Window
from wattseal.protocol.measures import (
    BudgetExtension,
    MoreNoisyTotals,
    MoreResults,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
)
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


RESULTS = {"budget": "rank", "tariff": "E-1", "results": 1}
NOISE = {"budget": "noise", "cohort": "town", "channel": "delivered", "rho_millionths": 500}
NOISE_BYTES = canonical_json(NOISE)


@pytest.mark.parametrize("results", [1, 4])
def test_an_extension_lets_four_results_more_out_at_most(results: int) -> None:
    assert MoreResults(tariff="E-1", results=results) == extension("E-1", results).more


@pytest.mark.parametrize(
    "changes",
    [
        {"more": {**RESULTS, "results": 0}},
        {"more": {**RESULTS, "results": 5}},
        {"more": {**RESULTS, "results": "1"}},
        {"more": {"budget": "rank", "tariff": "E-1"}},
        {"more": {"budget": "rank", "results": 1}},
        {"more": {"tariff": "E-1", "results": 1}},
        {"more": {**RESULTS, "tariff": ""}},
        {"more": {**RESULTS, "meter": "m0"}},
        {"more": {**RESULTS, "budget": "noise"}},
        {"more": {**RESULTS, **NOISE}},
        {"more": {**NOISE, "rho_millionths": 0}},
        {"more": {**NOISE, "rho_millionths": 1 << 40}},
        {"more": {**NOISE, "cohort": "town/"}},
        {"more": {**NOISE, "channel": "both"}},
        {"more": None},
        {"tariff": "E-1"},
        {"last": TODAY - 31},
        {"last": TODAY + 336},
        {"reason": ""},
    ],
)
def test_what_no_extension_says(changes: dict[str, Any]) -> None:
    told = extension("E-1").model_dump(mode="json")
    for more, whole in (
        (RESULTS, extension("E-1")),
        (NOISE, extension("E-1", more=MoreNoisyTotals.parse(NOISE_BYTES))),
    ):
        assert BudgetExtension.from_bytes(canonical_json({**told, "more": more})) == whole
    with pytest.raises(MalformedMessage):
        BudgetExtension.from_bytes(canonical_json({**told, **changes}))


def test_an_extension_is_of_cycles_that_lie_wholly_within_it() -> None:
    one = extension("E-1", first=TODAY - 30, last=TODAY)
    cycles = [range(first, after) for first, after in ((-30, 1), (-29, 0), (-31, 1), (-30, 2), (5, 35))]
    whole = [range(TODAY + days.start, TODAY + days.stop) for days in cycles]
    assert [one.of_bills(REGION, "E-1", windows) for windows in whole] == [True, True, False, False, False]
    assert not one.of_bills(RegionId("east"), "E-1", whole[0])
    assert not one.of_bills(REGION, "E-1 ", whole[0])


def test_an_extension_of_one_budget_says_nothing_of_the_other() -> None:
    rank, noise = extension("E-1"), noise_extension("town", 500)
    assert not rank.of_totals(REGION, Channel.DELIVERED, TODAY)
    assert noise.of_totals(REGION, Channel.DELIVERED, TODAY)
    assert not noise.of_bills(REGION, "E-1", range(TODAY, TODAY + 1))


def test_all_three_signatures_open_it() -> None:
    assert signed_extension(extension("E-1")).opened(TRUST) == extension("E-1")
    assert signed_waiver(waiver("town")).opened(TRUST) == waiver("town")
    assert signed_quarantine(quarantine("m0")).opened(TRUST) == quarantine("m0")


@pytest.mark.parametrize("lacking", ["aggregator_operator", "unblinder_operator"])
def test_two_signatures_do_not(lacking: str) -> None:
    """Threat E42."""
    for signed in (
        signed_waiver(waiver("town")),
        signed_quarantine(quarantine("m0")),
        signed_extension(extension("E-1")),
    ):
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
    for kind in (SignedQuarantine, SignedBudgetExtension, SignedRoster):
        with pytest.raises(SignatureInvalid):
            kind.from_bytes(signed.to_bytes()).opened(TRUST)
    assert SignedWaiver.from_bytes(signed.to_bytes()) == signed
