import base64
import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from tests.protocol.samples import ONE_OF_EACH, WINDOW, key_notice, release, roster, roster_row, statement
from wattseal.protocol.codec import Bytes, Count, Many, Message, canonical_json, first_fault, to_base64
from wattseal.protocol.countersigned import Countersigned
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import Channel, Role
from wattseal.protocol.keys import EnrolmentRequest, MeterKeysOfHalf
from wattseal.protocol.release import Head, PadRequest, Release
from wattseal.protocol.roster import Roster
from wattseal.protocol.statement import TotalQuestion, TotalStatement

MARK = "ZqZ73194"
"""Hostile input that no error message may contain."""

HEAD = Head(role=Role.DECRYPTOR, counter=1, hash=bytes(32)).to_bytes()
STATEMENT = statement().to_bytes()


def message_types(base: type[Message] = Message) -> Iterator[type[Message]]:
    """Those of this directory's tests; what a tariff is made of has tests and a page of its own."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith("wattseal.protocol.") and ".tariff." not in kind.__module__:
            if kind is not Countersigned and not kind.__name__.startswith("_"):
                yield kind
            yield from message_types(kind)


def assert_rejected(kind: type[Message], data: bytes) -> None:
    with pytest.raises(MalformedMessage) as caught:
        kind.from_bytes(data)
    assert MARK not in str(caught.value)
    assert len(str(caught.value)) < 300


def with_value(field: str, value: str, of: bytes = HEAD) -> bytes:
    """The message with one field's JSON text replaced."""
    fields = json.loads(of)
    assert field in fields
    texts = {name: json.dumps(old, separators=(",", ":")) for name, old in fields.items()} | {field: value}
    return ("{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}").encode()


def test_the_samples_hold_every_message_type() -> None:
    assert {type(message) for message in ONE_OF_EACH} == set(message_types())


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_round_trip(message: Message) -> None:
    data = message.to_bytes()
    assert type(message).from_bytes(data) == message
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode()
    assert data.isascii()


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
def test_every_message_is_strict(message: Message) -> None:
    """Each type by itself, so that a new one cannot forget the base class's rules."""
    data = message.to_bytes()
    assert_rejected(type(message), data + b"\n")
    assert_rejected(type(message), b" " + data)
    assert_rejected(type(message), data + data)
    assert_rejected(type(message), data[:-1])
    assert_rejected(type(message), b'{"0%s":1,' % MARK.encode() + data[1:])
    for field, value in json.loads(data).items():
        assert_rejected(type(message), canonical_json({k: v for k, v in json.loads(data).items() if k != field}))
        assert_rejected(type(message), canonical_json({**json.loads(data), field: 0.5}))
        if not isinstance(value, bool):
            assert_rejected(type(message), canonical_json({**json.loads(data), field: True}))
        assert_rejected(type(message), canonical_json({**json.loads(data), field: {MARK: MARK}}))


numbers = st.integers(0, 2**63 - 1)
heads = st.builds(
    Head,
    role=st.sampled_from([Role.DECRYPTOR, Role.UNBLINDER]),
    counter=numbers,
    hash=st.binary(min_size=32, max_size=32),
)
names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,63}\Z")
rows = st.builds(
    roster_row,
    st.integers(0, 999),
    service_point=names,
    account=names,
    customer_class=st.sampled_from(["residential", "commercial", "large"]),
    channels=st.sampled_from([tuple(Channel), (Channel.RECEIVED,)]),
    installed=st.integers(0, WINDOW),
    tenure_since=st.integers(0, WINDOW),
)
statements = st.builds(
    statement,
    purpose=st.from_regex(r"\A[a-z][a-z0-9-]{0,39}\Z"),
    suite=st.integers(0, 255),
    key_id=st.integers(1, 2**32 - 1),
    layout_id=st.binary(min_size=8, max_size=8),
    members=st.binary(max_size=2048),
    numbers=st.lists(st.tuples(st.integers(0, 16_383), st.integers(0, 7))).map(tuple),
    functional=st.text(max_size=64),
)
releases = st.builds(
    release,
    statement=st.binary(),
    reads=st.lists(st.integers(0, (1 << 62) - 1)).map(tuple),
    members=st.integers(1, 16_384),
)
messages = st.one_of(
    heads, rows.map(roster), statements, releases, st.builds(key_notice, public_key=st.binary(max_size=4096))
)


