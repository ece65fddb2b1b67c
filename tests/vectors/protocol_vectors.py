"""Makes the vectors of reports and messages: `python -m tests.vectors.protocol_vectors`.

The encoders here share no code with the package, so that both must agree with docs/wire-format.md. The keys come from
the seed below and protect nothing.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

SEED = b"wattseal protocol vectors, version 1"
DIRECTORY = Path(__file__).parent / "v1"
DAY = 20_514
Json = dict[str, Any]


def key(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(SEED + b"|" + name.encode()).digest())


def public(name: str) -> bytes:
    return bytes(key(name).verify_key)


def signature(name: str, context: str, body: bytes) -> bytes:
    return key(name).sign(b"wattseal/1 " + context.encode() + b"\0" + body).signature


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def text64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


# Reports

GOOD_FIELDS: Json = {
    "version": 1,
    "suite": 1,
    "kind": 1,
    "channel": 1,
    "key_id": 7,
    "layout_id": "0001020304050607",
    "region": b"north".ljust(16, b"\0").hex(),
    "meter": b"m-001".ljust(16, b"\0").hex(),
    "start": DAY * 1440,
    "end": (DAY + 1) * 1440,
    "number": 0,
    "flags": [[3, 2, 1], [90, 6, 2]],
}
CIPHERTEXT = hashlib.shake_256(SEED + b"|ciphertext").digest(768)


def report(*, ciphertext: bytes = CIPHERTEXT, **changes: object) -> bytes:
    """A report signed by the vectors' meter, whatever its fields are."""
    f: Json = {**GOOD_FIELDS, **changes}
    header = b"".join(
        [
            *(f[name].to_bytes(1, "big") for name in ("version", "suite", "kind", "channel")),
            f["key_id"].to_bytes(4, "big"),
            *(bytes.fromhex(f[name]) for name in ("layout_id", "region", "meter")),
            *(f[name].to_bytes(4, "big") for name in ("start", "end")),
            f["number"].to_bytes(1, "big"),
            len(f["flags"]).to_bytes(1, "big"),
            len(ciphertext).to_bytes(4, "big"),
            *(a.to_bytes(2, "big") + n.to_bytes(2, "big") + reason.to_bytes(1, "big") for a, n, reason in f["flags"]),
        ]
    )
    return header + ciphertext + signature("meter", "report", header + sha256(ciphertext))


def good_reports() -> Iterator[tuple[str, str, Json]]:
    cycle: Json = {"kind": 2, "start": DAY * 1440 + 480, "end": (DAY + 31) * 1440 + 420, "flags": []}
    register: Json = {**cycle, "kind": 3, "end": (DAY + 10) * 1440 + 420}
    good: list[tuple[str, str, Json]] = [
        ("daily", "a day of 96 reads under Paillier 3072, two runs of flags", {}),
        ("daily_no_flags", "894 bytes, the size that documents quote", {"flags": []}),
        ("number_7", "the last number that a report can have", {"number": 7}),
        ("received", "the other channel", {"channel": 2}),
        ("cycle", "a billing segment between two local midnights, an hour lost to summer time", cycle),
        ("register", "a meter's registers, ten local days after their segment began", register),
        ("32_flag_runs", "the most runs", {"flags": [[3 * i, 2, 1] for i in range(32)]}),
        ("adjacent_runs", "adjacent runs of different reasons stay two", {"flags": [[0, 4, 1], [4, 1, 2]]}),
        ("several_reasons", "more than 32 runs, as one over everything", {"flags": [[0, 96, 7]]}),
        ("last_day", "31 December 9999", {"start": 2_932_896 * 1440, "end": 2_932_897 * 1440}),
    ]
    for name, what, changes in good:
        body = report(**changes)
        yield name, what, {"fields": {**GOOD_FIELDS, **changes}, "hex": body.hex(), "sha256": sha256(body).hex()}


