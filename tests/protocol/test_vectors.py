import json
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.test_codec import message_types
from tests.vectors.protocol_vectors import DIRECTORY, vectors
from wattseal.protocol import errors
from wattseal.protocol.ids import id_to_bytes
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.release import Head, Release
from wattseal.protocol.report import decode_report, unframe
from wattseal.protocol.roster import SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, Approval, TotalStatement
from wattseal.protocol.trust import TrustAnchors

TYPES = {kind.__name__: kind for kind in message_types()}
Json = dict[str, Any]


def files(pattern: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(DIRECTORY.glob(pattern)) if "_bad_" not in path.stem]


def bad_files(pattern: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(DIRECTORY.glob(pattern))]


def read(path: Path) -> Json:
    content: Json = json.loads(path.read_text())
    return content


def text(name: str) -> bytes:
    return str(read(DIRECTORY / f"message_{name}.json")["text"]).encode()


def test_the_files_are_what_the_script_makes() -> None:
    stored = {path.stem: read(path) for prefix in ("report", "message") for path in DIRECTORY.glob(f"{prefix}_*.json")}
    assert stored == dict(vectors())


def test_the_register_names_each_file() -> None:
    register = (DIRECTORY / "PROTOCOL.md").read_text()
    assert [name for name, _ in vectors() if f"`{name}`" not in register] == []


@pytest.mark.parametrize("path", [param for param in files("report_*.json") if param.id != "report_frames"])
def test_good_reports(path: Path) -> None:
    vector = read(path)
    fields = vector["fields"]
    body = bytes.fromhex(vector["hex"])
    report = decode_report(body)
    report.verify(bytes.fromhex(vector["identity_key"]))
    header = report.header
    assert [list(run) for run in header.flags] == fields["flags"]
    assert id_to_bytes(header.region).hex() == fields["region"]
    assert id_to_bytes(header.meter).hex() == fields["meter"]
    assert header.layout_id.hex() == fields["layout_id"]
    assert header.channel.code == fields["channel"]
    for name in ("suite", "kind", "key_id", "start", "end", "number"):
        assert getattr(header, name) == fields[name]
    assert header.to_bytes(len(report.ciphertext)) + report.ciphertext + report.signature == body


@pytest.mark.parametrize("path", bad_files("report_bad_[!f]*.json") + bad_files("report_bad_flag*.json"))
def test_bad_reports(path: Path) -> None:
    vector = read(path)
    with pytest.raises(errors.Rejected) as caught:
        decode_report(bytes.fromhex(vector["hex"])).verify(bytes.fromhex(vector["identity_key"]))
    assert type(caught.value).__name__ == vector["error"]


def test_good_frames() -> None:
    vector = read(DIRECTORY / "report_frames.json")
    assert [each.hex() for each in unframe(bytes.fromhex(vector["hex"]), vector["most"])] == vector["reports"]


@pytest.mark.parametrize("path", bad_files("report_bad_frames_*.json"))
def test_bad_frames(path: Path) -> None:
    vector = read(path)
    with pytest.raises(errors.Rejected) as caught:
        list(unframe(bytes.fromhex(vector["hex"]), vector["most"]))
    assert type(caught.value).__name__ == vector["error"]


@pytest.mark.parametrize("path", files("message_*.json"))
def test_good_messages(path: Path) -> None:
    vector = read(path)
    message = TYPES[vector["type"]].from_bytes(vector["text"].encode())
    assert message.to_bytes() == vector["text"].encode()
    assert message.digest().hex() == vector["sha256"]


def read_and_open(vector: Json) -> None:
    message = TYPES[vector["type"]].from_bytes(bytes.fromhex(vector["hex"]))
    if isinstance(message, Envelope):
        message.opened(KeyNotice, bytes.fromhex(vector["key"]))


@pytest.mark.parametrize("path", bad_files("message_bad_*.json"))
def test_bad_messages(path: Path) -> None:
    vector = read(path)
    with pytest.raises(errors.Rejected) as caught:
        read_and_open(vector)
    assert type(caught.value).__name__ == vector["error"]


def test_the_signatures_of_good_messages_hold() -> None:
    trust = TrustAnchors.from_bytes(text("trust_anchors"))
    roster = SignedRoster.from_bytes(text("signed_roster")).opened(trust)
    assert roster.to_bytes() == text("roster")
    approval = Answer.from_bytes(text("answer")).approval
    assert approval == Approval.from_bytes(text("approval"))
    assert approval.opened(trust.aggregator).members_in(roster) == {"m-000": 0, "m-001": 2}
    assert Envelope.from_bytes(text("envelope_key_notice")).opened(KeyNotice, trust.decryptor)
    release = Envelope.from_bytes(text("envelope_release")).opened(Release, trust.decryptor)
    release.check_heads(trust.decryptor, trust.unblinder)
    assert release.to_bytes() == text("release")
    assert release.unblinder_head.opened(Head, trust.unblinder).counter == 5
    assert TotalStatement.from_bytes(release.statement).roster_digest == roster.fingerprint
