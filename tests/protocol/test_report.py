import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.protocol.samples import LAYOUT_ID, WINDOW, header, public_key, report, signing_key
from wattseal.protocol.errors import MalformedMessage, MessageTooLarge, SignatureInvalid
from wattseal.protocol.ids import LAST_WINDOW, Channel, Kind, MeterId, RegionId
from wattseal.protocol.report import (
    MAX_FLAG_RUNS,
    MAX_REPORT_BYTES,
    FlagReason,
    FlagRun,
    Header,
    decode_report,
    flag_runs,
    frame,
    seal_report,
    unframe,
)
from wattseal.protocol.signing import sign

METER = public_key("meter")
FIXED = 62
"""Bytes of the header before the flag runs."""


def patched(body: bytes, offset: int, replacement: bytes) -> bytes:
    return body[:offset] + replacement + body[offset + len(replacement) :]


def with_runs(*runs: tuple[int, int, int]) -> bytes:
    """A report with these flag runs, made without the package's checks."""
    body = report()
    packed = b"".join(struct.pack(">HHB", *run) for run in runs)
    return patched(body[:FIXED], 57, bytes([len(runs)])) + packed + body[FIXED:]


def test_each_header_field_has_its_place() -> None:
    flags = (FlagRun(1, 2, FlagReason.MISSING), FlagRun(0x0304, 5, 6))
    sealed = report(b"cipher", channel=Channel.RECEIVED, key_id=0x01020304, number=7, flags=flags)
    start, end = WINDOW * 1440, (WINDOW + 1) * 1440
    places = [
        (0, b"\x01"),  # version
        (1, b"\x01"),  # suite
        (2, b"\x01"),  # kind
        (3, b"\x02"),  # channel
        (4, b"\x01\x02\x03\x04"),  # key id
        (8, LAYOUT_ID),
        (16, b"north" + bytes(11)),
        (32, b"m-001" + bytes(11)),
        (48, start.to_bytes(4, "big")),
        (52, end.to_bytes(4, "big")),
        (56, b"\x07"),  # number
        (57, b"\x02"),  # flag runs
        (58, b"\x00\x00\x00\x06"),  # ciphertext bytes
        (62, b"\x00\x01\x00\x02\x01"),
        (67, b"\x03\x04\x00\x05\x06"),
        (72, b"cipher"),
    ]
    for offset, expected in places:
        assert sealed[offset : offset + len(expected)] == expected, offset
    assert sum(len(expected) for _, expected in places) == 78 == len(sealed) - 64


def test_a_day_of_quarter_hours_under_paillier_3072_costs_less_than_ten_bytes_a_read() -> None:
    sealed = report(bytes(768))
    assert len(sealed) == 894
    assert len(frame([sealed])) == 898 <= 920


ids = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,14}[A-Za-z0-9])?\Z")
days = st.integers(0, LAST_WINDOW).map(lambda day: (Kind.DAILY, day * 1440, day * 1440 + 1440))
ranges = st.lists(st.integers(0, (LAST_WINDOW + 1) * 1440), min_size=2, max_size=2, unique=True).map(sorted)
spans = st.builds(lambda kind, ends: (kind, *ends), st.sampled_from([Kind.CYCLE, Kind.REGISTER, Kind.VECTOR]), ranges)


@st.composite
def run_lists(draw: st.DrawFn) -> tuple[FlagRun, ...]:
    """Gap of at least one between runs, so that reasons are free."""
    runs, free = [], 0
    for gap, length, reason in draw(
        st.lists(st.tuples(st.integers(0, 999), st.integers(1, 999), st.integers(1, 6)), max_size=MAX_FLAG_RUNS)
    ):
        runs.append(FlagRun(free + gap, length, reason))
        free += gap + length + 1
    return tuple(runs)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    kind, start, end = draw(st.one_of(days, spans))
    return header(
        suite=draw(st.integers(0, 255)),
        kind=kind,
        channel=draw(st.sampled_from(Channel)),
        key_id=draw(st.integers(1, 2**32 - 1)),
        layout_id=draw(st.binary(min_size=8, max_size=8)),
        region=RegionId(draw(ids)),
        meter=MeterId(draw(ids)),
        start=start,
        end=end,
        number=draw(st.integers(0, 7)),
        flags=draw(run_lists()),
    )


