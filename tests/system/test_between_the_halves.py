"""Whoever is between the halves repeats, alters and swaps their messages: nothing opens by it, no half is harmed."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.system.relay import Answering, Exchange, PostService
from tests.system.town import Town
from wattseal.collector.deployment import UNBLINDER
from wattseal.edge.access import Scope
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import LedgerBehind, SignatureInvalid, Unavailable, WattsealError
from wattseal.protocol.release import PadGrant, PadRequest
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tokens import TokenProof


@contextmanager
def between(town: Town, answer: Answering) -> Iterator[None]:
    """The decryptor reaches this instead of the unblinder."""
    honest = town.deployment.relay.target
    with PostService(answer) as middle:
        town.deployment.relay.target = middle.url
        try:
            yield
        finally:
            town.deployment.relay.target = honest


def last_exchange(town: Town) -> Exchange:
    return town.deployment.relay.exchanges[-1]


def posted(town: Town, body: bytes) -> httpx.Response:
    with httpx.Client(trust_env=False) as http:
        return http.post(f"{town.deployment.urls().unblinder}/v1/pads", content=body)


def test_a_repeated_request_gets_nothing_new(town: Town) -> None:
    """At once: the same pads, for whoever listened already, and no entry. Later: its head is behind."""
    day = town.day(only=("town",))
    town.opens_exactly(day, "town/a")
    exchange = last_exchange(town)
    before = town.counter(UNBLINDER)
    again = posted(town, exchange.request)
    assert again.status_code == 200
    first, second = (
        Envelope.parse(body).opened(PadGrant, town.trust.unblinder) for body in (exchange.answer, again.content)
    )
    assert second.pad_sum == first.pad_sum
    town.opens_exactly(day, "town/b")
    late = posted(town, exchange.request)
    assert (late.status_code, late.json()["type"]) == (503, "urn:wattseal:problem:ledger-behind")
    assert [kind for kind, _ in town.entries(UNBLINDER, before)] == ["intent"]
    town.opens_exactly(day, "town/c")


def test_a_decryptor_gets_pads_for_no_other_question_by_what_it_saw_of_a_collector(town: Town) -> None:
    """It has its own key, and answers that the aggregator signed for others; of the collector it has a proof."""
    day = town.day(only=("town",))
    town.opens_exactly(day, "town/a")
    asked = PadRequest.from_bytes(Envelope.parse(last_exchange(town).request).body)
    token = town.places.token(UNBLINDER, Scope.COLLECTOR)
    assert not any(token.encode() in exchange.request for exchange in town.deployment.relay.exchanges)
    others = {
        "another cohort": town.answer(day, "town/b"),
        "another purpose": town.answer(day, "town/a", purpose="operations"),
        "another day": town.answer(town.day(only=("town",)), "town/a"),
    }
    proof, own = asked.proof, TokenProof.issue("a token of its own", others["another cohort"].statement)
    for answer in others.values():
        for replayed in (proof, own, own.model_copy(update={"key": proof.key})):
            before = town.counter(UNBLINDER)
            refused = posted(town, town.rogue_decryptor.request(answer, replayed).to_bytes())
            assert (refused.status_code, refused.json()["type"]) == (401, "urn:wattseal:problem:unauthorized")
            assert town.counter(UNBLINDER) == before
    bearer = httpx.post(
        f"{town.deployment.urls().unblinder}/v1/heads",
        content=b'{"heads":[]}',
        headers={"Authorization": f"Bearer {to_base64(proof.signature)}"},
    )
    assert bearer.status_code == 401
    of_the_collector = {
        "the same question": (town.answer(day, "town/a"), proof),
        "one that it asks": (others["another cohort"], TokenProof.issue(token, others["another cohort"].statement)),
    }
    for answer, sound in of_the_collector.values():
        assert posted(town, town.rogue_decryptor.request(answer, sound).to_bytes()).status_code == 200


@pytest.mark.parametrize("part", ["body", "signature"])
def test_an_altered_request_is_rejected_and_nothing_recorded(town: Town, part: str) -> None:
    day = town.day(only=("town",))
    town.opens_exactly(day, "town/a")
    envelope, before = Envelope.parse(last_exchange(town).request), town.counter(UNBLINDER)
    changed = bytearray(getattr(envelope, part))
    changed[len(changed) // 2] ^= 1
    answer = posted(town, envelope.model_copy(update={part: bytes(changed)}).to_bytes())
    assert answer.json()["type"] == "urn:wattseal:problem:signature-invalid"
    assert town.counter(UNBLINDER) == before


def test_a_request_signed_by_another_is_rejected(town: Town) -> None:
    """The decryptor's token for the unblinder is no way in without its key, nor is a collector's."""
    day = town.day(only=("town",))
    town.opens_exactly(day, "town/a")
    request = PadRequest.from_bytes(Envelope.parse(last_exchange(town).request).body)
    before = town.counter(UNBLINDER)
    forged = Envelope.issue(request, town.home(UNBLINDER).signing_key("service"))
    answer = posted(town, forged.to_bytes())
    assert answer.json()["type"] == "urn:wattseal:problem:signature-invalid"
    assert town.counter(UNBLINDER) == before


def test_what_comes_back_altered_is_refused_and_costs_no_attempt(town: Town) -> None:
    """Other pads, another statement's grant, an old grant of the same, an error of the relay's own: then it opens."""
    day = town.day(only=("town",))
    town.opens_exactly(day, "town/a")
    of_another = last_exchange(town).answer

    def altered(path: str, body: bytes) -> tuple[int, bytes]:
        answer = httpx.post(f"{town.deployment.urls().unblinder}{path}", content=body)
        envelope = Envelope.parse(answer.content)
        changed = envelope.body.replace(b'"pad_sum":"', b'"pad_sum":"A')
        return 200, envelope.model_copy(update={"body": changed}).to_bytes()

    def forged(*_: object) -> tuple[int, bytes]:
        grant = Envelope.parse(of_another).opened(PadGrant, town.trust.unblinder)
        return 200, Envelope.issue(grant, town.home(UNBLINDER).signing_key("operator")).to_bytes()

    swaps: dict[str, tuple[Answering, type[WattsealError]]] = {
        "altered": (altered, SignatureInvalid),
        "another statement's": (lambda *_: (200, of_another), SignatureInvalid),
        "signed by another": (forged, SignatureInvalid),
        "no answer": (lambda *_: (503, b""), Unavailable),
    }
    answer = town.answer(day, "town/b")
    for answering, error in swaps.values():
        with between(town, answering), pytest.raises(error):
            town.release(answer)
    town.opens_exactly(day, "town/b")
    with between(town, lambda *_: (200, of_another)), pytest.raises((SignatureInvalid, LedgerBehind)):
        town.release(town.answer(day, "town/c"))
    town.opens_exactly(day, "town/c")
