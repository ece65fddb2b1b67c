"""Bills are exact, whatever the tariff, the segment and the number of reports; what cannot be exact is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cryptosystems.ckks.household import CYCLE, QUARTERS, RECEIVED, Household, month, random_secret
from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, insecure_parameters
from wattseal.cryptosystems.ckks.scales import Cycle
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.errors import CiphertextError, ParameterError, PlaintextError, VerificationFailed

HOME = Household()
SMALL = Household(parameters=insecure_parameters(32))
LARGEST_VALUE, LARGEST_PRICE = (1 << 40) - 1, (1 << 20) - 1

values = st.lists(st.integers(-(1 << 17), 1 << 17), min_size=1, max_size=32)
price = st.integers(-LARGEST_PRICE, LARGEST_PRICE)


def test_a_month_of_quarter_hours_in_less_than_40_kilobytes() -> None:
    reads, prices = month()
    sealed = HOME.seal(reads)
    assert len(sealed) == 39_432
    assert HOME.bill([sealed], Functional.of(prices)) == int(reads @ prices)


@pytest.mark.parametrize("intervals", [1, 2, 30, 24 * 31 - 1, 27 * 96 - 4, 33 * 96, 4096])
def test_segments_of_any_length(intervals: int) -> None:
    """A day of gas, hours with a 23-hour day, quarter hours of the shortest and the longest cycle, the whole ring."""
    generator = np.random.default_rng(intervals)
    reads, prices = generator.integers(0, 4000, intervals), generator.integers(1, 60_000, intervals)
    label = HOME.label(segment=(15, 15 + intervals))
    assert HOME.bill([HOME.seal(reads, label)], Functional.of(prices), [label]) == int(reads @ prices)


@given(st.data(), values)
def test_any_tariff(data: st.DataObject, reads: list[int]) -> None:
    prices = data.draw(st.lists(price, min_size=len(reads), max_size=len(reads)).filter(any))
    expected = sum(read * own for read, own in zip(reads, prices, strict=True))
    assert SMALL.bill([SMALL.seal(reads)], Functional.of(prices)) == expected


@given(st.data(), values, values)
def test_net_bills_are_one_signed_sum_of_two_channels(data: st.DataObject, used: list[int], fed: list[int]) -> None:
    charges, rewards = (data.draw(st.lists(price, min_size=len(reads), max_size=len(reads))) for reads in (used, fed))
    charges[0] = 1
    labels = [SMALL.label(), SMALL.label(RECEIVED, number=3)]
    reports = [SMALL.seal(reads, label) for reads, label in zip((used, fed), labels, strict=True)]
    expected = int(np.dot(used, charges) - np.dot(fed, rewards))
    assert SMALL.bill(reports, Functional.of(charges, [-reward for reward in rewards]), labels) == expected


def test_segments_and_numbers_of_a_cycle_add_up() -> None:
    """A tenant until the middle of the cycle, and the rest of it rebilled."""
    reads, prices = month()
    half = QUARTERS // 2
    labels = [HOME.label(segment=(0, 15 * half)), HOME.label(segment=(15 * half, 15 * QUARTERS), number=1)]
    reports = [HOME.seal(reads[:half], labels[0]), HOME.seal(reads[half:], labels[1])]
    assert HOME.bill(reports, Functional.of(prices[:half], prices[half:]), labels) == int(reads @ prices)


def test_many_functionals_of_one_report() -> None:
    reads, prices = month()
    functionals = [Functional.of(row) for row in (prices, -prices, np.ones(QUARTERS, dtype=np.int64))]
    sealed, label = HOME.seal(reads), HOME.label()
    sums = bill_sums([sealed], functionals)
    pads = bill_pads(CKKS_4096, [label], HOME.pad_key, functionals)
    opened = [
        HOME.decryptor.open_bill(total, pad, Unmasking.of(CKKS_4096, [label], functional))
        for total, pad, functional in zip(sums, pads, functionals, strict=True)
    ]
    assert opened == [int(reads @ prices), -int(reads @ prices), int(reads.sum())]


def test_one_unmasking_serves_all_meters() -> None:
    reads, prices = month()
    functional = Functional.of(prices)
    unmasking = Unmasking.of(CKKS_4096, [HOME.label()], functional)
    for home in (Household("meter-2"), Household("meter-3")):
        [sealed] = bill_sums([home.seal(reads)], [functional])
        assert home.decryptor.open_bill(sealed, home.pads(functional, [home.label()]), unmasking) == int(reads @ prices)


@pytest.mark.parametrize("value", [LARGEST_VALUE, -LARGEST_VALUE])
def test_the_largest_value_is_opened_and_no_larger_one(value: int) -> None:
    label = SMALL.label()
    assert SMALL.bill([SMALL.seal([value])], Functional.of([1])) == value
    sealed = SMALL.seal([value, value // abs(value)], label)
    with pytest.raises(VerificationFailed):
        SMALL.bill([sealed], Functional.of([1, 1]))
    with pytest.raises(PlaintextError, match=r"value 1 reaches 2\^40"):
        SMALL.seal([0, value + value // abs(value)])


@pytest.mark.parametrize("reads", [[], [1.5], [[1, 2]], [0] * 33], ids=["none", "floats", "rows", "too many"])
def test_values_of_another_shape_are_refused(reads: list[int]) -> None:
    with pytest.raises(PlaintextError, match="values must be 1 to 32 int64"):
        SMALL.seal(reads)


@pytest.mark.parametrize(
    "change", [{"meter": "x"}, {"region": "south"}, {"key_id": 2}, {"suite": 2}, {"modulus_id": bytes(16)}]
)
def test_a_sealer_serves_one_meter_and_key(change: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="another meter, region, key id, suite or modulus"):
        SMALL.seal([1], SMALL.label()._replace(**change))


def test_counts_that_do_not_match_are_the_callers_mistake() -> None:
    one, two, longer = Functional.of([1]), Functional.of([1], [1]), Functional.of([1, 2])
    sealed, label = SMALL.seal([1]), SMALL.label()
    with pytest.raises(ParameterError, match="1 reports do not match prices of 2"):
        bill_sums([sealed], [two])
    with pytest.raises(ParameterError, match="1 labels do not match prices of 2 reports"):
        bill_pads(SMALL.parameters, [label], SMALL.pad_key, [two])
    with pytest.raises(ParameterError, match="1 labels do not match prices of 2 reports"):
        Unmasking.of(SMALL.parameters, [label], two)
    for functionals in ([], [one, longer]):
        with pytest.raises(ParameterError, match="weigh the same reports"):
            bill_sums([sealed], functionals)
        with pytest.raises(ParameterError, match="weigh the same reports"):
            bill_pads(SMALL.parameters, [label], SMALL.pad_key, functionals)
    with pytest.raises(CiphertextError, match="2 coefficients have 27 bytes, not 14"):
        bill_sums([sealed], [longer])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"meter": "x", "number": 1}, "several meters or key ids"),
        ({"region": "south", "number": 1}, "several meters or key ids"),
        ({"key_id": 2, "number": 1}, "several meters or key ids"),
        ({}, "name a report twice"),
    ],
)
def test_labels_of_one_bill_are_of_one_meter_and_differ(change: dict[str, Any], fault: str) -> None:
    labels, functional = [SMALL.label(), SMALL.label()._replace(**change)], Functional.of([1], [1])
    with pytest.raises(ParameterError, match=fault):
        bill_pads(SMALL.parameters, labels, SMALL.pad_key, [functional])
    with pytest.raises(ParameterError, match=fault):
        Unmasking.of(SMALL.parameters, labels, functional)


def test_labels_of_another_suite_are_refused() -> None:
    label, functional = SMALL.label()._replace(suite=3), Functional.of([1])
    with pytest.raises(ParameterError, match="another suite or modulus"):
        bill_pads(SMALL.parameters, [label], SMALL.pad_key, [functional])
    with pytest.raises(ParameterError, match="another suite or modulus"):
        Unmasking.of(SMALL.parameters, [label], functional)
    with pytest.raises(ParameterError, match="another suite or modulus"):
        BillDecryptor(SMALL.parameters, SMALL.secret_key, label, CYCLE)
    with pytest.raises(ParameterError, match="another suite or modulus"):
        SMALL.sealer(label)


def test_another_cycle_or_key_opens_nothing() -> None:
    functional, label = Functional.of([1, 2]), SMALL.label()
    [sealed] = bill_sums([SMALL.seal([3, 4])], [functional])
    pad, unmasking = SMALL.pads(functional, [label]), Unmasking.of(SMALL.parameters, [label], functional)
    for key, cycle in ((SMALL.secret_key, Cycle(0, 1)), (random_secret(), CYCLE)):
        with pytest.raises(VerificationFailed):
            BillDecryptor(SMALL.parameters, key, label, cycle).open_bill(sealed, pad, unmasking)