@given(headers(), st.binary(max_size=100))
def test_round_trip(sealed_header: Header, ciphertext: bytes) -> None:
    body = seal_report(sealed_header, ciphertext, signing_key("meter"))
    decoded = decode_report(body)
    decoded.verify(METER)
    assert (decoded.header, decoded.ciphertext, decoded.body) == (sealed_header, ciphertext, body)
    assert decoded.header.to_bytes(len(ciphertext)) + decoded.ciphertext + decoded.signature == body


@given(headers(), st.data())
def test_no_two_byte_strings_are_one_report(sealed_header: Header, data: st.DataObject) -> None:
    body = seal_report(sealed_header, b"ciphertext", signing_key("meter"))
    start = data.draw(st.integers(0, len(body)))
    edited = body[:start] + data.draw(st.binary(max_size=5)) + body[start + data.draw(st.integers(0, 5)) :]
    try:
        decoded = decode_report(edited)
    except MalformedMessage:
        return
    assert decoded.header.to_bytes(len(decoded.ciphertext)) + decoded.ciphertext + decoded.signature == edited


@given(st.binary(max_size=300))
@example(b"\x01" * 200)
def test_random_bytes_are_rejected(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_report(body)


def test_every_single_bit_flip_is_caught() -> None:
    body = report(bytes(range(40)), flags=(FlagRun(3, 4, FlagReason.MISSING), FlagRun(90, 6, 2)))
    decoded = decoded_and_forged = 0
    for bit in range(8 * len(body)):
        flipped = patched(body, bit // 8, bytes([body[bit // 8] ^ 1 << bit % 8]))
        try:
            flipped_report = decode_report(flipped)
        except MalformedMessage:
            continue
        decoded += 1
        with pytest.raises(SignatureInvalid):
            flipped_report.verify(METER)
        decoded_and_forged += 1
    assert decoded == decoded_and_forged > 8 * (40 + 64)


def test_truncation_at_every_length_is_rejected() -> None:
    body = report(flags=(FlagRun(3, 4, FlagReason.MISSING),))
    for length in range(len(body)):
        with pytest.raises(MalformedMessage):
            decode_report(body[:length])


@pytest.mark.parametrize("extra", [b"\0", b"x", bytes(5), bytes(64)])
def test_trailing_bytes_are_rejected(extra: bytes) -> None:
    with pytest.raises(MalformedMessage, match="length"):
        decode_report(report() + extra)


@pytest.mark.parametrize("offset", [16, 32])
@pytest.mark.parametrize(
    "field",
    [
        bytes(16),
        b"\0m-001".ljust(16, b"\0"),
        b"m-001\0x".ljust(16, b"\0"),
        b"m-001\0\0\0\0\0\0\0\0\0\0 ",
        b"m-001".ljust(16, b" "),
        b"m 001".ljust(16, b"\0"),
        b"m-001-".ljust(16, b"\0"),
        b".m-001".ljust(16, b"\0"),
        b"m/001".ljust(16, b"\0"),
        b"m\n001".ljust(16, b"\0"),
        b"m001\n".ljust(16, b"\0"),
        b"\xff" * 16,
        "m\u00e9".encode().ljust(16, b"\0"),
    ],
    ids=ascii,
)
def test_ids_have_one_padded_form(offset: int, field: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"^a region or meter is not the padded form of an id$"):
        decode_report(patched(report(), offset, field))


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0, b"\x00", "version 0"),
        (0, b"\x02", "version 2"),
        (2, b"\x00", "kind 0"),
        (2, b"\x05", "kind 5"),
        (3, b"\x00", "channel 0"),
        (3, b"\x03", "channel 3"),
        (4, bytes(4), "key ids begin at 1"),
        (56, b"\x08", "number 8"),
        (56, b"\xff", "number 255"),
        (57, b"\x01", "length"),
        (57, b"\x21", "33 flag runs"),
        (58, b"\x00\x00\x00\x09", "length"),
        (58, b"\x00\x00\x00\x0b", "length"),
        (58, b"\xff\xff\xff\xff", "length"),
    ],
)
def test_fields_out_of_range_are_rejected(offset: int, value: bytes, reason: str) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        decode_report(patched(report(), offset, value))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (WINDOW * 1440 + 1, WINDOW * 1440 + 1441),
        (WINDOW * 1440, WINDOW * 1440 + 1439),
        (WINDOW * 1440, WINDOW * 1440 + 1441),
        (WINDOW * 1440, WINDOW * 1440 + 2880),
        (WINDOW * 1440 - 60, WINDOW * 1440 + 1380),
    ],
)
def test_a_daily_report_covers_one_utc_day(start: int, end: int) -> None:
    with pytest.raises(MalformedMessage, match="one UTC day"):
        decode_report(patched(report(), 48, struct.pack(">II", start, end)))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("start", "end"),
    [(1440, 1440), (2880, 1440), ((LAST_WINDOW + 1) * 1440, (LAST_WINDOW + 2) * 1440), (0, 2**32 - 1)],
)
def test_a_range_is_not_empty_and_has_a_date(kind: Kind, start: int, end: int) -> None:
    """Four bytes of minutes reach the year 10136, for which Python has no date."""
    with pytest.raises(MalformedMessage, match="empty or beyond the year 9999"):
        decode_report(patched(patched(report(), 2, bytes([kind])), 48, struct.pack(">II", start, end)))


