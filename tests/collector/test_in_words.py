"""A ledger as a person reads it: what each entry is about, not the bytes that were hashed."""

import json
from typing import Any

from tests.protocol.samples import ONE_OF_EACH, bill_statement, statement
from wattseal.collector.up import in_words
from wattseal.protocol.codec import to_base64
from wattseal.protocol.reconciliation import ReconciliationQuestion

STATEMENT = statement()
DIGEST = STATEMENT.digest().hex()


def entry(counter: int, of: str, **body: str) -> dict[str, Any]:
    return {"counter": counter, "kind": of, "body": json.dumps(body), "hash": "h"}


def test_entries_name_their_statement_and_the_reason() -> None:
    rows = in_words(
        [
            entry(7, "intent", statement=to_base64(STATEMENT.to_bytes()), purpose="research"),
            entry(8, "attempt", statement=DIGEST, item="i"),
            entry(9, "refusal", statement=DIGEST, reason="verification-failed"),
        ]
    )
    about = "town 2026-03-02 delivered"
    assert [tuple(row.values()) for row in rows] == [
        ("7", "intent", about, "research"),
        ("8", "attempt", about, ""),
        ("9", "refusal", about, "verification-failed"),
    ]


def test_bills_are_counted_and_nobody_is_named() -> None:
    bills = bill_statement()
    digest = bills.digest().hex()
    rows = in_words(
        [
            entry(1, "intent", kind="bills", statement=to_base64(bills.to_bytes()), purpose="billing"),
            entry(2, "release", statement=digest, release="r"),
        ]
    )
    assert [row["about"] for row in rows] == ["2 bills 2026-03-01 to 2026-04-01 amount"] * 2


def test_a_statement_from_before_the_listing_is_named_by_its_digest() -> None:
    (row,) = in_words([entry(9, "refusal", statement=DIGEST, reason="group-too-small")])
    assert row["about"] == f"statement {DIGEST[:12]}"


def test_a_reconciliation_is_of_a_cohort_and_a_cycle() -> None:
    question = next(one for one in ONE_OF_EACH if isinstance(one, ReconciliationQuestion))
    body = {"statement": question.digest().hex(), "question": to_base64(question.to_bytes()), "reason": "nobody-left"}
    (row,) = in_words([entry(3, "reconciliation", **body)])
    assert tuple(row.values()) == (
        "3",
        "reconciliation",
        "bills and totals of town 2024-10-04 to 2024-11-03",
        "nobody-left",
    )
