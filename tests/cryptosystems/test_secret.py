"""A secret is hard to leak by accident."""

import copy
import json
import pickle
from collections.abc import Callable

import pytest

from wattseal.cryptosystems.interface import MeterKeys
from wattseal.cryptosystems.secret import Secret

CANARY = b"canary-key-bytes-73194"


def test_it_gives_its_bytes_only_when_asked() -> None:
    assert Secret(CANARY).expose() == CANARY
    assert len(Secret(CANARY)) == len(CANARY)


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "%s".__mod__, lambda s: repr(MeterKeys(s, s, s)), lambda s: repr({"key": s})]
)
def test_nothing_prints_it(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert "redacted" in shown
    assert "canary" not in shown
    assert CANARY.hex() not in shown


@pytest.mark.parametrize("leak", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_is_neither_pickled_nor_copied(leak: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        leak(Secret(CANARY))


@pytest.mark.parametrize("use", [hash, json.dumps, bytes, iter])
def test_it_is_no_other_kind_of_object(use: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError):
        use(Secret(CANARY))


def test_equality() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY[:-1])
    assert Secret(CANARY) != CANARY
    assert MeterKeys(Secret(b"a"), Secret(b"b"), Secret(b"c")) != MeterKeys(Secret(b"a"), Secret(b"b"), Secret(b"d"))


@pytest.mark.parametrize("value", [32, "canary", bytearray(CANARY), None])
def test_it_holds_bytes_only(value: bytes) -> None:
    with pytest.raises(TypeError, match="holds bytes"):
        Secret(value)
