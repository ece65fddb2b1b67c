"""Labels: the one name of everything that is derived from a key and must never be derived twice."""

import hashlib
import struct
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from wattseal.cryptosystems.encoding import length_prefixed, utf8
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.secret import Secret

PROTOCOL_VERSION = 1

# suite, kind, channel, start, end, key id, chunk
_NUMBERS = struct.Struct(">HBBIIIH")
# What follows the shared part: nothing; the number; number and meter; number, meter and check key id; then of register
# reports, with what they are bound to: number; number and meter.
_SHARED, _NUMBERED, _FULL, _BOUND = b"\x00", b"\x01", b"\x02", b"\x03"
_NUMBERED_REGISTERS, _REGISTERS = b"\x04", b"\x05"
CHECK_KEY_ID_BYTES = REGISTERS_BYTES = 16


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
    """Names one report. `start` and `end` are UTC minutes since 1970 of its window or segment.

    `check_key_id` binds pads and tags to the check key that the report is sealed under. Else a decryptor that gave one
    meter another check key than its neighbors could read a linear form of that meter's reads off the check value of an
    honest total; with it, the pads of reports under different check keys do not cancel. `registers` binds all that a
    register report is sealed with to what its registers count and to the billing cycle, hence the scale.
    """

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
    check_key_id: bytes = b""
    registers: bytes = b""

    def encode(self, use: Use, chunk: int = 0) -> bytes:
        """Injective encoding of all fields. Raises ParameterError for a field out of range."""
        meter, check, registers = utf8(self.meter), self.check_key_id, self._checked_registers()
        if not 0 <= self.number <= 0xFF or len(meter) > 0xFF:
            raise ParameterError("label: number and the length of the meter's id must be below 256")
        if len(check) not in (0, CHECK_KEY_ID_BYTES):
            raise ParameterError(f"label: a check key id has {CHECK_KEY_ID_BYTES} bytes, not {len(check)}")
        if check and registers:
            raise ParameterError("label: no register report is bound to a check key")
        form = _BOUND if check else _REGISTERS if registers else _FULL
        bound = check or registers
        return b"%b%b%c%c%b%b" % (self._shared(use, chunk), form, self.number, len(meter), meter, bound)

    def encode_for(self, use: Use, meters: Sequence[str]) -> list[bytes]:
        """The same for this label of each of these meters."""
        names, bound = [utf8(meter) for meter in meters], self.check_key_id or self.registers
        if any(len(name) > 0xFF for name in names):
            raise ParameterError("label: the length of a meter's id must be below 256")
        nobody = self._replace(meter="").encode(use)
        head = nobody[: len(nobody) - 1 - len(bound)]
        return [b"%b%c%b%b" % (head, len(name), name, bound) for name in names]

    def encode_without_meter(self, use: Use, chunk: int = 0) -> bytes:
        """For what all meters of one window or segment, key id and number have in common."""
        if not 0 <= self.number <= 0xFF:
            raise ParameterError("label: number must be below 256")
        registers = self._checked_registers()
        form = _NUMBERED_REGISTERS if registers else _NUMBERED
        return b"%b%b%c%b" % (self._shared(use, chunk), form, self.number, registers)

    def encode_shared(self, use: Use, chunk: int = 0) -> bytes:
        """The same without the number: common to every report of one window or segment and key id."""
        return self._shared(use, chunk) + _SHARED

    def _checked_registers(self) -> bytes:
        if len(self.registers) not in (0, REGISTERS_BYTES):
            raise ParameterError(f"label: registers are named by {REGISTERS_BYTES} bytes, not {len(self.registers)}")
        return self.registers

    def _shared(self, use: Use, chunk: int) -> bytes:
        suite, modulus_id, region, _, kind, channel, start, end, key_id, *_ = self
        return _encode_shared(suite, modulus_id, region, kind, channel, start, end, key_id, use, chunk)


def check_key_id(check_key: Secret) -> bytes:
    """What labels name a check key by; tells nothing about it."""
    return hashlib.sha256(b"wattseal/check-key-id/1" + check_key.expose()).digest()[:CHECK_KEY_ID_BYTES]


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
