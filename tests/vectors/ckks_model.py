"""The CKKS scheme over again, slow and obvious, sharing no code with the package: it makes the vectors.

Residues are lists of Python integers, one for each prime. Names, seeds and meters' days are the Paillier model's.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import mul

from tests.vectors.masking_model import numbers, stream
from tests.vectors.paillier_model import EDGES, Json, Layout, Members, Name, seeded, seeded_below

PRIMES = (9_007_199_254_429_697, 9_007_199_254_364_161)
MODULUS = PRIMES[0] * PRIMES[1]
MODULUS_ID = MODULUS.to_bytes(16, "big")
Residues = list[list[int]]


def uniform(key: bytes, name: bytes, count: int) -> Residues:
    """The lowest 53 bits of words, those not below the prime skipped; half of the words for either prime."""
    words = [w & (1 << 53) - 1 for w in numbers(stream(key, name, 16 * (count + 8)))]
    halves = words[: count + 8], words[count + 8 :]
    return [[w for w in half if w < prime][:count] for half, prime in zip(halves, PRIMES, strict=True)]


def scale(key: bytes, name: bytes) -> int:
    return 1 << 63 | int.from_bytes(stream(key, name, 8), "little")


def errors(key: bytes, name: Name, values: Sequence[int], of_scale: int) -> list[int]:
    """How many of 42 bits are set, less 21."""
    size = 4 if all(-(1 << 31) <= value < 1 << 31 for value in values) else 8
    content = b"".join(value.to_bytes(size, "little", signed=True) for value in values)
    digest = hashlib.sha256(str(size).encode() + of_scale.to_bytes(8, "little") + content).digest()
    words = numbers(stream(key, name.encoded("error") + digest, 8 * len(values)))
    return [(word & (1 << 42) - 1).bit_count() - 21 for word in words]


def pads(key: bytes, name: Name, count: int) -> Residues:
    return uniform(key, name.encoded("pad") + count.to_bytes(2, "big"), count)


@dataclass(frozen=True)
class RegisterName(Name):
    """Of a register report: what its registers count, and in which cycle, stands at the end."""

    registers: bytes

    def encoded(self, use: str, chunk: int = 0) -> bytes:
        meter = self.meter.encode()
        return self.shared(use, chunk) + b"\5" + bytes([self.number, len(meter)]) + meter + self.registers

    def as_json(self) -> Json:
        return {**super().as_json(), "registers": self.registers.hex()}


def bare(name: Name, start: int = 0, end: int = 0) -> Name:
    """What the secret and the scale of a name's meter are named by."""
    return Name(name.suite, name.modulus_id, name.region, name.meter, 0, 0, start, end, name.key_id, 0)


@lru_cache
def a(name: Name, degree: int) -> Residues:
    number = bytes([name.number])
    form = b"\4" + number + name.registers if isinstance(name, RegisterName) else b"\1" + number
    return uniform(bytes(32), name.shared("a") + form, degree)


def secret(key: bytes, name: Name, degree: int) -> list[int]:
    made = stream(key, bare(name).encoded("secret"), degree + 128)
    return [byte % 3 - 1 for byte in made if byte < 255][:degree]


def product(x: list[int], y: list[int], count: int) -> list[int]:
    """The first coefficients of polynomials modulo X^N + 1, by the schoolbook."""
    shifted = ([*reversed(x[: t + 1]), *(-c for c in reversed(x[t + 1 :]))] for t in range(count))
    return [sum(map(mul, row, y)) for row in shifted]


def masks(key: bytes, name: Name, degree: int, count: int) -> Residues:
    own = secret(key, name, degree)
    return [product(row, own, count) for row in a(name, degree)]


def added(*terms: Iterable[Sequence[int]]) -> Residues:
    """Sums of residues."""
    columns = zip(*terms, strict=True)
    return [[sum(c) % p for c in zip(*rows, strict=True)] for rows, p in zip(columns, PRIMES, strict=True)]


def sealed(values: Sequence[int], noise: Sequence[int], of_scale: int, mask: Residues, pad: Residues) -> Residues:
    plain = [value * of_scale + error for value, error in zip(values, noise, strict=True)]
    return added([plain, plain], [[-m for m in row] for row in mask], pad)


