"""A half that was rolled back stops, stays stopped, and goes on once its real ledger is back."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from tests.policy.rosters import ROLES, TODAY, operator
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.half import Half
from wattseal.keyserver.ledger import Ledger
from wattseal.keyserver.vault import Vault
from wattseal.policy.pack import trial_policy
from wattseal.protocol.errors import LedgerBehind, SignatureInvalid
from wattseal.protocol.ids import Channel, HalfRole, RegionDay, RegionId, Role, Suite, Window
from wattseal.protocol.ledger import EMPTY
from wattseal.protocol.release import Head, SignedHead
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import SECONDS_PER_DAY
from wattseal.protocol.trust import TrustAnchors


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    directory = tmp_path_factory.mktemp("unblinder")
    directory.chmod(0o700)
    passphrase = directory / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse battery staple")
    made = Home.create(directory / "home", passphrase)
    Vault.create(made, Role.UNBLINDER, Suite.PAILLIER_3072)
    return made


@pytest.fixture(scope="module")
def trust(home: Home) -> TrustAnchors:
    keys = {name: bytes(operator(name).verify_key) for name in ROLES}
    return TrustAnchors(**{**keys, "unblinder": bytes(home.signing_key(SERVICE).verify_key)})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@contextmanager
def half(home: Home, trust: TrustAnchors, path: Path) -> Iterator[Half]:
    with Ledger(path) as ledger:
        registry = home.registry(trust, lambda: 0.0, replay=True, least_change=15, check_key=lambda _: None)
        now = float(TODAY * SECONDS_PER_DAY)
        vault = Vault.open(home, Role.UNBLINDER)
        yield Half(vault, ledger, registry, trial_policy(), home.tokens(), trust, lambda: now)


def write(ledger: Ledger, name: bytes) -> None:
    ledger.intend(name, b"statement " + name, RegionDay(RegionId("west"), Channel.DELIVERED, Window(TODAY)), "research")


def decryptors_head(counter: int, hash_: bytes = EMPTY) -> SignedHead:
    return Envelope.issue(Head(role=Role.DECRYPTOR, counter=counter, hash=hash_), operator("decryptor"))


def test_heads_of_ones_own_ledger_are_welcome(home: Home, trust: TrustAnchors, path: Path) -> None:
    with half(home, trust, path) as subject:
        heads = [subject.head()]
        for name in (b"a", b"b"):
            write(subject.ledger, name)
            heads.append(subject.head())
        subject.compare_heads(heads)


def test_a_rolled_back_half_stays_stopped_until_its_ledger_is_back(
    home: Home, trust: TrustAnchors, path: Path, tmp_path: Path
) -> None:
    """Also after it grew past the head that it lacks, and after a restart."""
    with half(home, trust, path) as subject:
        write(subject.ledger, b"a")
    shutil.copy(path, tmp_path / "old")
    with half(home, trust, path) as subject:
        write(subject.ledger, b"b")
        seen = subject.head()
    shutil.copy(path, tmp_path / "real")
    shutil.copy(tmp_path / "old", path)
    with half(home, trust, path) as subject:
        subject.compare_heads(())
        with pytest.raises(LedgerBehind, match="the unblinder's ledger lacks entries"):
            subject.compare_heads([seen])
        for name in (b"c", b"d", b"e"):
            write(subject.ledger, name)
    with half(home, trust, path) as subject, pytest.raises(LedgerBehind):
        subject.compare_heads(())
    shutil.copy(tmp_path / "real", path)
    with half(home, trust, path) as subject:
        subject.compare_heads([seen])


def test_the_other_half_cannot_go_back(home: Home, trust: TrustAnchors, path: Path) -> None:
    with half(home, trust, path) as subject:
        subject.check_current(decryptors_head(5))
        subject.check_current(decryptors_head(6))
        with pytest.raises(LedgerBehind, match="behind what the unblinder has seen"):
            subject.check_current(decryptors_head(5))
        assert subject.seen_of_other() == decryptors_head(6)
        subject.compare_heads([decryptors_head(4)])


def test_the_other_half_cannot_show_two_ledgers(home: Home, trust: TrustAnchors, path: Path) -> None:
    fork = decryptors_head(5, b"f" * 32)
    with half(home, trust, path) as subject:
        subject.check_current(decryptors_head(5))
        for act in (subject.check_current, lambda head: subject.compare_heads([head])):
            with pytest.raises(LedgerBehind, match="two ledgers"):
                act(fork)
        assert subject.seen_of_other() == decryptors_head(5)


@pytest.mark.parametrize("role", [Role.DECRYPTOR, Role.UNBLINDER])
def test_a_head_that_its_half_did_not_sign_changes_nothing(
    home: Home, trust: TrustAnchors, path: Path, role: HalfRole
) -> None:
    forged = Envelope.issue(Head(role=role, counter=9, hash=EMPTY), SigningKey.generate())
    with half(home, trust, path) as subject:
        with pytest.raises(SignatureInvalid):
            subject.compare_heads([forged])
        subject.compare_heads(())
        assert subject.seen_of_other() is None
