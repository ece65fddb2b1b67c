"""The masking scheme over again, slow and obvious, sharing no code with the package: it makes the vectors.

Names, seeds and meters' days are those of the Paillier model.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.vectors.paillier_model import EDGES, Json, Layout, Members, Name, seeded, seeded_below, weighed

MODULUS = 2**64
MODULUS_ID = bytes.fromhex("00000000000000010000000000000000")
SUITE = 3


def stream(key: bytes, label: bytes, size: int) -> bytes:
    """SHAKE-256 up to 1,024 bytes; above, AES-256 of a counter from 0 under a key made by it."""
    if size <= 1024:
        return hashlib.shake_256(key + label).digest(size)
    cipher_key = hashlib.shake_256(key + label + b"aes-256-ctr").digest(32)
    block = Cipher(algorithms.AES256(cipher_key), modes.ECB()).encryptor()  # noqa: S305 - counter mode by hand
    return b"".join(block.update(counter.to_bytes(16, "big")) for counter in range(-(-size // 16)))[:size]


def numbers(encoded: bytes) -> list[int]:
    return [int.from_bytes(encoded[at : at + 8], "little") for at in range(0, len(encoded), 8)]


def encoded(words: list[int]) -> bytes:
    return b"".join((word % MODULUS).to_bytes(8, "little") for word in words)


@dataclass(frozen=True)
class Masked:
    """Some meters of one window, and what a vector of their total needs."""

    layout: Layout
    meters: int

    @property
    def words(self) -> int:
        return self.layout.intervals + 1 + 16 + 2

    @property
    def check_key(self) -> bytes:
        return seeded("check key", 32)

    @property
    def members(self) -> Members:
        return [(m, Name(SUITE, MODULUS_ID, "north", f"meter-{m}", 1, 1, 1440, 2880, 7, 0)) for m in range(self.meters)]

    def meter_key(self, use: str, meter: int) -> bytes:
        return seeded(f"{use} key {meter}", 32)

    def mask(self, key: str, use: str, member: tuple[int, Name]) -> list[int]:
        meter, name = member
        return numbers(stream(self.meter_key(key, meter), name.encoded(use), 8 * self.words))

    def weights(self, name: Name) -> list[list[int]]:
        slots = self.words - 2
        made = stream(self.check_key, name.shared("weight") + b"\0", 2 * 3 * slots)
        weights = [int.from_bytes(made[at : at + 3], "little") for at in range(0, len(made), 3)]
        return [weights[:slots], weights[slots:]]

    def reads(self, meter: int) -> list[int]:
        """The last meter reads the largest value throughout, the first nothing at all."""
        largest = (1 << self.layout.read_bits) - 1
        if meter in (0, self.meters - 1):
            return [largest * (meter > 0)] * self.layout.intervals
        return [seeded_below(f"read {meter} {i}", min(largest, 1 + 2000 * meter)) for i in range(self.layout.intervals)]

    def layout_as_json(self) -> Json:
        layout = self.layout
        return {
            "intervals": layout.intervals,
            "read_bits": layout.read_bits,
            "headroom_bits": layout.headroom_bits,
            "bucket_edges": EDGES,
            "layout_id": layout.layout_id.hex(),
            "words": self.words,
        }

    def report(self, meter: int) -> Json:
        member = self.members[meter]
        values = self.layout.values(self.reads(meter))
        words = values + [weighed(weights, values) for weights in self.weights(member[1])]
        masks = zip(words, self.mask("pad", "pad", member), self.mask("tag", "secret", member), strict=True)
        return {
            "label": member[1].as_json(),
            "reads": self.reads(meter),
            "pad_key": self.meter_key("pad", meter).hex(),
            "tag_key": self.meter_key("tag", meter).hex(),
            "words": words,
            "ciphertext": encoded([sum(column) for column in masks]).hex(),
        }

    def total(
        self,
        members: Members,
        *,
        values: Callable[[Iterable[int]], list[int]] = list,
        checks: tuple[int, int] = (0, 0),
        stated: Members | None = None,
        ciphertext: bytes | None = None,
        pad_sum: bytes | None = None,
    ) -> Json:
        """An opened total of `members`. Each further argument makes one defect."""
        columns = zip(*(self.layout.values(self.reads(m)) for m, _ in members), strict=True)
        slots = values(sum(column) for column in columns)
        weights = self.weights(members[0][1])
        words = slots + [weighed(own, slots) + error for own, error in zip(weights, checks, strict=True)]
        pads = self.sum_of("pad", "pad", members)
        masks = zip(words, pads, self.sum_of("tag", "secret", members), strict=True)
        sealed = encoded([sum(column) for column in masks])
        named = members if stated is None else stated
        return {
            "labels": [name.as_json() for _, name in named],
            "tag_keys": [self.meter_key("tag", m).hex() for m, _ in named],
            "check_key": self.check_key.hex(),
            "ciphertext": (sealed if ciphertext is None else ciphertext).hex(),
            "pad_sum": (encoded(pads) if pad_sum is None else pad_sum).hex(),
            "reads": slots[: self.layout.intervals],
            "buckets": slots[self.layout.intervals + 1 :],
        }

    def sum_of(self, key: str, use: str, members: Members) -> list[int]:
        return [sum(column) for column in zip(*(self.mask(key, use, member) for member in members), strict=True)]
