"""Sums over members that were made ahead: whatever is added and taken away, they are what a direct sum would be."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cryptosystems.conformance.schemes import METERS, SCHEMES, Cohort, masking, paillier, sealed_cohort
from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.cryptosystems.summing import Stated, SummingDecryptor

COHORTS = {
    "paillier-2-chunks": sealed_cohort(paillier("insecure_2048", DEFAULT_LAYOUTS[15])),
    "masking": sealed_cohort(masking(DEFAULT_LAYOUTS[60])),
    "ckks": sealed_cohort(SCHEMES["ckks-15-minutes"]()),
}
SUMMING = [name for name in COHORTS if name != "ckks"]
some_meters = st.sets(st.integers(0, METERS - 1))


def tags(cohort: Cohort, members: list[int]) -> bytes:
    return decryptor(cohort).tag_sum([cohort.labels[m] for m in members], [cohort.keys[m].tag_key for m in members])


def decryptor(cohort: Cohort) -> SummingDecryptor:
    assert isinstance(cohort.scheme.decryptor, SummingDecryptor)
    return cohort.scheme.decryptor


@pytest.mark.parametrize("name", COHORTS)
@given(split=st.integers(0, METERS), missing=some_meters)
@settings(max_examples=15, deadline=None)
def test_pads_of_all_less_those_of_the_missing(name: str, split: int, missing: set[int]) -> None:
    cohort, everybody = COHORTS[name], range(METERS)
    parts = [cohort.pads(everybody[:split]), cohort.pads(everybody[split:])]
    members = [meter for meter in everybody if meter not in missing]
    assert cohort.scheme.unblinder.combined(parts, [cohort.pads([*missing])]) == cohort.pads(members)


@pytest.mark.parametrize("name", SUMMING)
@given(split=st.integers(0, METERS), missing=some_meters)
@settings(max_examples=15, deadline=None)
def test_tags_of_all_less_those_of_the_missing(name: str, split: int, missing: set[int]) -> None:
    cohort, everybody = COHORTS[name], list(range(METERS))
    parts = [tags(cohort, everybody[:split]), tags(cohort, everybody[split:])]
    members = [meter for meter in everybody if meter not in missing]
    assert decryptor(cohort).combined(parts, [tags(cohort, [*missing])]) == tags(cohort, members)


@pytest.mark.parametrize("name", COHORTS)
def test_nobodys_sum(name: str) -> None:
    cohort = COHORTS[name]
    assert cohort.scheme.unblinder.combined([], []) == cohort.pads([])
    if name in SUMMING:
        assert decryptor(cohort).combined([], []) == tags(cohort, [])


@pytest.mark.parametrize("name", SUMMING)
class TestOpening:
    """With a sum of tags in place of labels and keys."""

    def opened(
        self, cohort: Cohort, members: list[int], stated: Stated | None = None, own: bytes | None = None
    ) -> object:
        total = cohort.scheme.evaluator.sum_many([cohort.sealed[m] for m in members])
        named = Stated(cohort.labels[0], len(members)) if stated is None else stated
        tag_sum = tags(cohort, members) if own is None else own
        return decryptor(cohort).open_summed(total, cohort.pads(members), named, tag_sum, cohort.check_key)

    def test_the_same_total(self, name: str) -> None:
        """Whichever label names the day, without a meter and a number too."""
        cohort, members = COHORTS[name], [*range(3, METERS)]
        assert self.opened(cohort, members) == cohort.expected(members)
        day = cohort.labels[0]._replace(meter="", number=0)
        assert self.opened(cohort, members, Stated(day, len(members))) == cohort.expected(members)

    def test_tags_of_other_members_are_refused(self, name: str) -> None:
        cohort, members = COHORTS[name], [*range(3, METERS)]
        with pytest.raises(VerificationFailed):
            self.opened(cohort, members, own=tags(cohort, members[1:]))

    @pytest.mark.parametrize("change", [-1, 1])
    def test_another_count_is_refused(self, name: str, change: int) -> None:
        cohort, members = COHORTS[name], [*range(3, METERS)]
        with pytest.raises(VerificationFailed):
            self.opened(cohort, members, Stated(cohort.labels[0], len(members) + change))

    @pytest.mark.parametrize("changed", [{"modulus_id": b"another"}, {"suite": 99}, {"start": 1}, {"key_id": 7}])
    def test_another_label_is_refused(self, name: str, changed: dict[str, Any]) -> None:
        cohort, members = COHORTS[name], [*range(3, METERS)]
        label: Label = cohort.labels[0]._replace(**changed)
        with pytest.raises(VerificationFailed):
            self.opened(cohort, members, Stated(label, len(members)))


@pytest.mark.parametrize("name", COHORTS)
def test_whose_tags_can_be_summed(name: str) -> None:
    """The decryptor of CKKS keeps sums of its own, which last longer than a day."""
    assert isinstance(COHORTS[name].scheme.decryptor, SummingDecryptor) == (name in SUMMING)