def bad_reports() -> Iterator[tuple[str, str, str, bytes]]:
    good = report()
    malformed: list[tuple[str, str, Json]] = [
        ("version_0", "a version that never was", {"version": 0}),
        ("version_2", "a version of the future", {"version": 2}),
        ("kind_0", "an unknown kind", {"kind": 0}),
        ("kind_5", "an unknown kind", {"kind": 5}),
        ("channel_3", "an unknown channel", {"channel": 3}),
        ("key_id_0", "key ids begin at 1", {"key_id": 0}),
        ("number_8", "numbers end at 7", {"number": 8}),
        ("region_empty", "sixteen zero bytes", {"region": bytes(16).hex()}),
        ("meter_padded_in_front", "padding before the id", {"meter": b"m-001".rjust(16, b"\0").hex()}),
        ("meter_padded_inside", "a zero byte inside", {"meter": b"m-\x00001".ljust(16, b"\0").hex()}),
        ("meter_padded_with_spaces", "spaces for zero bytes", {"meter": b"m-001".ljust(16).hex()}),
        ("meter_not_ascii", "UTF-8 beyond ASCII", {"meter": "m-é".encode().ljust(16, b"\0").hex()}),
        ("day_shifted", "a day that begins an hour late", {"start": DAY * 1440 + 60, "end": (DAY + 1) * 1440 + 60}),
        ("two_days", "a daily report of two days", {"end": (DAY + 2) * 1440}),
        ("range_empty", "end is start", {"kind": 2, "end": DAY * 1440}),
        ("range_reversed", "end is before start", {"kind": 2, "end": (DAY - 1) * 1440}),
        ("year_10000", "a day that has no date", {"start": 2_932_897 * 1440, "end": 2_932_898 * 1440}),
        ("flag_run_empty", "a run of no intervals", {"flags": [[3, 0, 1]]}),
        ("flag_run_no_reason", "reason 0", {"flags": [[3, 1, 0]]}),
        ("flag_run_unknown_reason", "reason 8", {"flags": [[3, 1, 8]]}),
        ("flag_run_several_among_others", "reason 7, which is of everything", {"flags": [[0, 1, 7], [3, 1, 1]]}),
        ("flag_runs_overlap", "the second begins inside the first", {"flags": [[3, 2, 1], [4, 1, 2]]}),
        ("flag_runs_out_of_order", "the second lies before the first", {"flags": [[9, 1, 1], [3, 1, 1]]}),
        ("flag_runs_adjacent", "two runs that are one", {"flags": [[3, 2, 1], [5, 1, 1]]}),
        ("flag_runs_33", "one run more than 32", {"flags": [[3 * i, 2, 1] for i in range(33)]}),
    ]
    for name, what, changes in malformed:
        yield name, what, "MalformedMessage", report(**changes)
    yield "truncated_header", "61 bytes", "MalformedMessage", good[:61]
    yield "truncated_signature", "one byte short", "MalformedMessage", good[:-1]
    yield "trailing_byte", "one byte more", "MalformedMessage", good + b"\0"
    yield "empty", "nothing", "MalformedMessage", b""
    forged = {
        "bit_of_header": good[:56] + b"\x01" + good[57:],
        "bit_of_ciphertext": good[:80] + bytes([good[80] ^ 1]) + good[81:],
        "bit_of_signature": good[:-1] + bytes([good[-1] ^ 1]),
        "other_meter": good[:-64] + signature("another meter", "report", good[:72] + sha256(CIPHERTEXT)),
        "other_context": good[:-64] + signature("meter", "Report", good[:72] + sha256(CIPHERTEXT)),
        "ciphertext_signed_itself": good[:-64] + signature("meter", "report", good[:-64]),
        "s_plus_order": good[:-32]
        + (int.from_bytes(good[-32:], "little") + 2**252 + ORDER_TAIL).to_bytes(32, "little"),
    }
    for name, body in forged.items():
        yield f"signature_{name}", "decodes, and its signature does not hold", "SignatureInvalid", body


