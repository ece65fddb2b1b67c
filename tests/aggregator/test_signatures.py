"""Signatures of many reports, shared among threads: each report keeps its own verdict."""

import pytest

from tests.aggregator.cycles import cycle_report, identity
from wattseal.aggregator.signatures import FEW, Signatures
from wattseal.protocol.report import decode_report


@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, 2 * FEW + 1])
def test_each_verdict_is_of_its_own_report(cores: int, count: int) -> None:
    good, key = cycle_report(), bytes(identity("m0").verify_key)
    forged = good[:-1] + bytes([good[-1] ^ 1])
    signed = [(decode_report(forged if place % 7 == 3 else good), key) for place in range(count)]
    assert Signatures(cores).hold(signed) == [place % 7 != 3 for place in range(count)]
