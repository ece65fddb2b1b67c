"""The stream of bits against one big integer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels import naive_ring
from wattseal.kernels.packing import pack, unpack, word_count


def there_and_back(fields: list[int]) -> None:
    words = np.full(word_count(len(fields)), (1 << 64) - 1, dtype=np.uint64)
    pack(np.array(fields, dtype=np.uint64), words)
    stream = words.astype("<u8").tobytes()[: -(-53 * len(fields) // 8)]
    assert int.from_bytes(stream, "little") == naive_ring.stream(fields)
    for first in {0, 1, len(fields) // 2, len(fields) - 1}:
        unpacked = np.empty(len(fields) - first, dtype=np.uint64)
        unpack(np.frombuffer(stream, dtype=np.uint8), first, unpacked)
        assert unpacked.tolist() == fields[first:]


@given(st.lists(st.integers(0, naive_ring.FIELD), min_size=1, max_size=200))
def test_any_fields(fields: list[int]) -> None:
    there_and_back(fields)


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 63, 64, 65, 128])
@pytest.mark.parametrize("field", [0, 1, 1 << 52, naive_ring.FIELD])
def test_every_alignment_small(count: int, field: int) -> None:
    """64 fields fill 53 words."""
    there_and_back([field] * count)
