"""The layouts that services offer: their sizes, ids that never change, and which one is for whom."""

from itertools import pairwise

import pytest

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS, LAYOUTS_BY_ID, WIDE_LAYOUTS, layout_for

DEFAULT_IDS = {15: "7b110df7e248a8c3", 30: "94598ff3f718fbae", 60: "d983643731b0dd4e", 1440: "77b116a619306774"}
WIDE_IDS = {15: "2cbb1c82da31d9a8", 30: "d2c75e6603e9afc7", 60: "f910dbfbbba95445"}


def sizes(slots: SlotLayout) -> tuple[int, int, list[int]]:
    """Read bits, check bits, and the bits in use of each chunk at 3,072 bits."""
    return slots.read_bits, slots.check_bits, [chunk.top for chunk in slots.chunks(3072)]


def test_the_layouts_are_those_of_the_parameters_page() -> None:
    assert {minutes: sizes(slots) for minutes, slots in DEFAULT_LAYOUTS.items()} == {
        15: (14, 80, [3023]),
        30: (15, 80, [1727]),
        60: (16, 80, [1055]),
        1440: (20, 80, [369]),
    }
    assert {minutes: sizes(slots) for minutes, slots in WIDE_LAYOUTS.items()} == {
        15: (20, 80, [2162, 1727]),
        30: (21, 80, [2210]),
        60: (22, 80, [1394]),
    }


@pytest.mark.parametrize("family", [DEFAULT_LAYOUTS, WIDE_LAYOUTS], ids=["default", "wide"])
def test_each_covers_a_day_and_the_largest_roster(family: dict[int, SlotLayout]) -> None:
    assert all(slots.intervals * minutes == 1440 for minutes, slots in family.items())
    assert {slots.largest_group for slots in family.values()} == {16_384}


def test_ids_never_change() -> None:
    """Regions are sealed under them."""
    for family, ids in ((DEFAULT_LAYOUTS, DEFAULT_IDS), (WIDE_LAYOUTS, WIDE_IDS)):
        assert {minutes: slots.layout_id.hex() for minutes, slots in family.items()} == ids
        assert all(LAYOUTS_BY_ID[slots.layout_id] is slots for slots in family.values())


@pytest.mark.parametrize("suite", PARAMETERS_BY_SUITE)
def test_every_offered_size_holds_every_layout(suite: int) -> None:
    modulus_bits = PARAMETERS_BY_SUITE[suite].modulus_bits
    most = max(len(slots.chunks(modulus_bits)) for slots in LAYOUTS_BY_ID.values())
    assert most == {3072: 2, 2048: 3}[modulus_bits]


def test_no_bucket_of_a_wide_layout_is_wider_than_by_half() -> None:
    """Or the dominance test would see less there; the second begins at 0, the last ends at the largest day."""
    for slots in WIDE_LAYOUTS.values():
        zero, *edges = slots.upper_edges
        assert (zero, edges[0]) == (0, 2000)
        assert all(2 * above <= 3 * below + 2 for below, above in pairwise(edges))


@pytest.mark.parametrize(
    ("minutes", "largest_read", "expected"),
    [
        (15, 0, DEFAULT_LAYOUTS[15]),
        (15, 16_383, DEFAULT_LAYOUTS[15]),
        (15, 16_384, WIDE_LAYOUTS[15]),
        (15, (1 << 20) - 1, WIDE_LAYOUTS[15]),
        (30, 1 << 15, WIDE_LAYOUTS[30]),
        (60, 1 << 16, WIDE_LAYOUTS[60]),
        (1440, (1 << 20) - 1, DEFAULT_LAYOUTS[1440]),
    ],
)
def test_the_narrowest_that_holds_the_reads(minutes: int, largest_read: int, expected: SlotLayout) -> None:
    assert layout_for(minutes, largest_read) is expected


@pytest.mark.parametrize(("minutes", "largest_read"), [(15, 1 << 20), (60, 1 << 22), (1440, 1 << 20)])
def test_reads_that_fit_none_need_a_larger_unit(minutes: int, largest_read: int) -> None:
    with pytest.raises(ParameterError, match=r"up to \d+ units: use a larger unit, such as 10 or 100 Wh") as error:
        layout_for(minutes, largest_read)
    assert str(largest_read) not in str(error.value)


def test_other_intervals_have_no_layout() -> None:
    with pytest.raises(ParameterError, match="5 minutes, only of 15, 30, 60, 1440"):
        layout_for(5, 100)
