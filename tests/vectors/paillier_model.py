"""The Paillier scheme over again, slow and obvious, sharing no code with the package: it makes the vectors.

Everything is a function of the seed below; the keys protect nothing.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gmpy2 import gcd, is_prime, powmod

SEED = b"wattseal test vectors, version 1"
EDGES = (0, 2000, 3000, 4500, 6750, 10125, 15188, 22781, 34172, 51258, 76887, 115330, 172995, 259493, 389239)
Json = dict[str, Any]


def seeded(name: str, size: int) -> bytes:
    return hashlib.shake_256(SEED + b"|" + name.encode()).digest(size)


def seeded_below(name: str, bound: int) -> int:
    return int.from_bytes(seeded(name, 64), "big") % bound


def sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


# Keys


@dataclass(frozen=True)
class Key:
    bits: int
    p: int
    q: int
    h_s: int

    @property
    def n(self) -> int:
        return self.p * self.q

    @property
    def suite(self) -> int:
        return {3072: 1, 2048: 129}.get(self.bits, 130)

    @property
    def modulus_id(self) -> bytes:
        return hashlib.sha256(b"wattseal/paillier-modulus/1" + self.n.to_bytes(self.bits // 8, "big")).digest()[:16]

    def as_json(self) -> Json:
        public = self.n.to_bytes(self.bits // 8, "big") + self.h_s.to_bytes(self.bits // 4, "big")
        secret = b"".join(prime.to_bytes(self.bits // 16, "big") for prime in (self.p, self.q))
        return {
            "modulus_bits": self.bits,
            "suite": self.suite,
            "modulus_id": self.modulus_id.hex(),
            "public": public.hex(),
            "secret": (secret + self.h_s.to_bytes(self.bits // 4, "big")).hex(),
        }


def seeded_prime(name: str, bits: int) -> int:
    """The first prime from a seeded start on that is 3 mod 4; the two highest bits are set."""
    start = int.from_bytes(seeded(name, bits // 8), "big") | 3 << bits - 2 | 3
    while not is_prime(start, 32):
        start += 4
    return start


def make_key(bits: int) -> Key:
    for attempt in range(100):
        p, q = sorted(seeded_prime(f"key {bits} {attempt} {name}", bits // 2) for name in "pq")
        if gcd(p - 1, q - 1) == 2:
            break
    x, n = int.from_bytes(seeded(f"key {bits} x", bits // 8), "big") % (p * q), p * q
    return Key(bits, p, q, int(powmod(-x * x % n, n, n * n)))


# Labels and what is derived from them


@dataclass(frozen=True)
class Name:
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

    def shared(self, use: str, chunk: int = 0) -> bytes:
        fields = b"".join(sized(f) for f in (b"wattseal/1", use.encode(), self.modulus_id, self.region.encode()))
        sizes = (2, 1, 1, 4, 4, 4, 2)
        numbers = (self.suite, self.kind, self.channel, self.start, self.end, self.key_id, chunk)
        return fields + b"".join(v.to_bytes(s, "big") for v, s in zip(numbers, sizes, strict=True))

    def encoded(self, use: str, chunk: int = 0) -> bytes:
        meter = self.meter.encode()
        return self.shared(use, chunk) + b"\2" + bytes([self.number, len(meter)]) + meter

    def as_json(self) -> Json:
        return {**self.__dict__, "modulus_id": self.modulus_id.hex()}


def hkdf(key: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, 32 bytes."""
    return hmac.digest(hmac.digest(bytes(32), key, "sha256"), info + b"\1", "sha256")


def derived(root: bytes, period: int, purpose: str, *fields: bytes) -> bytes:
    parts = (b"wattseal/1", purpose.encode(), period.to_bytes(4, "big"), *fields)
    return hkdf(root, b"".join(map(sized, parts)))


def tag(key: bytes, name: Name) -> int:
    return int.from_bytes(hmac.digest(key, name.encoded("tag"), "sha256")[:8], "big")


def pad(key: bytes, name: Name, n: int) -> int:
    size = n.bit_length() // 8 + 16
    return int.from_bytes(hashlib.shake_256(key + name.encoded("pad")).digest(size), "little") % n


# Layouts and reports


