"""The package against the vectors: what an independent slow program computed from the same inputs."""

import numpy as np
import pytest

from tests.cryptosystems.masking.vectors import SIZES, load, names, parameters
from tests.cryptosystems.paillier.test_vectors import opening
from tests.cryptosystems.paillier.vectors import label, secret
from tests.vectors.regenerate_masking import vectors
from tests.vectors.regenerate_paillier import rendered
from wattseal.cryptosystems.errors import CiphertextError, VerificationFailed
from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.encryptor import MaskingEncryptor
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator


def test_the_files_are_what_the_script_writes() -> None:
    written = {name: rendered(content) for name, content in vectors()}
    assert written == {name: rendered(load(name)) for name in names("")}


@pytest.mark.parametrize("size", SIZES)
def test_layouts(size: str) -> None:
    vector, sizes = load(f"layout_{size}"), parameters(size)
    assert sizes.layout.layout_id.hex() == vector["layout_id"]
    assert (sizes.words, sizes.ciphertext_bytes) == (vector["words"], 8 * vector["words"])


@pytest.mark.parametrize("size", SIZES)
def test_reports(size: str) -> None:
    vector = load(f"report_{size}")
    reports = vector["reports"]
    labels, check_key = [label(report["label"]) for report in reports], secret(vector["check_key"])
    keys = [MeterKeys(secret(report["pad_key"]), secret(report["tag_key"]), check_key) for report in reports]
    sealed = MaskingEncryptor(parameters(size)).encrypt(np.array([r["reads"] for r in reports]), labels, keys)
    assert [ciphertext.hex() for ciphertext in sealed] == [report["ciphertext"] for report in reports]


@pytest.mark.parametrize("size", SIZES)
def test_totals(size: str) -> None:
    vector = load(f"total_{size}")
    total = MaskingDecryptor(parameters(size)).open_total(*opening(vector))
    assert list(total.reads) == vector["reads"]
    assert list(total.buckets) == vector["buckets"]
    assert total.members == len(vector["labels"])


@pytest.mark.parametrize("name", names("total_bad_"))
def test_bad_totals_are_refused_alike(name: str) -> None:
    with pytest.raises(VerificationFailed) as refusal:
        MaskingDecryptor(parameters("small")).open_total(*opening(load(name)))
    assert (str(refusal.value), refusal.value.args) == ("verification failed", ())


@pytest.mark.parametrize("name", names("total_bad_ciphertext_"))
def test_bad_ciphertexts_stay_at_the_door(name: str) -> None:
    evaluator = MaskingEvaluator(parameters("small"))
    honest, bad = (bytes.fromhex(load(vector)["ciphertext"]) for vector in ("total_small", name))
    assert evaluator.malformed([honest, bad, honest]) == [1]
    with pytest.raises(CiphertextError, match=f"ciphertext 1 has {len(bad)} bytes, not {len(honest)}"):
        evaluator.sum_many([honest, bad])