ORDER_TAIL = 27742317777372353535851937790883648493
"""Order of the Ed25519 group less 2^252."""


def frames() -> Iterator[tuple[str, str, Json]]:
    one, two = b"first report", b"second"
    framed = b"".join(len(each).to_bytes(4, "big") + each for each in (one, two))
    yield "frames", "lengths before contents", {"hex": framed.hex(), "most": 2, "reports": [one.hex(), two.hex()]}
    for name, what, error, body, most in [
        ("truncated", "the last report is one byte short", "MalformedMessage", framed[:-1], 2),
        ("truncated_length", "three bytes of a length", "MalformedMessage", framed + bytes(3), 3),
        ("oversized", "a length above 64 KiB", "MessageTooLarge", (65_537).to_bytes(4, "big"), 2),
        ("too_many", "one report more than taken", "MessageTooLarge", framed, 1),
    ]:
        yield f"bad_frames_{name}", what, {"hex": body.hex(), "most": most, "error": error}


# Messages

ROW: Json = {
    "meter": "m-000",
    "identity_key": text64(public("meter")),
    "sealing_key": text64(sha256(b"sealing")),
    "service_point": "sp-0",
    "account": "account 0",
    "cohort": "town/feeder-1/t07",
    "channels": ["delivered", "received"],
    "customer_class": "residential",
    "tariff": None,
    "billing_route": "town/feeder-1",
    "installed": DAY,
    "tenure_since": DAY - 100,
}
ROSTER: Json = {
    "version": 1,
    "region": "north",
    "effective": DAY,
    "commodity": "electricity",
    "interval_minutes": 15,
    "unit": "Wh",
    "suite": 1,
    "layout_id": text64(bytes(range(8))),
    "rows": [
        ROW,
        {
            **ROW,
            "meter": "m-001",
            "identity_key": text64(public("second meter")),
            "sealing_key": text64(sha256(b"second sealing")),
            "service_point": "sp-1",
            "account": "account 1",
            "channels": ["delivered"],
        },
    ],
}
STATEMENT: Json = {
    "version": 1,
    "kind": "total",
    "purpose": "grid-planning",
    "region": "north",
    "cohort": "town",
    "channel": "delivered",
    "window": DAY,
    "suite": 1,
    "key_id": 7,
    "layout_id": ROSTER["layout_id"],
    "roster_digest": text64(sha256(canonical(ROSTER))),
    "members": text64(b"\x03"),
    "numbers": [[1, 2]],
    "functional": "ones",
    "noise": None,
}
FOREIGN: Json = {**STATEMENT, "functional": "Café \U0001f50c"}
NOTICE: Json = {
    "version": 1,
    "key_id": 7,
    "suite": 1,
    "public_key": text64(b"public key"),
    "first_window": DAY,
    "last_window": DAY + 365,
}
FLAGGED = [0, 1, 0]
PAYLOAD_DIGEST = sha256(sha256(CIPHERTEXT) + canonical(FLAGGED))


def envelope(of: str, signer: str, message: Json, signed_as: str | None = None) -> Json:
    body = canonical(message)
    return {"body": text64(body), "signature": text64(signature(signer, signed_as or of, body))}


def head(role: str, counter: int = 5) -> Json:
    return {"role": role, "counter": counter, "hash": text64(sha256(role.encode()))}


def answer() -> Json:
    signed = sha256(canonical(STATEMENT)) + PAYLOAD_DIGEST
    return {
        "statement": text64(canonical(STATEMENT)),
        "ciphertext": text64(CIPHERTEXT),
        "flagged": FLAGGED,
        "signature": text64(signature("aggregator", "answer", signed)),
    }


def approval() -> Json:
    return {k: answer()[k] for k in ("statement", "signature")} | {"payload_digest": text64(PAYLOAD_DIGEST)}


