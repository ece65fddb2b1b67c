"""One half's share of a total's noise: the same for the same members, day, interval, channel and scale, whoever asks.

So asking again, for another purpose or under another cohort's name, brings nothing to average. Another scale is another
stream: of two related ones, the exact total would follow.
"""

import hashlib
import struct
from collections.abc import Iterable

from wattseal.cryptosystems.encoding import length_prefixed, utf8
from wattseal.cryptosystems.noise.gaussian import discrete_gaussian
from wattseal.cryptosystems.pads.keystream import keystream
from wattseal.cryptosystems.pads.label import PROTOCOL_VERSION, Use
from wattseal.cryptosystems.secret import Secret

# day, channel, interval
_PLACE = struct.Struct(">IBH")
_BLOCK_BYTES = 1024


def day_noise(
    noise_key: Secret, members: Iterable[str], day: int, channel: int, intervals: int, sigma: int
) -> tuple[int, ...]:
    """A discrete Gaussian of standard deviation `sigma` for each interval, independent of one another."""
    name = _name(members, sigma)
    return tuple(
        discrete_gaussian(sigma * sigma, _Stream(noise_key, name + _PLACE.pack(day, channel, interval)))
        for interval in range(intervals)
    )


def _name(members: Iterable[str], sigma: int) -> bytes:
    """Injective but for collisions of SHA-256; members are a set."""
    digest = hashlib.sha256(b"".join(length_prefixed(utf8(member)) for member in sorted(set(members)))).digest()
    return length_prefixed(b"wattseal/%d" % PROTOCOL_VERSION, Use.NOISE.encode(), digest, b"%d" % sigma)


class _Stream:
    """Uniform integers from a keystream of any length, by rejection."""

    def __init__(self, key: Secret, name: bytes) -> None:
        self._key, self._name = key, name
        self._blocks, self._bytes = 0, b""

    def below(self, bound: int) -> int:
        bits = (bound - 1).bit_length()
        while True:
            drawn = int.from_bytes(self._take((bits + 7) // 8), "big") & ((1 << bits) - 1)
            if drawn < bound:
                return drawn

    def _take(self, count: int) -> bytes:
        while len(self._bytes) < count:
            self._bytes += keystream(self._key, self._name + self._blocks.to_bytes(4, "big"), _BLOCK_BYTES)
            self._blocks += 1
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken
