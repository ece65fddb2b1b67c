"""The one instruction that numba does not offer by itself: a product and a sum, rounded once."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

_DOUBLE = types.float64


def fma(a: float, b: float, c: float) -> float:
    """a b + c for doubles that hold integers. A processor without the instruction is slow, but as exact."""
    return float(int(a) * int(b) + int(c))


@intrinsic
def _fma(context: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[Any, Any, Any]) -> Any:  # noqa: ANN401, ARG001
        return builder.fma(*arguments)

    return _DOUBLE(_DOUBLE, _DOUBLE, _DOUBLE), emit


# A decorated intrinsic still has its first parameter in the eyes of a type checker.
_emitted = cast("Callable[[float, float, float], float]", _fma)


@overload(fma, strict=False)
def _compiled_fma(a: Any, b: Any, c: Any) -> Callable[[Any, Any, Any], Any]:  # noqa: ANN401, ARG001
    return lambda a, b, c: _emitted(a, b, c)
