"""The keystreams that mask: what `pads.keystream` gives for each key and label, for whole fleets at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.masking.parameters import WORD_BYTES
from wattseal.cryptosystems.pads.keystream import KEY_BYTES, SPONGE_BYTES, keystream
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.kernels.keccak import add_shake256, block_count, padded


def add_streams(words: NDArray[np.uint64], keys: Sequence[Secret], labels: Sequence[Label], use: Use) -> None:
    """Add to each row, modulo 2^64, the keystream of its key and label for `use`.

    Raises ParameterError for a key that has not 32 bytes.
    """
    for key in keys:
        if len(key) != KEY_BYTES:
            raise ParameterError(f"a keystream key has {KEY_BYTES} bytes, not {len(key)}")
    if words.shape[1] * WORD_BYTES <= SPONGE_BYTES:
        _add_sponges(words, [key.expose() + label.encode(use) for key, label in zip(keys, labels, strict=True)])
    else:
        for row, key, label in zip(words, keys, labels, strict=True):
            row += np.frombuffer(keystream(key, label.encode(use), row.nbytes), dtype="<u8")


def stream_sum(size: int, keys: Sequence[Secret], labels: Sequence[Label], use: Use) -> NDArray[np.uint64]:
    """The sum, modulo 2^64, of the first `size` words of each keystream."""
    streams = np.zeros((len(keys), size), dtype=np.uint64)
    add_streams(streams, keys, labels, use)
    total: NDArray[np.uint64] = streams.sum(axis=0)
    return total


def _add_sponges(words: NDArray[np.uint64], messages: list[bytes]) -> None:
    """Sponges run side by side if they absorb equally many blocks: all of one region do, but for very long names."""
    blocks = [block_count(len(message)) for message in messages]
    if len(set(blocks)) == 1:
        add_shake256(padded(messages, blocks[0]), words)
        return
    for count in set(blocks):
        rows = [row for row, own in enumerate(blocks) if own == count]
        part = words[rows]
        add_shake256(padded([messages[row] for row in rows], count), part)
        words[rows] = part
