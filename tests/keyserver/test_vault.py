"""Key periods in a vault: each root leads to the next, none back, and what is destroyed is gone from the file."""

import base64
import re
from pathlib import Path

import pytest

from wattseal.edge.home import Home
from wattseal.edge.private_files import wiping, write_private
from wattseal.keyserver.vault import VAULT, Vault, Windows
from wattseal.protocol.errors import KeyDestroyed, Rejected, UnknownSubject
from wattseal.protocol.ids import HalfRole, Role, Suite, Window

FIRST: Windows = (Window(100), Window(199))
SECOND: Windows = (Window(200), Window(299))
HALVES: tuple[HalfRole, HalfRole] = (Role.DECRYPTOR, Role.UNBLINDER)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    tmp_path.chmod(0o700)
    passphrase = tmp_path / "passphrase"
    write_private(passphrase, b"correct horse battery staple")
    return Home.create(tmp_path / "home", passphrase)


def made(home: Home, role: HalfRole = Role.DECRYPTOR, suite: Suite = Suite.MASKING, periods: int = 1) -> Vault:
    vault = Vault.create(home, role, suite, FIRST)
    for number in range(2, periods + 1):
        vault.begin(vault.following(number, (Window(100 * number), Window(100 * number + 99))))
    return vault


@pytest.mark.parametrize("role", HALVES)
def test_each_root_leads_to_the_next(home: Home, role: HalfRole) -> None:
    vault = made(home, role, periods=3)
    for again in (vault, Vault.open(home, role)):
        assert [period.number for period in again.periods] == [1, 2, 3]
        assert again.root(2) == again.root(1).next() != again.root(1)
        assert again.root(3) == again.root(2).next()
        assert again.latest.windows == (300, 399)
        with pytest.raises(UnknownSubject):
            again.root(4)


def test_what_is_destroyed_is_gone_from_the_file(home: Home) -> None:
    """Each period has a secret key of its own, and the others' stay."""
    vault = made(home, suite=Suite.PAILLIER_3072, periods=2)
    root, first, second = vault.root(1).secret.expose(), vault.secret_key(1), vault.secret_key(2)
    assert first.public != second.public
    notice = vault.notice_of(vault.latest)
    assert notice is not None
    assert (notice.key_id, notice.public_key) == (2, second.public.to_bytes())
    assert root in _bytes_of(home)
    assert first.to_bytes() in _bytes_of(home)
    vault.destroy(1)
    for again in (vault, Vault.open(home, Role.DECRYPTOR)):
        with pytest.raises(KeyDestroyed):
            again.root(1)
        with pytest.raises(KeyDestroyed):
            again.secret_key(1)
        assert again.notice_of(again.periods[0]) is None
        assert again.secret_key(2).public == second.public
    assert root not in _bytes_of(home)
    assert first.to_bytes() not in _bytes_of(home)
    content = _bytes_of(home)
    vault.destroy(1)
    assert _bytes_of(home) == content


def _bytes_of(home: Home) -> bytes:
    """The vault's content, base64url decoded where it may be."""
    data = home.read_secret(VAULT)
    parts = re.findall(rb'"([A-Za-z0-9_-]{40,})"', data)
    return data + b" ".join(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in parts)


def test_neither_the_latest_nor_one_after_a_living_one_is_destroyed(home: Home) -> None:
    """The next root needs the one, and the other could be computed again."""
    vault = made(home, periods=3)
    with pytest.raises(Rejected, match="period 3 is the latest"):
        vault.destroy(3)
    with pytest.raises(Rejected, match="the root of period 1 leads to that of period 2"):
        vault.destroy(2)
    with pytest.raises(UnknownSubject):
        vault.destroy(4)
    vault.destroy(1)
    vault.destroy(2)
    assert vault.root(3)


def test_periods_begin_one_after_the_other(home: Home) -> None:
    vault = made(home)
    for number in (1, 3):
        with pytest.raises(Rejected, match="the latest key period is 1"):
            vault.following(number, SECOND)
    late, other = vault.following(2, SECOND), vault.following(2, SECOND)
    vault.begin(late)
    with pytest.raises(Rejected, match="has begun already"):
        vault.begin(other)


def test_a_vault_that_cannot_be_written_has_not_changed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(home, periods=2)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(home, "replace_secret", fail)
    with pytest.raises(OSError, match="No space left"):
        vault.destroy(1)
    with pytest.raises(OSError, match="No space left"):
        vault.begin(vault.following(3, SECOND))
    assert vault.root(1)
    assert vault.latest.number == 2


def test_what_a_file_held_is_overwritten(tmp_path: Path) -> None:
    """Seen through a second name of the old bytes."""
    path = tmp_path / "file"
    write_private(path, b"secret")
    with path.open("rb") as old:
        with wiping(path):
            write_private(path, b"new")
        assert old.read() == bytes(6)
    with pytest.raises(RuntimeError), wiping(path):
        raise RuntimeError
    assert path.read_bytes() == b"new"
