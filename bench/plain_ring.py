"""The peers of the ring's kernels: the same sums and transforms as one first writes them, with 128-bit products."""

from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

_WORD = types.uint64


@intrinsic
def _high_word(context: Any, a: Any, b: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[Any, Any]) -> Any:  # noqa: ANN401, ARG001
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return _WORD(_WORD, _WORD), emit


_high = cast("Any", _high_word)


@kernel
def plain_dot(residues: NDArray[np.uint64], prices: NDArray[np.uint64]) -> tuple[np.uint64, np.uint64]:
    """Of prices that are not negative, as (high, low) words."""
    high, low = np.uint64(0), np.uint64(0)
    for i in range(prices.shape[0]):
        term = residues[i] * prices[i]
        low += term
        high += _high(residues[i], prices[i]) + np.uint64(low < term)
    return high, low


@kernel
def plain_transform(row: NDArray[np.uint64], roots: NDArray[np.uint64], shoup: NDArray[np.uint64], prime: int) -> None:
    """Cooley and Tukey's, with Shoup's products, without branches; `shoup` are roots x 2^64 over the prime."""
    modulus, span, groups = np.uint64(prime), row.shape[0] // 2, 1
    while span > 0:
        for group in range(groups):
            root, quotient = roots[groups + group], shoup[groups + group]
            for i in range(2 * group * span, (2 * group + 1) * span):
                kept, other = row[i], row[i + span]
                turned = other * root - _high(other, quotient) * modulus
                turned = min(turned, turned - modulus)
                total, difference = kept + turned, kept - turned
                row[i], row[i + span] = min(total, total - modulus), min(difference, difference + modulus)
        groups, span = groups * 2, span // 2
