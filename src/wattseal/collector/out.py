"""The directory that a person names for results: checked before work begins, written into at its end."""

import shutil
from pathlib import Path

from wattseal.protocol.errors import UsageError


def check_out(out: Path) -> None:
    """Raises UsageError unless `out` is, or can become, a directory to write into."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".wattseal").touch()
        (out / ".wattseal").unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from None


def publish(file: Path, out: Path) -> Path:
    """Copy a finished file beside its place, then rename: readers see all of it or none."""
    partial = out / f".{file.name}.partial"
    shutil.copyfile(file, partial)
    return partial.replace(out / file.name)
