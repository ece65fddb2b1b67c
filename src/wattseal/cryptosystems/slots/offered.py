"""The layouts that services know by their ids. A region has one of them, and a unit for its reads."""

from collections.abc import Mapping
from types import MappingProxyType

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.slots.layout import SlotLayout, default_bucket_edges

_HEADROOM_BITS = 14
_WIDE_STEPS = 27


def _default(intervals: int, read_bits: int) -> SlotLayout:
    return SlotLayout(intervals, read_bits, _HEADROOM_BITS, default_bucket_edges())


def _wide(intervals: int, read_bits: int) -> SlotLayout:
    """Edges go on to 75.7 MWh: a bucket of everybody above 389 kWh would fail every dominance test."""
    return SlotLayout(intervals, read_bits, _HEADROOM_BITS, default_bucket_edges(_WIDE_STEPS))


DEFAULT_LAYOUTS: Mapping[int, SlotLayout] = MappingProxyType(
    {15: _default(96, 14), 30: _default(48, 15), 60: _default(24, 16), 1440: _default(1, 20)}
)
"""By minutes of an interval. Groups of up to 16,384 meters; reads of up to 65.5 kW, daily gas of up to 1,048 m3."""

WIDE_LAYOUTS: Mapping[int, SlotLayout] = MappingProxyType({15: _wide(96, 20), 30: _wide(48, 21), 60: _wide(24, 22)})
"""The same for commercial meters of up to 4.19 MW."""

_FAMILIES = (DEFAULT_LAYOUTS, WIDE_LAYOUTS)

LAYOUTS_BY_ID: Mapping[bytes, SlotLayout] = MappingProxyType(
    {layout.layout_id: layout for family in _FAMILIES for layout in family.values()}
)


def layout_for(interval_minutes: int, largest_read: int, largest_day: int = 0) -> SlotLayout:
    """The narrowest that holds reads of up to `largest_read` and has a size bucket for days of up to `largest_day`.

    Where none has such a bucket, the widest: dominance tests will count its largest days as the largest possible.
    Raises ParameterError, with a way out, if none holds the reads.
    """
    offered = [family[interval_minutes] for family in _FAMILIES if interval_minutes in family]
    if not offered:
        known = ", ".join(map(str, DEFAULT_LAYOUTS))
        raise ParameterError(f"no layout has intervals of {interval_minutes} minutes, only of {known}")
    wide_enough = [layout for layout in offered if largest_read <= layout.largest_read]
    for layout in wide_enough:
        if largest_day <= layout.bucket_edges[-1] or layout is wide_enough[-1]:
            return layout
    raise ParameterError(
        f"reads of {interval_minutes} minutes go up to {offered[-1].largest_read} units: "
        "use a larger unit, such as 10 or 100 Wh"
    )
