"""What aggregator, unblinder and corrupt meters can do to a bill: nothing but make it be refused."""

import secrets
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cryptosystems.ckks.household import QUARTERS, RECEIVED, Household, month
from tests.cryptosystems.conformance.schemes import SCHEMES, Cohort, sealed_cohort
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks import bill_decryptor, decryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional, weighted
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS, CkksParameters, insecure_parameters
from wattseal.cryptosystems.ckks.polynomials import times_public
from wattseal.cryptosystems.ckks.residues import from_bytes, number_from_bytes, number_of, number_to_bytes
from wattseal.cryptosystems.ckks.streams import pads
from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.pads.label import Label

HOME = Household()
READS, PRICES = month()
FUNCTIONAL = Functional.of(PRICES)
LABEL = HOME.label()
REPORT = HOME.seal(READS)
UNMASKING = Unmasking.of(CKKS_4096, [LABEL], FUNCTIONAL)
DECRYPTOR = HOME.decryptor
[SUM] = (number_from_bytes(encoded) for encoded in bill_sums([REPORT], [FUNCTIONAL]))
PAD = number_from_bytes(HOME.pads(FUNCTIONAL, [LABEL]))
BILL = int(READS @ PRICES)


@pytest.fixture(scope="module", params=[name for name in SCHEMES if name.startswith("ckks")])
def cohort(request: pytest.FixtureRequest) -> Cohort:
    return sealed_cohort(SCHEMES[request.param]())


def opened(sealed: int, pad: int = PAD) -> int | None:
    return opened_bytes(number_to_bytes(sealed), number_to_bytes(pad))


def opened_bytes(sealed: bytes, pad: bytes) -> int | None:
    try:
        return DECRYPTOR.open_bill(sealed, pad, UNMASKING)
    except VerificationFailed:
        return None


def test_the_honest_bill_opens() -> None:
    assert opened(SUM) == BILL


def test_ten_thousand_forged_bills_are_refused() -> None:
    """Threat 9: constants of every size, up and down, that exceed what errors may be."""
    bits = [31 + attempt % 75 for attempt in range(10_000)]
    added = [(1 << size - 1 | secrets.randbits(size - 1)) * secrets.choice((1, -1)) for size in bits]
    assert min(map(abs, added)) > 2 * FUNCTIONAL.bound
    assert {opened(SUM + constant) for constant in added} == {None}


@given(st.integers(0, 105), st.integers(-3, 3))
def test_whatever_is_added_the_value_never_changes(bit: int, times: int) -> None:
    assert opened(SUM + times * (1 << bit)) in (BILL, None)


def test_random_numbers_are_refused() -> None:
    assert {opened(secrets.randbelow(MODULUS)) for _ in range(1000)} == {None}


@pytest.mark.parametrize(
    "sealed", [b"", b"\0", bytes(13), bytes(15), b"\xff" * 14, MODULUS.to_bytes(14, "little"), b"x" * 10_000]
)
def test_malformed_numbers_are_refused_on_either_side(sealed: bytes) -> None:
    """Threat 15, with the rest honest. A number that is not below the modulus is not taken for its remainder."""
    honest_sum, honest_pad = number_to_bytes(SUM), number_to_bytes(PAD)
    assert opened_bytes(sealed, honest_pad) is None
    assert opened_bytes(honest_sum, sealed) is None
    assert opened_bytes((SUM + MODULUS).to_bytes(14, "little"), honest_pad) is None


def test_malformed_numbers_are_not_taken_for_zero() -> None:
    """With a zero in their place these would open."""
    zero = bytes(14)
    for sealed, pad in ((b"", number_to_bytes(PAD - SUM)), (number_to_bytes(SUM - PAD), b"")):
        assert opened_bytes(sealed or zero, pad or zero) == BILL
        assert opened_bytes(sealed, pad) is None


def test_every_refusal_is_the_same_after_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("weighted", "nearest_multiple"):
        monkeypatch.setattr(bill_decryptor, name, recording(name, calls, getattr(bill_decryptor, name)))
    refusals, work = set(), set()
    for sealed in (b"", b"\xff" * 14, number_to_bytes(SUM + (1 << 40)), number_to_bytes(SUM + (1 << 104)), bytes(14)):
        calls.clear()
        with pytest.raises(VerificationFailed) as refusal:
            DECRYPTOR.open_bill(sealed, number_to_bytes(PAD), UNMASKING)
        refusals.add((str(refusal.value), refusal.value.args, refusal.value.__cause__, refusal.value.__context__))
        work.add(tuple(calls))
    assert refusals == {("verification failed", (), None, None)}
    assert work == {("weighted", "weighted", "nearest_multiple")}


