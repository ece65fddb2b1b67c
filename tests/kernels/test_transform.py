"""The transform against polynomial evaluation, and products against the schoolbook."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.kernels import naive_ring
from wattseal.kernels.transform import forward, inverse, multiply, transform_tables

PRIMES = naive_ring.PRIMES


def doubles(residues: list[int], prime: int) -> NDArray[np.float64]:
    return np.array([naive_ring.centered(residue, prime) for residue in residues], dtype=np.float64)


def integers(values: NDArray[np.float64], prime: int) -> list[int]:
    assert np.abs(values).max() <= prime // 2 + 2
    return [int(value) % prime for value in values]


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("degree", [4, 8, 16, 32, 128])
def test_values_come_in_the_order_of_seal_small(prime: int, degree: int) -> None:
    generator = np.random.default_rng(degree)
    polynomial = generator.integers(0, prime, degree).tolist()
    values, tables = doubles(polynomial, prime), transform_tables(prime, degree)
    forward(values, tables)
    assert integers(values, prime) == naive_ring.transform(polynomial, prime)
    inverse(values, tables)
    assert integers(values, prime) == polynomial


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("extreme", [1, -1, 0])
def test_the_largest_of_everything_small(prime: int, extreme: int) -> None:
    """Coefficients of half the prime, all of one sign or alternating."""
    half = prime // 2
    polynomial = [(extreme or (-1) ** i) * half % prime for i in range(64)]
    values, tables = doubles(polynomial, prime), transform_tables(prime, 64)
    forward(values, tables)
    assert integers(values, prime) == naive_ring.transform(polynomial, prime)
    inverse(values, tables)
    assert integers(values, prime) == polynomial


@given(st.data(), st.sampled_from(PRIMES), st.sampled_from([4, 8, 16, 32]))
def test_products_of_polynomials(data: st.DataObject, prime: int, degree: int) -> None:
    polynomial = st.lists(st.integers(0, prime - 1), min_size=degree, max_size=degree)
    x, y = data.draw(polynomial), data.draw(polynomial)
    tables, result = transform_tables(prime, degree), np.empty(degree)
    x_values, y_values = doubles(x, prime), doubles(y, prime)
    forward(x_values, tables)
    forward(y_values, tables)
    multiply(x_values, y_values, tables, result)
    assert integers(result, prime) == naive_ring.product(x, y, prime)


@pytest.mark.parametrize("prime", PRIMES)
def test_the_degree_in_use(prime: int) -> None:
    """A sparse polynomial, so that the schoolbook keeps up; some values, since Horner's rule does not."""
    degree = 4096
    generator = np.random.default_rng(1)
    x, sparse = generator.integers(0, prime, degree).tolist(), [0] * degree
    sparse[0], sparse[1000], sparse[-1] = 5, prime - 1, 1 << 52
    tables, result = transform_tables(prime, degree), np.empty(degree)
    x_values, sparse_values = doubles(x, prime), doubles(sparse, prime)
    forward(x_values, tables)
    forward(sparse_values, tables)
    root = naive_ring.smallest_root(prime, degree)
    assert integers(x_values[:1], prime) == [naive_ring.dot(x, [pow(root, t, prime) for t in range(degree)]) % prime]
    multiply(x_values, sparse_values, tables, result)
    shifted = [
        5 * x[t]
        - (x[t - 1000] if t >= 1000 else -x[t - 1000])
        + (x[t + 1 - degree] * (-1 if t < degree - 1 else 1) << 52)
        for t in range(degree)
    ]
    assert integers(result, prime) == [coefficient % prime for coefficient in shifted]


def test_the_kernels_of_the_ring_pass_their_tests_interpreted() -> None:
    """The small ones of all seven modules, in a process without compilation, with warnings as errors."""
    modules = ("modular", "transform", "sampling", "packing", "dot", "sealing", "weighing")
    files = [f"tests/kernels/test_{module}.py" for module in modules]
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "small"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
