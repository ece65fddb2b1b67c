"""Draws: what a label names, who shares what, and a stream that holds too few."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cryptosystems.ckks.household import CYCLE, Household, random_secret
from tests.kernels import naive_ring
from wattseal.cryptosystems.ckks import streams
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, PRIMES, insecure_parameters
from wattseal.cryptosystems.ckks.polynomials import public_polynomial, secret_polynomial
from wattseal.cryptosystems.ckks.residues import number_of, numbers_from_words
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale, total_scale
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.label import Label

HOME = Household()
LABEL = HOME.label()
KEY = HOME.secret_key
CHANGES = {
    "region": LABEL._replace(region="south"),
    "meter": LABEL._replace(meter="meter-2"),
    "kind": LABEL._replace(kind=1),
    "channel": LABEL._replace(channel=2),
    "start": LABEL._replace(start=15),
    "end": LABEL._replace(end=15),
    "key id": LABEL._replace(key_id=2),
    "number": LABEL._replace(number=1),
    "check key": LABEL._replace(check_key_id=bytes(16)),
}


def differing(draw: object) -> set[str]:
    """Which fields of a label change what is drawn."""
    assert callable(draw)
    honest = np.asarray(draw(LABEL)).tolist()
    return {name for name, label in CHANGES.items() if np.asarray(draw(label)).tolist() != honest}


def test_a_is_common_to_all_meters_of_a_label() -> None:
    expected = set(CHANGES) - {"meter", "check key"}
    assert differing(lambda label: public_polynomial(insecure_parameters(16), label)) == expected


def test_a_meter_has_one_secret_under_a_key_id() -> None:
    assert differing(lambda label: secret_polynomial(CKKS_4096, KEY, label)) == {"region", "meter", "key id"}


def test_a_meter_and_cycle_have_one_scale_under_a_key_id() -> None:
    assert differing(lambda label: bill_scale(KEY, label, CYCLE)) == {"region", "meter", "key id"}
    assert len({bill_scale(KEY, LABEL, cycle) for cycle in (CYCLE, Cycle(0, 1), Cycle(1, CYCLE.end))}) == 3


def test_a_region_and_window_have_one_scale_under_a_key_id() -> None:
    assert differing(lambda label: total_scale(KEY, label)) == {"region", "start", "end", "key id"}


def test_every_field_changes_pads_and_errors() -> None:
    assert differing(lambda label: streams.pads(KEY, label, 3)) == set(CHANGES)
    assert differing(lambda label: streams.errors(KEY, label, bytes(32), 64)) == set(CHANGES)


def test_pads_of_other_lengths_are_unrelated() -> None:
    """Who asks for the pads of a shorter segment under the label of a longer one gets no part of them."""
    drawn = [set(streams.pads(KEY, LABEL, count).ravel().tolist()) for count in (1, 2, 56, 57, 400)]
    assert sum(map(len, drawn)) == len(set.union(*drawn)) == 2 * (1 + 2 + 56 + 57 + 400)


def test_scales_have_64_bits() -> None:
    scales = [bill_scale(random_secret(), LABEL, CYCLE) for _ in range(200)]
    assert {scale.bit_length() for scale in scales} == {64}
    assert len(set(scales)) == 200


def test_a_secret_has_as_many_of_each() -> None:
    counts = np.unique(secret_polynomial(CKKS_4096, KEY, LABEL), return_counts=True)
    assert counts[0].tolist() == [-1, 0, 1]
    # 4,096 / 3, give or take seven standard deviations.
    assert np.abs(counts[1] - 4096 / 3).max() < 7 * (4096 * 2 / 9) ** 0.5


def test_pads_fill_their_range() -> None:
    drawn = streams.pads(KEY, LABEL, 4096)
    for row, prime in zip(drawn, PRIMES, strict=True):
        eighths = np.bincount((row.astype(np.float64) * 8 / prime).astype(np.int64), minlength=8)
        assert len(eighths) == 8
        assert np.abs(eighths - 512).max() < 7 * (4096 * 7 / 64) ** 0.5


def test_what_is_drawn_for_others_is_unrelated() -> None:
    """Pads, errors and secrets of one key and label have nothing in common: their uses differ."""
    key, label = random_secret(), Label(*LABEL)
    pad = streams.pads(key, label, 64)[0] & np.uint64((1 << 42) - 1)
    errors = [int(word).bit_count() - 21 for word in pad]
    assert streams.errors(key, label, bytes(32), 64).tolist() != errors


def draws(monkeypatch: pytest.MonkeyPatch, words: Sequence[int]) -> None:
    """Every stream begins with these words and repeats the last."""

    def keystreams(keys: object, names: Sequence[bytes], count: int) -> NDArray[np.uint64]:
        repeated = [*words, *[words[-1]] * count][:count]
        return np.array([repeated] * len(names), dtype=np.uint64)

    monkeypatch.setattr(streams, "keystreams", keystreams)


def test_a_stream_of_rejected_candidates_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    draws(monkeypatch, [(1 << 64) - 1])
    with pytest.raises(ParameterError, match="too few usable candidates"):
        streams.pads(KEY, LABEL, 4)
    with pytest.raises(ParameterError, match="too few usable candidates"):
        streams.weighed_pads([KEY], [LABEL], np.ones((1, 4), dtype=np.int32))
    with pytest.raises(ParameterError, match="too few usable candidates"):
        secret_polynomial(CKKS_4096, KEY, LABEL)


def test_rejected_candidates_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    draws(monkeypatch, [PRIMES[0], 5, PRIMES[0] - 1, *[7] * 8, PRIMES[1], *[9] * 10])
    assert streams.pads(KEY, LABEL, 3).tolist() == [[5, PRIMES[0] - 1, 7], [9, 9, 9]]
    weighed = streams.weighed_pads([KEY], [LABEL], np.array([[1, 2, 3]], dtype=np.int32))
    assert numbers_from_words(weighed) == [[number_of(5 + 2 * (PRIMES[0] - 1) + 3 * 7, 6 * 9)]]


@pytest.mark.parametrize("count", [1, 8, 9, 17])
def test_pads_weighed_together_are_those_of_each_alone(count: int) -> None:
    """In whatever groups they are drawn."""
    homes = [Household(f"meter-{number}") for number in range(count)]
    keys, labels = [home.pad_key for home in homes], [home.label() for home in homes]
    factors = np.array([[3, -1, 1 << 19, 0], [1, 1, 1, 1]], dtype=np.int32)
    found = numbers_from_words(streams.weighed_pads(keys, labels, factors))
    expected = [
        [
            number_of(*(naive_ring.dot(row, of_one) for row in streams.pads(*named, 4).tolist()))
            for of_one in factors.tolist()
        ]
        for named in zip(keys, labels, strict=True)
    ]
    assert found == expected