@pytest.mark.parametrize(
    "runs",
    [
        [(0, 0, 1)],
        [(0, 1, 0)],
        [(0, 4, 1), (3, 1, 2)],
        [(0, 4, 1), (0, 4, 1)],
        [(5, 1, 1), (0, 1, 1)],
        [(0, 65_535, 1), (65_534, 1, 1)],
    ],
)
def test_flag_runs_are_in_order_apart_and_not_empty(runs: list[tuple[int, int, int]]) -> None:
    with pytest.raises(MalformedMessage, match="empty, overlapping or out of order"):
        decode_report(with_runs(*runs))


def test_adjacent_runs_of_one_reason_are_one_run() -> None:
    with pytest.raises(MalformedMessage, match="adjacent"):
        decode_report(with_runs((0, 4, 1), (4, 1, 1)))
    assert decode_report(with_runs((0, 4, 1), (4, 1, 2))).header.flags == (FlagRun(0, 4, 1), FlagRun(4, 1, 2))


def test_at_most_32_runs() -> None:
    runs = [(2 * position, 1, 1) for position in range(33)]
    assert len(decode_report(with_runs(*runs[:32])).header.flags) == 32
    with pytest.raises(MalformedMessage, match="33 flag runs are more than 32"):
        decode_report(with_runs(*runs))


def test_the_signature_is_of_header_and_ciphertext_digest_by_this_meter_as_a_report() -> None:
    body = report()
    decode_report(body).verify(METER)
    with pytest.raises(SignatureInvalid):
        decode_report(body).verify(public_key("another meter"))
    for context in ("Report", "reports", "roster", "answer", ""):
        other = body[:-64] + sign(signing_key("meter"), context, body[:-64])
        with pytest.raises(SignatureInvalid):
            decode_report(other).verify(METER)


def test_bytes_cannot_move_between_flags_and_ciphertext() -> None:
    """The lengths are signed, so a run cannot pass for ciphertext, nor a piece of ciphertext for a run."""
    body = report(struct.pack(">HHB", 9, 9, 5) + b"rest", flags=(FlagRun(0, 1, 1),))
    moved = patched(body, 57, b"\x02" + struct.pack(">I", 4))
    assert decode_report(moved).header.flags == (FlagRun(0, 1, 1), FlagRun(9, 9, 5))
    with pytest.raises(SignatureInvalid):
        decode_report(moved).verify(METER)


@pytest.mark.parametrize(
    "changes",
    [
        {"suite": 256},
        {"suite": -1},
        {"key_id": 0},
        {"key_id": 2**32},
        {"layout_id": b"short"},
        {"layout_id": b"too long by far"},
        {"region": ""},
        {"meter": "seventeen-letters"},
        {"meter": "m\u00e9"},
        {"start": -1440, "end": 0},
        {"start": (LAST_WINDOW + 1) * 1440, "end": (LAST_WINDOW + 2) * 1440},
        {"number": 8},
        {"number": 256},
        {"flags": (FlagRun(0, 65_536, 1),)},
        {"flags": (FlagRun(0, 0, 1),)},
        {"flags": tuple(FlagRun(2 * i, 1, 1) for i in range(300))},
        {"kind": 9},
    ],
    ids=ascii,
)
def test_what_no_decoder_takes_is_not_sealed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        report(**changes)


