"""Secret scales, the check of this scheme: whoever lacks one cannot shift a sum by a whole multiple of it."""

from collections.abc import Sequence
from typing import NamedTuple

from wattseal.cryptosystems.pads.keystream import keystream
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret

_SCALE_BYTES = 8
_LOWEST = 1 << 63


class Cycle(NamedTuple):
    """A billing cycle in UTC minutes since 1970, whatever part of it a report's segment covers."""

    start: int
    end: int


def bill_scale(secret_key: Secret, label: Label, cycle: Cycle) -> int:
    """2^63 and 63 secret bits of the label's meter: one for all channels, kinds, segments and numbers of a cycle."""
    [scale] = bill_scales([secret_key], label, [label.meter], cycle)
    return scale


def bill_scales(secret_keys: Sequence[Secret], label: Label, meters: Sequence[str], cycle: Cycle) -> list[int]:
    """The same of each of these meters of the label's region, under its key id."""
    name = label._replace(
        kind=0, channel=0, start=cycle.start, end=cycle.end, number=0, check_key_id=b"", registers=b""
    )
    return [_scale(*named) for named in zip(secret_keys, name.encode_for(Use.SCALE, meters), strict=True)]


def total_scale(check_key: Secret, label: Label) -> int:
    """The same of the label's region and window: one for all meters and channels."""
    return _scale(check_key, label._replace(kind=0, channel=0).encode_shared(Use.SCALE))


def _scale(key: Secret, name: bytes) -> int:
    return _LOWEST | int.from_bytes(keystream(key, name, _SCALE_BYTES), "little")
