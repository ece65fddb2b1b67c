"""The charges that are prices times reads: what a bill's exact results, or a total's reads, come to under them."""

from collections.abc import Mapping

from wattseal.protocol.tariff.charges import EnergyCharge, LinearCharge, Mode
from wattseal.protocol.tariff.compile import Compiled, Item, Segment, Vector, prices_of
from wattseal.protocol.tariff.model import Tariff


def linear_prices(tariff: Tariff, segment: Segment) -> dict[str, Vector]:
    """By charge on the segment's channels, the price of each interval. Raises UsageError as `compile_tariff`."""
    charges = (charge for charge in tariff.metered if isinstance(charge, LinearCharge))
    return {charge.name: prices_of(tariff, segment, charge) for charge in charges if charge.channel in segment.channels}


def linear_values(compiled: Compiled, exact: Mapping[Item, int]) -> dict[str, int]:
    """By charge, prices times reads of the segment, from exact results in whichever mode; what is left out was 0."""
    charges = (charge for charge in compiled.tariff.metered if isinstance(charge, LinearCharge))
    return {
        charge.name: _value(compiled, charge, exact)
        for charge in charges
        if charge.channel in compiled.segment.channels
    }


def _value(compiled: Compiled, charge: LinearCharge, exact: Mapping[Item, int]) -> int:
    if compiled.modes[charge.name] is Mode.AMOUNT:
        parts = (functional for functional in compiled.functionals if functional.item.name == charge.name)
        return sum(part.weight * exact[part.item] for part in parts if part.item.mode is Mode.AMOUNT)
    assert isinstance(charge, EnergyCharge)  # noqa: S101 - a series has no sums
    periods = compiled.tariff.by_name[charge.schedule].periods
    sums = (
        (price, exact.get(Item(Mode.DETERMINANTS, charge.channel, charge.schedule, period), 0))
        for price, period in zip(charge.prices, periods, strict=True)
    )
    return sum(price * energy for price, energy in sums if price is not None)
