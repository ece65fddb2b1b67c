"""From one root per half of the key server to the keys of every meter (HKDF-SHA256, RFC 5869)."""

import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wattseal.cryptosystems.encoding import length_prefixed, utf8
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.keystream import KEY_BYTES
from wattseal.cryptosystems.pads.label import PROTOCOL_VERSION, Use
from wattseal.cryptosystems.secret import Secret

INSTALLATION_BYTES = 32
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Root:
    """The secret of one half in one key period. Each half draws its own first root of 32 random bytes."""

    secret: Secret
    period: int

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ParameterError(f"a root has {KEY_BYTES} bytes, not {len(self.secret)}")
        if not 0 <= self.period < 1 << 32:
            raise ParameterError("the key period of a root must be at least 0 and below 2^32")

    def meter_key(self, use: Use, region: str, meter: str, installation: bytes) -> Secret:
        """The key of one meter for one use.

        `installation` is the meter's X25519 public key: a meter that was enrolled anew has a new one, and so
        never draws a pad a second time.
        """
        if len(installation) != INSTALLATION_BYTES:
            raise ParameterError(f"an X25519 public key has {INSTALLATION_BYTES} bytes, not {len(installation)}")
        return self._derive(b"meter", use.encode(), utf8(region), utf8(meter), installation)

    def check_key(self, region: str, month: str) -> Secret:
        """The key of the check weights of a region in a month, YYYY-MM."""
        if not _MONTH.fullmatch(month):
            raise ParameterError(f"a month is written YYYY-MM, not {month!r}")
        return self._derive(b"check", utf8(region), month.encode())

    def noise_key(self) -> Secret:
        """The key of this half's share of all noise in the period."""
        return self._derive(b"noise")

    def own_key(self) -> Secret:
        """Of what the half keeps sealed for itself alone."""
        return self._derive(b"own")

    def next(self) -> "Root":
        """The root of the following period. This one cannot be computed back from it."""
        return Root(self._derive(b"next"), self.period + 1)

    def _derive(self, purpose: bytes, *fields: bytes) -> Secret:
        version = b"wattseal/%d" % PROTOCOL_VERSION
        info = length_prefixed(version, purpose, self.period.to_bytes(4, "big"), *fields)
        return Secret(HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self.secret.expose()))
