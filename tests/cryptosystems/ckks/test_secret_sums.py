"""Sums of secrets that are kept: whatever was asked before, they are the sums of the members alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cryptosystems.ckks.household import Household, random_secret
from wattseal.cryptosystems.ckks import secret_sums
from wattseal.cryptosystems.ckks.parameters import CkksParameters, insecure_parameters
from wattseal.cryptosystems.ckks.polynomials import secret_polynomial, summed_secrets
from wattseal.cryptosystems.ckks.secret_sums import SecretSums
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret

RING = insecure_parameters(32)
LABEL = Household(parameters=RING).label()
KEYS = {f"m{number:02}": random_secret() for number in range(20)}


def expected(members: dict[str, Secret], label: Label = LABEL) -> NDArray[np.int16]:
    secrets = (secret_polynomial(RING, key, label._replace(meter=meter)) for meter, key in members.items())
    return np.array(sum(secrets, np.zeros(RING.degree, dtype=np.int16)), dtype=np.int16)


@given(st.lists(st.sets(st.sampled_from(sorted(KEYS))), max_size=8))
def test_one_set_after_another(sets: list[set[str]]) -> None:
    sums = SecretSums(RING)
    for meters in sets:
        members = {meter: KEYS[meter] for meter in sorted(meters)}
        assert sums.of(LABEL, members).tolist() == expected(members).tolist()


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many secrets each sum was made of, from here on."""
    counts = []

    def counted(
        parameters: CkksParameters, keys: Sequence[Secret], label: Label, meters: Sequence[str]
    ) -> NDArray[np.int16]:
        counts.append(len(meters))
        return summed_secrets(parameters, keys, label, meters)

    monkeypatch.setattr(secret_sums, "summed_secrets", counted)
    return counts


def test_only_what_differs_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, counts = SecretSums(RING), drawn(monkeypatch)
    sums.of(LABEL, KEYS)
    fewer = {meter: key for meter, key in KEYS.items() if meter not in ("m07", "m11")}
    for members in (KEYS, fewer, KEYS):
        assert sums.of(LABEL, members).tolist() == expected(members).tolist()
    assert sum(counts) == 20 + 0 + 2 + 2


def test_a_meter_that_was_enrolled_anew_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, counts = SecretSums(RING), drawn(monkeypatch)
    sums.of(LABEL, KEYS)
    members = {**KEYS, "m05": random_secret()}
    assert sums.of(LABEL, members).tolist() == expected(members).tolist()
    assert sum(counts) == 20 + 2


@pytest.mark.parametrize("change", [{"region": "south"}, {"key_id": 2}])
def test_another_region_or_key_id_shares_nothing(change: dict[str, object]) -> None:
    sums, other = SecretSums(RING), LABEL._replace(**change)  # type: ignore[arg-type]
    sums.of(LABEL, KEYS)
    assert sums.of(other, KEYS).tolist() == expected(KEYS, other).tolist() != expected(KEYS).tolist()


def test_what_is_forgotten_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = SecretSums(RING)
    sums.of(LABEL, KEYS)
    sums.forget()
    counts = drawn(monkeypatch)
    assert sums.of(LABEL, KEYS).tolist() == expected(KEYS).tolist()
    assert sum(counts) == 20


def test_so_many_sums_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_sums, "MOST_SUMS", 2)
    sums, counts = SecretSums(RING), drawn(monkeypatch)
    cohorts = [{meter: KEYS[meter]} for meter in ("m00", "m01", "m02")]
    for members in (*cohorts, cohorts[2], cohorts[0]):
        sums.of(LABEL, members)
    assert [count for count in counts if count] == [1, 1, 1, 1]
