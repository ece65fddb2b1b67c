"""The answer to an upload: canonical JSON of one word a report, as if it had been encoded whole."""

from wattseal.aggregator.door import Reason
from wattseal.aggregator.intake import answer_of
from wattseal.aggregator.store import PutStatus
from wattseal.protocol.codec import canonical_json


def test_answers_are_canonical() -> None:
    statuses = [*PutStatus, *Reason, PutStatus.accepted]
    words = [{"status": status.value} for status in PutStatus]
    words += [{"status": "rejected", "reason": reason.value} for reason in Reason]
    assert answer_of(statuses) == canonical_json({"reports": [*words, {"status": "accepted"}]})
    assert answer_of([]) == b'{"reports":[]}'
