"""What the uploader does with each answer. Lost and repeated requests on real connections: tests/crash."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from wattseal.edge.client import RoleClient
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.errors import MalformedMessage, PeerUnavailable, StoreUnavailable, WattsealError
from wattseal.protocol.ids import MeterId
from wattseal.protocol.report import unframe

START = 20_000 * 1440
Answer = bytes | WattsealError


class Script:
    """Stands in for the aggregator: gives its answers in order and keeps what it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.bodies: list[list[bytes]] = []

    def post(self, path: str, body: bytes, media_type: str) -> bytes:
        assert (path, media_type) == ("/v1/reports", "application/vnd.wattseal.reports")
        self.bodies.append(list(unframe(body, 1000)))
        answer = self._answers.pop(0)
        if isinstance(answer, WattsealError):
            raise answer
        return answer


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def state(tmp_path: Path) -> Iterator[FleetState]:
    """Two sealed reports wait."""
    with FleetState(tmp_path / "fleet") as opened:
        contents = [(MeterId(name), name.encode()) for name in "ab"]
        taken = opened.reserve("delivered", START, contents)
        opened.keep_sealed([(slot, b"sealed " + slot.meter.encode()) for slot in taken])
        yield opened


def uploader(state: FleetState, script: Script, clock: Time | None = None, patience_s: float = 10.0) -> Uploader:
    time = Time() if clock is None else clock
    return Uploader(
        state, cast("RoleClient", script), patience_s=patience_s, sleep=time.sleep, monotonic=lambda: time.now
    )


def words(*pairs: tuple[str, str]) -> bytes:
    reports = [{"status": status, **({"reason": reason} if reason else {})} for status, reason in pairs]
    return json.dumps({"reports": reports}).encode()


DONE = words(("accepted", ""), ("duplicate", ""))


def test_acknowledged(state: FleetState) -> None:
    script = Script(DONE)
    assert uploader(state, script).send_pending() == 2
    assert script.bodies == [[b"sealed a", b"sealed b"]]
    assert state.pending(10) == []
    assert state.outcomes() == {"accepted": 1, "duplicate": 1}


@pytest.mark.parametrize("failure", [PeerUnavailable("gone"), StoreUnavailable("full")])
def test_the_same_bytes_go_again_after_a_failure(state: FleetState, failure: WattsealError) -> None:
    script, clock = Script(failure, failure, DONE), Time()
    assert uploader(state, script, clock).send_pending() == 2
    assert script.bodies == [[b"sealed a", b"sealed b"]] * 3
    assert 0.1 <= clock.naps[0] <= 0.2
    assert 0.2 <= clock.naps[1] <= 0.4


def test_patience_ends_and_nothing_is_lost(state: FleetState) -> None:
    script, clock = Script(*[PeerUnavailable("gone")] * 20), Time()
    with pytest.raises(PeerUnavailable):
        uploader(state, script, clock, patience_s=3.0).send_pending()
    assert clock.now <= 3.0
    assert len(state.pending(10)) == 2


def test_a_rejected_report_is_final_and_its_reason_kept(state: FleetState) -> None:
    uploader(state, Script(words(("rejected", "signature-invalid"), ("conflict", "")))).send_pending()
    assert state.pending(10) == []
    assert state.outcomes() == {"rejected: signature-invalid": 1, "conflict": 1}


@pytest.mark.parametrize("reason", ["early", "unknown-region", "unknown-meter", "unknown-key"])
def test_a_report_that_the_aggregator_cannot_take_yet_waits(state: FleetState, reason: str) -> None:
    script = Script(words(("accepted", ""), ("rejected", reason)), words(("rejected", reason)))
    with pytest.raises(PeerUnavailable, match="cannot take"):
        uploader(state, script).send_pending()
    assert [slot.meter for slot, _ in state.pending(10)] == ["b"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"reports":[]}',
        b'{"reports":[1,2]}',
        words(("accepted", "")),
        words(*[("accepted", "")] * 3),
    ],
)
def test_an_answer_that_makes_no_sense_settles_nothing(state: FleetState, answer: bytes) -> None:
    with pytest.raises(MalformedMessage):
        uploader(state, Script(answer)).send_pending()
    assert len(state.pending(10)) == 2
