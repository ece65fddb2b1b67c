"""Names and numbers that identify things in messages, checked where they enter."""

import re
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, NewType

from pydantic import AfterValidator, Field

from wattseal.protocol.errors import MalformedMessage, UsageError

MeterId = NewType("MeterId", str)
RegionId = NewType("RegionId", str)
CohortId = NewType("CohortId", str)
Window = NewType("Window", int)

ID_BYTES = 16
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,14}[A-Za-z0-9])?")
_COHORT = re.compile(r"[A-Za-z0-9._-]{1,24}(?:/[A-Za-z0-9._-]{1,24}){0,5}")


class Kind(IntEnum):
    """What a report covers."""

    DAILY = 1
    CYCLE = 2
    REGISTER = 3
    VECTOR = 4


class Channel(StrEnum):
    """A physical quantity of one direction; also the channel family that pins are kept by."""

    DELIVERED = "delivered"
    RECEIVED = "received"

    @property
    def code(self) -> int:
        return _CHANNEL_CODES[self]

    @classmethod
    def from_code(cls, code: int) -> "Channel":
        if code not in _CHANNELS:
            raise MalformedMessage(f"channel {code} is not known")
        return _CHANNELS[code]


_CHANNEL_CODES = {Channel.DELIVERED: 1, Channel.RECEIVED: 2}
_CHANNELS = {code: channel for channel, code in _CHANNEL_CODES.items()}


class RegionDay(NamedTuple):
    """Whose totals the set rules see together: those of one region, channel family and UTC day.

    No meter is in two regions, so those of another region tell nothing about its meters.
    """

    region: RegionId
    channel: Channel
    window: Window


class Suite(IntEnum):
    """Cryptosystem with its size. Numbers from 128 on are insecure ones, for comparison and tests."""

    PAILLIER_3072 = 1
    CKKS = 2
    MASKING = 3
    INSECURE_PAILLIER_2048 = 129
    INSECURE_PAILLIER_TEST = 130
    INSECURE_CKKS_TEST = 131

    @classmethod
    def of_scheme(cls, name: str) -> "Suite":
        """The suite that a scheme's name stands for. Raises UsageError."""
        suites = {"paillier": cls.PAILLIER_3072, "ckks": cls.CKKS, "masking": cls.MASKING}
        if name not in suites:
            raise UsageError(f"a scheme is {' or '.join(suites)}, not '{name}'")
        return suites[name]


class Role(StrEnum):
    AGGREGATOR = "aggregator"
    DECRYPTOR = "decryptor"
    UNBLINDER = "unblinder"


HalfRole = Literal[Role.DECRYPTOR, Role.UNBLINDER]


def checked_id(text: str) -> str:
    """One to 16 letters, digits and inner dots, underscores or hyphens. Raises ValueError."""
    if not _ID.fullmatch(text):
        raise ValueError("an id is 1 to 16 letters, digits, '.', '_' or '-', beginning and ending in a letter or digit")
    return text


# Fifty meters share a cohort: its name is looked at once, and kept once.
@lru_cache(maxsize=1 << 12)
def checked_cohort(text: str) -> str:
    """A path in the tree of cohorts, such as town/feeder-2/t07. Raises ValueError."""
    if not _COHORT.fullmatch(text) or any(part in (".", "..") for part in text.split("/")):
        raise ValueError("a cohort is a path of 1 to 6 names, such as town/feeder-2/t07")
    return text


MeterField = Annotated[MeterId, AfterValidator(checked_id)]
RegionField = Annotated[RegionId, AfterValidator(checked_id)]
CohortField = Annotated[CohortId, AfterValidator(checked_cohort)]
# The last day of the year 9999, so that every window has a date to print.
LAST_WINDOW = Window(2_932_896)
WindowField = Annotated[Window, Field(ge=0, le=LAST_WINDOW)]
KeyIdField = Annotated[int, Field(ge=1, lt=1 << 32)]
NumberField = Annotated[int, Field(ge=0, le=7)]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]


def id_to_bytes(text: str) -> bytes:
    return checked_id(text).encode("ascii").ljust(ID_BYTES, b"\0")


def id_from_bytes(field: bytes) -> str:
    """Raises MalformedMessage unless `field` is the padded form of an id."""
    try:
        return checked_id(field.rstrip(b"\0").decode("ascii"))
    except ValueError:
        raise MalformedMessage("a region or meter is not the padded form of an id") from None


def within(cohort: CohortId, ancestor: CohortId) -> bool:
    """Whether `cohort` is `ancestor` or lies below it in the tree."""
    return cohort == ancestor or cohort.startswith(ancestor + "/")
