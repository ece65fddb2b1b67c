import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.samples import WINDOW, answer, public_key, roster, roster_row, signing_key, statement
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid, UnknownSubject
from wattseal.protocol.ids import Channel, CohortId, MeterId
from wattseal.protocol.signing import sign
from wattseal.protocol.statement import Answer, TotalStatement, bits_to_positions, positions_to_bits

AGGREGATOR = public_key("aggregator")
MEMBERS = {MeterId("m-000"): 0, MeterId("m-001"): 2}


@given(st.sets(st.integers(0, 40)), st.integers(41, 60))
def test_a_bitmap_and_its_positions(positions: set[int], count: int) -> None:
    bits = positions_to_bits(positions, count)
    assert len(bits) == -(-count // 8)
    assert bits_to_positions(bits, count) == sorted(positions)


@given(st.binary(max_size=4), st.integers(0, 32))
def test_a_bitmap_has_one_spelling(bits: bytes, count: int) -> None:
    try:
        positions = bits_to_positions(bits, count)
    except MalformedMessage:
        return
    assert positions_to_bits(positions, count) == bits


def test_the_lowest_bit_of_the_first_byte_is_the_first_member() -> None:
    assert positions_to_bits([0, 3, 8], 10) == b"\x09\x01"


@pytest.mark.parametrize(
    ("bits", "count"),
    [(b"", 1), (b"\0", 0), (b"\0\0", 8), (b"\0", 9), (b"\0\0\0", 9), (b"\x02", 1), (b"\0\x04", 10), (b"\xff\xff", 15)],
)
def test_bitmaps_that_do_not_fit(bits: bytes, count: int) -> None:
    with pytest.raises(MalformedMessage, match="the bitmap of members does not fit the roster"):
        bits_to_positions(bits, count)


def test_members_in_order_with_their_numbers() -> None:
    members = statement().members_in(roster())
    assert list(members) == [f"m-{number:03}" for number in range(9)]
    assert members == {meter: 2 if meter == "m-002" else 0 for meter in members}


def test_the_bitmap_counts_active_meters_of_the_channel_only() -> None:
    received = statement(channel=Channel.RECEIVED, members=b"\x0a", numbers=((3, 1),))
    assert received.members_in(roster()) == {"m-003": 0, "m-009": 1}
    with pytest.raises(MalformedMessage, match="bitmap"):
        statement(channel=Channel.RECEIVED, members=b"\x10", numbers=()).members_in(roster())


def test_a_cohort_without_active_meters_has_no_members() -> None:
    assert statement(channel=Channel.RECEIVED, members=b"", numbers=()).members_in(roster(roster_row(1))) == {}


def test_a_cohort_that_the_roster_does_not_have() -> None:
    with pytest.raises(UnknownSubject):
        statement(cohort=CohortId("elsewhere")).members_in(roster())


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        (((3, 1), (2, 1)), "sorted by member"),
        (((2, 1), (2, 1)), "sorted by member"),
        (((2, 1), (2, 2)), "sorted by member"),
        (((2, 0),), "0 left out"),
        (((9, 1),), "not a member"),
        (((10, 1),), "not a member"),
        (((16_383, 7),), "not a member"),
    ],
)
def test_numbers_have_one_spelling(numbers: tuple[tuple[int, int], ...], reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        statement(numbers=numbers).members_in(roster())


@pytest.mark.parametrize(
    "numbers",
    [
        *(
            "[[2,8]]",
            "[[2,-1]]",
            "[[-1,1]]",
            "[[16384,1]]",
            "[[true,1]]",
            "[[2,true]]",
            "[[2]]",
            "[[2,1,1]]",
            '[["2",1]]',
        ),
        *("[2,1]", '{"2":1}', "null", f"[[{2**61 - 1},1]]"),
    ],
)
def test_numbers_that_do_not_decode(numbers: str) -> None:
    data = json.dumps({**json.loads(statement().to_bytes()), "numbers": 0}, sort_keys=True, separators=(",", ":"))
    with pytest.raises(MalformedMessage, match=r"TotalStatement: numbers"):
        TotalStatement.from_bytes(data.replace('"numbers":0', f'"numbers":{numbers}').encode())


def test_positions_cannot_collide_in_a_dictionary() -> None:
    """Python hashes integers modulo 2^61 - 1: 20,000 multiples of it kept `members_in` busy for seconds."""
    fields = json.loads(statement().to_bytes())
    fields["numbers"] = [[(2**61 - 1) * k, 1] for k in range(20_000)]
    with pytest.raises(MalformedMessage):
        TotalStatement.from_bytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"region": "south"},
        {"cohort": "town/feeder-0"},
        {"roster_digest": bytes(32)},
        {"suite": 129},
        {"key_id": 8},
        {"layout_id": bytes(8)},
        {"members": b"\1", "numbers": ()},
    ],
    ids=str,
)
def test_the_item_is_independent_of_how_the_members_were_named(changes: dict[str, Any]) -> None:
    """Otherwise each of these would bring three more attempts at the same sum."""
    assert statement(**changes).item(MEMBERS) == statement().item(MEMBERS)


