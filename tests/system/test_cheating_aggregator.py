"""The aggregator signs false statements and false ciphertexts: the decryptor, or the door, turns each away."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.system.corrupt_meter import CorruptMeter, whole_window
from tests.system.forging import CIPHERTEXT_BYTES
from tests.system.town import CHUNK, Day, Town
from wattseal.collector.deployment import DECRYPTOR
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.protocol.ids import Channel
from wattseal.protocol.report import decode_report

COHORT, NEIGHBOR = "town/a", "town/b"
FIRST_INTERVAL, COUNT_SLOT, FIRST_BUCKET = CHUNK.offsets[0], CHUNK.offsets[96], CHUNK.offsets[97]
CHECK_SLOT = CHUNK.offsets[-1]
Forge = Callable[[Town, Day, list[bytes]], bytes]
"""From the members' ciphertexts to what is passed off as their total."""


def altered(constant: int) -> Forge:
    return lambda town, _, sealed: town.arithmetic.plus(town.arithmetic.fold(sealed), constant)


def weighted(weight: Callable[[int], int]) -> Forge:
    return lambda town, _, sealed: town.arithmetic.weighted(sealed, [weight(i) for i in range(len(sealed))])


FORGERIES: dict[str, Forge] = {
    "A1 one meter's ciphertext as the total": lambda _town, _day, sealed: sealed[0],
    "A1 another cohort's total": lambda town, day, _: town.arithmetic.fold(day.ciphertexts(day.members(NEIGHBOR))),
    "A2 one meter added 40 more times": weighted(lambda i: 41 if i == 0 else 1),
    "A2 one meter alone, as often as there are members": weighted(lambda i: 16 if i == 0 else 0),
    "A3 one meter shifted up by a slot": weighted(lambda i: 1 + (1 << CHUNK.offsets[1]) if i == 0 else 1),
    "A4 weights 1000^i": weighted(lambda i: 1000**i),
    "A4 one meter subtracted": weighted(lambda i: -1 if i == 0 else 1),
    "A7 a listed meter left out": lambda town, _, sealed: town.arithmetic.fold(sealed[1:]),
    "A7 a meter counted twice": lambda town, _, sealed: town.arithmetic.fold([*sealed, sealed[0]]),
    "A7 a meter in another's place": lambda town, _, sealed: town.arithmetic.fold([*sealed[1:], sealed[1]]),
    "A9 5 Wh added to an interval": altered(5 << FIRST_INTERVAL),
    "A9 5 Wh moved to the next interval": altered((5 << CHUNK.offsets[1]) - (5 << FIRST_INTERVAL)),
    "A9 the count raised": altered(1 << COUNT_SLOT),
    "A9 a member moved up a bucket": altered((1 << CHUNK.offsets[98]) - (1 << FIRST_BUCKET)),
    "A9 the check value raised": altered(1 << CHECK_SLOT),
    "A9 a bit above the check slot": altered(1 << CHUNK.top),
    "A9 minus one": altered(-1),
    "A8 no ciphertext: 0": lambda _town, _day, _sealed: bytes(CIPHERTEXT_BYTES),
    "A8 the ciphertext 1": lambda _town, _day, _sealed: (1).to_bytes(CIPHERTEXT_BYTES, "little"),
    "A8 too short": lambda _town, _day, sealed: sealed[0][:-1],
    "A8 too long": lambda _town, _day, sealed: sealed[0] + b"\0",
    "A8 nothing": lambda _town, _day, _sealed: b"",
}


