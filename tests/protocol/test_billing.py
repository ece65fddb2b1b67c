"""Bill statements: what they bind, what they compile to, and how numbers are told apart."""

from datetime import date
from typing import Any

import pytest

from tests.protocol.samples import bill_answer, bill_release, bill_statement, public_key, roster, signing_key
from wattseal.protocol.billing import BillAnswer, BillSegment, BillStatement, SegmentReport, local_day, split_numbers
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.ids import Channel, Kind, MeterId
from wattseal.protocol.statement import Approval
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import compile_tariff
from wattseal.protocol.tariff.registers import results_of
from wattseal.protocol.tariff.toml_file import packaged


def with_segments(*segments: dict[str, Any]) -> bytes:
    """A statement's bytes with other segments, unchecked."""
    return canonical_json({**bill_statement().model_dump(mode="json"), "segments": segments})


SEGMENT = bill_statement().segments[1].model_dump(mode="json")
READING = {"channel": "delivered", "number": 0, "read_at": SEGMENT["end"]}


@pytest.mark.parametrize(
    ("segments", "fault"),
    [
        ([], "at least 1"),
        ([SEGMENT, SEGMENT], "sorted by meter and start"),
        ([SEGMENT, {**SEGMENT, "meter": "m-000"}], "sorted by meter and start"),
        ([{**SEGMENT, "end": SEGMENT["start"]}], "ends after it begins"),
        ([{**SEGMENT, "reports": []}], "at least 1"),
        ([{**SEGMENT, "reports": SEGMENT["reports"] * 2}], "sorted by channel and kind"),
        ([{**SEGMENT, "reports": [READING, *SEGMENT["reports"]]}], "sorted by channel and kind"),
        ([{**SEGMENT, "reports": [READING, {**READING, "read_at": 1440}]}], "sorted by channel and kind"),
        ([{**SEGMENT, "reports": [{**READING, "read_at": -1}]}], "greater than or equal to 0"),
    ],
)
def test_segments_are_told_once_and_in_order(segments: list[dict[str, Any]], fault: str) -> None:
    with pytest.raises(MalformedMessage, match=fault):
        BillStatement.parse(with_segments(*segments))


@pytest.mark.parametrize("timezone", ["America/Nowhere", "", "+25:00", "../etc/passwd"])
def test_time_zones_exist(timezone: str) -> None:
    with pytest.raises(ValueError, match="timezone"):
        bill_statement(timezone=timezone)


def test_the_cycle_is_in_local_time() -> None:
    """From midnight to midnight, 31 days less the hour that the clocks skip."""
    cycle = bill_statement().cycle
    start, end = cycle.minutes
    assert (cycle.first, cycle.after) == (date(2026, 3, 1), date(2026, 4, 1))
    assert end - start == 31 * 24 * 60 - 60
    with pytest.raises(MalformedMessage, match="27 to 33"):
        _ = bill_statement(after=local_day(date(2026, 3, 20))).cycle


def test_an_approval_binds_statement_and_payload() -> None:
    answer, public = bill_answer(), public_key("aggregator")
    assert answer.approval.opened(public) == bill_statement()
    other = bill_statement(mode=Mode.DETERMINANTS).to_bytes()
    for changed in ({"numbers": bytes(27) + b"\1"}, {"flagged": (0, 4)}, {"statement": other}):
        with pytest.raises(SignatureInvalid):
            answer.model_copy(update=changed).approval.opened(public)
    with pytest.raises(SignatureInvalid):
        answer.approval.opened(public_key("decryptor"))


def test_a_bill_answer_is_no_answer_about_a_total() -> None:
    """Nor the other way: both sign two digests, under names of their own."""
    answer = BillAnswer.issue(bill_statement(), [], (), signing_key("aggregator"))
    total = answer.approval.model_dump()
    with pytest.raises(SignatureInvalid):
        Approval(**total).opened(public_key("aggregator"))


def test_attempts_are_counted_by_reports_and_functionals() -> None:
    segment, other = bill_statement().segments
    item = bill_statement().item(segment)
    assert item == bill_statement(key_id=9, roster_digest=bytes(32), segments=(segment,)).item(segment)
    renumbered = segment.model_copy(update={"reports": (SegmentReport(channel=Channel.DELIVERED, number=1),)})
    shorter = segment.model_copy(update={"end": segment.end - 15})
    readings = [
        tuple(report.model_copy(update={"read_at": minute}) for report in segment.reports)
        for minute in (segment.end, segment.end - 1440)
    ]
    from_registers, read_earlier = (segment.model_copy(update={"reports": reports}) for reports in readings)
    different = [
        bill_statement().item(other),
        bill_statement().item(renumbered),
        bill_statement().item(shorter),
        bill_statement().item(from_registers),
        bill_statement().item(read_earlier),
        bill_statement(mode=Mode.DETERMINANTS).item(segment),
        bill_statement(tariff=bytes(31) + b"\1").item(segment),
    ]
    assert len({item, *different}) == 8


def test_functionals_are_those_of_the_registered_tariff() -> None:
    tariff, segment = packaged("E-TOU-C"), bill_statement().segments[1]
    compiled = bill_statement().compiled(segment, tariff, roster())
    direct = compile_tariff(tariff, compiled.segment, tariff.modes(Mode.AMOUNT))
    assert (compiled.segment.start, compiled.segment.end) == (segment.start, segment.end)
    for ours, theirs in zip(compiled.functionals, direct.functionals, strict=True):
        assert ours.item == theirs.item
        assert (ours.y == theirs.y).all()


def test_a_segment_without_cycle_reports_is_billed_by_sums_from_registers() -> None:
    tariff, segment = packaged("E-TOU-C"), bill_statement().segments[1]
    reading = SegmentReport(channel=Channel.DELIVERED, number=0, read_at=segment.end)
    compiled = bill_statement().compiled(segment.model_copy(update={"reports": (reading,)}), tariff, roster())
    assert set(compiled.modes.values()) == {Mode.DETERMINANTS}
    assert compiled.by_registers == {Channel.DELIVERED}
    assert {result.kind for result in results_of(compiled)} == {Kind.REGISTER}


def test_a_segment_that_no_tariff_fits_is_malformed() -> None:
    start, _ = bill_statement().cycle.minutes
    reports = (SegmentReport(channel=Channel.RECEIVED, number=0),)
    received = BillSegment(meter=MeterId("m-000"), start=start, end=start + 60, reports=reports)
    off_grid = bill_statement().segments[1].model_copy(update={"start": start + 1})
    for segment, fault in ((received, "no charge on channel 'received'"), (off_grid, "not beginnings of intervals")):
        with pytest.raises(MalformedMessage, match=fault):
            bill_statement().compiled(segment, packaged("E-TOU-C"), roster())


def test_numbers_are_told_apart_by_their_segments() -> None:
    numbers = [bytes([place]) * 14 for place in range(4)]
    assert split_numbers(b"".join(numbers), [1, 0, 3]) == [numbers[:1], [], numbers[1:]]
    assert split_numbers(b"", []) == []
    for wrong in (b"".join(numbers)[:-1], b"".join(numbers) + b"\0", b""):
        with pytest.raises(MalformedMessage, match="one number for each functional"):
            split_numbers(wrong, [1, 3])


def test_heads_of_a_release_are_each_of_its_half() -> None:
    release = bill_release()
    decryptor, unblinder = public_key("decryptor"), public_key("unblinder")
    release.check_heads(decryptor, unblinder)
    swapped = release.model_copy(update={"decryptor_head": release.unblinder_head})
    with pytest.raises(SignatureInvalid):
        swapped.check_heads(unblinder, unblinder)