@pytest.mark.parametrize(
    "changes", [{"window": WINDOW + 1}, {"channel": Channel.RECEIVED}, {"functional": "tariff-1"}], ids=str
)
def test_the_item_depends_on_what_is_summed(changes: dict[str, Any]) -> None:
    assert statement(**changes).item(MEMBERS) != statement().item(MEMBERS)


def test_the_item_depends_on_members_and_numbers_but_not_on_their_order() -> None:
    item = statement().item(MEMBERS)
    assert statement().item(dict(reversed(MEMBERS.items()))) == item
    others = [{**MEMBERS, MeterId("m-001"): 3}, {MeterId("m-000"): 0}, {**MEMBERS, MeterId("m-002"): 0}, {}]
    assert len({item, *(statement().item(members) for members in others)}) == 5


def test_two_cohorts_of_the_same_meters_are_one_item() -> None:
    whole = roster(roster_row(0), roster_row(1))
    by_leaf = statement(cohort=CohortId("town/feeder-0/t0"), members=b"\3", numbers=())
    by_town = statement(members=b"\3", numbers=())
    assert by_leaf.item(by_leaf.members_in(whole)) == by_town.item(by_town.members_in(whole))


def test_an_answer_opens_by_way_of_its_approval() -> None:
    received = Answer.from_bytes(answer().to_bytes())
    assert received.approval.opened(AGGREGATOR) == statement()


def test_an_approval_holds_no_ciphertext() -> None:
    approval = answer().approval
    assert set(json.loads(approval.to_bytes())) == {"statement", "payload_digest", "signature"}
    assert len(approval.payload_digest) == 32


@pytest.mark.parametrize(
    "changes",
    [
        {"statement": statement(window=WINDOW + 1).to_bytes()},
        {"statement": statement(key_id=8).to_bytes()},
        {"ciphertext": b"ciphertexu"},
        {"ciphertext": b""},
        {"ciphertext": b"ciphertext\0"},
        {"flagged": (0, 1)},
        {"flagged": (0, 1, 1)},
        {"flagged": (0, 10)},
        {"flagged": ()},
        {"signature": bytes(64)},
    ],
    ids=str,
)
def test_the_aggregator_signs_statement_ciphertext_and_flags(changes: dict[str, Any]) -> None:
    fields: dict[str, Any] = dict(answer())
    with pytest.raises(SignatureInvalid, match="answer"):
        Answer(**{**fields, **changes}).approval.opened(AGGREGATOR)


def test_an_answer_by_somebody_else() -> None:
    with pytest.raises(SignatureInvalid):
        answer().approval.opened(public_key("decryptor"))


def test_a_signature_made_for_another_kind_of_message() -> None:
    approval = answer().approval
    for context in ("Answer", "Approval", "TotalStatement", "report"):
        signature = sign(signing_key("aggregator"), context, approval.statement)
        with pytest.raises(SignatureInvalid):
            approval.model_copy(update={"signature": signature}).opened(AGGREGATOR)


def test_an_approval_of_another_payload() -> None:
    other = Answer.issue(statement(), b"other", (0, 1, 0), signing_key("aggregator")).approval
    with pytest.raises(SignatureInvalid):
        other.model_copy(update={"payload_digest": answer().approval.payload_digest}).opened(AGGREGATOR)


@pytest.mark.parametrize("flagged", ["[-1]", "[true]", "[0.5]", f"[{2**63}]", f"[{','.join(['0'] * 1441)}]"], ids=len)
def test_flag_counts_out_of_range(flagged: str) -> None:
    data = answer().to_bytes().replace(b"[0,1,0]", flagged.encode())
    with pytest.raises(MalformedMessage, match="Answer: flagged"):
        Answer.from_bytes(data)


@pytest.mark.parametrize(
    "changes", [{"version": 2}, {"kind": "bill"}, {"members": bytes(2049)}, {"functional": "x" * 65}]
)
def test_statements_out_of_range(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error for TotalStatement"):
        statement(**changes)