def token_proof(token: str, statement: bytes) -> Json:
    seed = SigningKey(hashlib.sha256(b"wattseal/1 token\0" + token.encode()).digest())
    signed = b"wattseal/1 question to the unblinder\0" + statement
    return {"key": text64(bytes(seed.verify_key)), "signature": text64(seed.sign(signed).signature)}


def signed_roster() -> Json:
    operators = ("utility", "aggregator_operator", "unblinder_operator")
    body = canonical(ROSTER)
    return {"body": text64(body)} | {name: text64(signature(name, "roster", body)) for name in operators}


ANCHORS = {
    name: text64(public(name))
    for name in ("utility", "aggregator_operator", "unblinder_operator", "aggregator", "decryptor", "unblinder")
}
RELEASE: Json = {
    "version": 1,
    "statement": text64(canonical(STATEMENT)),
    "policy": text64(sha256(b"the decryptor's pack")),
    "unblinder_policy": text64(sha256(b"the unblinder's pack")),
    "unit": "Wh",
    "reads": [1500, 0, 2**40],
    "noise": None,
    "members": 2,
    "flagged": FLAGGED,
    "decryptor_head": envelope("Head", "decryptor", head("decryptor")),
    "unblinder_head": envelope("Head", "unblinder", head("unblinder")),
}


# March in Los Angeles, in which an hour is lost, from one local midnight to another.
MARCH = (DAY * 1440 + 480, (DAY + 31) * 1440 + 420)
CYCLE: Json = {"first": DAY, "after": DAY + 31, "timezone": "America/Los_Angeles"}
BILLED: Json = {
    **CYCLE,
    "purpose": "billing",
    "region": "north",
    "tariff": text64(sha256(b"a tariff")),
    "mode": "amount",
}


def reading(channel: str, number: int, read_at: int | None = None) -> Json:
    return {"channel": channel, "number": number, "read_at": read_at}


def billed_segment(meter: str, *reports: Json) -> Json:
    return {"meter": meter, "start": MARCH[0], "end": MARCH[1], "reports": list(reports), "cancels": None}


BILLS: Json = {
    **BILLED,
    "version": 1,
    "kind": "bills",
    "suite": 2,
    "key_id": 7,
    "roster_digest": STATEMENT["roster_digest"],
    "segments": [
        billed_segment("m-000", reading("delivered", 0), reading("delivered", 1, MARCH[1]), reading("received", 0)),
        billed_segment("m-001", reading("delivered", 0, MARCH[1])),
    ],
}


def good_messages() -> Iterator[tuple[str, str, Json]]:
    """Name, type and fields."""
    decryptor = RELEASE["decryptor_head"]
    yield "trust_anchors", "TrustAnchors", ANCHORS
    yield "roster", "Roster", ROSTER
    yield "signed_roster", "SignedRoster", signed_roster()
    yield (
        "total_question",
        "TotalQuestion",
        {k: STATEMENT[k] for k in ("purpose", "region", "cohort", "channel", "window")},
    )
    yield "total_statement", "TotalStatement", STATEMENT
    yield "total_statement_beyond_ascii", "TotalStatement", FOREIGN
    yield "answer", "Answer", answer()
    yield "approval", "Approval", approval()
    yield "segment_report_cycle", "SegmentReport", reading("received", 7)
    yield "segment_report_register", "SegmentReport", reading("delivered", 0, 2**31 - 1)
    yield "bill_question", "BillQuestion", {**BILLED, "meters": ["m-001", "m-000"], "estimates": True, "rebills": []}
    yield "bill_statement", "BillStatement", BILLS
    yield "head", "Head", head("unblinder", 2**63 - 1)
    yield "key_notice", "KeyNotice", NOTICE
    yield "envelope_key_notice", "Envelope", envelope("KeyNotice", "decryptor", NOTICE)
    yield "envelope_release", "Envelope", envelope("Release", "decryptor", RELEASE)
    yield "release", "Release", RELEASE
    yield "token_proof", "TokenProof", token_proof("token", canonical(STATEMENT))
    yield (
        "pad_request",
        "PadRequest",
        {
            "approval": approval(),
            "check_key_id": text64(bytes(range(16))),
            "proof": token_proof("token", canonical(STATEMENT)),
            "head": decryptor,
            "seen": [],
        },
    )
    yield (
        "release_with_noise",
        "Release",
        {
            **RELEASE,
            "reads": [1500, -7, 2**40],
            "noise": {
                "sigma": 227_024,
                "rho_millionths": 250_000,
                "spent_rho_millionths": 500_000,
                "budget_rho_millionths": 500_000,
            },
        },
    )
    yield (
        "pad_grant",
        "PadGrant",
        {
            "statement_digest": text64(sha256(canonical(STATEMENT))),
            "policy": RELEASE["unblinder_policy"],
            "pad_sum": text64(b"sum of pads"),
            "noise": [],
            "head": RELEASE["unblinder_head"],
            "seen": [decryptor],
        },
    )


