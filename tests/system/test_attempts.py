"""Probing: every failure has one answer, attempts run out by item, and the alarm rises."""

from tests.system.forging import CIPHERTEXT_BYTES, PURPOSE
from tests.system.town import Day, Town
from wattseal.collector.deployment import DECRYPTOR
from wattseal.protocol.statement import Answer

FAILED = "wattseal_failed_openings_total"
PURPOSES = ("grid-planning", "operations", "research")


def shifted(town: Town, day: Day, cohort: str, by: int, purpose: str = PURPOSE) -> Answer:
    total = town.arithmetic.fold(day.ciphertexts(day.members(cohort)))
    return town.forged(day, cohort, town.arithmetic.plus(total, by), purpose=purpose)


def test_the_answer_is_the_same_for_every_cause(town: Town) -> None:
    """Threat A10: status, headers and body, byte for byte."""
    day, other = town.day(), town.day(only=("town/a", "town/b"))
    total = town.arithmetic.fold(day.ciphertexts(day.members("town/a")))
    n = town.arithmetic.public.n
    causes = [
        town.forged(day, "town/a", town.arithmetic.plus(total, 1)),
        town.forged(day, "town/a", bytes(CIPHERTEXT_BYTES)),
        town.forged(day, "town/a", n.to_bytes(CIPHERTEXT_BYTES, "little")),
        town.forged(day, "town/b", day.ciphertexts(day.members("town/b"))[0]),
        town.forged(day, "town/b", b""),
        town.forged(day, "town/b", town.arithmetic.fold(day.ciphertexts(day.members("town/b")[1:]))),
        town.forged(other, "town/a", total),
        town.forged(other, "town/a", bytes(2 * CIPHERTEXT_BYTES)),
        town.forged(day, "town", town.arithmetic.plus(total, 1 << 3000)),
    ]
    answers = [town.raw_release(cause) for cause in causes]
    seen = {
        (answer.status_code, answer.content, tuple((k, v) for k, v in answer.headers.raw if k != b"date"))
        for answer in answers
    }
    assert len(seen) == 1
    assert answers[0].json()["type"] == "urn:wattseal:problem:verification-failed"
    town.opens_exactly(other, "town/b")


def test_probing_consumes_attempts_and_raises_the_alarm(town: Town) -> None:
    """Threat A10: three attempts an item, then even the honest answer is final; others are not touched."""
    day = town.day(only=("town/a", "town/b"))
    alarms, before = town.metric(DECRYPTOR, FAILED), town.counter(DECRYPTOR)
    for attempt in range(3):
        with town.refuses("verification-failed", DECRYPTOR):
            town.release(shifted(town, day, "town/a", 1 << attempt))
    for answer in (shifted(town, day, "town/a", 8), town.answer(day, "town/a")):
        with town.refuses("attempts-exhausted", DECRYPTOR):
            town.release(answer)
    assert town.metric(DECRYPTOR, FAILED) == alarms + 3
    assert [kind for kind, _ in town.entries(DECRYPTOR, before)] == [
        "intent",
        *("attempt", "refusal") * 3,
        "refusal",
        "refusal",
    ]
    town.opens_exactly(day, "town/b")
    assert town.metric(DECRYPTOR, FAILED) == alarms + 3


def test_attempts_do_not_restart_under_another_cohort_or_form(town: Town) -> None:
    """Threat E44: `row` and `row/only` are the same homes; purposes, flags and spelling of a statement differ."""
    day, before = town.day(only=("row", "town/a")), town.counter(DECRYPTOR)
    statement = town.rogue_aggregator.statement(day.roster, "row", day.window, purpose=PURPOSES[2])
    forms = [
        shifted(town, day, "row", 1, purpose=PURPOSES[0]),
        shifted(town, day, "row/only", 1, purpose=PURPOSES[1]),
        town.rogue_aggregator.answer(statement, b"", (1,) * 96),
    ]
    for answer in forms:
        with town.refuses("verification-failed", DECRYPTOR):
            town.release(answer)
    for cohort in ("row", "row/only"):
        for purpose in PURPOSES:
            with town.refuses("attempts-exhausted", DECRYPTOR):
                town.release(town.answer(day, cohort, purpose))
    items = [content["item"] for kind, content in town.entries(DECRYPTOR, before) if kind == "attempt"]
    assert (len(items), len(set(items))) == (3, 1)
    town.opens_exactly(day, "town/a")


def test_an_exhausted_cohort_leaves_the_levels_around_it(town: Town) -> None:
    """Threat A10: what was probed is final, the town around it and the cohorts beside it still open."""
    day = town.day(only=("town/a", "town/b", "town/c"))
    for by in (1, 2, 3):
        with town.refuses("verification-failed", DECRYPTOR):
            town.release(shifted(town, day, "town/a", by))
    for cohort in ("town", "town/b", "town/c"):
        town.opens_exactly(day, cohort)
