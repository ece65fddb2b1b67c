"""Labels: one name a report, never the same bytes for two names."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cryptosystems.paillier.vectors import label, load
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.label import Label, Use, check_key_id
from wattseal.cryptosystems.secret import Secret

LABEL = Label(1, b"m" * 16, "north", "meter-1", 1, 1, 0, 1440, 1, 0)

sixteen_bytes = st.binary(min_size=16, max_size=16)
labels = st.builds(
    lambda bound, **fields: Label(**fields, **bound),
    bound=st.one_of(
        st.just({}),
        st.fixed_dictionaries({"check_key_id": sixteen_bytes}),
        st.fixed_dictionaries({"registers": sixteen_bytes}),
    ),
    suite=st.integers(0, 0xFFFF),
    modulus_id=st.binary(max_size=20),
    region=st.text(max_size=4),
    meter=st.text(max_size=4),
    kind=st.integers(0, 0xFF),
    channel=st.integers(0, 0xFF),
    start=st.integers(0, 0xFFFF_FFFF),
    end=st.integers(0, 0xFFFF_FFFF),
    key_id=st.integers(0, 0xFFFF_FFFF),
    number=st.integers(0, 0xFF),
)
uses = st.sampled_from(Use)
chunks = st.integers(0, 0xFFFF)


def forms(name: Label, use: Use, chunk: int) -> dict[tuple[Any, ...], bytes]:
    """What each encoding means, and its bytes."""
    shared = (name.suite, name.modulus_id, name.region, name.kind, name.channel, name.start, name.end, name.key_id)
    return {
        (use, chunk, name): name.encode(use, chunk),
        (use, chunk, shared, name.number, name.registers): name.encode_without_meter(use, chunk),
        (use, chunk, shared): name.encode_shared(use, chunk),
    }


@given(labels, labels, uses, uses, chunks, chunks)
def test_different_names_have_different_bytes(
    a: Label, b: Label, use_a: Use, use_b: Use, chunk_a: int, chunk_b: int
) -> None:
    named = {**forms(a, use_a, chunk_a), **forms(b, use_b, chunk_b)}
    assert len(set(named.values())) == len(named)


@given(labels, uses, chunks, labels)
def test_no_encoding_begins_another(a: Label, use: Use, chunk: int, b: Label) -> None:
    """Labels delimit themselves, so a suffix after one can never look like another label."""
    first, second = a.encode(use, chunk), b.encode(use, chunk)
    assert a == b or not second.startswith(first)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"region": "ab", "meter": "c"}, {"region": "a", "meter": "bc"}),
        ({"modulus_id": b"ab", "region": "c"}, {"modulus_id": b"a", "region": "bc"}),
        ({"start": 0, "end": 1440}, {"start": 1440, "end": 0}),
        ({"kind": 1, "channel": 2}, {"kind": 2, "channel": 1}),
        ({"number": 0}, {"number": 1}),
        ({"meter": "m"}, {"meter": "m\0"}),
        ({"suite": 1, "key_id": 2}, {"suite": 2, "key_id": 1}),
    ],
)
def test_fields_never_run_into_each_other(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert LABEL._replace(**a).encode(Use.PAD) != LABEL._replace(**b).encode(Use.PAD)


@pytest.mark.parametrize(
    "change",
    [
        {"suite": 1 << 16},
        {"suite": -1},
        {"kind": 256},
        {"channel": -1},
        {"start": -1},
        {"end": 1 << 32},
        {"key_id": 1 << 32},
        {"number": 256},
        {"number": -1},
        {"meter": "m" * 256},
        {"meter": "\ud800"},
        {"region": "\ud800"},
        {"region": "r" * 65_536},
    ],
)
def test_fields_out_of_range_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        LABEL._replace(**change).encode(Use.PAD)


def test_a_number_out_of_range_is_refused_without_meter_too() -> None:
    with pytest.raises(ParameterError, match="number"):
        LABEL._replace(number=256).encode_without_meter(Use.A)


@given(labels, uses, st.lists(st.text(max_size=4)))
def test_many_meters_are_named_as_each_alone(name: Label, use: Use, meters: list[str]) -> None:
    assert name.encode_for(use, meters) == [name._replace(meter=meter).encode(use) for meter in meters]


@pytest.mark.parametrize("change", [{"number": 256}, {"check_key_id": b"c"}, {"suite": -1}])
def test_many_meters_are_refused_as_each_alone(change: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="label: "):
        LABEL._replace(**change).encode_for(Use.PAD, [LABEL.meter])
    with pytest.raises(ParameterError, match="below 256"):
        LABEL.encode_for(Use.PAD, [LABEL.meter, "m" * 256])


@pytest.mark.parametrize("chunk", [-1, 1 << 16])
def test_chunks_out_of_range_are_refused(chunk: int) -> None:
    with pytest.raises(ParameterError, match="out of range"):
        LABEL.encode(Use.PAD, chunk)


def test_labels_are_frozen() -> None:
    with pytest.raises(AttributeError):
        LABEL.number = 1  # type: ignore[misc]


def test_meters_and_numbers_share_what_they_should() -> None:
    other = LABEL._replace(meter="meter-2")
    edited = LABEL._replace(number=1)
    assert LABEL.encode_without_meter(Use.A) == other.encode_without_meter(Use.A) != edited.encode_without_meter(Use.A)
    assert LABEL.encode_shared(Use.WEIGHT) == other.encode_shared(Use.WEIGHT) == edited.encode_shared(Use.WEIGHT)


def test_the_vector() -> None:
    vector = load("label")
    name = label(vector["label"])
    assert {use.value: name.encode(use).hex() for use in Use} == vector["encoded"]
    assert name.encode(Use.PAD, 1).hex() == vector["chunk_1"]
    assert name.encode_shared(Use.WEIGHT).hex() == vector["shared"]
    assert name.encode_without_meter(Use.A).hex() == vector["without_meter"]


def test_a_label_bound_to_a_check_key_is_another_form() -> None:
    bound = LABEL._replace(check_key_id=b"c" * 16)
    plain = LABEL.encode(Use.PAD)
    assert bound.encode(Use.PAD) == plain.replace(b"\x02\x00\x07meter-1", b"\x03\x00\x07meter-1" + b"c" * 16)
    assert bound.encode_shared(Use.WEIGHT) == LABEL.encode_shared(Use.WEIGHT)


@pytest.mark.parametrize("size", [1, 15, 17])
def test_a_check_key_id_of_another_size(size: int) -> None:
    with pytest.raises(ParameterError, match="check key id"):
        LABEL._replace(check_key_id=bytes(size)).encode(Use.PAD)


def test_a_label_of_registers_names_what_they_are_bound_to_without_the_meter_too() -> None:
    """The unblinder's part and the decryptor's part of opening then fail for another program or cycle."""
    bound, other = LABEL._replace(registers=b"r" * 16), LABEL._replace(registers=b"s" * 16)
    assert bound.encode(Use.PAD) == LABEL.encode(Use.PAD).replace(
        b"\x02\x00\x07meter-1", b"\x05\x00\x07meter-1" + b"r" * 16
    )
    assert bound.encode_without_meter(Use.A) == LABEL.encode_without_meter(Use.A)[:-2] + b"\x04\x00" + b"r" * 16
    for encode in (Label.encode, Label.encode_without_meter):
        assert len({encode(each, Use.A) for each in (LABEL, bound, other)}) == 3


@pytest.mark.parametrize("changes", [{"registers": b"r"}, {"registers": bytes(17)}])
def test_registers_are_named_by_sixteen_bytes(changes: dict[str, Any]) -> None:
    for encode in (Label.encode, Label.encode_without_meter):
        with pytest.raises(ParameterError, match="16 bytes"):
            encode(LABEL._replace(**changes), Use.A)


def test_no_register_report_is_bound_to_a_check_key() -> None:
    with pytest.raises(ParameterError, match="check key"):
        LABEL._replace(registers=bytes(16), check_key_id=bytes(16)).encode(Use.PAD)


def test_check_key_ids_name_check_keys() -> None:
    assert check_key_id(Secret(b"a" * 32)) != check_key_id(Secret(b"b" * 32))
    assert len(check_key_id(Secret(b"a" * 32))) == 16
