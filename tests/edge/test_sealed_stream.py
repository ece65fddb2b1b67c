"""A sealed stream opens whole and unchanged, or not at all."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattseal.edge import sealed_stream
from wattseal.edge.sealed_stream import opened_stream, sealing_stream
from wattseal.protocol.errors import UsageError

PASSPHRASE = b"correct horse battery staple"


@pytest.fixture(autouse=True, scope="module")
def _quick_keys() -> Iterator[None]:
    """Argon2id takes its time; what a key is derived by does not matter here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sealed_stream, "key_of", lambda *given: hashlib.sha256(b"".join(given)).digest())
        yield


def sealed(pieces: Sequence[bytes]) -> bytes:
    file = io.BytesIO()
    with sealing_stream(file, PASSPHRASE) as push:
        for piece in pieces:
            push(piece)
    return file.getvalue()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> list[bytes]:
    return list(opened_stream(io.BytesIO(data), passphrase, "the file"))


@given(st.lists(st.binary(max_size=100), max_size=5))
@settings(max_examples=30)
def test_what_went_in_comes_out(pieces: list[bytes]) -> None:
    assert opened(sealed(pieces)) == pieces


def test_every_cut_and_every_flipped_bit_is_seen() -> None:
    data = sealed([b"one", b"two"])
    for end in range(len(data)):
        with pytest.raises(UsageError):
            opened(data[:end])
    for place in range(len(data)):
        with pytest.raises(UsageError):
            opened(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


SWAPS: dict[str, Callable[[bytes], bytes]] = {
    "something behind it": lambda data: data + b"x",
    "another one behind it": lambda data: data + data,
    "nothing": lambda _: b"",
    "another file": lambda _: b"PK" + bytes(1000),
}


@pytest.mark.parametrize("change", SWAPS.values(), ids=SWAPS.keys())
def test_what_is_no_stream(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UsageError, match="the file"):
        opened(change(sealed([b"one", b"two"])))


def test_pieces_in_another_order() -> None:
    data = sealed([b"one", b"two"])
    head, size = len(data) - 2 * (4 + 20) - (4 + 17), 4 + 20
    one, two, end = data[head : head + size], data[head + size : head + 2 * size], data[head + 2 * size :]
    assert opened(data[:head] + one + two + end) == [b"one", b"two"]
    for other in (two + one + end, one + end, two + end, one + one + end, one + two):
        with pytest.raises(UsageError):
            opened(data[:head] + other)


def test_another_passphrase() -> None:
    with pytest.raises(UsageError, match="wrong passphrase"):
        opened(sealed([b"one"]), b"another passphrase")


def test_no_end_is_marked_when_writing_fails() -> None:
    file = io.BytesIO()
    with suppress(RuntimeError), sealing_stream(file, PASSPHRASE) as push:
        push(b"one")
        raise RuntimeError
    with pytest.raises(UsageError):
        opened(file.getvalue())
