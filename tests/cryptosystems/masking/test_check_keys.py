"""A decryptor that gives one meter another check key learns nothing of it: the pads of that meter do not come off."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cryptosystems.conformance.schemes import masking
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.masking.checks import slot_weights
from wattseal.cryptosystems.masking.streams import stream_sum
from wattseal.cryptosystems.masking.words import from_bytes
from wattseal.cryptosystems.pads.label import Use, check_key_id
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

SCHEME = masking(SlotLayout(4, 16, 6, (0, 100_000)))
READS = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [900, 11, 12, 13]])
VICTIM = 1
COMMON, SINGLED_OUT = Secret(b"c" * 32), Secret(b"s" * 32)
KEYS = [MeterKeys(Secret(b"p%d" % m * 16), Secret(b"t%d" % m * 16), COMMON) for m in range(3)]
KEYS[VICTIM] = MeterKeys(KEYS[VICTIM].pad_key, KEYS[VICTIM].tag_key, SINGLED_OUT)
LABELS = [SCHEME.label(meter) for meter in range(3)]
BOUND = [label._replace(check_key_id=check_key_id(key.check_key)) for label, key in zip(LABELS, KEYS, strict=True)]


def opened(*, bound: bool, named: bytes) -> NDArray[np.uint64]:
    """All words, unblinded with the pads that the unblinder gives for one check key's id."""
    labels = BOUND if bound else LABELS
    total = SCHEME.evaluator.sum_many(SCHEME.encryptor.encrypt(READS, labels, KEYS))
    stated = [label._replace(check_key_id=named) for label in LABELS]
    pads = SCHEME.unblinder.pad_sum(stated, [key.pad_key for key in KEYS])
    sealed, blinds = from_bytes((total, pads))
    words: NDArray[np.uint64] = sealed - blinds - stream_sum(10, [key.tag_key for key in KEYS], labels, Use.SECRET)
    return words


def test_without_the_id_the_check_words_are_two_linear_forms_of_one_meters_reads() -> None:
    """Why the id is there: weights differ at one meter only, so what is left over is that meter's day alone."""
    words = opened(bound=False, named=b"")
    common, singled_out = (slot_weights(key, LABELS[0], 8) for key in (COMMON, SINGLED_OUT))
    day = np.array([*READS[VICTIM], 1, 0, 1, 0], dtype=np.uint64)
    assert words[:4].tolist() == READS.sum(axis=0).tolist()
    assert (words[8:] - common @ words[:8]).tolist() == ((singled_out - common) @ day).tolist()


@pytest.mark.parametrize("named", [check_key_id(COMMON), check_key_id(SINGLED_OUT), b""])
def test_with_it_no_slot_opens_whatever_the_decryptor_names(named: bytes) -> None:
    words = opened(bound=True, named=named)
    # Each is uniform: one below 2^32 among the ten would be an accident of 2^-29.
    assert words.min() >= 1 << 32
