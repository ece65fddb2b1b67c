"""A half's home as one file under a passphrase of its own, made while the half runs, and the home made from it again.

The file is a stream of libsodium's (XChaCha20-Poly1305): it opens whole or not at all. Secrets are in it without the
home's own seal, so that it can be restored under another passphrase.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from pydantic import Field

from wattseal.edge.home import Home
from wattseal.edge.private_files import (
    private_directory,
    read_passphrase,
    writing_private,
)
from wattseal.edge.sealed_stream import opened_stream, sealing_stream
from wattseal.protocol.codec import Count, Many, Message
from wattseal.protocol.errors import MalformedMessage, UsageError

LEDGER = "ledger.sqlite"
_SEALED = ".sealed"
_LEFT_OUT = ("tokens/*", "in-use.lock", f"{LEDGER}*", f"*{_SEALED}", ".*", ".*/*")
"""Tokens that were not handed out yet are nobody's to keep; the ledger is copied by itself, secrets are unsealed."""
_CHUNK = 1 << 20


class _Entry(Message):
    """A file of the home, or a secret of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]+)*){0,2}$")
    size: Count
    secret: bool


class _Contents(Message):
    """What follows in the stream, in this order."""

    version: Literal[1] = 1
    entries: Many[_Entry]


class _Part(NamedTuple):
    entry: _Entry
    source: bytes | Path


def back_up(data: Path, passphrase_file: Path, out: Path, backup_passphrase_file: Path) -> dict[str, int | str]:
    """Write the backup whole or not at all. The half may be running.

    Raises UsageError for a home or passphrase that cannot be used, or a file that is there already.
    """
    if out.exists():
        raise UsageError(f"{out} is there already")
    home, passphrase = Home(data, passphrase_file), read_passphrase(backup_passphrase_file)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=data) as scratch:
        # The ledger first: whatever it tells of key periods is in the vault by then.
        parts = list(_parts(home, _snapshot(data / LEDGER, Path(scratch) / LEDGER)))
        contents = _Contents(entries=tuple(part.entry for part in parts))
        with writing_private(out) as file, sealing_stream(file, passphrase) as push:
            push(contents.to_bytes())
            for part in parts:
                for chunk in _chunks(part):
                    push(chunk)
    return {"backup": str(out), "files": len(parts), "bytes": out.stat().st_size}


def restore(backup: Path, backup_passphrase_file: Path, data: Path, passphrase_file: Path) -> dict[str, int | str]:
    """Make a home from a backup, its secrets sealed under the new home's passphrase; whole or not at all.

    Raises UsageError if there is a home already, or if the passphrase is wrong or the file was altered or cut.
    """
    if data.exists():
        raise UsageError(f"{data} is there already: a backup is restored into a new directory")
    passphrase = read_passphrase(backup_passphrase_file)
    parent = data.absolute().parent
    scratch = private_directory(Path(tempfile.mkdtemp(prefix=".restore-", dir=parent)))
    try:
        home = Home(scratch, passphrase_file)
        with backup.open("rb") as file:
            entries = _restored(home, opened_stream(file, passphrase, str(backup)))
        scratch.rename(data)
    except OSError as error:
        raise UsageError(f"{error.filename or data}: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return {"restored": str(data), "files": entries}


def _parts(home: Home, ledger: Path) -> Iterator[_Part]:
    yield _part(LEDGER, ledger)
    for path in sorted(home.directory.rglob("*")):
        name = path.relative_to(home.directory).as_posix()
        if path.is_file() and not any(fnmatch(name, pattern) for pattern in _LEFT_OUT):
            yield _part(name, path)
    for path in sorted(home.directory.glob(f"*{_SEALED}")):
        secret = home.read_secret(path.stem)
        yield _Part(_Entry(name=path.stem, size=len(secret), secret=True), secret)


def _part(name: str, path: Path) -> _Part:
    return _Part(_Entry(name=name, size=path.stat().st_size, secret=False), path)


def _snapshot(ledger: Path, to: Path) -> Path:
    """The ledger as it stands at one moment, in one file."""
    if not ledger.exists():
        raise UsageError(f"{ledger} is missing: the half has never been served")
    try:
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise UsageError(f"{ledger}: cannot be copied ({error})") from None
    return to


def _chunks(part: _Part) -> Iterator[bytes]:
    if isinstance(part.source, bytes):
        yield part.source
        return
    left = part.entry.size
    with part.source.open("rb") as file:
        while left and (chunk := file.read(min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk
    if left:
        raise UsageError(f"{part.source} changed while it was read")


def _restored(home: Home, chunks: Iterator[bytes]) -> int:
    try:
        contents = _Contents.from_bytes(next(chunks, b""))
    except MalformedMessage as error:
        raise UsageError(f"the backup is of another version ({error})") from None
    for entry in contents.entries:
        if entry.secret:
            home.write_secret(entry.name, b"".join(_of_size(chunks, entry)))
            continue
        path = home.directory / entry.name
        private_directory(path.parent)
        with writing_private(path) as file:
            _copy(_of_size(chunks, entry), file)
    if next(chunks, None) is not None:
        raise UsageError("the backup holds more than it lists")
    return len(contents.entries)


def _of_size(chunks: Iterator[bytes], entry: _Entry) -> Iterator[bytes]:
    left = entry.size
    while left > 0:
        chunk = next(chunks, b"")
        left -= len(chunk)
        if not chunk or left < 0:
            raise UsageError(f"the backup does not hold {entry.name} whole")
        yield chunk


def _copy(chunks: Iterator[bytes], file: BinaryIO) -> None:
    file.writelines(chunks)
