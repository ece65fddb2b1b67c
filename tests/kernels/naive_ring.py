"""The kernels of ring LWE over again in Python integers: slow, obvious, and what the kernels are compared with."""

from collections.abc import Iterable, Sequence

PRIMES = (9_007_199_254_429_697, 9_007_199_254_364_161)
FIELD = (1 << 53) - 1


def is_prime(number: int) -> bool:
    """Miller and Rabin with the bases that decide every number below 3 x 10^24."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        power = pow(base, odd, number)
        if power != 1 and all(pow(power, 1 << i, number) != number - 1 for i in range(twos)):
            return False
    return True


def smallest_root(prime: int, degree: int) -> int:
    """The smallest number of order 2 x degree: by listing them all."""
    powers = (pow(base, (prime - 1) // (2 * degree), prime) for base in range(2, 1000))
    root = next(power for power in powers if pow(power, degree, prime) == prime - 1)
    return min(pow(root, odd, prime) for odd in range(1, 2 * degree, 2))


def transform(coefficients: Sequence[int], prime: int) -> list[int]:
    """Values at the odd powers of the root, in bit-reversed order, one by one by Horner's rule."""
    degree = len(coefficients)
    root, bits = smallest_root(prime, degree), degree.bit_length() - 1
    values = []
    for i in range(degree):
        point = pow(root, 2 * int(format(i, f"0{bits}b")[::-1], 2) + 1, prime)
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * point + coefficient) % prime
        values.append(value)
    return values


def product(x: Sequence[int], y: Sequence[int], modulus: int) -> list[int]:
    """Of polynomials modulo X^N + 1, by the schoolbook."""
    degree = len(x)
    result = [0] * degree
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            sign = 1 if i + j < degree else -1
            result[(i + j) % degree] += sign * a * b
    return [coefficient % modulus for coefficient in result]


def centered(residue: int, modulus: int) -> int:
    reduced = residue % modulus
    return reduced if 2 * reduced < modulus else reduced - modulus


def stream(fields: Iterable[int]) -> int:
    """The bits of all fields, the first lowest."""
    return sum(field << 53 * i for i, field in enumerate(fields))


def uniform(words: Sequence[int], prime: int, size: int) -> list[int] | None:
    accepted = [word & FIELD for word in words if word & FIELD < prime]
    return accepted[:size] if len(accepted) >= size else None


def ternary(stream: bytes, size: int) -> list[int] | None:
    accepted = [byte % 3 - 1 for byte in stream if byte < 255]
    return accepted[:size] if len(accepted) >= size else None


def error(word: int) -> int:
    """The difference of two sums of 21 bits, one of them as what it misses of 21."""
    low, high = word & (1 << 21) - 1, word >> 21 & (1 << 21) - 1
    return low.bit_count() - (21 - high.bit_count())


def dot(residues: Sequence[int], factors: Sequence[int]) -> int:
    return sum(residue * factor for residue, factor in zip(residues, factors, strict=True))


def number(first: int, second: int) -> int:
    """The one below the product of both primes that leaves these remainders (Chinese remainders, by the formula)."""
    p0, p1 = PRIMES
    return (first * p1 * pow(p1, -1, p0) + second * p0 * pow(p0, -1, p1)) % (p0 * p1)
