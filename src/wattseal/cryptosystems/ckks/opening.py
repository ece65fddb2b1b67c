"""The nearest multiple of a secret scale: how every number that this scheme opens is read."""

from typing import NamedTuple

from wattseal.cryptosystems.ckks.residues import centered


class Opened(NamedTuple):
    """`value` times the scale is what was nearest; `distance` how far off it was."""

    value: int
    distance: int


def nearest_multiple(number: int, scale: int) -> Opened:
    """Of a number modulo q, read as its representative nearest to 0."""
    signed = centered(number)
    value = (signed + scale // 2) // scale
    return Opened(value, abs(signed - value * scale))