def recording(name: str, calls: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(*arguments: object) -> Any:  # noqa: ANN401
        calls.append(name)
        return function(*arguments)

    return recorded


class TestAggregatorAndUnblinder:
    """Both know every pad: the encryption under the meter's secret is all that is left (threat 20)."""

    def test_one_interval_under_the_statement_of_a_bill(self) -> None:
        selector = np.zeros(QUARTERS, dtype=np.int64)
        selector[1000] = 1
        single = Functional.of(selector)
        [total] = bill_sums([REPORT], [single])
        assert opened_bytes(total, HOME.pads(single, [LABEL])) is None

    def test_pad_zero(self) -> None:
        assert opened(SUM, 0) is None

    def test_multiples_of_sum_and_pad(self) -> None:
        for times in (-1, 0, 2, 40, 1 << 63, MODULUS - 1, pow(3, -1, MODULUS)):
            assert opened(times * SUM, times * PAD) is None

    def test_the_report_of_another_channel_or_number_or_segment(self) -> None:
        for label in (HOME.label(RECEIVED), HOME.label(number=1), HOME.label(segment=(15, 15 + 15 * QUARTERS))):
            [total] = bill_sums([HOME.seal(READS, label)], [FUNCTIONAL])
            assert opened_bytes(total, HOME.pads(FUNCTIONAL, [label])) is None

    def test_the_report_of_another_meter(self) -> None:
        other = Household("meter-2")
        [total] = bill_sums([other.seal(READS, other.label())], [FUNCTIONAL])
        assert opened_bytes(total, other.pads(FUNCTIONAL, [other.label()])) is None

    def test_the_sum_of_two_functionals(self) -> None:
        other = Functional.of(np.roll(PRICES, 1))
        [more] = map(number_from_bytes, bill_sums([REPORT], [other]))
        assert opened(SUM + more, PAD + number_from_bytes(HOME.pads(other, [LABEL]))) is None


class TestNothingMeetsTheSecret:
    """Threats 11, 13, 31 and 32: there is no c1 to choose."""

    def test_of_a_bill(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever number is sent, the secret is multiplied by the same row, of the label and the tariff alone."""
        met: list[NDArray[np.uint64]] = []

        def recorded(residues: NDArray[np.uint64], factors: NDArray[np.int8]) -> int:
            met.append(residues)
            return weighted(residues, factors)

        monkeypatch.setattr(bill_decryptor, "weighted", recorded)
        for sealed, pad in product((b"", bytes(14), number_to_bytes(SUM), secrets.token_bytes(14)), repeat=2):
            opened_bytes(sealed, pad)
        rows = {row.tobytes() for row in met}
        assert len(met) == 32
        assert rows == {row.tobytes() for row in Unmasking.of(CKKS_4096, [LABEL], FUNCTIONAL).residues}

    def test_of_a_total(self, cohort: Cohort, monkeypatch: pytest.MonkeyPatch) -> None:
        """Secrets are multiplied by the polynomials of labels: hostile ciphertexts and pads change no factor."""
        met: list[bytes] = []

        def recorded(parameters: CkksParameters, label: Label, factor: NDArray[np.float64]) -> NDArray[np.float64]:
            met.append(repr(label).encode() + factor.tobytes())
            return times_public(parameters, label, factor)

        monkeypatch.setattr(decryptor, "times_public", recorded)
        evaluator, size = cohort.scheme.evaluator, len(cohort.sealed[0])
        honest = evaluator.sum_many(cohort.sealed)
        hostile = (b"", bytes(size), b"\xff" * size, cohort.sealed[3], evaluator.linear(cohort.sealed[:1], [1 << 80]))
        cohort.open(honest)
        for ciphertext in hostile:
            with pytest.raises(VerificationFailed):
                cohort.open(ciphertext)
            with pytest.raises(VerificationFailed):
                cohort.open(honest, pads=ciphertext)
        assert len(met) == 11
        assert len(set(met)) == 1

    def test_neither_a_value_nor_a_refusal_tells_of_it(self) -> None:
        """One who knows everything but the secret predicts every answer, to whatever is added to a bill.

        That is all that remains of two attacks: multiples of a scale that a corrupt meter knows, and 2^34 as an oracle.
        """
        sealed_parts = (from_bytes(REPORT, QUARTERS), pads(HOME.pad_key, LABEL, QUARTERS))
        report, pad = (np.array([number_of(*pair) for pair in part.T.tolist()], dtype=object) for part in sealed_parts)
        secret = [int(trit) for trit in DECRYPTOR._secret]
        error = honest_error(SUM - PAD, secret)
        assert int(((report - pad) @ PRICES.astype(object)) % MODULUS) == (SUM - PAD) % MODULUS
        scale, bound = HOME.scale, FUNCTIONAL.bound
        steps = (0, 1, 1 << 20, 1 << 26, bound - error, bound - error + 1, -bound - error, -bound - error - 1, 1 << 34)
        for times, added in product((0, 1, -1, 1000), steps):
            expected = BILL + times if abs(error + added) <= bound else None
            assert opened(SUM + times * scale + added) == expected


def honest_error(blinded: int, secret: list[int]) -> int:
    first, second = (naive_ring.dot(row.tolist(), secret) for row in UNMASKING.residues)
    return naive_ring.centered(blinded + number_of(first, second) - HOME.scale * BILL, MODULUS)


class TestAnEarlierDesign:
    """With a c1 on the wire both attacks work: the reason for all of this, and proof that they are mounted right."""

    DEGREE = 16
    SCALE = 1 << 63 | 12_345

    def opened(self, c0: int, c1: list[int], secret: list[int]) -> int | None:
        """Value of coefficient 0 of c0 + c1 s, by the rules of today: nearest multiple, bound, range."""
        number = naive_ring.centered(c0 + naive_ring.product(c1, secret, MODULUS)[0], MODULUS)
        value = (number + self.SCALE // 2) // self.SCALE
        return value if abs(number - value * self.SCALE) <= FUNCTIONAL.bound and abs(value) < 1 << 40 else None

    def reflected(self, place: int, amount: int) -> list[int]:
        """amount x X^-place: coefficient 0 of its product with s is amount x s_place."""
        polynomial = [0] * self.DEGREE
        polynomial[-place % self.DEGREE] = amount if place == 0 else -amount
        return polynomial

    @pytest.mark.parametrize("trial", range(10))
    def test_the_value_carries_the_secret(self, trial: int) -> None:
        """Threat 31: a corrupt meter knows its scale, and writes powers of four of it into c1."""
        secret = [secrets.choice((-1, 0, 1)) for _ in range(self.DEGREE)]
        c1 = [sum(column) for column in zip(*(self.reflected(i, self.SCALE << 2 * i) for i in range(16)), strict=True)]
        value = self.opened(0, c1, secret)
        assert value == sum(trit << 2 * i for i, trit in enumerate(secret))

    @pytest.mark.parametrize("trial", range(10))
    def test_the_refusal_is_an_oracle(self, trial: int) -> None:
        """Threat 32: opens exactly if a coefficient of the secret is 0, whatever the scale."""
        secret = [secrets.choice((-1, 0, 1)) for _ in range(self.DEGREE)]
        answers = [self.opened(7 * self.SCALE + 5, self.reflected(i, 1 << 34), secret) for i in range(self.DEGREE)]
        assert [answer is not None for answer in answers] == [trit == 0 for trit in secret]


def test_the_same_content_gives_the_same_bytes_and_other_labels_other_bytes() -> None:
    """Threat 45: fresh errors would average out; labels in common would give differences of reads away."""
    home = Household(parameters=insecure_parameters(16))
    reads, label = [1, 2, 3], home.label()
    first = home.seal(reads)
    assert first == home.seal(reads) == home.sealer().seal(np.array(reads), home.scale, label)
    others = [home.label(RECEIVED), home.label(number=1), home.label(segment=(0, 45)), label._replace(kind=3)]
    columns = [from_bytes(home.seal(reads, name), 3).tolist() for name in (label, *others)]
    for prime, place in product(range(2), range(3)):
        assert len({residues[prime][place] for residues in columns}) == 5


def test_errors_do_not_average_out() -> None:
    """400 times the same content: one error. Every other content has errors of its own."""
    home = Household(parameters=insecure_parameters(16))
    assert len({home.seal([5] * 16) for _ in range(400)}) == 1
    differences = np.array([from_bytes(home.seal([value] * 16), 16)[0] for value in (5, 6)]).astype(object)
    error_differences = (differences[1] - differences[0] - home.scale) % naive_ring.PRIMES[0]
    spread = {naive_ring.centered(int(difference), naive_ring.PRIMES[0]) for difference in error_differences}
    assert len(spread) > 4
    assert max(map(abs, spread)) <= 42
