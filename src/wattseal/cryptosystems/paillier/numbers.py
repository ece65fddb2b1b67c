"""Ciphertexts and pad sums as numbers, one a chunk: little-endian bytes of equal lengths on the wire."""

from collections.abc import Iterable

from gmpy2 import mpz


def joined(numbers: Iterable[mpz], size: int) -> bytes:
    """Each number in `size` bytes, one after the other."""
    return b"".join(number.to_bytes(size, "little") for number in numbers)


def split(encoded: bytes, size: int) -> list[mpz]:
    """The numbers of `encoded`, whose length is a multiple of `size`."""
    if len(encoded) == size:
        return [mpz.from_bytes(encoded, "little")]
    return [mpz.from_bytes(encoded[at : at + size], "little") for at in range(0, len(encoded), size)]
