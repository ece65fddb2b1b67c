"""Labels: the one name of everything that is derived from a key and must never be derived twice."""

import struct
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from wattseal.cryptosystems.encoding import length_prefixed, utf8
from wattseal.cryptosystems.errors import ParameterError

PROTOCOL_VERSION = 1

# suite, kind, channel, start, end, key id, chunk
_NUMBERS = struct.Struct(">HBBIIIH")
# What follows the shared part: nothing, the number, or the number and the meter.
_SHARED, _NUMBERED, _FULL = b"\x00", b"\x01", b"\x02"


class Use(StrEnum):
    """What a label's bytes are used for."""

    PAD = "pad"
    TAG = "tag"
    WEIGHT = "weight"
    CHECK = "check"
    SCALE = "scale"
    A = "a"
    SECRET = "secret"  # noqa: S105 - the name of a use
    ERROR = "error"
    NOISE = "noise"


class Label(NamedTuple):
    """Names one report. `start` and `end` are UTC minutes since 1970 of its window or segment."""

    suite: int
    modulus_id: bytes
    region: str
    meter: str
    kind: int
    channel: int
    start: int
    end: int
    key_id: int
    number: int

    def encode(self, use: Use, chunk: int = 0) -> bytes:
        """Injective encoding of all fields. Raises ParameterError for a field out of range."""
        meter = utf8(self.meter)
        if not 0 <= self.number <= 0xFF or len(meter) > 0xFF:
            raise ParameterError("label: number and the length of the meter's id must be below 256")
        return b"%b%b%c%c%b" % (self._shared(use, chunk), _FULL, self.number, len(meter), meter)

    def encode_without_meter(self, use: Use, chunk: int = 0) -> bytes:
        """For what all meters of one window or segment, key id and number have in common."""
        if not 0 <= self.number <= 0xFF:
            raise ParameterError("label: number must be below 256")
        return b"%b%b%c" % (self._shared(use, chunk), _NUMBERED, self.number)

    def encode_shared(self, use: Use, chunk: int = 0) -> bytes:
        """The same without the number: common to every report of one window or segment and key id."""
        return self._shared(use, chunk) + _SHARED

    def _shared(self, use: Use, chunk: int) -> bytes:
        suite, modulus_id, region, _, kind, channel, start, end, key_id, _ = self
        return _encode_shared(suite, modulus_id, region, kind, channel, start, end, key_id, use, chunk)


@lru_cache(maxsize=1024)
def _encode_shared(
    suite: int,
    modulus_id: bytes,
    region: str,
    kind: int,
    channel: int,
    start: int,
    end: int,
    key_id: int,
    use: Use,
    chunk: int,
) -> bytes:
    try:
        numbers = _NUMBERS.pack(suite, kind, channel, start, end, key_id, chunk)
    except struct.error as error:
        raise ParameterError(f"label: a number is out of range ({error})") from None
    prefix = b"wattseal/%d" % PROTOCOL_VERSION
    return length_prefixed(prefix, use.encode(), modulus_id, utf8(region)) + numbers
