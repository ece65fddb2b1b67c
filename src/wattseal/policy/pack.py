"""Policy packs: the numbers of the rules, as data. The rules themselves are in the other modules of this package."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from wattseal.protocol.codec import Message, first_fault
from wattseal.protocol.errors import PurposeNotPermitted, UsageError
from wattseal.protocol.release import Purpose


class Policy(Message):
    """At least `coverage_percent` of a group's active roster reported; no member above `largest_share_percent`."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    least_group: Annotated[int, Field(ge=2, le=16_384)]
    coverage_percent: Annotated[int, Field(ge=50, le=100)]
    largest_share_percent: Annotated[int, Field(ge=1, le=100)]
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1)]

    def check_purpose(self, purpose: str) -> None:
        if purpose not in self.purposes:
            raise PurposeNotPermitted(f"policy {self.name} permits the purposes {', '.join(self.purposes)}")


def load_policy(path: Path) -> Policy:
    """Raises UsageError naming the file and the field that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"policy {path}: {error}") from None
    return _parse(text, str(path))


def trial_policy() -> Policy:
    """The pack for trial runs: groups of at least 15, nobody above 15 %."""
    return _parse(resources.files(__package__).joinpath("trial.toml").read_text(encoding="utf-8"), "trial.toml")


def _parse(text: str, origin: str) -> Policy:
    try:
        fields = tomllib.loads(text)
        # TOML's arrays are lists, which a strict model takes for no tuple.
        return Policy.model_validate({k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"policy {origin}: {error}") from None
    except ValidationError as error:
        raise UsageError(f"policy {origin}: {first_fault(error)}") from None
