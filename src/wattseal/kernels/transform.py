"""The negacyclic number-theoretic transform of centered doubles, in the order of Microsoft SEAL.

Coefficients of a polynomial modulo X^N + 1 become its values at the odd powers of a 2N-th root of unity, in
bit-reversed order; products of polynomials are then products of values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel
from wattseal.kernels.modular import product, reduced


class Roots(NamedTuple):
    """Factors of the butterflies and the same divided by the prime, (rows, columns)."""

    values: NDArray[np.float64]
    quotients: NDArray[np.float64]


class Tables(NamedTuple):
    """One prime and degree: roots of the stages across rows of the grid, then across its columns."""

    prime: float
    forward: tuple[Roots, Roots]
    inverse: tuple[Roots, Roots]
    degree_inverse: float


def transform_tables(prime: int, degree: int) -> Tables:
    """Of a prime that is 1 modulo 2 x degree; the degree is a power of two, at least 4."""
    root = _smallest_root(prime, degree)
    powers = _bit_reversed_powers(root, prime, degree)
    inverses = _bit_reversed_powers(pow(root, -1, prime), prime, degree)
    return Tables(
        float(prime),
        _grids(powers, prime),
        _grids(inverses, prime),
        float(_centered(pow(degree, -1, prime), prime)),
    )


def _smallest_root(prime: int, degree: int) -> int:
    """The smallest of the primitive 2N-th roots of unity, which is SEAL's."""
    candidates = (pow(base, (prime - 1) // (2 * degree), prime) for base in range(2, prime))
    power = smallest = next(root for root in candidates if pow(root, degree, prime) == prime - 1)
    square = power * power % prime
    for _ in range(degree - 1):
        power = power * square % prime
        smallest = min(smallest, power)
    return smallest


def _bit_reversed_powers(root: int, prime: int, degree: int) -> list[int]:
    powers = [1]
    while len(powers) < degree:
        # The second half of each doubling adds the next lower bit of the reversed exponent.
        step = pow(root, degree // (2 * len(powers)), prime)
        powers += [power * step % prime for power in powers]
    return powers


def _grids(powers: Sequence[int], prime: int) -> tuple[Roots, Roots]:
    """Stages across rows share a factor in each row; after transposition, every block has factors of its own."""
    rows = 1 << len(powers).bit_length() // 2
    columns = len(powers) // rows
    across_rows = [[power] * columns for power in powers[:rows]]
    across_columns = [[1] * rows]
    across_columns += [
        [powers[groups * (rows + block) + group] for block in range(rows)]
        for groups in (1 << stage for stage in range(columns.bit_length() - 1))
        for group in range(groups)
    ]
    return _roots(across_rows, prime), _roots(across_columns, prime)


def _roots(grid: list[list[int]], prime: int) -> Roots:
    values = np.array([[_centered(power, prime) for power in row] for row in grid], dtype=np.float64)
    return Roots(values, values / prime)


def _centered(residue: int, prime: int) -> int:
    return residue if 2 * residue < prime else residue - prime


@kernel
def _cooley_tukey(grid: NDArray[np.float64], roots: Roots, prime: float) -> None:
    """All stages across the rows of the grid; the innermost loop runs along them."""
    over_prime = 1.0 / prime
    rows, columns = grid.shape
    groups = 1
    while groups < rows:
        span = rows // (2 * groups)
        for row in range(rows // 2):
            group = row // span
            upper, lower = grid[row + group * span], grid[row + (group + 1) * span]
            values, quotients = roots.values[groups + group], roots.quotients[groups + group]
            for i in range(columns):
                kept = upper[i]
                turned = product(lower[i], values[i], quotients[i], prime, over_prime)
                upper[i] = reduced(kept + turned, prime, over_prime)
                lower[i] = reduced(kept - turned, prime, over_prime)
        groups *= 2


@kernel
def _gentleman_sande(grid: NDArray[np.float64], roots: Roots, prime: float) -> None:
    """The same stages undone, up to a factor of two each."""
    over_prime = 1.0 / prime
    rows, columns = grid.shape
    groups = rows // 2
    while groups > 0:
        span = rows // (2 * groups)
        for row in range(rows // 2):
            group = row // span
            upper, lower = grid[row + group * span], grid[row + (group + 1) * span]
            values, quotients = roots.values[groups + group], roots.quotients[groups + group]
            for i in range(columns):
                kept, other = upper[i], lower[i]
                upper[i] = reduced(kept + other, prime, over_prime)
                difference = reduced(kept - other, prime, over_prime)
                lower[i] = product(difference, values[i], quotients[i], prime, over_prime)
        groups //= 2


@kernel
def _transpose(source: NDArray[np.float64], target: NDArray[np.float64]) -> None:
    for row in range(target.shape[0]):
        for column in range(target.shape[1]):
            target[row, column] = source[column, row]


@kernel
def forward(polynomial: NDArray[np.float64], tables: Tables) -> None:
    """Centered coefficients to centered values, in place."""
    across_rows, across_columns = tables.forward
    grid = polynomial.reshape(across_rows.values.shape)
    turned = np.empty(across_columns.values.shape)
    _cooley_tukey(grid, across_rows, tables.prime)
    _transpose(grid, turned)
    _cooley_tukey(turned, across_columns, tables.prime)
    _transpose(turned, grid)


@kernel
def inverse(polynomial: NDArray[np.float64], tables: Tables) -> None:
    """Centered values back to centered coefficients, in place."""
    across_rows, across_columns = tables.inverse
    grid = polynomial.reshape(across_rows.values.shape)
    turned = np.empty(across_columns.values.shape)
    _transpose(grid, turned)
    _gentleman_sande(turned, across_columns, tables.prime)
    _transpose(turned, grid)
    _gentleman_sande(grid, across_rows, tables.prime)
    over_prime, quotient = 1.0 / tables.prime, tables.degree_inverse / tables.prime
    for i in range(polynomial.shape[0]):
        polynomial[i] = product(polynomial[i], tables.degree_inverse, quotient, tables.prime, over_prime)


@kernel
def multiply(x: NDArray[np.float64], w: NDArray[np.float64], tables: Tables, polynomial: NDArray[np.float64]) -> None:
    """From the centered values of two polynomials to the centered coefficients of their product."""
    prime, over_prime = tables.prime, 1.0 / tables.prime
    for i in range(polynomial.shape[0]):
        polynomial[i] = product(x[i], w[i], w[i] / prime, prime, over_prime)
    inverse(polynomial, tables)
