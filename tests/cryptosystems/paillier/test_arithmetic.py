"""Tables, decryption, and the algebra of sums, against plain big integers."""

import multiprocessing
import secrets
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from gmpy2 import mpz, powmod
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cryptosystems.paillier.vectors import layout, secret_key
from wattseal.cryptosystems.errors import CiphertextError, ParameterError
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption, PaillierDecryptor
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.fixed_base import FixedBase
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.layout import SlotLayout

KEY = secret_key("insecure_1024")
PUBLIC = KEY.public
N, N_SQUARED = mpz(PUBLIC.n), mpz(PUBLIC.n) ** 2
EVALUATOR, DECRYPT = PaillierEvaluator(PUBLIC, layout("insecure_1024")), CrtDecryption(KEY)
TABLE = FixedBase(123_456_789, int(N_SQUARED), 5)

plaintexts = st.integers(0, PUBLIC.n - 1)
coefficients = st.integers(-(1 << 70), 1 << 70)


def encrypted(plaintext: int) -> bytes:
    """With a random factor that is no power of our base, as another implementation would draw it."""
    factor = powmod(secrets.randbelow(PUBLIC.n - 1) + 1, N, N_SQUARED)
    ciphertext: bytes = ((1 + plaintext * N) * factor % N_SQUARED).to_bytes(
        PUBLIC.parameters.ciphertext_bytes, "little"
    )
    return ciphertext


def decrypted(ciphertext: bytes) -> int:
    return int(DECRYPT(mpz(int.from_bytes(ciphertext, "little"))))


@given(st.binary(min_size=5, max_size=5))
def test_fixed_base_powers(exponent: bytes) -> None:
    assert TABLE.power(exponent) == powmod(123_456_789, int.from_bytes(exponent, "little"), N_SQUARED)


@pytest.mark.parametrize("exponent", [b"", b"\1" * 4, b"\1" * 6])
def test_exponents_have_the_length_of_the_table(exponent: bytes) -> None:
    with pytest.raises(ValueError, match="zip"):
        TABLE.power(exponent)


@given(plaintexts)
def test_decryption_undoes_encryption(plaintext: int) -> None:
    assert decrypted(encrypted(plaintext)) == plaintext


@pytest.mark.parametrize("plaintext", [0, 1, PUBLIC.n - 1, int(KEY.p), int(KEY.q)])
def test_decryption_at_the_limits(plaintext: int) -> None:
    assert decrypted(encrypted(plaintext)) == plaintext


@given(plaintexts, plaintexts, plaintexts)
def test_sums(a: int, b: int, c: int) -> None:
    x, y, z = map(encrypted, (a, b, c))
    total = EVALUATOR.sum_many([x, y, z])
    assert total == EVALUATOR.add(EVALUATOR.add(x, y), z) == EVALUATOR.add(x, EVALUATOR.add(z, y))
    assert decrypted(total) == (a + b + c) % PUBLIC.n


@given(plaintexts, plaintexts, coefficients, coefficients)
def test_linear(a: int, b: int, k: int, l: int) -> None:  # noqa: E741
    result = EVALUATOR.linear([encrypted(a), encrypted(b)], [k, l])
    assert decrypted(result) == (k * a + l * b) % PUBLIC.n
    assert EVALUATOR.malformed([result]) == []


def test_a_ciphertext_without_inverse_is_refused() -> None:
    unfit = int(KEY.p).to_bytes(PUBLIC.parameters.ciphertext_bytes, "little")
    with pytest.raises(CiphertextError, match="no inverse"):
        EVALUATOR.linear([unfit], [-1])


def test_the_sum_of_one_is_that_one() -> None:
    ciphertext = encrypted(5)
    assert EVALUATOR.sum_many([ciphertext]) == ciphertext


def test_the_door_names_every_culprit_of_a_batch() -> None:
    size = PUBLIC.parameters.ciphertext_bytes
    p, q = (int(prime).to_bytes(size, "little") for prime in (KEY.p, KEY.q))
    honest = [encrypted(plaintext) for plaintext in range(4)]
    assert EVALUATOR.malformed([p, honest[0], b"", honest[1], bytes(size), q, honest[2], q]) == [0, 2, 4, 5, 7]


@pytest.mark.parametrize("part", [PaillierEncryptor, PaillierEvaluator, PaillierUnblinder, PaillierDecryptor])
def test_a_layout_that_does_not_fit_is_refused(part: type) -> None:
    with pytest.raises(ParameterError, match="40 zero bits do not fit a modulus of 1024 bits"):
        part(KEY if part is PaillierDecryptor else PUBLIC, SlotLayout(1, 31, 20, tuple(range(63))))


def test_fresh_factors_every_time(small_key: SecretKey, small_encryptor: PaillierEncryptor) -> None:
    label, keys, reads = some_report(small_key.public)
    assert len({small_encryptor.encrypt(reads, [label], [keys])[0] for _ in range(20)}) == 20


def test_meters_of_several_regions_share_a_call(small_key: SecretKey, small_encryptor: PaillierEncryptor) -> None:
    """Weights go by region, window and check key, whatever the order of the meters."""
    label, keys, reads = some_report(small_key.public)
    other_keys = MeterKeys(keys.pad_key, keys.tag_key, Secret(b"o" * 32))
    cases = [
        (label, keys),
        (label._replace(region="south"), keys),
        (label._replace(start=1440), keys),
        (label, other_keys),
    ]
    labels, held = [label for label, _ in cases], [keys for _, keys in cases]
    sealed = small_encryptor.encrypt(np.repeat(reads, len(cases), axis=0), labels, held)
    decryptor = PaillierDecryptor(small_key, layout("insecure_1024"))
    unblinder = PaillierUnblinder(small_key.public, layout("insecure_1024"))
    for ciphertext, (name, own) in zip(sealed, cases, strict=True):
        pads = unblinder.pad_sum([name], [own.pad_key])
        assert decryptor.open_total(ciphertext, pads, [name], [own.tag_key], own.check_key).reads == tuple(range(8))


def some_report(public: PublicKey) -> tuple[Label, MeterKeys, NDArray[np.int64]]:
    label = Label(public.parameters.suite, public.modulus_id, "north", "meter-1", 1, 1, 0, 1440, 1, 0)
    keys = MeterKeys(Secret(b"p" * 32), Secret(b"t" * 32), Secret(b"c" * 32))
    return label, keys, np.arange(8, dtype=np.int64).reshape(1, 8)


def build_and_encrypt(public: PublicKey, slots: SlotLayout) -> int:
    label, keys, reads = some_report(public)
    return len(PaillierEncryptor(public, slots).encrypt(reads, [label], [keys])[0])


def test_worker_processes_build_their_own_tables(small_key: SecretKey) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        sealed = pool.submit(build_and_encrypt, small_key.public, layout("insecure_1024")).result()
    assert sealed == small_key.public.parameters.ciphertext_bytes