def test_a_report_is_at_most_64_kib() -> None:
    largest = MAX_REPORT_BYTES - len(report(b""))
    assert len(decode_report(report(bytes(largest))).body) == MAX_REPORT_BYTES
    with pytest.raises(MalformedMessage, match="too long"):
        report(bytes(largest + 1))


@pytest.mark.parametrize("reason", [8, 9, 255])
def test_reasons_are_those_that_are_known(reason: int) -> None:
    with pytest.raises(MalformedMessage, match="a flag run's reason is not known"):
        decode_report(with_runs((0, 4, reason)))
    with pytest.raises(MalformedMessage, match="a flag run's reason is not known"):
        report(flags=(FlagRun(0, 4, reason),))


@pytest.mark.parametrize("runs", [[(1, 95, 7)], [(0, 4, 7), (9, 1, 1)], [(0, 4, 1), (9, 1, 7)]])
def test_several_reasons_are_one_run_over_everything(runs: list[tuple[int, int, int]]) -> None:
    with pytest.raises(MalformedMessage, match="over everything"):
        decode_report(with_runs(*runs))
    assert decode_report(with_runs((0, 96, 7))).header.flags == (FlagRun(0, 96, FlagReason.SEVERAL),)


def test_reasons_keep_their_numbers() -> None:
    assert [(reason.name, reason.value) for reason in FlagReason] == [
        ("MISSING", 1),
        ("LINEAR", 2),
        ("LIKE_DAY", 3),
        ("SPIKE", 4),
        ("SUM", 5),
        ("CLOCK", 6),
        ("SEVERAL", 7),
    ]


@given(st.lists(st.integers(0, 6), max_size=96) | st.lists(st.sampled_from([0, 0, 0, 2, 4]), max_size=96))
def test_reasons_as_runs_mark_the_same_intervals(reasons: list[int]) -> None:
    runs = flag_runs(reasons)
    assert decode_report(report(flags=runs)).header.flags == runs
    marked = [0] * len(reasons)
    for run in runs:
        marked[run.start : run.start + run.length] = [run.reason] * run.length
    assert marked in (reasons, [FlagReason.SEVERAL] * len(reasons))


def test_equal_neighbors_are_one_run() -> None:
    assert flag_runs([0, 1, 1, 2, 0, 0, 2, 5]) == (
        FlagRun(1, 2, FlagReason.MISSING),
        FlagRun(3, 1, FlagReason.LINEAR),
        FlagRun(6, 1, FlagReason.LINEAR),
        FlagRun(7, 1, FlagReason.SUM),
    )


def test_more_than_32_runs_become_one_over_everything() -> None:
    assert len(flag_runs([FlagReason.MISSING, 0] * 32)) == 32
    assert flag_runs([FlagReason.MISSING, 0] * 33) == (FlagRun(0, 66, FlagReason.SEVERAL),)
    assert flag_runs([FlagReason.LINEAR, FlagReason.SUM] * 17) == (FlagRun(0, 34, FlagReason.SEVERAL),)
    assert flag_runs([0] * 96) == flag_runs([]) == ()


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_frames_round_trip(reports: list[bytes]) -> None:
    assert list(unframe(frame(reports), most=5)) == reports


def test_no_frames_are_no_reports() -> None:
    assert list(unframe(b"", most=1)) == []
    assert list(unframe(bytes(4), most=1)) == [b""]


def test_frames_truncated_at_every_length() -> None:
    body = frame([b"one", b"three"])
    whole = {0: 0, 7: 1, 16: 2}
    for length in range(len(body) + 1):
        if length in whole:
            assert len(list(unframe(body[:length], most=2))) == whole[length]
        else:
            with pytest.raises(MalformedMessage, match="truncated"):
                list(unframe(body[:length], most=2))


@pytest.mark.parametrize("size", [MAX_REPORT_BYTES + 1, 2**32 - 1])
def test_an_oversized_frame_is_refused_by_its_length_alone(size: int) -> None:
    with pytest.raises(MessageTooLarge, match="above 65536"):
        list(unframe(struct.pack(">I", size), most=1))


def test_too_many_frames() -> None:
    assert len(list(unframe(frame([b"r"] * 3), most=3))) == 3
    with pytest.raises(MessageTooLarge, match="more than 3 reports"):
        list(unframe(frame([b"r"] * 4), most=3))


def test_the_window_of_a_daily_report() -> None:
    assert decode_report(report()).header.window == WINDOW