def encoded(residues: Residues) -> bytes:
    """53 bits each, the lowest first, without gaps."""
    fields = [field for row in residues for field in row]
    bits = sum(field << 53 * i for i, field in enumerate(fields))
    return bits.to_bytes(-(-53 * len(fields) // 8), "little")


def joined(first: int, second: int) -> int:
    """The number below q of both residues."""
    p, q = PRIMES
    return (first * q * pow(q, -1, p) + second * p * pow(p, -1, q)) % MODULUS


@dataclass(frozen=True)
class Sealed:
    """Some meters of one window, and what a vector of their total needs."""

    degree: int
    layout: Layout
    meters: int

    @property
    def suite(self) -> int:
        return 2 if self.degree == 4096 else 131

    @property
    def count(self) -> int:
        """Reads, the count, buckets, zeros."""
        return self.layout.intervals + 1 + 16 + 8

    @property
    def check_key(self) -> bytes:
        return seeded("check key", 32)

    @property
    def error_key(self) -> bytes:
        return seeded("error key", 32)

    @property
    def members(self) -> Members:
        names = [
            Name(self.suite, MODULUS_ID, "north", f"meter-{m}", 1, 1, 1440, 2880, 7, 0) for m in range(self.meters)
        ]
        return list(enumerate(names))

    def meter_key(self, use: str, meter: int) -> bytes:
        return seeded(f"{use} key {meter}", 32)

    def reads(self, meter: int) -> list[int]:
        """The last meter reads the largest value throughout, the first nothing at all."""
        largest = (1 << self.layout.read_bits) - 1
        if meter in (0, self.meters - 1):
            return [largest * (meter > 0)] * self.layout.intervals
        return [seeded_below(f"read {meter} {i}", min(largest, 1 + 2000 * meter)) for i in range(self.layout.intervals)]

    def values(self, meter: int) -> list[int]:
        return self.layout.values(self.reads(meter)) + [0] * 8

    def scale(self, name: Name) -> int:
        return scale(self.check_key, replace(name, kind=0, channel=0).shared("scale") + b"\0")

    def layout_as_json(self) -> Json:
        layout = self.layout
        return {
            "degree": self.degree,
            "suite": self.suite,
            "intervals": layout.intervals,
            "read_bits": layout.read_bits,
            "headroom_bits": layout.headroom_bits,
            "bucket_edges": EDGES,
            "layout_id": layout.layout_id.hex(),
            "coefficients": self.count,
        }

    def errors(self, meter: int, name: Name) -> list[int]:
        return errors(self.error_key, name, self.values(meter), self.scale(name))

    def report(self, meter: int) -> Json:
        name, keys = self.members[meter][1], {use: self.meter_key(use, meter) for use in ("pad", "tag")}
        of_scale, noise = self.scale(name), self.errors(meter, name)
        own = masks(keys["tag"], name, self.degree, self.count), pads(keys["pad"], name, self.count)
        return {
            "label": name.as_json(),
            "reads": self.reads(meter),
            "pad_key": keys["pad"].hex(),
            "tag_key": keys["tag"].hex(),
            "scale": of_scale,
            "errors": noise,
            "ciphertext": encoded(sealed(self.values(meter), noise, of_scale, *own)).hex(),
        }

    def total(
        self,
        members: Members,
        *,
        values: Callable[[Iterable[int]], list[int]] = list,
        noise: Callable[[Iterable[int]], list[int]] = list,
        of_scale: int | None = None,
        stated: Members | None = None,
        ciphertext: bytes | None = None,
        pad_sum: bytes | None = None,
    ) -> Json:
        """An opened total of `members`. Each further argument makes one defect."""
        slots = values(map(sum, zip(*(self.values(m) for m, _ in members), strict=True)))
        error = noise(map(sum, zip(*(self.errors(m, name) for m, name in members), strict=True)))
        pad = added(*(pads(self.meter_key("pad", m), name, self.count) for m, name in members))
        mask = added(*(masks(self.meter_key("tag", m), name, self.degree, self.count) for m, name in members))
        honest_scale = self.scale(members[0][1])
        made = encoded(sealed(slots, error, honest_scale if of_scale is None else of_scale, mask, pad))
        named = members if stated is None else stated
        return {
            "labels": [name.as_json() for _, name in named],
            "tag_keys": [self.meter_key("tag", m).hex() for m, _ in named],
            "check_key": self.check_key.hex(),
            "ciphertext": (made if ciphertext is None else ciphertext).hex(),
            "pad_sum": (encoded(pad) if pad_sum is None else pad_sum).hex(),
            "reads": slots[: self.layout.intervals],
            "buckets": slots[self.layout.intervals + 1 : -8],
        }


@dataclass(frozen=True)
class Bill:
    """Reports of one meter and cycle, both channels, the first under number 1, and a net bill of them."""

    degree: int
    intervals: int
    cycle: tuple[int, int] = (1440, 47520)

    @property
    def suite(self) -> int:
        return 2 if self.degree == 4096 else 131

    @property
    def names(self) -> list[Name]:
        name = Name(self.suite, MODULUS_ID, "north", "meter-1", 2, 1, *self.cycle, 7, 1)
        return [name, replace(name, channel=2, number=0)]

    def key(self, use: str) -> bytes:
        return seeded(f"{use} key 1" if use != "error" else "error key", 32)

    def scale(self) -> int:
        return scale(self.key("tag"), bare(self.names[0], *self.cycle).encoded("scale"))

    def values(self, name: Name) -> list[int]:
        """Of the second channel, one is too large for 32 bits and one negative."""
        drawn = [seeded_below(f"value {name.channel} {i}", 4000) for i in range(self.intervals)]
        return drawn if name.channel == 1 else [(1 << 40) - 1, -1, *drawn[2:]]

    def prices(self, name: Name) -> list[int]:
        sign = 1 if name.channel == 1 else -1
        drawn = [sign * seeded_below(f"price {name.channel} {i}", 50_000) for i in range(self.intervals)]
        return drawn if name.channel == 1 else [0, *drawn[1:]]

    def report(self, name: Name) -> Residues:
        values, of_scale = self.values(name), self.scale()
        noise = errors(self.key("error"), name, values, of_scale)
        mask = masks(self.key("tag"), name, self.degree, self.intervals)
        return sealed(values, noise, of_scale, mask, pads(self.key("pad"), name, self.intervals))

    def weighed(self, residues: Sequence[Residues]) -> int:
        first, second = (
            sum(sum(map(mul, rows[prime], self.prices(name))) for rows, name in zip(residues, self.names, strict=True))
            for prime in range(2)
        )
        return joined(first, second)

    def report_as_json(self, name: Name) -> Json:
        return {"label": name.as_json(), "values": self.values(name), "ciphertext": encoded(self.report(name)).hex()}

    def reports_as_json(self) -> Json:
        return {
            "degree": self.degree,
            **{f"{use}_key": self.key(use).hex() for use in ("pad", "tag", "error")},
            "scale": self.scale(),
            "reports": [self.report_as_json(name) for name in self.names],
        }

    @property
    def sum(self) -> int:
        return self.weighed([self.report(name) for name in self.names])

    @property
    def pad(self) -> int:
        return self.weighed([pads(self.key("pad"), name, self.intervals) for name in self.names])

    @property
    def value(self) -> int:
        return sum(sum(map(mul, self.values(name), self.prices(name))) for name in self.names)

    def as_json(
        self,
        *,
        shift: int = 0,
        names: Sequence[Name] | None = None,
        cycle: tuple[int, int] | None = None,
        prices: Sequence[Sequence[int]] | None = None,
        encoded_sum: bytes | None = None,
        encoded_pad: bytes | None = None,
    ) -> Json:
        """What is opened. Each argument makes one defect."""
        total = ((self.sum + shift) % MODULUS).to_bytes(14, "little")
        return {
            "degree": self.degree,
            "labels": [name.as_json() for name in (self.names if names is None else names)],
            "tag_key": self.key("tag").hex(),
            "cycle": self.cycle if cycle is None else cycle,
            "prices": [self.prices(name) for name in self.names] if prices is None else prices,
            "sum": (total if encoded_sum is None else encoded_sum).hex(),
            "pad": (self.pad.to_bytes(14, "little") if encoded_pad is None else encoded_pad).hex(),
            "value": self.value,
        }


@dataclass(frozen=True)
class Registers(Bill):
    """A meter's registers at the end of a cycle: two indexes before, the same now, a demand; the first one's energy."""

    @property
    def names(self) -> list[Name]:
        place = (self.suite, MODULUS_ID, "north", "meter-1", 3, 1, *self.cycle, 7, 0)
        return [RegisterName(*place, registers=seeded("registers", 16))]

    def values(self, name: Name) -> list[int]:
        return [10**10 - 1, 7, 10**10 + 400_000, 90_007, 6_100]

    def prices(self, name: Name) -> list[int]:
        return [-1, 0, 1, 0, 0]

    def opened_as_json(self, names: Sequence[Name] | None = None) -> Json:
        return {**self.reports_as_json(), **self.as_json(names=names)}
