"""A decryptor that singles one meter out by another check key learns nothing: pads of different ones do not cancel."""

from dataclasses import dataclass

import numpy as np
import pytest
from gmpy2 import mpz
from numpy.typing import NDArray

from tests.cryptosystems.paillier.vectors import layout
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label, check_key_id
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption
from wattseal.cryptosystems.paillier.encoder import Decoded, SlotEncoder
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

SIZE, METERS, VICTIM = "insecure_1024", 5, 2
COMMON, SINGLED_OUT = Secret(b"c" * 32), Secret(b"s" * 32)


@dataclass(frozen=True)
class View:
    """What the corrupt decryptor has of one granted total: the ciphertext, and pads for whatever id it names."""

    key: SecretKey
    layout: SlotLayout
    labels: list[Label]
    keys: list[MeterKeys]
    ciphertext: bytes

    def opened(self, check_key: Secret | None) -> Decoded:
        """Unblinded with the pads that the unblinder gives for this check key's id; None names none."""
        name = b"" if check_key is None else check_key_id(check_key)
        named = [label._replace(check_key_id=name) for label in self.labels]
        pads = PaillierUnblinder(self.key.public, self.layout).pad_sum(named, [key.pad_key for key in self.keys])
        decrypted = CrtDecryption(self.key)(mpz(int.from_bytes(self.ciphertext, "little")))
        plaintext = (decrypted - int.from_bytes(pads, "little")) % self.key.public.n
        return SlotEncoder(self.layout, self.key.public.parameters).decode([plaintext])[0]

    def surplus(self, opened: Decoded) -> int:
        """Check value less what the opened slots and the tags explain under the common check key."""
        tags = sum(member_tag(key.tag_key, label) for key, label in zip(self.keys, self.labels, strict=True))
        return opened.check - opened.weighed(self.weights(COMMON)) - tags

    def weights(self, check_key: Secret) -> list[int]:
        return slot_weights(check_key, self.labels[0], self.layout.slots)


def bound_to(key: MeterKeys, label: Label) -> Label:
    return label._replace(check_key_id=check_key_id(key.check_key))


def view(key: SecretKey, reads: NDArray[np.int64], *, bound: bool) -> View:
    """All meters but one sealed under the common check key."""
    public, slots = key.public, layout(SIZE)
    suite = public.parameters.suite
    labels = [Label(suite, public.modulus_id, "north", f"m{m}", 1, 1, 0, 1440, 1, 0) for m in range(METERS)]
    keys = [
        MeterKeys(Secret(b"p%d" % m * 16), Secret(b"t%d" % m * 16), SINGLED_OUT if m == VICTIM else COMMON)
        for m in range(METERS)
    ]
    sealed_as = list(map(bound_to, keys, labels)) if bound else labels
    ciphertexts = PaillierEncryptor(public, slots).encrypt(reads, sealed_as, keys)
    return View(key, slots, labels, keys, PaillierEvaluator(public, slots).sum_many(ciphertexts))


@pytest.fixture
def reads() -> NDArray[np.int64]:
    return np.arange(METERS * layout(SIZE).intervals, dtype=np.int64).reshape(METERS, -1)


def test_without_the_id_the_check_value_is_a_linear_form_of_one_meters_reads(
    small_key: SecretKey, reads: NDArray[np.int64]
) -> None:
    """Why the id is there: weights differ at one meter only, so what is left over is that meter's day alone."""
    seen = view(small_key, reads, bound=False)
    opened = seen.opened(None)
    assert opened.reads == reads.sum(axis=0).tolist()
    bucket = next(i for i, edge in enumerate(seen.layout.upper_edges) if reads[VICTIM].sum() <= edge)
    day = [*reads[VICTIM].tolist(), 1, *(int(i == bucket) for i in range(len(seen.layout.upper_edges)))]
    differences = (s - c for s, c in zip(seen.weights(SINGLED_OUT), seen.weights(COMMON), strict=True))
    assert seen.surplus(opened) == sum(d * v for d, v in zip(differences, day, strict=True)) != 0


@pytest.mark.parametrize("named", [COMMON, SINGLED_OUT, None])
def test_with_it_nothing_opens_whatever_the_decryptor_names(
    small_key: SecretKey, reads: NDArray[np.int64], named: Secret | None
) -> None:
    opened = view(small_key, reads, bound=True).opened(named)
    assert opened.above
    assert opened.reads != reads.sum(axis=0).tolist()
