"""What goes to the aggregator twice or in two versions, and what the uploader hears. A real one: tests/commands."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from nacl.signing import SigningKey

from tests.meter_sim.troubled import DAY, METERS, plan
from wattseal.edge.client import RoleClient
from wattseal.meter_sim.fault_plan import Plan
from wattseal.meter_sim.fault_summary import FaultSummary
from wattseal.meter_sim.faults import Trouble
from wattseal.meter_sim.faulty_link import FaultyLink, contradiction
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import BATCH, REPORTS, Uploader
from wattseal.protocol.errors import MalformedMessage, PeerUnavailable
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId
from wattseal.protocol.report import FlagReason, FlagRun, Header, Report, decode_report, frame, seal_report, unframe

IDENTITY = SigningKey(bytes(32))
NAME_OF = {MeterId(f"id-{position}"): name for position, name in enumerate(METERS)}


def report(position: int, day: int = DAY, flags: tuple[FlagRun, ...] = ()) -> bytes:
    start = day * 1440
    header = Header(
        suite=1,
        kind=Kind.DAILY,
        channel=Channel.DELIVERED,
        key_id=1,
        layout_id=bytes(8),
        region=RegionId("r"),
        meter=MeterId(f"id-{position}"),
        start=start,
        end=start + 1440,
        number=0,
        flags=flags,
    )
    return seal_report(header, b"ciphertext of %d" % position, IDENTITY)


class Memory:
    """An aggregator that keeps the first of each report; `rejects` and `closed` are by meter, `away` by post."""

    def __init__(self) -> None:
        self.first: dict[tuple[str, int], bytes] = {}
        self.posts: list[list[bytes]] = []
        self.rejects: set[str] = set()
        self.closed: set[str] = set()
        self.away: set[int] = set()

    def post(self, path: str, body: bytes, media_type: str) -> bytes:
        assert (path, media_type) == ("/v1/reports", REPORTS)
        self.posts.append(list(unframe(body, 2 * BATCH)))
        if len(self.posts) - 1 in self.away:
            raise PeerUnavailable("gone")
        return json.dumps({"reports": [self._word(sealed) for sealed in self.posts[-1]]}).encode()

    def _word(self, sealed: bytes) -> dict[str, str]:
        header = decode_report(sealed).header
        if header.meter in self.rejects:
            return {"status": "rejected", "reason": "unknown-meter"}
        known = self.first.setdefault((header.meter, header.start), b"")
        if not known:
            self.first[header.meter, header.start] = sealed
            return {"status": "late" if header.meter in self.closed else "accepted"}
        return {"status": "duplicate" if known == sealed else "conflict"}


def resign(original: Report) -> bytes:
    return contradiction(original, IDENTITY)


def link(aggregator: Memory, troubled: Plan, summary: FaultSummary | None = None) -> FaultyLink:
    return FaultyLink(aggregator, troubled, NAME_OF, resign, FaultSummary() if summary is None else summary)


def statuses(answer: bytes) -> list[str]:
    return [word["status"] for word in json.loads(answer)["reports"]]


def test_without_faults_bytes_go_once_and_the_answer_is_the_aggregator_s() -> None:
    aggregator, summary = Memory(), FaultSummary()
    aggregator.rejects = {"id-1"}
    body = frame([report(0), report(1)])
    answer = json.loads(link(aggregator, plan(), summary).post("/v1/reports", body, REPORTS))
    assert answer == {"reports": [{"status": "accepted"}, {"status": "rejected", "reason": "unknown-meter"}]}
    assert [frame(post) for post in aggregator.posts] == [body]
    assert summary.counts() == {}


def test_a_report_whose_answer_was_lost_goes_again_and_is_a_duplicate() -> None:
    aggregator, summary = Memory(), FaultSummary()
    sent = [report(position) for position in range(4)]
    troubled = plan(duplicated={"meters": [METERS[1], METERS[3]]})
    answer = link(aggregator, troubled, summary).post("/v1/reports", frame(sent), REPORTS)
    assert aggregator.posts == [sent, [sent[1], sent[3]]]
    assert statuses(answer) == ["accepted", "duplicate", "accepted", "duplicate"]
    assert summary.counts() == {"duplicated": {"duplicate": 2}}


def test_another_version_is_a_conflict_and_the_meter_hears_of_the_first() -> None:
    aggregator, summary = Memory(), FaultSummary()
    sent = [report(position) for position in range(3)]
    answer = link(aggregator, plan(conflicting={"meters": [METERS[2]]}), summary).post(
        "/v1/reports", frame(sent), REPORTS
    )
    (other,) = aggregator.posts[1]
    assert statuses(answer) == ["accepted"] * 3
    assert aggregator.first["id-2", DAY * 1440] == sent[2]
    assert other != sent[2]
    assert summary.counts() == {"conflicting": {"conflict": 1}}


def test_both_at_once() -> None:
    aggregator, summary = Memory(), FaultSummary()
    troubled = plan(duplicated={"rate": 1.0}, conflicting={"rate": 1.0})
    answer = link(aggregator, troubled, summary).post("/v1/reports", frame([report(0), report(1)]), REPORTS)
    assert statuses(answer) == ["duplicate", "duplicate"]
    assert list(map(len, aggregator.posts)) == [2, 2, 2]
    assert summary.counts() == {"duplicated": {"duplicate": 2}, "conflicting": {"conflict": 2}}


@pytest.mark.parametrize("flags", [(), (FlagRun(3, 2, FlagReason.LINEAR), FlagRun(9, 1, FlagReason.MISSING))])
def test_a_contradiction_tells_nothing_about_reads(flags: tuple[FlagRun, ...]) -> None:
    original = decode_report(report(5, flags=flags))
    other = decode_report(contradiction(original, IDENTITY))
    other.verify(bytes(IDENTITY.verify_key))
    assert other.ciphertext == original.ciphertext
    assert other.header.flags != original.header.flags
    place = (original.header.meter, original.header.start, original.header.number, original.header.channel)
    assert (other.header.meter, other.header.start, other.header.number, other.header.channel) == place


def test_what_was_not_taken_is_not_repeated() -> None:
    aggregator, summary = Memory(), FaultSummary()
    aggregator.rejects = {"id-0"}
    troubled = plan(duplicated={"rate": 1.0}, conflicting={"rate": 1.0})
    answer = link(aggregator, troubled, summary).post("/v1/reports", frame([report(0)]), REPORTS)
    assert statuses(answer) == ["rejected"]
    assert len(aggregator.posts) == 1
    rejected = {"rejected: unknown-meter": 1}
    assert summary.counts() == {"duplicated": rejected, "conflicting": rejected}


def test_every_trouble_is_told_what_came_of_it() -> None:
    aggregator, summary = Memory(), FaultSummary()
    aggregator.closed = {"id-1", "id-3"}
    troubled = plan(late_cohort="town/t1", lying={"meters": [METERS[0]]})
    link(aggregator, troubled, summary).post("/v1/reports", frame(map(report, range(4))), REPORTS)
    assert summary.counts() == {"late": {"late": 2}, "lying": {"accepted": 1}}
    assert summary.meters(Trouble.LATE) == (METERS[1], METERS[3])


def test_each_day_has_its_own_faults() -> None:
    aggregator, summary = Memory(), FaultSummary()
    troubled = plan(duplicated={"rate": 0.4})
    sent = [report(position, DAY + later) for later in (0, 1) for position in range(len(METERS))]
    link(aggregator, troubled, summary).post("/v1/reports", frame(sent), REPORTS)
    hit = [mask for later in (0, 1) for mask in troubled.troubles(METERS, DAY + later)[Trouble.DUPLICATED]]
    assert aggregator.posts[1] == [sealed for sealed, again in zip(sent, hit, strict=True) if again]
    assert summary.counts() == {"duplicated": {"duplicate": sum(hit)}}


@pytest.mark.parametrize("away", [0, 1, 2])
def test_an_aggregator_that_goes_away_gets_everything_again_and_is_counted_once(away: int) -> None:
    aggregator, summary = Memory(), FaultSummary()
    aggregator.away = {away}
    faulty = link(aggregator, plan(duplicated={"rate": 1.0}, conflicting={"rate": 1.0}), summary)
    body = frame([report(0), report(1)])
    with pytest.raises(PeerUnavailable):
        faulty.post("/v1/reports", body, REPORTS)
    assert statuses(faulty.post("/v1/reports", body, REPORTS)) == ["duplicate", "duplicate"]
    assert summary.counts() == {"duplicated": {"duplicate": 2}, "conflicting": {"conflict": 2}}


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"reports":[]}', b'{"reports":[1]}', b'{"reports":["a"]}', b'{"reports":[{}]}']
)
def test_an_answer_that_makes_no_sense_is_malformed(answer: bytes) -> None:
    class Babbling(Memory):
        def post(self, path: str, body: bytes, media_type: str) -> bytes:
            return answer

    with pytest.raises(MalformedMessage):
        link(Babbling(), plan()).post("/v1/reports", frame([report(0)]), REPORTS)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Callable[[], FleetState]]:
    with FleetState(tmp_path / "fleet") as state:

        def filled() -> FleetState:
            slots = state.reserve("delivered", DAY * 1440, [(MeterId(f"id-{i}"), b"%d" % i) for i in range(5)])
            state.keep_sealed((slot, report(int(slot.meter.removeprefix("id-")))) for slot in slots)
            return state

        yield filled


def test_an_uploader_settles_each_report_once_through_the_link(outbox: Callable[[], FleetState]) -> None:
    state, aggregator, summary = outbox(), Memory(), FaultSummary()
    troubled = plan(duplicated={"meters": [METERS[0]]}, conflicting={"meters": [METERS[1]]})
    uploader = Uploader(state, cast("RoleClient", link(aggregator, troubled, summary)), patience_s=0)
    assert uploader.send_pending() == 5
    assert state.pending(10) == []
    assert state.outcomes() == {"accepted": 4, "duplicate": 1}
    assert summary.counts() == {"duplicated": {"duplicate": 1}, "conflicting": {"conflict": 1}}
