"""Which decryptor and unblinder a suite, a layout and the operator's backend come to."""

import sys
from pathlib import Path

import pytest

from tests.cryptosystems.paillier.vectors import secret_key
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.parameters import MODULUS_ID as CKKS_MODULUS_ID
from wattseal.cryptosystems.ckks.reference.decryptor import SealDecryptor
from wattseal.cryptosystems.ckks.residues import byte_count
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.parameters import MODULUS_ID as MASKING_MODULUS_ID
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.reference.decryptor import ReferenceDecryptor
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, LAYOUTS_BY_ID, WIDE_LAYOUTS
from wattseal.edge.home import Home
from wattseal.keyserver.schemes import decryptor_of, modulus_id_of, unblinder_of
from wattseal.keyserver.vault import Vault
from wattseal.protocol.errors import MalformedMessage, UnknownSubject, UsageError
from wattseal.protocol.ids import HalfRole, Role, Suite, Window
from wattseal.protocol.keys import KeyNotice

KEY = secret_key("3072")
MASKING = KeyNotice(key_id=1, suite=Suite.MASKING, public_key=b"", first_window=Window(0), last_window=Window(9))
PAILLIER = MASKING.model_copy(update={"suite": int(Suite.PAILLIER_3072), "public_key": KEY.public.to_bytes()})
CKKS = MASKING.model_copy(update={"suite": int(Suite.CKKS)})
QUARTER_HOURS = DEFAULT_LAYOUTS[15].layout_id


@pytest.fixture
def home(tmp_path: Path) -> Home:
    tmp_path.chmod(0o700)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple")
    return Home.create(tmp_path / "home", passphrase)


@pytest.mark.parametrize(
    ("suite", "key", "backend", "kind"),
    [
        (Suite.PAILLIER_3072, KEY, Backend.OURS, PaillierDecryptor),
        (Suite.PAILLIER_3072, KEY, Backend.REFERENCE, ReferenceDecryptor),
        (Suite.CKKS, None, Backend.OURS, CkksDecryptor),
        (Suite.CKKS, None, Backend.REFERENCE, SealDecryptor),
        (Suite.MASKING, None, Backend.OURS, MaskingDecryptor),
    ],
    ids=["ours", "reference", "ckks", "ckks opened by SEAL", "masking"],
)
def test_the_key_and_the_operator_choose(suite: Suite, key: SecretKey | None, backend: Backend, kind: type) -> None:
    assert type(decryptor_of(suite, key, QUARTER_HOURS, backend)) is kind


def test_without_its_secret_key_paillier_opens_nothing() -> None:
    with pytest.raises(UnknownSubject, match="suite 1 opens nothing without a secret key"):
        decryptor_of(Suite.PAILLIER_3072, None, QUARTER_HOURS, Backend.OURS)


def test_labels_name_the_modulus_of_the_notice() -> None:
    assert modulus_id_of(PAILLIER) == KEY.public.modulus_id
    assert (modulus_id_of(CKKS), modulus_id_of(MASKING)) == (CKKS_MODULUS_ID, MASKING_MODULUS_ID)
    for keyless in (CKKS, MASKING):
        with pytest.raises(MalformedMessage, match=f"suite {keyless.suite} has no public key"):
            modulus_id_of(keyless.model_copy(update={"public_key": b"key"}))


def test_pad_sums_have_the_length_of_their_layout() -> None:
    expected = {layout.layout_id: 384 for layout in LAYOUTS_BY_ID.values()} | {WIDE_LAYOUTS[15].layout_id: 2 * 384}
    found = {layout_id: len(unblinder_of(PAILLIER, layout_id).pad_sum([], [])) for layout_id in LAYOUTS_BY_ID}
    assert found == expected
    days = {layout_id: byte_count(layout.slots + 8) for layout_id, layout in LAYOUTS_BY_ID.items()}
    assert {layout_id: len(unblinder_of(CKKS, layout_id).pad_sum([], [])) for layout_id in days} == days


def test_unknown_layouts_and_those_that_a_suite_cannot_hold() -> None:
    for backend in Backend:
        with pytest.raises(UnknownSubject, match="is not known here"):
            decryptor_of(Suite.PAILLIER_3072, KEY, bytes(8), backend)
    with pytest.raises(UnknownSubject, match="is not known here"):
        unblinder_of(PAILLIER, bytes(8))
    with pytest.raises(UnknownSubject, match="suite 3 has no layout"):
        decryptor_of(Suite.MASKING, None, WIDE_LAYOUTS[15].layout_id, Backend.OURS)
    with pytest.raises(UnknownSubject, match="suite 3 has no layout"):
        unblinder_of(MASKING, WIDE_LAYOUTS[15].layout_id)


@pytest.mark.parametrize("role", [Role.DECRYPTOR, Role.UNBLINDER])
def test_a_half_that_masks_has_no_reference(home: Home, role: HalfRole) -> None:
    Vault.create(home, role, Suite.MASKING)
    assert Vault.open(home, role).suite == Suite.MASKING
    with pytest.raises(UsageError, match="--backend reference: only Paillier and CKKS have a reference backend"):
        Vault.open(home, role, Backend.REFERENCE)


def test_a_library_that_is_missing_stops_a_half_at_its_start(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    Vault.create(home, Role.UNBLINDER, Suite.PAILLIER_3072)
    Vault.open(home, Role.UNBLINDER, Backend.REFERENCE)
    monkeypatch.setitem(sys.modules, "phe.paillier", None)
    with pytest.raises(UsageError, match=r"--backend reference: .* wattseal\[reference\]"):
        Vault.open(home, Role.UNBLINDER, Backend.REFERENCE)


def test_a_vault_of_ckks_holds_no_secret_key(home: Home) -> None:
    vault = Vault.create(home, Role.DECRYPTOR, Suite.CKKS, (Window(0), Window(1)))
    notice = vault.notice_of(vault.latest)
    assert notice is not None
    assert notice.public_key == b""
    with pytest.raises(UsageError, match="the decryptor of suite 2 has no secret key"):
        vault.secret_key(1)
    assert type(Vault.open(home, Role.DECRYPTOR).decryptor(1, QUARTER_HOURS)) is CkksDecryptor
    assert type(Vault.open(home, Role.DECRYPTOR, Backend.REFERENCE).decryptor(1, QUARTER_HOURS)) is SealDecryptor


def test_the_vault_opens_with_what_it_was_told(home: Home) -> None:
    Vault.create(home, Role.DECRYPTOR, Suite.PAILLIER_3072)
    assert type(Vault.open(home, Role.DECRYPTOR).decryptor(1, QUARTER_HOURS)) is PaillierDecryptor
    reference = Vault.open(home, Role.DECRYPTOR, Backend.REFERENCE)
    assert type(reference.decryptor(1, QUARTER_HOURS)) is ReferenceDecryptor
