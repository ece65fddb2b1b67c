"""What every kind of tariff file needs: exact numbers as people write them, and errors that name the place."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from wattseal.protocol.codec import first_fault
from wattseal.protocol.errors import UsageError

_MOST_DIGITS = 15


def _exact(value: object) -> object:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


Number = Annotated[Decimal, BeforeValidator(_exact)]
"""A decimal fraction or an integer; the parsers are told to make no floats."""


class Written(BaseModel):
    """A part of a file as it was written, before it means anything."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


@contextmanager
def named(place: str) -> Iterator[None]:
    """Turns what a model finds wrong into a UsageError, and puts the place before it."""
    try:
        yield
    except ValidationError as error:
        raise UsageError(f"{place}: {first_fault(error)}") from None
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def scaled(value: Decimal, digits: int, what: str) -> int:
    """`value` in units of 10^-digits. Raises UsageError if it is finer, for nothing is rounded here."""
    if value.adjusted() > _MOST_DIGITS:
        raise UsageError(f"{what}: {value} is too large")
    shifted = value.scaleb(digits)
    if shifted != shifted.to_integral_value():
        raise UsageError(f"{what}: {value} is finer than {digits} decimals")
    return int(shifted)


def read_text(path: Path) -> str:
    """Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text in UTF-8") from None
