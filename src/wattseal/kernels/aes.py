"""AES-256 in counter mode (FIPS 197, SP 800-38A) of many keys at once, by the processor's own instructions.

The same bytes as OpenSSL's, whose set-up of one cipher takes longer than a month of quarter hours does here. Only where
processors do several blocks in one instruction: see `AVAILABLE`. No table is looked up and no branch taken by secret
data, so the time does not depend on it.
"""

from collections.abc import Callable
from typing import Any, cast

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from wattseal.kernels.decorator import kernel

KEY_WORDS = 8
"""Of 32 bits, in the order of the key's bytes, the lowest first."""

_ROUNDS = 14
_SCHEDULE_WORDS = 4 * (_ROUNDS + 1)
_FEATURES = llvmlite.binding.get_host_cpu_features()
# Blocks in a register, registers in flight.
_LANES = 4 if _FEATURES.get("avx512f") else 2
_REGISTERS = 4
_STEP = _LANES * _REGISTERS
_WORDS = 2 * _STEP

# numba's settings are read from the environment and have no types.
_SETTINGS = cast("Any", config)

AVAILABLE: bool = bool(
    not _SETTINGS.DISABLE_JIT
    and _SETTINGS.CPU_NAME is None
    and _SETTINGS.CPU_FEATURES is None
    and _FEATURES.get("vaes")
    and _FEATURES.get("avx2")
)
"""Whether this processor has the instructions, and numba compiles for it; nothing else here may be called if not."""

_HALF, _WORD, _INDEX = ir.IntType(32), ir.IntType(64), ir.IntType(32)
_BLOCK = ir.VectorType(_WORD, 2)
_REGISTER = ir.VectorType(_WORD, 2 * _LANES)


def _function(builder: Any, name: str, register: Any, arguments: int) -> Any:  # noqa: ANN401
    return builder.module.declare_intrinsic(name, (), ir.FunctionType(register, [register] * arguments))


def _repeated(builder: Any, vector: Any, pattern: list[int]) -> Any:  # noqa: ANN401
    """A register of entries of a vector, by their places."""
    places = ir.Constant(ir.VectorType(_INDEX, len(pattern)), pattern)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), places)


def _start_of(context: Any, builder: Any, array_type: Any, array: Any) -> Any:  # noqa: ANN401
    return context.make_array(array_type)(context, builder, array).data


@intrinsic
def _substituted(context: Any, word: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    """The S-box on each byte: the last round without a key. Its shift of rows changes nothing in equal columns."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[Any]) -> Any:  # noqa: ANN401, ARG001
        columns = ir.VectorType(_HALF, 4)
        one = builder.insert_element(ir.Constant(columns, ir.Undefined), arguments[0], ir.Constant(_INDEX, 0))
        state = builder.bitcast(_repeated(builder, one, [0] * 4), _BLOCK)
        last = _function(builder, "llvm.x86.aesni.aesenclast", _BLOCK, 2)
        result = builder.bitcast(builder.call(last, [state, ir.Constant(_BLOCK, [0, 0])]), columns)
        return builder.extract_element(result, ir.Constant(_INDEX, 0))

    return types.uint32(types.uint32), emit


@intrinsic
def _encrypt(context: Any, schedule: Any, first: Any, words: Any) -> tuple[Any, Any]:  # noqa: ANN401, ARG001
    """Fill the first words with the encrypted block numbers from `first` on, below 2^64."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: tuple[Any, Any, Any]) -> Any:  # noqa: ANN401
        suffix = ".512" if _LANES == 4 else ".256"
        middle = _function(builder, f"llvm.x86.aesni.aesenc{suffix}", _REGISTER, 2)
        last = _function(builder, f"llvm.x86.aesni.aesenclast{suffix}", _REGISTER, 2)
        keys = builder.bitcast(_start_of(context, builder, signature.args[0], arguments[0]), _BLOCK.as_pointer())
        states = _numbers(builder, arguments[1])
        for at in range(_ROUNDS + 1):
            block = builder.load(builder.gep(keys, [ir.Constant(_INDEX, at)]), align=4)
            key = _repeated(builder, block, [0, 1] * _LANES)
            if at == 0:
                states = [builder.xor(state, key) for state in states]
            else:
                states = [builder.call(last if at == _ROUNDS else middle, [state, key]) for state in states]
        target = builder.bitcast(_start_of(context, builder, signature.args[2], arguments[2]), _REGISTER.as_pointer())
        for at, state in enumerate(states):
            builder.store(state, builder.gep(target, [ir.Constant(_INDEX, at)]), align=8)
        return context.get_dummy_value()

    return types.void(schedule, types.uint64, words), emit


def _numbers(builder: Any, first: Any) -> list[Any]:  # noqa: ANN401
    """Block numbers as 128 bits, the highest byte first; the higher word stays 0."""
    swap = _function(builder, f"llvm.bswap.v{2 * _LANES}i64", _REGISTER, 1)
    one = builder.insert_element(ir.Constant(_BLOCK, [0, 0]), first, ir.Constant(_INDEX, 1))
    firsts = _repeated(builder, one, [0, 1] * _LANES)
    steps = [
        [step for lane in range(_LANES) for step in (0, register * _LANES + lane)] for register in range(_REGISTERS)
    ]
    return [builder.call(swap, [builder.add(firsts, ir.Constant(_REGISTER, of_register))]) for of_register in steps]


# Decorated intrinsics still have their first parameter in the eyes of a type checker.
_substitute = cast("Callable[[np.uint32], np.uint32]", _substituted)
_encrypt_blocks = cast("Callable[[NDArray[np.uint32], np.uint64, NDArray[np.uint64]], None]", _encrypt)


@kernel
def _expand(key: NDArray[np.uint32], schedule: NDArray[np.uint32]) -> None:
    """FIPS 197, section 5.2, in little-endian words."""
    schedule[:KEY_WORDS] = key
    constant = np.uint32(1)
    for i in range(KEY_WORDS, _SCHEDULE_WORDS):
        word = schedule[i - 1]
        if i % KEY_WORDS == 0:
            word = np.uint32(word >> np.uint32(8)) | np.uint32(word << np.uint32(24))
            word = _substitute(np.uint32(word)) ^ constant
            constant = np.uint32(constant << np.uint32(1))
        elif i % KEY_WORDS == 4:
            word = _substitute(word)
        schedule[i] = schedule[i - KEY_WORDS] ^ word


@kernel
def fill_streams(keys: NDArray[np.uint32], streams: NDArray[np.uint64]) -> None:
    """Each row of `streams` with the keystream, from block 0 on, of that row of keys (rows, KEY_WORDS)."""
    schedule = np.empty(_SCHEDULE_WORDS, dtype=np.uint32)
    rest = np.empty(_WORDS, dtype=np.uint64)
    whole = streams.shape[1] // _WORDS
    for row in range(keys.shape[0]):
        _expand(keys[row], schedule)
        stream = streams[row]
        for i in range(whole):
            _encrypt_blocks(schedule, np.uint64(i * _STEP), stream[i * _WORDS :])
        _encrypt_blocks(schedule, np.uint64(whole * _STEP), rest)
        tail = stream[whole * _WORDS :]
        tail[:] = rest[: tail.shape[0]]
