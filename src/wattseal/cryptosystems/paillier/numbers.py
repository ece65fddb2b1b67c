"""Ciphertexts and pad sums as numbers, one a chunk: little-endian bytes of equal lengths on the wire."""

from collections.abc import Iterable, Sequence

from gmpy2 import mpz


def joined(numbers: Iterable[mpz], size: int) -> bytes:
    """Each number in `size` bytes, one after the other."""
    return b"".join(number.to_bytes(size, "little") for number in numbers)


def split(encoded: bytes, size: int) -> list[mpz]:
    """The numbers of `encoded`, whose length is a multiple of `size`."""
    if len(encoded) == size:
        return [mpz.from_bytes(encoded, "little")]
    return [mpz.from_bytes(encoded[at : at + size], "little") for at in range(0, len(encoded), size)]


def combined(added: Sequence[bytes], taken: Sequence[bytes], modulus: mpz, size: int, chunks: int) -> bytes:
    """Chunk by chunk the sum of `added` less that of `taken`, modulo `modulus`."""
    totals = [mpz(0)] * chunks
    for encoded in added:
        totals = [total + number for total, number in zip(totals, split(encoded, size), strict=True)]
    for encoded in taken:
        totals = [total - number for total, number in zip(totals, split(encoded, size), strict=True)]
    return joined((total % modulus for total in totals), size)
