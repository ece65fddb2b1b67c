"""Canonical bytes of messages: JSON with sorted keys, no white space, integers only, bytes as base64url.

A decoded message encodes to the same bytes again or it is rejected, so that a digest names one message.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, PlainSerializer, ValidationError

from wattseal.protocol.errors import MalformedMessage

T = TypeVar("T")
Digest = bytes
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def _from_base64(value: object) -> object:
    """Strict base64url without padding; other types go on to pydantic's own check."""
    if not isinstance(value, str):
        return value
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ValueError("not base64url") from error
    if to_base64(data) != value:
        raise ValueError("not canonical base64url")
    return data


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


Bytes = Annotated[bytes, BeforeValidator(_from_base64), PlainSerializer(to_base64, when_used="json")]
Bytes32 = Annotated[Bytes, Field(min_length=32, max_length=32)]
Signature = Annotated[Bytes, Field(min_length=64, max_length=64)]
# What SQLite and Arrow hold; Python itself refuses to print integers of more than 4,300 digits.
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
# Stops at the first bad item: a megabyte of them would otherwise be a gigabyte of faults.
Many = Annotated[tuple[T, ...], FailFast()]


STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
"""How parts of messages are read that are no messages themselves."""


class Message(BaseModel):
    """A frozen message whose `to_bytes` is canonical and whose `from_bytes` accepts nothing else."""

    # In full, for the type checker reads it.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def to_bytes(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises MalformedMessage for anything but the exact bytes that `to_bytes` would give."""
        message = cls.parse(data)
        if message.to_bytes() != data:
            raise MalformedMessage(f"{cls.__name__}: not in canonical form")
        return message

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Any JSON spelling of the message, for requests that nobody signed. Raises MalformedMessage."""
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise MalformedMessage(f"{cls.__name__}: {first_fault(error)}") from None

    def digest(self) -> Digest:
        return hashlib.sha256(self.to_bytes()).digest()


@dataclass(frozen=True, slots=True)
class Named(Generic[T]):
    """A long message under its digest, for what is kept by it: comparing the digests suffices."""

    fingerprint: Digest
    value: T = field(compare=False)


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return _CANONICAL.encode(value).encode()


def first_fault(error: ValidationError) -> str:
    """Place and reason of the first fault, without the input: hostile bytes do not come back in an answer.

    An unknown field is named if its name could be that of a field, for the sake of people's own files.
    """
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"] if isinstance(part, int) or _FIELD_NAME.fullmatch(part))
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])
