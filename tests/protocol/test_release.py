import json
from typing import Any

import pytest

from tests.protocol.samples import answer, head, pad_request, public_key, release, signing_key, statement
from wattseal.protocol.billing import BillPadRequest, BillReleaseRequest
from wattseal.protocol.codec import Message, to_base64
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.ids import Role
from wattseal.protocol.release import Head, PadGrant, PadRequest, Release, ReleaseRequest
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tokens import TokenProof

DECRYPTOR, UNBLINDER = public_key("decryptor"), public_key("unblinder")


def changed(message: Any, **fields: Any) -> bytes:  # noqa: ANN401 - any message, any JSON value
    """The canonical JSON of a message with some fields replaced."""
    return json.dumps({**json.loads(message.to_bytes()), **fields}, sort_keys=True, separators=(",", ":")).encode()


def test_a_release_signed_by_the_decryptor() -> None:
    opened = Envelope.issue(release(), signing_key("decryptor")).opened(Release, DECRYPTOR)
    assert opened == release()
    opened.check_heads(DECRYPTOR, UNBLINDER)


def test_each_half_signs_its_own_head() -> None:
    forged = Envelope.issue(Head(role=Role.UNBLINDER, counter=5, hash=bytes(32)), signing_key("decryptor"))
    altered = head(Role.UNBLINDER).model_copy(update={"body": head(Role.UNBLINDER, counter=6).body})
    for changes in (
        {"unblinder_head": forged},
        {"unblinder_head": altered},
        {"unblinder_head": head(Role.DECRYPTOR)},
        {"decryptor_head": head(Role.UNBLINDER)},
        {"decryptor_head": head(Role.UNBLINDER), "unblinder_head": head(Role.DECRYPTOR)},
    ):
        with pytest.raises(SignatureInvalid):
            release(**changes).check_heads(DECRYPTOR, UNBLINDER)


def test_a_half_cannot_sign_a_head_in_the_name_of_the_other() -> None:
    """Else a collector would keep a head of one half as the latest of the other."""
    posing = Envelope.issue(Head(role=Role.UNBLINDER, counter=5, hash=bytes(32)), signing_key("decryptor"))
    with pytest.raises(SignatureInvalid, match="of the other half"):
        release(decryptor_head=posing).check_heads(DECRYPTOR, UNBLINDER)


@pytest.mark.parametrize(
    "fields",
    [
        {"reads": [-(2**62)]},
        {"reads": [0.5]},
        {"reads": [True]},
        {"reads": [2**63]},
        {"reads": ["1"]},
        {"reads": 1},
        {"members": 0},
        {"members": 16_385},
        {"flagged": [-1]},
        {"flagged": [2**63]},
        {"policy": "AA"},
        {"unblinder_policy": None},
        {"version": 2},
        {"decryptor_head": None},
    ],
    ids=str,
)
def test_releases_out_of_range(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage, match=f"Release: {next(iter(fields))}"):
        Release.from_bytes(changed(release(), **fields))


def test_only_noisy_sums_are_below_zero() -> None:
    noise = {"sigma": 1, "rho_millionths": 1, "spent_rho_millionths": 1, "budget_rho_millionths": 1}
    assert Release.from_bytes(changed(release(), reads=[-1], noise=noise)).reads == (-1,)
    with pytest.raises(MalformedMessage, match="not below zero"):
        Release.from_bytes(changed(release(), reads=[-1]))


@pytest.mark.parametrize("role", ["aggregator", "collector", "DECRYPTOR", "", 1, None])
def test_heads_are_of_the_two_halves(role: object) -> None:
    with pytest.raises(MalformedMessage, match="Head: role"):
        Head.from_bytes(changed(Head(role=Role.DECRYPTOR, counter=1, hash=bytes(32)), role=role))


def test_requests_carry_a_bounded_number_of_heads() -> None:
    seen = head(Role.DECRYPTOR)
    proof = TokenProof.issue("t", answer().statement)
    ask = ReleaseRequest(answer=answer(), proof=proof, seen=(seen,) * 2)
    pads = pad_request(seen, seen, seen)
    grant = PadGrant(statement_digest=statement().digest(), policy=bytes(32), pad_sum=b"", head=seen, seen=(seen,))
    for message in (ask, pads, grant):
        heads = [json.loads(seen.to_bytes())] * (len(message.seen) + 1)
        with pytest.raises(MalformedMessage, match="seen: Tuple should have at most"):
            type(message).from_bytes(changed(message, seen=heads))


@pytest.mark.parametrize("request_", [ReleaseRequest, PadRequest, BillReleaseRequest, BillPadRequest])
def test_no_request_carries_a_token(request_: type[Message]) -> None:
    """Whoever passes the proof on could ask for anything by the token."""
    assert {"proof"} == {name for name in request_.model_fields if "token" in name or "proof" in name}


def test_a_pad_request_holds_no_ciphertext() -> None:
    """The unblinder must never see one: it could pair it with the pads that it knows."""
    pads = pad_request()
    assert to_base64(answer().ciphertext).encode() not in pads.to_bytes()
    assert to_base64(answer().ciphertext).encode() in answer().to_bytes()
    assert set(PadRequest.model_fields) == {"approval", "check_key_id", "proof", "head", "seen"}
    assert set(type(pads.approval).model_fields) == {"statement", "payload_digest", "signature"}


def test_a_pad_sum_is_at_most_64_kib() -> None:
    grant = PadGrant(statement_digest=bytes(32), policy=bytes(32), pad_sum=bytes(1 << 16), head=head(Role.UNBLINDER))
    assert PadGrant.from_bytes(grant.to_bytes()) == grant
    with pytest.raises(MalformedMessage, match="PadGrant: pad_sum"):
        PadGrant.from_bytes(changed(grant, pad_sum="AAAA" * 21_846))
