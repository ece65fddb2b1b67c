"""Files that only their owner may read: written whole or not at all, secrets sealed under a passphrase."""

import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nacl import pwhash
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from wattseal.protocol.errors import UsageError

_LOOK_EVERY_S = 0.05
LEAST_PASSPHRASE = 12
SALT_BYTES = pwhash.argon2id.SALTBYTES


def private_directory(path: Path) -> Path:
    """`path`, made with mode 0700 where missing. Raises UsageError if it cannot be made or others may enter it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    _check_owner_only(path)
    return path


@contextmanager
def sole_use(directory: Path, within_s: float) -> Iterator[None]:
    """Keep other processes out of `directory` until the context ends, or this process does in whatever way.

    Raises UsageError if another one stays in it for longer than `within_s`.
    """
    descriptor = os.open(directory / "in-use.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, directory, time.monotonic() + within_s)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: Path, deadline: float) -> None:
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(f"{directory} is in use by another process") from None
        time.sleep(_LOOK_EVERY_S)


def write_private(path: Path, data: bytes) -> None:
    """Write with mode 0600, durably, replacing `path` in one step."""
    with writing_private(path) as file:
        file.write(data)


@contextmanager
def writing_private(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the context ends well, as by `write_private`."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


@contextmanager
def wiping(path: Path) -> Iterator[None]:
    """Once the context has replaced the file, overwrite the bytes that it had. Nothing is lost if it could not.

    On journaling and copying file systems, and on flash, old blocks may stay: what is in them is still sealed.
    """
    if not path.exists():
        yield
        return
    with path.open("r+b") as old:
        yield
        if os.fstat(old.fileno()).st_nlink == 0:
            old.write(bytes(os.fstat(old.fileno()).st_size))
            old.flush()
            os.fsync(old.fileno())


def read_private(path: Path) -> bytes:
    """Raises UsageError if the file is missing or readable by others."""
    try:
        _check_owner_only(path)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def write_sealed(path: Path, secret: bytes, passphrase: bytes) -> None:
    """Seal under Argon2id and XSalsa20-Poly1305, then write privately."""
    salt = secrets.token_bytes(SALT_BYTES)
    write_private(path, salt + bytes(_box(passphrase, salt).encrypt(secret)))


def read_sealed(path: Path, passphrase: bytes) -> bytes:
    """Raises UsageError for a wrong passphrase or an altered file, without telling which."""
    data = read_private(path)
    try:
        return _box(passphrase, data[:SALT_BYTES]).decrypt(data[SALT_BYTES:])
    except (CryptoError, ValueError):
        raise UsageError(f"{path}: wrong passphrase, or the file was altered") from None


def key_of(passphrase: bytes, salt: bytes) -> bytes:
    """32 bytes by Argon2id."""
    # libsodium's "interactive" cost: 64 MiB, a few tenths of a second, at each start of a service.
    return pwhash.argon2id.kdf(
        SecretBox.KEY_SIZE,
        passphrase,
        salt,
        opslimit=pwhash.argon2id.OPSLIMIT_INTERACTIVE,
        memlimit=pwhash.argon2id.MEMLIMIT_INTERACTIVE,
    )


def read_passphrase(path: Path) -> bytes:
    """Raises UsageError for a file that others may read, or a passphrase that is too short."""
    passphrase = read_private(path).strip()
    if len(passphrase) < LEAST_PASSPHRASE:
        raise UsageError(f"{path}: a passphrase has at least {LEAST_PASSPHRASE} bytes")
    return passphrase


def _box(passphrase: bytes, salt: bytes) -> SecretBox:
    return SecretBox(key_of(passphrase, salt))


def _check_owner_only(path: Path) -> None:
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise UsageError(f"{path} belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"{path} can be read by others: chmod go-rwx it")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