@given(messages)
def test_round_trip_of_generated_messages(message: Message) -> None:
    again = type(message).from_bytes(message.to_bytes())
    assert again == message
    assert again.digest() == message.digest()


@given(messages, st.data())
def test_no_two_byte_strings_are_one_message(message: Message, data: st.DataObject) -> None:
    """Any edit of valid bytes is either rejected or another message that encodes to the edited bytes."""
    original = message.to_bytes()
    start = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 3))
    junk = st.one_of(st.binary(max_size=3), st.sampled_from([b" ", b"\n", b"0", b"-", b".0", b"e0", b"=", b"\\u0061"]))
    edited = original[:start] + data.draw(junk) + original[start + length :]
    try:
        decoded = type(message).from_bytes(edited)
    except MalformedMessage:
        return
    assert decoded.to_bytes() == edited
    assert (decoded == message) == (edited == original)


@given(st.permutations(sorted(json.loads(STATEMENT))))
def test_any_other_order_of_fields_is_rejected(order: list[str]) -> None:
    fields = json.loads(STATEMENT)
    data = json.dumps({name: fields[name] for name in order}, separators=(",", ":")).encode()
    if order == sorted(order):
        assert TotalStatement.from_bytes(data) == statement()
    else:
        assert_rejected(TotalStatement, data)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\t", b"\r"])
def test_white_space_is_rejected_everywhere(space: bytes) -> None:
    for position in range(len(HEAD) + 1):
        assert_rejected(Head, HEAD[:position] + space + HEAD[position:])


@pytest.mark.parametrize(
    "value",
    [
        *("true", "1.0", "1e0", "0.5", "-1", "-0", "01", '"1"', "null", "[1]", "{}", "NaN", "Infinity", "-Infinity"),
        *(str(2**63), "9" * 4_300, "9" * 4_301, "9" * 100_000, "1e999"),
    ],
    ids=lambda value: value[:20],
)
def test_an_integer_has_one_spelling_and_fits_63_bits(value: str) -> None:
    assert_rejected(Head, with_value("counter", value))


def test_the_largest_integer() -> None:
    assert Head.from_bytes(with_value("counter", str(2**63 - 1))).counter == 2**63 - 1


@pytest.mark.parametrize("value", ["true", "1.0", "2", "0", '"1"', "null"])
def test_unknown_versions_are_rejected(value: str) -> None:
    assert_rejected(TotalStatement, with_value("version", value, of=STATEMENT))


@pytest.mark.parametrize("value", ["1", '"DELIVERED"', '"Delivered"', '"sideways"', "true", "null", '["delivered"]'])
def test_an_enumeration_has_one_spelling(value: str) -> None:
    assert_rejected(TotalStatement, with_value("channel", value, of=STATEMENT))


@pytest.mark.parametrize(
    "text",
    [
        "AAA=",
        "AA==",
        "AAAA====",
        "A",
        "AAAAA",
        "AB",
        "AAB",
        "+/+/",
        "AA AA",
        "AAAA\\n",
        "=AAA",
        "\u00e9AAA",
        MARK + "!",
    ],
    ids=ascii,
)
def test_bytes_have_one_spelling(text: str) -> None:
    """Padding, stray low bits, the other alphabet, white space; in requests that may be spelled freely, too."""
    data = with_value("statement", f'"{text}"', of=release().to_bytes())
    assert_rejected(Release, data)
    with pytest.raises(MalformedMessage, match="base64url"):
        Release.parse(data)


