from typing import Any

import pytest
from pydantic import ValidationError

from tests.protocol.samples import WINDOW, enrolment, key_notice
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import MeterId, Role
from wattseal.protocol.keys import Enrolment, EnrolmentRequest, KeyNotice, MeterKeysOfHalf


def test_a_key_serves_at_least_one_window() -> None:
    assert key_notice(last_window=WINDOW).last_window == WINDOW
    with pytest.raises(ValidationError, match="last_window is before first_window"):
        key_notice(last_window=WINDOW - 1)


@pytest.mark.parametrize(
    "changes", [{"key_id": 0}, {"key_id": 2**32}, {"suite": 256}, {"suite": -1}, {"public_key": bytes(4097)}], ids=str
)
def test_notices_out_of_range(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        key_notice(**changes)


@pytest.mark.parametrize(
    "month", ["2026-00", "2026-13", "2026-3", "26-03", "2026-03-01", "2026-03\n", "\u0662026-03", ""]
)
def test_months_have_one_spelling(month: str) -> None:
    with pytest.raises(ValidationError):
        enrolment(months=(month,))
    with pytest.raises(ValidationError):
        MeterKeysOfHalf(meter=MeterId("m"), meter_key=bytes(32), check_keys={month: bytes(32)})


def test_only_a_half_enrols() -> None:
    """With the aggregator's role and key, an enrolment would hand meters keys of the aggregator's choosing."""
    data = enrolment(role=Role.DECRYPTOR).to_bytes()
    assert Enrolment.from_bytes(data).role is Role.DECRYPTOR
    with pytest.raises(MalformedMessage, match="Enrolment: role"):
        Enrolment.from_bytes(data.replace(b"decryptor", b"aggregator"))


@pytest.mark.parametrize("count", [0, 37])
def test_a_request_is_for_1_to_36_months(count: int) -> None:
    request = EnrolmentRequest(region=enrolment().region, key_id=7, window=WINDOW, months=("2026-03",))
    months = ",".join(['"2026-03"'] * count)
    with pytest.raises(MalformedMessage, match="EnrolmentRequest: months"):
        EnrolmentRequest.from_bytes(request.to_bytes().replace(b'["2026-03"]', f"[{months}]".encode()))


def test_a_notice_of_another_order_is_no_notice() -> None:
    data = key_notice(first_window=3, last_window=4).to_bytes()
    with pytest.raises(MalformedMessage, match="last_window is before first_window"):
        KeyNotice.from_bytes(data.replace(b'"last_window":4', b'"last_window":2'))
