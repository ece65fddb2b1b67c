"""Meters that lie or run their own code, and what the door makes of it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from gmpy2 import mpz

from tests.system.corrupt_meter import BUCKETS, COUNT, CorruptMeter, whole_window
from tests.system.forging import CIPHERTEXT_BYTES, meters_of
from tests.system.town import LAYOUT, Day, Status, Town
from wattseal.collector.deployment import DECRYPTOR
from wattseal.cryptosystems.errors import PlaintextError
from wattseal.cryptosystems.paillier.encoder import SlotEncoder
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.keyserver.vault import Vault
from wattseal.protocol.ids import Channel, Kind, MeterId, Role
from wattseal.protocol.time import parse_window

COHORT = "town/a"
LIAR = "a-00"
ACCEPTED = Status("accepted")


def with_liar(town: Town, slots: Mapping[int, int]) -> Day:
    """A closed day on which one meter of the cohort sealed other numbers."""
    day = town.day(only=(COHORT, "town/b"), without=(LIAR,), close=False)
    report = CorruptMeter.of(town, LIAR).report(day, slots)
    assert town.upload([report]) == [ACCEPTED]
    town.close(day.window)
    return replace(day, bodies={MeterId(LIAR): report, **day.bodies})


@pytest.mark.parametrize("read", [-1, -(2**40), LAYOUT.largest_read + 1, 2**62])
def test_the_encoder_refuses_reads_that_no_meter_has(town: Town, read: int) -> None:
    """Threat B12: nothing is sealed, the number that was taken stays unused, and the meter goes on."""
    day = town.day(only=("town/b",), close=False)
    meter = meters_of(town.roster, COHORT)[0]
    bad = day.reads[meter].copy()
    bad[7] = read
    with pytest.raises(PlaintextError, match="interval 7") as caught:
        town.seal(day.window, {meter: bad})
    assert str(read) not in str(caught.value)
    assert town.state.pending(10) == []
    assert set(town.report(day.window, {meter: day.reads[meter]})) == {meter}


def test_the_encoder_refuses_numbers_beyond_any_machine_word() -> None:
    """Threat B12: 2^1000 is no read, in whatever array it comes."""
    encoder = SlotEncoder(LAYOUT, PAILLIER_3072)
    for huge in (np.full((1, LAYOUT.intervals), 2**1000, dtype=object), np.full((1, LAYOUT.intervals), 2.0**1000)):
        with pytest.raises(PlaintextError, match="must be int64"):
            encoder.encode(huge, [], [])


@pytest.mark.parametrize(
    "slots",
    [
        {0: 16 * LAYOUT.largest_read + 1},
        {0: -10_000},
        {95: 1 << 28},
        {COUNT: 2},
        {COUNT: 0},
        {COUNT: -1},
        {BUCKETS[0]: 1},
        {BUCKETS[0]: 17, BUCKETS[1]: -16},
        dict.fromkeys(BUCKETS, 0),
        {COUNT: 1 << 900},
    ],
    ids=[
        "a read above all of theirs",
        "a read that makes the sum negative",
        "a read that spills into the next slot",
        "counts twice",
        "does not count",
        "counts minus one",
        "in two buckets",
        "in one bucket more than there are members",
        "in no bucket",
        "a number that overflows every slot",
    ],
)
def test_a_slot_out_of_its_range_makes_the_cohort_refused(town: Town, slots: dict[int, int]) -> None:
    """Threat B12: sealed by the corrupt meter's own code, with the check value that belongs to it."""
    day = with_liar(town, slots)
    with town.refuses("verification-failed", DECRYPTOR):
        town.release(town.answer(day, COHORT))
    town.opens_exactly(day, "town/b")


