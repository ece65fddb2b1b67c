"""Public keys as the decryptor publishes them, and each half's per-meter keys sealed to the meter."""

import itertools
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wattseal.protocol.codec import Bytes, Bytes32, Many, Message
from wattseal.protocol.ids import HalfRole, KeyIdField, MeterField, RegionField, WindowField

Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class KeyNotice(Message):
    """The encryption key for reports of windows from `first_window` through `last_window`; the decryptor signs it."""

    version: Literal[1] = 1
    key_id: KeyIdField
    suite: Annotated[int, Field(ge=0, le=255)]
    public_key: Annotated[Bytes, Field(max_length=4096)]
    first_window: WindowField
    last_window: WindowField

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_window < self.first_window:
            raise ValueError("last_window is before first_window")
        return self


def periods_of(notices: Iterable[KeyNotice]) -> dict[int, KeyNotice]:
    """By key id, each cut where the one that begins next does: a period ends there, whatever it was made for."""
    by_beginning = sorted(notices, key=lambda notice: notice.first_window)
    ends = [min(one.last_window, after.first_window - 1) for one, after in itertools.pairwise(by_beginning)]
    cut = (one.model_copy(update={"last_window": end}) for one, end in zip(by_beginning, ends, strict=False))
    return {notice.key_id: notice for notice in (*cut, *by_beginning[-1:])}


class NextPeriod(Message):
    """An operator asks a half to begin the key period after its latest; only the decryptor has to know the windows.

    Asked again: no change.
    """

    period: KeyIdField
    first_window: WindowField | None = None
    last_window: WindowField | None = None


class MeterKeysOfHalf(Message):
    """What one half shares with one meter; travels only inside a sealed box."""

    meter: MeterField
    meter_key: Bytes32
    check_keys: dict[Month, Bytes32]


class SealedKeys(Message):
    meter: MeterField
    box: Bytes


class Enrolment(Message):
    """One half's keys for every meter of a region and key period, each box open to its meter only.

    Signed by the half, or anyone on the way could hand meters pad keys of their own choosing.
    """

    version: Literal[1] = 1
    role: HalfRole
    region: RegionField
    key_id: KeyIdField
    roster_digest: Bytes32
    months: Many[Month]
    boxes: Annotated[Many[SealedKeys], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for names in (self.months, [box.meter for box in self.boxes]):
            if list(names) != sorted(set(names)):
                raise ValueError("months and meters are sorted, each once")
        return self


class EnrolmentRequest(Message):
    """What the fleet asks of each half."""

    region: RegionField
    key_id: KeyIdField
    window: WindowField
    months: Annotated[Many[Month], Field(min_length=1, max_length=36)]


MOST_CHECK_KEYS = 4096


class CheckKeyName(Message):
    """What labels name the check key of a region's month by; see `PadRequest`."""

    region: RegionField
    key_id: KeyIdField
    month: Month
    check_key_id: Annotated[Bytes, Field(min_length=16, max_length=16)]


class CheckKeyNames(Message):
    """Decryptor to unblinder: the check keys of days that may be asked about soon, so that pads can be summed ahead.

    Whatever they say, a grant's pads are for the check key that its request names.
    """

    names: Annotated[Many[CheckKeyName], Field(max_length=MOST_CHECK_KEYS)]
