"""Billing runs: what is weighed and opened for many meters at once is what each alone would get."""

import numpy as np
import pytest

from tests.cryptosystems.ckks.household import CYCLE, DELIVERED, RECEIVED, Household, random_secret
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.evaluator import bills_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.reference.batch_decryptor import SealBatchDecryptor
from wattseal.cryptosystems.ckks.unblinder import bills_pads
from wattseal.cryptosystems.errors import CiphertextError, ParameterError

METERS, INTERVALS = 19, 100
GENERATOR = np.random.default_rng(1)
HOMES = [Household(f"meter-{number}") for number in range(METERS)]
MONTHS = GENERATOR.integers(-2000, 2000, (METERS, 2, INTERVALS))
PRICES = GENERATOR.integers(-50_000, 50_000, (3, 2, INTERVALS))
BOTH = (DELIVERED, RECEIVED)
REPORTS = [
    [home.seal(reads, home.label(channel)) for reads, channel in zip(months, BOTH, strict=True)]
    for home, months in zip(HOMES, MONTHS, strict=True)
]
LABELS = [[home.label(channel) for channel in BOTH] for home in HOMES]
PAD_KEYS = [home.pad_key for home in HOMES]
NET = [Functional.of(*prices) for prices in PRICES]
NET_UNMASKINGS = [Unmasking.of(CKKS_4096, LABELS[0], functional) for functional in NET]
EXPECTED = [[int((months * prices).sum()) for prices in PRICES] for months in MONTHS]


def decryptor(homes: list[Household], kind: type[BatchDecryptor] = BatchDecryptor) -> BatchDecryptor:
    keys, names = [home.secret_key for home in homes], [home.meter for home in homes]
    return kind(CKKS_4096, keys, HOMES[-1].label(), names, CYCLE)


def sealed_and_pads() -> tuple[list[list[bytes]], list[list[bytes]]]:
    return list(bills_sums(REPORTS, NET)), bills_pads(CKKS_4096, LABELS, PAD_KEYS, NET)


@pytest.mark.parametrize("meters", [0, 1, 8, METERS])
def test_every_bill_is_exact(meters: int) -> None:
    """Two reports a bill, three functionals; groups of eight, and what is left over."""
    sealed = list(bills_sums(REPORTS[:meters], NET))
    pads = bills_pads(CKKS_4096, LABELS[:meters], PAD_KEYS[:meters], NET)
    assert decryptor(HOMES[:meters]).open_bills(sealed, pads, NET_UNMASKINGS) == EXPECTED[:meters]


def test_each_meter_gets_what_it_gets_alone() -> None:
    functionals = [Functional.of(prices[0]) for prices in PRICES]
    unmaskings = [Unmasking.of(CKKS_4096, [home.label()], functionals[0]) for home in HOMES[:1]]
    sealed = list(bills_sums([[reports[0]] for reports in REPORTS], functionals[:1]))
    pads = bills_pads(CKKS_4096, [[labels[0]] for labels in LABELS], PAD_KEYS, functionals[:1])
    together = decryptor(HOMES).open_bills(sealed, pads, unmaskings)
    alone = [
        home.decryptor.open_bill(number, pad, unmaskings[0])
        for home, [number], [pad] in zip(HOMES, sealed, pads, strict=True)
    ]
    assert [[value] for value in alone] == together


@pytest.mark.parametrize("spoiled", [b"", bytes(13), bytes(14), b"\xff" * 14, b"\x01" + bytes(13)])
@pytest.mark.parametrize("whose", ["aggregator's", "unblinder's"])
def test_one_bill_that_does_not_open_takes_no_other_along(whose: str, spoiled: bytes) -> None:
    sealed, pads = sealed_and_pads()
    (sealed if whose == "aggregator's" else pads)[9][1] = spoiled
    expected: list[list[int | None]] = [list(bill) for bill in EXPECTED]
    expected[9][1] = None
    assert decryptor(HOMES).open_bills(sealed, pads, NET_UNMASKINGS) == expected


def test_numbers_of_two_meters_or_functionals_are_not_exchanged() -> None:
    sealed, pads = sealed_and_pads()
    sealed[3], sealed[4] = sealed[4], sealed[3]
    pads[5].reverse()
    opened = decryptor(HOMES).open_bills(sealed, pads, NET_UNMASKINGS)
    assert opened[3] == opened[4] == [None] * 3
    assert opened[5] == [None, EXPECTED[5][1], None]
    assert opened[6:] == EXPECTED[6:]


def test_seal_opens_the_same_bills_and_refuses_the_same() -> None:
    sealed, pads = sealed_and_pads()
    sealed[3], sealed[4], pads[5][0] = sealed[4], sealed[3], b"\xff" * 14
    kinds = (SealBatchDecryptor, BatchDecryptor)
    theirs, ours = (decryptor(HOMES, kind).open_bills(sealed, pads, NET_UNMASKINGS) for kind in kinds)
    assert theirs == ours
    assert theirs[:3] == EXPECTED[:3]
    assert theirs[3] == theirs[4] == [None] * 3
    assert theirs[5] == [None, *EXPECTED[5][1:]]


def test_a_secret_of_another_meter_opens_nothing() -> None:
    sealed, pads = sealed_and_pads()
    homes = [*HOMES[:-1], Household(HOMES[-1].meter, secret_key=random_secret())]
    assert decryptor(homes).open_bills(sealed, pads, NET_UNMASKINGS) == [*EXPECTED[:-1], [None] * 3]


def test_counts_that_do_not_match_are_the_callers_mistake() -> None:
    with pytest.raises(ParameterError, match="1 secret keys and 0 meters"):
        BatchDecryptor(CKKS_4096, [HOMES[0].secret_key], HOMES[0].label(), [], CYCLE)
    with pytest.raises(ParameterError, match="another suite or modulus"):
        BatchDecryptor(CKKS_4096, [], HOMES[0].label()._replace(suite=3), [], CYCLE)
    with pytest.raises(ParameterError, match="1 labels do not match prices of 2"):
        bills_pads(CKKS_4096, [*LABELS[:1], LABELS[1][:1]], PAD_KEYS[:2], NET)
    with pytest.raises(ParameterError, match="labels of 2 bills and 1 pad keys"):
        bills_pads(CKKS_4096, LABELS[:2], PAD_KEYS[:1], NET)
    with pytest.raises(CiphertextError, match="bytes, not 7"):
        list(bills_sums([REPORTS[0], [REPORTS[1][0], bytes(7)]], NET))
