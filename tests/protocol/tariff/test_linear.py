"""Linear charges by exact results, in whichever mode: prices times reads, and nothing of the other charges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.tariff.samples import EXPORT, TOU, segment, tariff, tiered
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import NOISE_BOUND, compile_tariff, noise_bound
from wattseal.protocol.tariff.linear import linear_prices, linear_values

BOTH = (Channel.DELIVERED, Channel.RECEIVED)
NET = tariff(TOU, EXPORT, tiered((100_000, 7), (None, 9)))


@pytest.mark.parametrize("mode", Mode)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_either_mode_is_prices_times_reads(mode: Mode, seed: int) -> None:
    part = segment(channels=BOTH)
    reads = {
        channel: np.random.default_rng([seed, place]).integers(0, 60_000, part.intervals)
        for place, channel in enumerate(BOTH)
    }
    compiled = compile_tariff(NET, part, NET.modes(mode))
    exact = {one.item: int(one.y @ reads[one.item.channel]) for one in compiled.functionals}
    channel_of = {charge.name: charge.channel for charge in NET.metered}
    prices = linear_prices(NET, part)
    assert prices.keys() == {"Energy", "Export"}
    assert linear_values(compiled, exact) == {name: int(y @ reads[channel_of[name]]) for name, y in prices.items()}


def test_prices_that_are_split_are_put_together() -> None:
    """Into a high and a low part, for the noise bound."""
    steep = tariff(TOU.model_copy(update={"prices": (249_999, -250_000)}))
    part = segment(interval_minutes=15)
    compiled = compile_tariff(steep, part, Mode.AMOUNT)
    reads = np.arange(part.intervals, dtype=np.int64)
    exact = {one.item: int(one.y @ reads) for one in compiled.functionals}
    assert len(exact) == 1 + (noise_bound(linear_prices(steep, part)["Energy"]) > NOISE_BOUND)
    assert linear_values(compiled, exact) == {"Energy": int(linear_prices(steep, part)["Energy"] @ reads)}
