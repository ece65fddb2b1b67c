"""Which troubles a fleet is given, as data: what an operator writes into a file. `fault_plan.py` says whom they hit."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wattseal.protocol.codec import first_fault
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import CohortField
from wattseal.protocol.time import MINUTES_PER_DAY

# TOML's arrays are lists, which a strict model takes for no tuple.
_Names = Annotated[tuple[str, ...], Field(strict=False)]
_Minutes = Annotated[int, Field(ge=1, lt=MINUTES_PER_DAY)]


class Trouble(StrEnum):
    """Each has its settings in the field of `Faults` that it is named after."""

    GAPS = "gaps"
    LOST = "lost"
    LATE = "late"
    DUPLICATED = "duplicated"
    CONFLICTING = "conflicting"
    SKEWED_CLOCKS = "skewed_clocks"
    DEAD = "dead"
    LYING = "lying"
    OUT_OF_RANGE = "out_of_range"


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Chosen(_Settings):
    """A rate of meter-days, or of meters where a trouble stays with one; and `meters` by name, which always have it."""

    rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    meters: _Names = ()


class Gaps(Chosen):
    """Begin at any minute and last up to `longest_minutes`, midnight or not."""

    longest_minutes: _Minutes = 180


class SkewedClocks(Chosen):
    """A rate of meters, fast or slow by up to `largest_minutes`; a time check sees more than `known_beyond_minutes`."""

    largest_minutes: _Minutes = 10
    known_beyond_minutes: Annotated[int, Field(ge=0)] = 3


class Dead(Chosen):
    """A rate of the meters that are still alive on a day; the named ones die on the first."""

    rate: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Lying(Chosen):
    """A rate of meters, which count `percent` of what goes through them, registers included."""

    percent: Annotated[int, Field(ge=0, lt=100)] = 50


class Faults(_Settings):
    """Nothing is wrong by default. `late_cohort` is a path in the tree: all meters below it are late, on every day."""

    gaps: Gaps = Gaps()
    lost: Chosen = Chosen()
    late: Chosen = Chosen()
    late_cohort: CohortField | None = None
    duplicated: Chosen = Chosen()
    conflicting: Chosen = Chosen()
    skewed_clocks: SkewedClocks = SkewedClocks()
    dead: Dead = Dead()
    lying: Lying = Lying()
    out_of_range: Chosen = Chosen()

    def of(self, trouble: Trouble) -> Chosen:
        settings: Chosen = getattr(self, trouble)
        return settings


def load_faults(path: Path) -> Faults:
    """Raises UsageError naming the file and the field that is wrong."""
    try:
        return Faults.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"faults {path}: {error}") from None
    except ValidationError as error:
        raise UsageError(f"faults {path}: {first_fault(error)}") from None
