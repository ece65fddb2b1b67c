import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattseal.protocol.codec import Message
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.ids import (
    LAST_WINDOW,
    Channel,
    CohortId,
    KeyIdField,
    NumberField,
    Suite,
    WindowField,
    checked_cohort,
    checked_id,
    id_from_bytes,
    id_to_bytes,
    within,
)
from wattseal.protocol.time import window_date

GOOD_IDS = ["a", "0", "m-001", "A.b_c-9", "x" * 16]
BAD_IDS = ["", "-a", "a-", ".a", "a.", "_a", "a b", "a/b", "a\n", "\na", "a\0", "\u00e9", "\uff11", "x" * 17, "..", "-"]
GOOD_COHORTS = ["town", "town/feeder-2/t07", "a/b/c/d/e/f", "x" * 24, "..."]
BAD_COHORTS = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "a/.",
    "a b",
    "a\n",
    "\u00e9",
    "x" * 25,
    "a/b/c/d/e/f/g",
]


class Numbers(Message):
    window: WindowField
    key_id: KeyIdField
    number: NumberField


@pytest.mark.parametrize("text", GOOD_IDS)
def test_good_ids_have_a_padded_form(text: str) -> None:
    assert checked_id(text) == text
    assert id_to_bytes(text) == text.encode() + bytes(16 - len(text))
    assert id_from_bytes(id_to_bytes(text)) == text


@pytest.mark.parametrize("text", BAD_IDS, ids=ascii)
def test_bad_ids(text: str) -> None:
    with pytest.raises(ValueError, match="an id is 1 to 16"):
        checked_id(text)
    with pytest.raises(ValueError, match="an id is 1 to 16"):
        id_to_bytes(text)


@given(st.binary(min_size=16, max_size=16) | st.text("ab-\0", min_size=16, max_size=16).map(str.encode))
def test_an_id_field_decodes_to_itself_or_not_at_all(field: bytes) -> None:
    try:
        text = id_from_bytes(field)
    except MalformedMessage:
        return
    assert id_to_bytes(text) == field


@pytest.mark.parametrize("text", GOOD_COHORTS)
def test_good_cohorts(text: str) -> None:
    assert checked_cohort(text) == text


@pytest.mark.parametrize("text", BAD_COHORTS, ids=ascii)
def test_bad_cohorts(text: str) -> None:
    with pytest.raises(ValueError, match="a cohort is a path"):
        checked_cohort(text)


@pytest.mark.parametrize(
    ("cohort", "ancestor", "inside"),
    [
        ("town", "town", True),
        ("town/f", "town", True),
        ("town/f/t", "town", True),
        ("town", "town/f", False),
        ("town2", "town", False),
        ("town2/f", "town", False),
        ("town/f2", "town/f", False),
    ],
)
def test_within_goes_by_whole_names(cohort: str, ancestor: str, inside: bool) -> None:
    assert within(CohortId(cohort), CohortId(ancestor)) is inside


def test_channel_codes() -> None:
    assert {channel: channel.code for channel in Channel} == {Channel.DELIVERED: 1, Channel.RECEIVED: 2}
    assert [Channel.from_code(code) for code in (1, 2)] == list(Channel)
    for code in (0, 3, 255, -1):
        with pytest.raises(MalformedMessage, match=f"channel {code} is not known"):
            Channel.from_code(code)


def test_schemes_by_name() -> None:
    found = {name: int(Suite.of_scheme(name)) for name in ("paillier", "ckks", "masking")}
    assert found == {"paillier": 1, "ckks": 2, "masking": 3}
    with pytest.raises(UsageError, match="a scheme is paillier or ckks or masking, not 'Paillier'"):
        Suite.of_scheme("Paillier")


@pytest.mark.parametrize(
    ("window", "key_id", "number", "good"),
    [
        (0, 1, 0, True),
        (LAST_WINDOW, 2**32 - 1, 7, True),
        (-1, 1, 0, False),
        (LAST_WINDOW + 1, 1, 0, False),
        (0, 0, 0, False),
        (0, 2**32, 0, False),
        (0, 1, -1, False),
        (0, 1, 8, False),
    ],
)
def test_ranges_of_numbers(window: int, key_id: int, number: int, good: bool) -> None:
    data = f'{{"key_id":{key_id},"number":{number},"window":{window}}}'.encode()
    if good:
        assert Numbers.from_bytes(data).to_bytes() == data
    else:
        with pytest.raises(MalformedMessage):
            Numbers.from_bytes(data)


def test_the_last_window_is_the_last_date() -> None:
    assert window_date(LAST_WINDOW).isoformat() == "9999-12-31"
