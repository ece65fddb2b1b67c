import itertools

import pytest
from nacl.signing import SigningKey

from tests.protocol.samples import ONE_OF_EACH, key_notice, public_key, signing_key
from tests.protocol.test_codec import message_types
from wattseal.protocol.errors import MalformedMessage, SignatureInvalid
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.signing import Envelope, all_verify, sign, verify

KEY = signing_key("decryptor")
PUBLIC = public_key("decryptor")
ORDER = 2**252 + 27742317777372353535851937790883648493


def test_a_signature_binds_kind_body_and_key() -> None:
    signature = sign(KEY, "answer", b"body")
    verify(PUBLIC, "answer", b"body", signature)
    for public, context, body in [
        (PUBLIC, "roster", b"body"),
        (PUBLIC, "answer\0", b"body"),
        (PUBLIC, "answe", b"r\0body"),
        (PUBLIC, "answer", b"body\0"),
        (PUBLIC, "answer", b""),
        (public_key("unblinder"), "answer", b"body"),
    ]:
        with pytest.raises(SignatureInvalid):
            verify(public, context, body, signature)


def test_the_signed_bytes_are_domain_kind_and_body() -> None:
    assert sign(KEY, "answer", b"body") == KEY.sign(b"wattseal/1 answer\0body").signature


def test_a_second_signature_cannot_be_made_from_the_first() -> None:
    """S + L satisfies the same equation; a lax verifier takes it and one report has two byte strings."""
    signature = sign(KEY, "answer", b"body")
    shifted = int.from_bytes(signature[32:], "little") + ORDER
    assert shifted < 2**256
    with pytest.raises(SignatureInvalid):
        verify(PUBLIC, "answer", b"body", signature[:32] + shifted.to_bytes(32, "little"))


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"", bytes(31), bytes(33)])
def test_no_signature_holds_under_a_degenerate_key(public: bytes) -> None:
    """With a point of small order, R = S = 0 would verify for many bodies."""
    for signature in (bytes(64), b"\x01" + bytes(63), sign(KEY, "answer", b"body")):
        with pytest.raises(SignatureInvalid, match=r"^the signature of the answer does not match$"):
            verify(public, "answer", b"body", signature)


@pytest.mark.parametrize("size", [0, 63, 65, 128])
def test_signatures_of_another_length(size: int) -> None:
    with pytest.raises(SignatureInvalid):
        verify(PUBLIC, "answer", b"body", bytes(size))


def test_an_envelope_opens_as_what_was_issued() -> None:
    assert Envelope.issue(key_notice(), KEY).opened(KeyNotice, PUBLIC) == key_notice()


def test_an_envelope_of_one_type_opens_as_no_other() -> None:
    for message, other in itertools.product(ONE_OF_EACH, message_types()):
        if type(message) is not other:
            with pytest.raises(SignatureInvalid, match=other.__name__):
                Envelope.issue(message, KEY).opened(other, PUBLIC)


def test_an_envelope_of_an_equal_shape_opens_as_no_other() -> None:
    """The same bytes would decode as either type; the signature alone tells them apart."""

    class KeyNoticeV2(KeyNotice):
        pass

    with pytest.raises(SignatureInvalid, match="KeyNoticeV2"):
        Envelope.issue(key_notice(), KEY).opened(KeyNoticeV2, PUBLIC)


def test_names_of_messages_are_unique_and_apart_from_the_other_contexts() -> None:
    names = [kind.__name__ for kind in message_types()]
    assert len({name.casefold() for name in names}) == len(names)
    assert not {"report", "roster", "answer"} & set(names)


def test_an_envelope_by_another_key_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        Envelope.issue(key_notice(), SigningKey(bytes(32))).opened(KeyNotice, PUBLIC)


def test_an_altered_body_is_refused() -> None:
    envelope = Envelope.issue(key_notice(), KEY)
    for bit in range(8 * len(envelope.body)):
        body = bytearray(envelope.body)
        body[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureInvalid):
            Envelope(body=bytes(body), signature=envelope.signature).opened(KeyNotice, PUBLIC)


def test_a_signed_body_that_is_not_canonical_is_refused() -> None:
    body = b" " + key_notice().to_bytes()
    with pytest.raises(MalformedMessage, match="not in canonical form"):
        Envelope(body=body, signature=sign(KEY, "KeyNotice", body)).opened(KeyNotice, PUBLIC)


def test_the_signature_is_checked_before_the_body_is_read() -> None:
    with pytest.raises(SignatureInvalid):
        Envelope(body=b"junk", signature=bytes(64)).opened(KeyNotice, PUBLIC)


def test_many_signatures_are_judged_as_each_by_itself() -> None:
    """Altered bodies, other contexts and keys, and what has not the length of a key or a signature."""
    body, other = b"header and digest", SigningKey(bytes(32))
    good = sign(KEY, "report", body)
    cases = [
        (PUBLIC, body, good),
        (PUBLIC, body + b"!", good),
        (PUBLIC, body, sign(KEY, "roster", body)),
        (bytes(other.verify_key), body, good),
        (bytes(32), body, good),
        (PUBLIC[:-1], body, good),
        (b"", b"", b""),
        (PUBLIC, b"", b"short"),
        (PUBLIC, b"", sign(KEY, "report", b"")),
        (PUBLIC, good[32:] + body, good[:32]),
    ]
    judged = all_verify("report", cases)
    assert judged == [True, *[False] * 7, True, False]
    for (public, content, signature), holds in zip(cases, judged, strict=True):
        if holds:
            verify(public, "report", content, signature)
        else:
            with pytest.raises(SignatureInvalid):
                verify(public, "report", content, signature)
