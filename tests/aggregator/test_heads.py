"""The aggregator keeps the latest heads that anybody showed it, and no others."""

from pathlib import Path

import pytest

from tests.policy.rosters import TRUST, operator
from wattseal.aggregator.heads import HeadsSeen
from wattseal.protocol.errors import Contradiction, SignatureInvalid
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.release import Head, SeenHeads, SignedHead
from wattseal.protocol.signing import Envelope


def head(role: HalfRole, counter: int, signer: str | None = None, byte: bytes = b"h") -> SignedHead:
    return Envelope.issue(Head(role=role, counter=counter, hash=byte * 32), operator(signer or role))


def counters(seen: SeenHeads) -> dict[str, int]:
    heads = [Head.from_bytes(envelope.body) for envelope in seen.heads]
    return {head.role: head.counter for head in heads}


def test_the_latest_of_each_half_stays(tmp_path: Path) -> None:
    path = tmp_path / "heads.json"
    seen = HeadsSeen(path, TRUST)
    assert counters(seen.note(SeenHeads())) == {}
    seen.note(SeenHeads(heads=(head(Role.DECRYPTOR, 5), head(Role.UNBLINDER, 3))))
    assert counters(seen.note(SeenHeads(heads=(head(Role.DECRYPTOR, 4),)))) == {"decryptor": 5, "unblinder": 3}
    again = HeadsSeen(path, TRUST)
    assert counters(again.note(SeenHeads(heads=(head(Role.UNBLINDER, 9),)))) == {"decryptor": 5, "unblinder": 9}
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_no_half_signed_is_not_kept(tmp_path: Path) -> None:
    seen = HeadsSeen(tmp_path / "heads.json", TRUST)
    for forged in (head(Role.DECRYPTOR, 9, "unblinder"), head(Role.UNBLINDER, 9, "aggregator")):
        with pytest.raises(SignatureInvalid):
            seen.note(SeenHeads(heads=(head(Role.UNBLINDER, 1), forged)))
    assert counters(seen.note(SeenHeads())) == {}


def test_two_ledgers_of_one_half(tmp_path: Path) -> None:
    seen = HeadsSeen(tmp_path / "heads.json", TRUST)
    seen.note(SeenHeads(heads=(head(Role.DECRYPTOR, 5),)))
    with pytest.raises(Contradiction, match="the decryptor has shown two ledgers"):
        seen.note(SeenHeads(heads=(head(Role.DECRYPTOR, 5, byte=b"i"),)))
