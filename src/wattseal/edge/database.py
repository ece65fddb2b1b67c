"""SQLite files that lose nothing: what was committed has reached the disk, and only its owner may read it."""

import sqlite3
from pathlib import Path

from wattseal.protocol.errors import UsageError


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """A connection for any thread, one at a time, in WAL mode with synchronous=FULL and explicit transactions.

    Raises UsageError for a file that is no database or has another schema.
    """
    path.touch(mode=0o600)  # SQLite gives its side files the mode of the database
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(schema)
    except sqlite3.DatabaseError as error:
        database.close()
        raise UsageError(f"{path}: cannot be used ({error})") from None
    return database
