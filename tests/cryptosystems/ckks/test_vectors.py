"""The package against the vectors: what an independent slow program computed from the same inputs."""

from typing import Any

import numpy as np
import pytest

from tests.cryptosystems.ckks.vectors import SIZES, day, load, names, ring
from tests.cryptosystems.paillier.test_vectors import opening
from tests.cryptosystems.paillier.vectors import label, secret
from tests.vectors.regenerate_ckks import vectors
from tests.vectors.regenerate_paillier import rendered
from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor, MeterSealer
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator, bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.reference.bill_decryptor import SealBillDecryptor
from wattseal.cryptosystems.ckks.reference.decryptor import SealDecryptor
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.errors import CiphertextError, VerificationFailed
from wattseal.cryptosystems.interface import MeterKeys

TOTALS = pytest.mark.parametrize("kind", [CkksDecryptor, SealDecryptor])
BILLS = pytest.mark.parametrize("kind", [BillDecryptor, SealBillDecryptor])
BILL_SIZES = ("insecure_64", "4096")
KEYS = {"pad": "pad", "secret": "tag", "error": "error"}


def test_the_files_are_what_the_script_writes() -> None:
    written = {name: rendered(content) for name, content in vectors()}
    assert written == {name: rendered(load(name)) for name in names("")}


@pytest.mark.parametrize("size", SIZES)
def test_layouts(size: str) -> None:
    vector, (parameters, layout) = load(f"layout_{size}"), day(size)
    assert (parameters.suite, layout.layout_id.hex()) == (vector["suite"], vector["layout_id"])
    assert coefficient_count(parameters, layout) == vector["coefficients"]


@pytest.mark.parametrize("size", SIZES)
def test_reports(size: str) -> None:
    vector = load(f"report_{size}")
    reports = vector["reports"]
    check_key = secret(vector["check_key"])
    keys = [MeterKeys(secret(report["pad_key"]), secret(report["tag_key"]), check_key) for report in reports]
    encryptor = CkksEncryptor(*day(size), secret(vector["error_key"]))
    reads = np.array([report["reads"] for report in reports])
    sealed = encryptor.encrypt(reads, [label(report["label"]) for report in reports], keys)
    assert [ciphertext.hex() for ciphertext in sealed] == [report["ciphertext"] for report in reports]


@TOTALS
@pytest.mark.parametrize("size", SIZES)
def test_totals(size: str, kind: type[CkksDecryptor]) -> None:
    vector = load(f"total_{size}")
    total = kind(*day(size)).open_total(*opening(vector))
    assert list(total.reads) == vector["reads"]
    assert list(total.buckets) == vector["buckets"]
    assert total.members == len(vector["labels"])


@TOTALS
@pytest.mark.parametrize("name", names("total_bad_"))
def test_bad_totals_are_refused_alike(name: str, kind: type[CkksDecryptor]) -> None:
    with pytest.raises(VerificationFailed) as refusal:
        kind(*day("insecure_64")).open_total(*opening(load(name)))
    assert (str(refusal.value), refusal.value.args) == ("verification failed", ())


@pytest.mark.parametrize("name", names("total_bad_ciphertext_"))
def test_bad_ciphertexts_stay_at_the_door(name: str) -> None:
    evaluator = CkksEvaluator(coefficient_count(*day("insecure_64")))
    honest, bad = (bytes.fromhex(load(vector)["ciphertext"]) for vector in ("total_insecure_64", name))
    assert evaluator.malformed([honest, bad, honest]) == [1]
    with pytest.raises(CiphertextError, match="ciphertext 1: "):
        evaluator.sum_many([honest, bad])


@pytest.mark.parametrize("size", BILL_SIZES)
def test_cycles(size: str) -> None:
    vector, bill = load(f"cycle_{size}"), load(f"bill_{size}")
    tag_key, labels = secret(vector["tag_key"]), [label(report["label"]) for report in vector["reports"]]
    assert bill_scale(tag_key, labels[0], Cycle(*bill["cycle"])) == vector["scale"]
    sealer = MeterSealer(
        ring(vector["degree"]),
        labels[0],
        pad_key=secret(vector["pad_key"]),
        secret_key=tag_key,
        error_key=secret(vector["error_key"]),
    )
    for name, report in zip(labels, vector["reports"], strict=True):
        assert sealer.seal(np.array(report["values"]), vector["scale"], name).hex() == report["ciphertext"]


@BILLS
@pytest.mark.parametrize("size", BILL_SIZES)
def test_bills(size: str, kind: type[BillDecryptor]) -> None:
    vector, cycle = load(f"bill_{size}"), load(f"cycle_{size}")
    functional = Functional.of(*vector["prices"])
    reports = [bytes.fromhex(report["ciphertext"]) for report in cycle["reports"]]
    labels = [label(fields) for fields in vector["labels"]]
    assert [encoded.hex() for encoded in bill_sums(reports, [functional])] == [vector["sum"]]
    pads = bill_pads(ring(vector["degree"]), labels, secret(cycle["pad_key"]), [functional])
    assert [encoded.hex() for encoded in pads] == [vector["pad"]]
    assert opened(vector, kind) == vector["value"]


@BILLS
@pytest.mark.parametrize("name", names("bill_bad_"))
def test_bad_bills_are_refused_alike(name: str, kind: type[BillDecryptor]) -> None:
    with pytest.raises(VerificationFailed) as refusal:
        opened(load(name), kind)
    assert (str(refusal.value), refusal.value.args) == ("verification failed", ())


@BILLS
@pytest.mark.parametrize("size", BILL_SIZES)
def test_registers(size: str, kind: type[BillDecryptor]) -> None:
    """Their labels are of a form of their own, and name the scale's cycle."""
    vector = load(f"register_{size}")
    [report], [name] = vector["reports"], [label(fields) for fields in vector["labels"]]
    keys = {f"{use}_key": secret(vector[f"{file}_key"]) for use, file in KEYS.items()}
    assert bill_scale(keys["secret_key"], name, Cycle(*vector["cycle"])) == vector["scale"]
    sealer = MeterSealer(ring(vector["degree"]), name, **keys)
    assert sealer.seal(np.array(report["values"]), vector["scale"], name).hex() == report["ciphertext"]
    functional = Functional.of(*vector["prices"])
    [number] = bill_sums([bytes.fromhex(report["ciphertext"])], [functional])
    [pad] = bill_pads(ring(vector["degree"]), [name], keys["pad_key"], [functional])
    assert (number.hex(), pad.hex()) == (vector["sum"], vector["pad"])
    assert opened(vector, kind) == vector["value"] == 400_001


@BILLS
@pytest.mark.parametrize("name", names("register_bad_"))
def test_registers_open_as_nothing_else(name: str, kind: type[BillDecryptor]) -> None:
    with pytest.raises(VerificationFailed):
        opened(load(name), kind)


def opened(vector: dict[str, Any], kind: type[BillDecryptor]) -> int:
    parameters, labels = ring(vector["degree"]), [label(fields) for fields in vector["labels"]]
    unmasking = Unmasking.of(parameters, labels, Functional.of(*vector["prices"]))
    decryptor = kind(parameters, secret(vector["tag_key"]), labels[0], Cycle(*vector["cycle"]))
    return decryptor.open_bill(bytes.fromhex(vector["sum"]), bytes.fromhex(vector["pad"]), unmasking)