def bad_messages() -> Iterator[tuple[str, str, str, bytes]]:
    """Name, what is wrong, type, bytes; each is a MalformedMessage."""
    good = canonical(STATEMENT)
    yield "white_space", "a space after a colon", "TotalStatement", good.replace(b'":', b'": ', 1)
    yield "newline", "a newline at the end", "TotalStatement", good + b"\n"
    yield "order", "fields not sorted", "TotalStatement", json.dumps(STATEMENT, separators=(",", ":")).encode()
    yield "duplicate_key", "a field twice with one value", "TotalStatement", b'{"kind":"total",' + good[1:]
    yield "unknown_field", "a field that the type does not have", "TotalStatement", canonical({**STATEMENT, "zz": 1})
    yield "missing_default", "a default left out", "TotalStatement", good.replace(b'"functional":"ones",', b"")
    yield "float", "1.0 for 1", "TotalStatement", good.replace(b'"key_id":7', b'"key_id":7.0')
    yield "exponent", "7e0 for 7", "TotalStatement", good.replace(b'"key_id":7', b'"key_id":7e0')
    yield "minus_zero", "-0 for 0", "Answer", canonical({**answer(), "flagged": [0]}).replace(b"[0]", b"[-0]")
    yield "boolean", "true for 1", "TotalStatement", good.replace(b'"version":1', b'"version":true')
    yield "string", '"7" for 7', "TotalStatement", canonical({**STATEMENT, "key_id": "7"})
    late = canonical(reading("delivered", 0, 2**31))
    yield "read_at_2_31", "a minute that no header holds", "SegmentReport", late
    two = billed_segment("m-000", reading("delivered", 0, MARCH[1] - 1440), reading("delivered", 0, MARCH[1]))
    yield "two_readings", "a channel's registers twice", "BillStatement", canonical({**BILLS, "segments": [two]})
    yield "nan", "not a number", "TotalStatement", good.replace(b'"key_id":7', b'"key_id":NaN')
    yield "version_2", "a version of the future", "TotalStatement", canonical({**STATEMENT, "version": 2})
    yield "channel_number", "a channel by its code", "TotalStatement", canonical({**STATEMENT, "channel": 1})
    yield (
        "position_16384",
        "a member beyond any roster",
        "TotalStatement",
        canonical({**STATEMENT, "numbers": [[16384, 1]]}),
    )
    yield "base64_padding", "padding", "TotalStatement", good.replace(b'"Aw"', b'"Aw=="')
    yield "base64_stray_bits", "bits that no byte takes", "TotalStatement", good.replace(b'"Aw"', b'"Ax"')
    yield "base64_standard", "the other alphabet", "Release", canonical({**RELEASE, "statement": "+/+/"})
    yield "counter_2_63", "above 63 bits", "Head", canonical(head("unblinder", 2**63))
    yield "counter_4300_digits", "a number that Python would not print", "Head", HUGE
    yield "head_of_aggregator", "only halves have heads", "Head", canonical(head("aggregator"))
    yield "not_utf8", "a byte that UTF-8 does not have", "Head", canonical(head("unblinder")).replace(b"unb", b"\xffnb")
    yield (
        "raw_utf8",
        "text beyond ASCII not escaped",
        "TotalStatement",
        canonical(FOREIGN).replace(b"\\u00e9", "é".encode()),
    )
    yield "lone_surrogate", "half a character", "TotalStatement", canonical(FOREIGN).replace(b"\\ud83d", b"")
    yield "escape_case", "an escape in capitals", "TotalStatement", canonical(FOREIGN).replace(b"\\u00e9", b"\\u00E9")
    yield "rows_unsorted", "rows not sorted by meter", "Roster", canonical({**ROSTER, "rows": ROSTER["rows"][::-1]})
    yield "rows_repeated", "a meter twice", "Roster", canonical({**ROSTER, "rows": [ROW, ROW]})
    yield (
        "row_not_installed_yet",
        "a meter that is installed after the roster takes effect",
        "Roster",
        canonical({**ROSTER, "rows": [{**ROW, "installed": DAY + 1}]}),
    )
    yield (
        "row_on_another_route",
        "two billing routes in one cohort",
        "Roster",
        canonical({**ROSTER, "rows": [ROW, {**ROSTER["rows"][1], "billing_route": None}]}),
    )
    yield "unit_of_gas", "electricity in litres", "Roster", canonical({**ROSTER, "unit": "L"})
    yield "windows_reversed", "last before first", "KeyNotice", canonical({**NOTICE, "last_window": DAY - 1})
    yield "nesting", "a thousand brackets", "Head", b"[" * 1000
    yield "empty", "nothing", "Head", b""