@dataclass(frozen=True)
class Layout:
    intervals: int
    read_bits: int
    headroom_bits: int
    check_bits: int

    @property
    def widths(self) -> list[int]:
        return [self.read_bits + self.headroom_bits] * self.intervals + [1 + self.headroom_bits] * 17

    @property
    def check_offset(self) -> int:
        return sum(self.widths)

    @property
    def layout_id(self) -> bytes:
        numbers = (self.intervals, self.read_bits, self.headroom_bits, 32, 64, *EDGES)
        fields = (b"wattseal/slot-layout/1", *(number.to_bytes(8, "big") for number in numbers))
        return hashlib.sha256(b"".join(map(sized, fields))).digest()[:8]

    def weights(self, check_key: bytes, name: Name) -> list[int]:
        message = name.shared("weight") + b"\0"
        slots = range(len(self.widths))
        return [
            int.from_bytes(hmac.digest(check_key, message + s.to_bytes(2, "big"), "sha256")[:4], "big") for s in slots
        ]

    def values(self, reads: list[int]) -> list[int]:
        bucket = next((i for i, edge in enumerate(EDGES) if sum(reads) <= edge), 15)
        return [*reads, 1, *(int(i == bucket) for i in range(16))]

    def pack(self, values: list[int], check: int) -> int:
        packed, offset = 0, 0
        for value, width in zip(values, self.widths, strict=True):
            packed += value << offset
            offset += width
        return packed + (check << offset)

    def as_json(self) -> Json:
        return {**self.__dict__, "bucket_edges": EDGES, "layout_id": self.layout_id.hex()}


Members = list[tuple[int, Name]]


def weighed(weights: list[int], values: list[int]) -> int:
    return sum(w * v for w, v in zip(weights, values, strict=True))


@dataclass(frozen=True)
class Cohort:
    """Some meters of one window, and what a vector of their total needs."""

    key: Key
    layout: Layout
    meters: int

    @property
    def check_key(self) -> bytes:
        return seeded("check key", 32)

    @property
    def members(self) -> Members:
        key = self.key
        return [
            (m, Name(key.suite, key.modulus_id, "north", f"meter-{m}", 1, 1, 1440, 2880, 7, 0))
            for m in range(self.meters)
        ]

    def meter_key(self, use: str, meter: int) -> bytes:
        return seeded(f"{use} key {meter}", 32)

    def reads(self, meter: int) -> list[int]:
        """The last meter reads the largest value throughout, the first nothing at all."""
        largest = (1 << self.layout.read_bits) - 1
        if meter in (0, self.meters - 1):
            return [largest * (meter > 0)] * self.layout.intervals
        return [seeded_below(f"read {meter} {i}", min(largest, 1 + 2000 * meter)) for i in range(self.layout.intervals)]

    def seal(self, plaintext: int, exponent: int) -> bytes:
        n = self.key.n
        c = (1 + plaintext * n) * powmod(self.key.h_s, exponent, n * n) % (n * n)
        return int(c).to_bytes(self.key.bits // 4, "little")

    def report(self, meter: int) -> Json:
        name, pad_key, tag_key = self.members[meter][1], self.meter_key("pad", meter), self.meter_key("tag", meter)
        values, weights = self.layout.values(self.reads(meter)), self.layout.weights(self.check_key, name)
        packed = self.layout.pack(values, weighed(weights, values) + tag(tag_key, name))
        exponent = seeded(f"exponent {meter}", self.key.bits // 16)
        blinded = (packed + pad(pad_key, name, self.key.n)) % self.key.n
        return {
            "label": name.as_json(),
            "reads": values[: self.layout.intervals],
            "pad_key": pad_key.hex(),
            "tag_key": tag_key.hex(),
            "exponent": exponent.hex(),
            "packed": f"{packed:x}",
            "ciphertext": self.seal(blinded, int.from_bytes(exponent, "little")).hex(),
        }

    def total(
        self,
        members: Members,
        *,
        values: Callable[[Iterable[int]], list[int]] = list,
        check: int = 0,
        above: int = 0,
        stated: Members | None = None,
        ciphertext: bytes | None = None,
        pad_sum: bytes | None = None,
    ) -> Json:
        """An opened total of `members`. Each further argument makes one defect."""
        weights = self.layout.weights(self.check_key, members[0][1])
        columns = zip(*(self.layout.values(self.reads(m)) for m, _ in members), strict=True)
        slots = values(sum(column) for column in columns)
        tags = sum(tag(self.meter_key("tag", m), name) for m, name in members)
        packed = self.layout.pack(slots, weighed(weights, slots) + tags + check)
        packed += above << self.layout.check_offset + self.layout.check_bits
        pads = sum(pad(self.meter_key("pad", m), name, self.key.n) for m, name in members) % self.key.n
        sealed = self.seal((packed + pads) % self.key.n, seeded_below("total", 1 << 512))
        named = members if stated is None else stated
        return {
            "labels": [name.as_json() for _, name in named],
            "tag_keys": [self.meter_key("tag", m).hex() for m, _ in named],
            "check_key": self.check_key.hex(),
            "ciphertext": (sealed if ciphertext is None else ciphertext).hex(),
            "pad_sum": (pads.to_bytes(self.key.bits // 8, "little") if pad_sum is None else pad_sum).hex(),
            "reads": slots[: self.layout.intervals],
            "buckets": slots[self.layout.intervals + 1 :],
        }
