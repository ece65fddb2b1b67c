"""Weighted sums for whole batches of bills. What is unpacked or drawn lies in the nearest cache and nowhere else.

Sums are numbers modulo the product of the ring's primes, two words each; see `join`. `factors` are (functionals,
coefficients), of the sizes that `dot` takes.
"""

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel
from wattseal.kernels.dot import below, dot
from wattseal.kernels.garner import Ring, join, residue
from wattseal.kernels.packing import unpack
from wattseal.kernels.sampling import fill_ternary, fill_uniform


@kernel
def weigh_packed(
    stream: NDArray[np.uint8], ring: Ring, factors: NDArray[np.int32], numbers: NDArray[np.uint64]
) -> bool:
    """Of fields of 53 bits, all of the first prime first. False if one is not below its prime."""
    rows, count = factors.shape
    residues, sums, reduced = np.empty(count, dtype=np.uint64), np.empty((2, rows), dtype=np.int64), True
    for i in range(2):
        unpack(stream, i * count, residues)
        reduced &= below(residues, ring[i])
        _weigh(residues, factors, ring[i], sums[i])
    for row in range(rows):
        join(sums[0, row], sums[1, row], ring, numbers[row])
    return reduced


@kernel
def weigh_streams(
    streams: NDArray[np.uint64], ring: Ring, factors: NDArray[np.int32], numbers: NDArray[np.uint64]
) -> bool:
    """Of what `fill_uniform` takes from each row of words, half for each prime; `numbers` has a row for each.

    False if the words of one row did not suffice.
    """
    (rows, count), half = factors.shape, streams.shape[1] // 2
    residues, sums, sufficed = np.empty(count, dtype=np.uint64), np.empty((2, rows), dtype=np.int64), True
    for stream in range(streams.shape[0]):
        for i in range(2):
            sufficed &= fill_uniform(streams[stream, i * half : (i + 1) * half], ring[i], residues)
            _weigh(residues, factors, ring[i], sums[i])
        for row in range(rows):
            join(sums[0, row], sums[1, row], ring, numbers[stream, row])
    return sufficed


@kernel
def weigh_trits(
    streams: NDArray[np.uint8], ring: Ring, residues: NDArray[np.uint64], numbers: NDArray[np.uint64]
) -> bool:
    """Of residues (functionals, 2, degree) by what `fill_ternary` takes from each stream; `numbers` has a row for each.

    False if the bytes of one row did not suffice.
    """
    trits, sufficed = np.empty(residues.shape[2], dtype=np.int8), True
    for stream in range(streams.shape[0]):
        sufficed &= fill_ternary(streams[stream], trits)
        for row in range(residues.shape[0]):
            first = residue(dot(residues[row, 0], trits), ring[0])
            second = residue(dot(residues[row, 1], trits), ring[1])
            join(first, second, ring, numbers[stream, row])
    return sufficed


@kernel
def _weigh(residues: NDArray[np.uint64], factors: NDArray[np.int32], prime: int, sums: NDArray[np.int64]) -> None:
    for row in range(factors.shape[0]):
        sums[row] = residue(dot(residues, factors[row]), prime)