HUGE = canonical(head("unblinder", 5)).replace(b":5", b":" + b"9" * 4_300)


def signed_messages() -> Iterator[tuple[str, str, Json]]:
    """Name, what is wrong and an envelope that decodes, is not opened as a `KeyNotice` of the decryptor."""
    good = envelope("KeyNotice", "decryptor", NOTICE)
    yield "other_key", "signed by the unblinder", envelope("KeyNotice", "unblinder", NOTICE)
    yield "other_type", "signed as a Release", envelope("KeyNotice", "decryptor", NOTICE, "Release")
    yield "altered_body", "another suite", {**good, "body": text64(canonical({**NOTICE, "suite": 2}))}
    yield "zero", "sixty-four zero bytes", {**good, "signature": text64(bytes(64))}


def vectors() -> Iterator[tuple[str, Json]]:
    """File name and content of each vector."""
    identity = public("meter").hex()
    for name, what, content in good_reports():
        yield f"report_{name}", {"what": what, "identity_key": identity, **content}
    for name, what, error, body in bad_reports():
        yield f"report_bad_{name}", {"what": what, "identity_key": identity, "hex": body.hex(), "error": error}
    for name, what, content in frames():
        yield f"report_{name}", {"what": what, **content}
    for name, kind, fields in good_messages():
        body = canonical(fields)
        yield f"message_{name}", {"type": kind, "text": body.decode(), "sha256": sha256(body).hex()}
    for name, what, kind, body in bad_messages():
        yield f"message_bad_{name}", {"what": what, "type": kind, "hex": body.hex(), "error": "MalformedMessage"}
    for name, what, fields in signed_messages():
        content = {"type": "Envelope", "hex": canonical(fields).hex(), "error": "SignatureInvalid"}
        yield f"message_bad_signature_{name}", {"what": what, "key": public("decryptor").hex(), **content}


def main() -> None:
    for pattern in ("report_*.json", "message_*.json"):
        for old in DIRECTORY.glob(pattern):
            old.unlink()
    DIRECTORY.mkdir(exist_ok=True)
    for name, content in vectors():
        (DIRECTORY / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