@pytest.fixture(scope="module")
def days(town: Town) -> list[Day]:
    """An item has three attempts, so a forgery has a cohort and day of its own as long as there are days."""
    return [town.day(only=(COHORT, NEIGHBOR)) for _ in range(-(-len(FORGERIES) // 2))]


@pytest.mark.parametrize("name", FORGERIES)
def test_a_total_that_is_not_the_sum_of_its_members_is_refused(town: Town, days: list[Day], name: str) -> None:
    """Threats A1, A2, A3, A4, A7, A8, A9."""
    place = list(FORGERIES).index(name)
    day = days[place // 2]
    sealed = day.ciphertexts(day.members(COHORT))
    with town.refuses("verification-failed", DECRYPTOR):
        town.release(town.forged(day, COHORT, FORGERIES[name](town, day, sealed)))
    # One failed attempt is not the last: the honest answer to the same question still opens.
    if place % 2:
        town.opens_exactly(day, COHORT)
        town.opens_exactly(day, NEIGHBOR)


def test_a_rerandomized_total_opens_to_the_truth(town: Town) -> None:
    """Threat A7: other bytes, the same plaintext; there is nothing in it for the aggregator."""
    day = town.day(only=(COHORT,))
    members = day.members(COHORT)
    total = town.arithmetic.rerandomized(town.arithmetic.fold(day.ciphertexts(members)))
    assert town.release(town.forged(day, COHORT, total)).reads == day.total(members)


def test_reports_of_another_window_are_refused(town: Town) -> None:
    """Threat A7: a replay of the day before, whole or of one meter, never passes for today."""
    before, today = town.day(only=(COHORT, NEIGHBOR)), town.day(only=(COHORT, NEIGHBOR))
    members = today.members(COHORT)
    with town.refuses("verification-failed", DECRYPTOR):
        town.release(town.forged(today, COHORT, town.arithmetic.fold(before.ciphertexts(members))))
    mixed = [*before.ciphertexts(members[:1]), *today.ciphertexts(members[1:])]
    with town.refuses("verification-failed", DECRYPTOR):
        town.release(town.forged(today, COHORT, town.arithmetic.fold(mixed)))
    for day in (before, today):
        town.opens_exactly(day, COHORT)
        town.opens_exactly(day, NEIGHBOR)


def test_a_report_does_not_fit_another_window_meter_or_ciphertext(town: Town) -> None:
    """Threat A7: at the door, whoever sends it; neighbors in the same upload are taken."""
    day = town.day(only=(COHORT,), without=("a-00",), close=False)
    body = day.bodies[day.members(COHORT)[0]]
    report = decode_report(body)
    signature = body[-64:]

    def forged(ciphertext: bytes, **changes: object) -> bytes:
        thief = CorruptMeter.of(town, "a-01")
        header = report.header._replace(**changes)  # type: ignore[arg-type]  # any field's value
        return thief.signed(header, ciphertext)[:-64] + signature

    neighbor = CorruptMeter.of(town, "a-00").report(day, {})
    statuses = town.upload(
        [
            forged(report.ciphertext, **whole_window(day.window - 1)),
            forged(report.ciphertext, meter="a-02"),
            forged(report.ciphertext, number=1),
            forged(town.arithmetic.rerandomized(report.ciphertext)),
            body,
            neighbor,
        ]
    )
    assert [status.reason for status in statuses[:4]] == ["signature-invalid"] * 4
    assert [status.status for status in statuses[4:]] == ["duplicate", "accepted"]
    town.close(day.window)
    town.opens_exactly(replace(day, bodies={**day.bodies, "a-00": neighbor}), COHORT)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"key_id": 2}, "unknown-subject"),
        ({"suite": 129}, "contradiction"),
        ({"suite": 2}, "contradiction"),
        ({"layout_id": DEFAULT_LAYOUTS[30].layout_id}, "contradiction"),
        ({"layout_id": bytes(8)}, "unknown-subject"),
        ({"roster_digest": bytes(32)}, "contradiction"),
        ({"region": "region-2"}, "unknown-subject"),
        ({"channel": Channel.RECEIVED}, "malformed"),
    ],
)
def test_another_key_suite_layout_or_roster_is_rejected_unopened(
    town: Town, days: list[Day], changes: dict[str, Any], slug: str
) -> None:
    """Threat A8: rejected before any decryption and before anything is recorded."""
    day = days[0]
    total = town.arithmetic.fold(day.ciphertexts(day.members(COHORT)))
    with town.refuses(slug):
        town.release(town.forged(day, COHORT, total, **changes))
    town.opens_exactly(day, COHORT)


@pytest.mark.parametrize("functional", ["first-interval", "tariff/1", ""])
def test_another_functional_is_refused(town: Town, days: list[Day], functional: str) -> None:
    """Threat A3: a total adds every read once; a selector under a total's statement is refused."""
    day = days[1]
    total = town.arithmetic.fold(day.ciphertexts(day.members(COHORT)))
    with town.refuses("functional-not-permitted", DECRYPTOR):
        town.release(town.forged(day, COHORT, total, functional=functional))
    town.opens_exactly(day, COHORT)


def test_an_answer_altered_on_its_way_burns_nothing(town: Town) -> None:
    """Threat A9: without the aggregator's signature nothing is recorded, however often it is tried."""
    day = town.day(only=(COHORT, NEIGHBOR))
    honest, other = town.answer(day, COHORT), town.answer(day, NEIGHBOR)
    for altered_answer in (
        honest.model_copy(update={"ciphertext": other.ciphertext}),
        honest.model_copy(update={"statement": other.statement}),
        honest.model_copy(update={"flagged": (1, *honest.flagged[1:])}),
        honest.model_copy(update={"signature": other.signature}),
    ):
        for _ in range(2):
            with town.refuses("signature-invalid"):
                town.release(altered_answer)
    town.opens_exactly(day, COHORT)


def test_counts_of_flagged_reads_that_do_not_fit(town: Town) -> None:
    """Threat A9: signed into the release, they would spoil it for good."""
    day = town.day(only=(COHORT,))
    honest = town.answer(day, COHORT)
    statement = town.rogue_aggregator.statement(day.roster, COHORT, day.window)
    for flagged in ((), (0,) * 95, (0,) * 97, (0,) * 95 + (17,)):
        with town.refuses("malformed"):
            town.release(town.rogue_aggregator.answer(statement, honest.ciphertext, flagged))
    town.opens_exactly(day, COHORT)