@given(st.binary())
def test_bytes_are_base64url_without_padding(data: bytes) -> None:
    assert to_base64(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert Release.from_bytes(release(statement=data).to_bytes()).statement == data


@pytest.mark.parametrize("size", [0, 31, 33])
def test_digests_have_32_bytes(size: int) -> None:
    assert_rejected(Head, with_value("hash", f'"{to_base64(bytes(size))}"'))


def test_a_duplicate_key_is_rejected() -> None:
    assert_rejected(Head, b'{"counter":1,' + HEAD[1:])
    assert_rejected(Head, b'{"counter":2,' + HEAD[1:])


def test_a_missing_default_is_rejected() -> None:
    question = TotalQuestion.parse(b'{"purpose":"p","region":"r","cohort":"town","window":1}')
    assert question.channel is Channel.DELIVERED
    assert_rejected(TotalQuestion, b'{"cohort":"town","purpose":"p","region":"r","window":1}')


def test_text_beyond_ascii_is_escaped() -> None:
    foreign = statement(functional="Caf\u00e9 \U0001f50c")
    encoded = foreign.to_bytes()
    assert b"Caf\\u00e9 \\ud83d\\udd0c" in encoded
    assert TotalStatement.from_bytes(encoded) == foreign
    assert_rejected(TotalStatement, encoded.replace(b"\\u00e9", "\u00e9".encode()))
    assert_rejected(TotalStatement, encoded.replace(b"\\u00e9", b"\\u00E9"))
    assert_rejected(TotalStatement, encoded.replace(b"\\ud83d", b""))
    assert_rejected(TotalStatement, encoded.replace(b"C", b"\\u0043"))


@pytest.mark.parametrize("name", ["Caf\u00e9", "a\u200bb", "=SUM(A1)", "-1", " a", "", "a\n", "a" * 65])
def test_names_are_plain_ascii(name: str) -> None:
    for field in ("account", "service_point"):
        with pytest.raises(ValidationError):
            roster_row(1, **{field: name})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"1",
        b'"text"',
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"\x00",
        b"\xef\xbb\xbf" + HEAD,
        HEAD.decode().encode("utf-16"),
        HEAD.replace(b"decryptor", b"\xff"),
        HEAD.replace(b"decryptor", b"\\ud800"),
        b"[" * 100_000,
        b'{"counter":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
    ],
    ids=lambda data: ascii(data[:16]),
)
def test_what_is_no_message_is_rejected(data: bytes) -> None:
    assert_rejected(Head, data)


@given(st.binary(max_size=200))
def test_random_bytes_are_rejected(data: bytes) -> None:
    assert_rejected(TotalStatement, data)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)),
    max_leaves=6,
)


@given(st.sampled_from(ONE_OF_EACH), st.data())
def test_any_json_in_a_field_is_rejected_or_round_trips(message: Message, data: st.DataObject) -> None:
    fields: dict[str, Any] = json.loads(message.to_bytes())
    name = data.draw(st.sampled_from(sorted(fields)))
    edited = json.dumps({**fields, name: data.draw(json_values)}, sort_keys=True, separators=(",", ":")).encode()
    try:
        decoded = type(message).from_bytes(edited)
    except MalformedMessage:
        return
    assert decoded.to_bytes() == edited


def test_an_unknown_name_is_shown_only_if_it_could_be_a_field() -> None:
    with pytest.raises(MalformedMessage, match="least_grup"):
        Head.parse(b'{"least_grup":1,' + HEAD[1:])
    for name in (MARK, "x" * 33, "<script>", "a\\nb", "\u00e9"):
        with pytest.raises(MalformedMessage) as caught:
            Head.parse(b'{"%s":1,' % name.encode() + HEAD[1:])
        assert str(caught.value) == "Head: Extra inputs are not permitted"
    keys = MeterKeysOfHalf(meter=roster_row(1).meter, meter_key=bytes(32), check_keys={"2026-03": bytes(32)})
    assert_rejected(MeterKeysOfHalf, keys.to_bytes().replace(b"2026-03", MARK.encode()))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Roster, b'{"rows":[' + b"{}," * 999 + b"{}]}"),
        (Release, b'{"reads":[' + b'"",' * 999 + b'""],"flagged":[' + b'"",' * 999 + b'""]}'),
        (PadRequest, b'{"seen":[' + b"{}," * 999 + b"{}]}"),
        (EnrolmentRequest, b'{"months":[' + b"1," * 999 + b"1]}"),
        (TotalStatement, b'{"numbers":[' + b"1," * 999 + b"1]}"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_faults_do_not_multiply_with_the_input(kind: type[Message], data: bytes) -> None:
    """A fault costs far more memory than the two bytes that cause it, so a list stops at its first."""
    with pytest.raises(ValidationError) as caught:
        kind.model_validate_json(data)
    assert caught.value.error_count() < 25


def test_a_fault_names_place_and_reason() -> None:
    class Inner(Message):
        count: Count

    class Outer(Message):
        inner: Annotated[Many[Inner], Field(max_length=2)]
        data: Bytes = b""

    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(b'{"inner":[{"count":1},{"count":-1}]}')
    assert first_fault(caught.value) == "inner.1.count: Input should be greater than or equal to 0"
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(b"[")
    assert first_fault(caught.value).startswith("Invalid JSON")


def test_messages_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        statement().window = WINDOW  # type: ignore[misc]
