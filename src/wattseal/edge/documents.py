"""A directory of installed documents, one a file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from wattseal.edge.private_files import read_private
from wattseal.protocol.errors import Rejected, UsageError

T = TypeVar("T")


def each(directory: Path, opened: Callable[[bytes], T]) -> list[T]:
    """What the files of the directory hold. Raises UsageError naming the one that does not open."""
    return [opened_file(path, opened) for path in sorted(directory.glob("*.json"))]


def opened_file(path: Path, opened: Callable[[bytes], T]) -> T:
    """What it holds. Raises UsageError naming it if it does not open."""
    try:
        return opened(read_private(path))
    except Rejected as error:
        raise UsageError(f"{path}: {error}") from None
