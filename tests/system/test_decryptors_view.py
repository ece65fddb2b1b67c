"""Everything that the decryptor ever sees, with its own keys applied: granted totals, and uniform numbers."""

import json
import sqlite3
from collections.abc import Mapping

import numpy as np
import pytest

from tests.system.attackers.loot import Opening
from tests.system.forging import ciphertext_of, meters_of
from tests.system.labels import labels_of
from tests.system.town import CHUNK, LAYOUT, Day, Reads, Town
from tests.system.uniform import assert_uniform, chi_square
from wattseal.collector.deployment import DECRYPTOR
from wattseal.cryptosystems.pads.label import Use, check_key_id
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.keyserver.vault import Vault
from wattseal.protocol.codec import to_base64
from wattseal.protocol.ids import MeterId, Role
from wattseal.protocol.release import PadGrant
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalStatement
from wattseal.protocol.time import month_of

COHORT = "town/a"


@pytest.fixture(scope="module")
def vault(town: Town) -> Vault:
    return Vault.open(town.home(Role.DECRYPTOR), Role.DECRYPTOR)


@pytest.fixture(scope="module")
def opening(vault: Vault) -> Opening:
    return Opening(vault)


@pytest.fixture(scope="module")
def days(town: Town) -> tuple[Day, Day]:
    """Two days whose totals agree, in every interval and in every size bucket, and whose single reads do not."""
    members = meters_of(town.roster, COHORT)
    reads = np.random.default_rng(18).integers(100, 300, (len(members), LAYOUT.intervals), dtype=np.int64)
    return town.day(altered=by_meter(members, reads)), town.day(altered=by_meter(members, np.roll(reads, 5, axis=0)))


def by_meter(members: tuple[MeterId, ...], reads: Reads) -> Mapping[MeterId, Reads]:
    return dict(zip(members, reads, strict=True))


def view_of(town: Town, day: Day) -> tuple[Answer, PadGrant]:
    """What reaches the decryptor over HTTP while one total is released."""
    answer, passed = town.answer(day, COHORT), len(town.deployment.relay.exchanges)
    town.release(answer)
    (exchange,) = town.deployment.relay.exchanges[passed:]
    received = answer.to_bytes() + exchange.answer
    for body in day.bodies.values():
        assert to_base64(ciphertext_of(body))[:64].encode() not in received
    return answer, Envelope.from_bytes(exchange.answer).opened(PadGrant, town.trust.unblinder)


def test_what_it_opens_is_a_function_of_the_totals(
    town: Town, vault: Vault, opening: Opening, days: tuple[Day, Day]
) -> None:
    """Threat C18: the plaintext of either day can be computed, bit by bit, from the released total and its own keys.

    The rest of its view is the pad sum, which is made without reads, and the ciphertext's random factor.
    """
    releases, kept = [], []
    assert not np.array_equal(days[0].reads[MeterId("a-00")], days[1].reads[MeterId("a-00")])
    for day in days:
        answer, grant = view_of(town, day)
        pad_sum = int.from_bytes(grant.pad_sum, "little")
        slots = opening.slots(opening.blinded(answer.ciphertext), pad_sum)
        values = [*slots.reads, slots.members, *slots.buckets]
        check = expected_check(vault, day, values, TotalStatement.from_bytes(answer.statement))
        plaintext = sum(value << offset for value, offset in zip((*values, check), CHUNK.offsets, strict=True))
        assert plaintext == (opening.blinded(answer.ciphertext) - pad_sum) % vault.secret_key(1).public.n
        assert tuple(slots.reads) == day.total(day.members(COHORT))
        releases.append(values)
        kept.append(histogram_kept(town, day))
    assert releases[0] == releases[1]
    assert kept[0] == kept[1]


def expected_check(vault: Vault, day: Day, values: list[int], statement: TotalStatement) -> int:
    members = statement.members_in(day.roster)
    check_key = vault.root(1).check_key(statement.region, month_of(day.window))
    labels = labels_of(statement, members, vault.secret_key(1).public.modulus_id, check_key_id(check_key))
    weights = slot_weights(check_key, labels[0], len(values))
    keys = [
        vault.root(1).meter_key(Use.TAG, statement.region, meter, day.roster.by_meter[meter].sealing_key)
        for meter in members
    ]
    return sum(w * v for w, v in zip(weights, values, strict=True)) + sum(map(member_tag, keys, labels))


def histogram_kept(town: Town, day: Day) -> dict[str, object]:
    """What its ledger keeps of the opened total."""
    ledger = town.places.of(DECRYPTOR) / "ledger.sqlite"
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as database:
        ((opened,),) = database.execute("SELECT opened FROM releases WHERE window = ?", (day.window,)).fetchall()
    database.close()
    kept: dict[str, object] = json.loads(opened)
    return kept


def test_a_single_report_opens_to_a_uniform_number(
    town: Town, vault: Vault, opening: Opening, days: tuple[Day, Day]
) -> None:
    """Threat C18: so every candidate read is explained by some pad, and none can be confirmed.

    Two reports of the same reads differ by a uniform number too, so pads of two days do not cancel.
    """
    n = vault.secret_key(1).public.n
    same = town.day(altered=days[0].reads)
    first, again = ([opening.blinded(c) for c in day.ciphertexts(sorted(day.bodies))] for day in (days[0], same))
    assert_uniform(first)
    assert_uniform((a - b) % n for a, b in zip(first, again, strict=True))
    assert not any(opening.looks_like_reads(value, 0) for value in (*first, *again))


def test_without_the_pads_the_reads_would_show(
    town: Town, vault: Vault, opening: Opening, days: tuple[Day, Day]
) -> None:
    """The measure of uniformity is one that packed reads fail."""
    answer = town.answer(days[0], "town/b")
    town.release(answer)
    grant = Envelope.from_bytes(town.deployment.relay.exchanges[-1].answer).opened(PadGrant, town.trust.unblinder)
    pad_sum = int.from_bytes(grant.pad_sum, "little")
    unblinded = (opening.blinded(answer.ciphertext) - pad_sum) % vault.secret_key(1).public.n
    assert opening.looks_like_reads(opening.blinded(answer.ciphertext), pad_sum)
    assert chi_square([unblinded] * 94) > 2_000
