"""Files of the owner alone: their modes, their wholeness, and sealed secrets."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from wattseal.edge.private_files import private_directory, read_private, read_sealed, write_private, write_sealed
from wattseal.protocol.errors import UsageError


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """Modes must not lean on a careful umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFiles:
    def test_written_and_read(self, path: Path) -> None:
        write_private(path, b"secret")
        assert read_private(path) == b"secret"
        assert mode(path) == 0o600

    def test_replacing_an_open_file_closes_it_to_others(self, path: Path) -> None:
        path.write_bytes(b"old")
        path.chmod(0o666)
        write_private(path, b"new")
        assert read_private(path) == b"new"
        assert mode(path) == 0o600

    def test_a_reader_keeps_the_old_content_whole(self, path: Path) -> None:
        write_private(path, b"old" * 100)
        with path.open("rb") as reader:
            write_private(path, b"new")
            assert reader.read() == b"old" * 100

    @pytest.mark.parametrize("broken", ["os.fsync", "pathlib.Path.replace"])
    def test_an_error_leaves_the_old_content_and_nothing_else(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
    ) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        write_private(path, b"old")
        monkeypatch.setattr(broken, fail)
        with pytest.raises(OSError, match="No space left"):
            write_private(path, b"new")
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]

    def test_content_is_on_disk_before_its_name_is(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        synced = []

        def record(descriptor: int) -> None:
            synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))

        monkeypatch.setattr(os, "fsync", record)
        write_private(path, b"new")
        assert synced == [(False, False), (True, True)]

    @pytest.mark.parametrize("foreign", [0o640, 0o604, 0o610, 0o602, 0o644])
    def test_permissions_for_others_are_refused(self, path: Path, foreign: int) -> None:
        write_private(path, b"secret")
        path.chmod(foreign)
        with pytest.raises(UsageError, match="secret can be read by others"):
            read_private(path)

    def test_another_owner_is_refused(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_private(path, b"secret")
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        with pytest.raises(UsageError, match="secret belongs to another user"):
            read_private(path)

    def test_a_missing_file_is_named(self, path: Path) -> None:
        with pytest.raises(UsageError, match="secret: No such file"):
            read_private(path)

    def test_a_directory_is_no_file(self, path: Path) -> None:
        path.mkdir(0o700)
        with pytest.raises(UsageError, match="secret: Is a directory"):
            read_private(path)


class TestDirectories:
    def test_made_for_the_owner_alone(self, path: Path) -> None:
        assert private_directory(path / "keys") == path / "keys"
        assert mode(path / "keys") == 0o700

    def test_an_existing_one_is_kept(self, path: Path) -> None:
        write_private(private_directory(path) / "key", b"k")
        assert read_private(private_directory(path) / "key") == b"k"

    def test_one_that_others_may_enter_is_refused(self, path: Path) -> None:
        path.mkdir(0o755)
        with pytest.raises(UsageError, match="can be read by others"):
            private_directory(path)

    def test_a_file_in_its_place_is_refused(self, path: Path) -> None:
        path.write_bytes(b"")
        with pytest.raises(UsageError, match="secret: File exists"):
            private_directory(path)
        with pytest.raises(UsageError, match="keys: Not a directory"):
            private_directory(path / "keys")


class TestSealed:
    def test_opened_with_its_passphrase(self, path: Path) -> None:
        write_sealed(path, b"root key", b"correct horse")
        assert read_sealed(path, b"correct horse") == b"root key"
        assert mode(path) == 0o600
        assert b"root key" not in path.read_bytes()

    def test_sealed_again_it_looks_otherwise(self, path: Path) -> None:
        write_sealed(path, b"root key", b"correct horse")
        first = path.read_bytes()
        write_sealed(path, b"root key", b"correct horse")
        second = path.read_bytes()
        assert (first[:16], first[16:40]) != (second[:16], second[16:40])
        assert first[:16] != second[:16]

    @pytest.mark.parametrize("passphrase", [b"", b"Correct horse", b"correct horse "])
    def test_a_wrong_passphrase(self, path: Path, passphrase: bytes) -> None:
        write_sealed(path, b"root key", b"correct horse")
        with pytest.raises(UsageError, match="wrong passphrase, or the file was altered"):
            read_sealed(path, passphrase)

    # Salt, nonce, authentication tag, ciphertext.
    @pytest.mark.parametrize("place", [0, 16, 40, -1])
    def test_an_altered_file(self, path: Path, place: int) -> None:
        write_sealed(path, b"root key", b"correct horse")
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        write_private(path, bytes(data))
        with pytest.raises(UsageError, match="wrong passphrase, or the file was altered"):
            read_sealed(path, b"correct horse")

    @pytest.mark.parametrize("kept", [0, 15, 16, 39, 40, 55, -1])
    def test_a_truncated_file(self, path: Path, kept: int) -> None:
        write_sealed(path, b"root key", b"correct horse")
        write_private(path, path.read_bytes()[:kept])
        with pytest.raises(UsageError, match="wrong passphrase, or the file was altered"):
            read_sealed(path, b"correct horse")