@pytest.mark.parametrize(
    "lie", [0, 16_383, -100, 2 * 16_383], ids=["nothing", "the most", "negative", "twice the most"]
)
def test_a_lie_within_range_opens(town: Town, lie: int) -> None:
    """Threat B12: not promised otherwise. The total is shifted by what the corrupt meter chose, nothing else."""
    day = with_liar(town, {5: lie})
    shift = lie - int(day.reads[MeterId(LIAR)][5])
    truth = day.total(day.members(COHORT))
    release = town.release(town.answer(day, COHORT))
    assert release.reads == (*truth[:5], truth[5] + shift, *truth[6:])


def test_the_paillier_door(town: Town) -> None:
    """Threat B14: each properly signed, amid honest reports in the same upload, which are all taken."""
    n = mpz(town.arithmetic.public.n)
    prime = Vault.open(town.home(Role.DECRYPTOR), Role.DECRYPTOR).secret_key(1).p
    bad = {
        "0": 0,
        "n": n,
        "3n": 3 * n,
        "(n-1)n": (n - 1) * n,
        "n^2": n**2,
        "n^2 + 1": n**2 + 1,
        "the largest": (1 << 8 * CIPHERTEXT_BYTES) - 1,
        "a factor of n": prime,
        "a multiple of it": 12_345 * prime,
        "its square": prime**2,
    }
    day = town.day(only=(COHORT, "town/b"), without=meters_of(town.roster, COHORT)[:12], close=False)
    liars = [CorruptMeter.of(town, f"a-{home:02d}") for home in range(12)]
    ciphertexts = [int(number).to_bytes(CIPHERTEXT_BYTES, "little") for number in bad.values()]
    ciphertexts += [b"", ciphertexts[1] + b"\0"]
    forged = [liar.signed(liar.header(day), ciphertext) for liar, ciphertext in zip(liars, ciphertexts, strict=True)]
    honest = [liar.report(day, {}) for liar in liars]
    mixed = [body for pair in zip(forged, honest, strict=True) for body in pair]
    statuses = town.upload(mixed)
    assert statuses == [Status("rejected", "not-a-ciphertext"), ACCEPTED] * 12
    town.close(day.window)
    taken = {liar.row.meter: body for liar, body in zip(liars, honest, strict=True)}
    town.opens_exactly(replace(day, bodies={**taken, **day.bodies}), COHORT)


def test_the_door_names_what_is_wrong(town: Town) -> None:
    """Threats B16, B17: signature, meter, key, layout and time, each with a reason of its own."""
    day = town.day(only=(COHORT,), without=(LIAR,), close=False)
    liar, neighbor = CorruptMeter.of(town, LIAR), CorruptMeter.of(town, "a-01")
    ciphertext = day.ciphertexts(["a-01"])[0]
    before_the_key, next_century = parse_window("1985-03-02"), parse_window("2099-01-01")
    cases = {
        "signature-invalid": neighbor.signed(liar.header(day), ciphertext),
        "unknown-meter": liar.signed(liar.header(day)._replace(meter=MeterId("a-99")), ciphertext),
        "unknown-region": liar.signed(liar.header(day, region="region-2"), ciphertext),
        "inactive-channel": liar.signed(liar.header(day, channel=Channel.RECEIVED), ciphertext),
        "unknown-key": liar.signed(liar.header(day, key_id=2), ciphertext),
        "retired-key": liar.signed(liar.header(day, **whole_window(before_the_key)), ciphertext),
        "wrong-suite-or-layout": liar.signed(liar.header(day, layout_id=DEFAULT_LAYOUTS[60].layout_id), ciphertext),
        "early": liar.signed(liar.header(day, **whole_window(next_century)), ciphertext),
        "kind-not-taken": liar.signed(liar.header(day, kind=Kind.VECTOR), ciphertext),
        "malformed": liar.report(day, {})[:-1],
    }
    statuses = town.upload([*cases.values(), liar.signed(liar.header(day, suite=129), ciphertext)])
    assert [status.reason for status in statuses] == [*cases, "wrong-suite-or-layout"]
    assert {status.status for status in statuses} == {"rejected"}
    town.close(day.window)
    town.opens_exactly(day, COHORT)
