"""Bills through both halves: exact, the same again byte for byte, and one bad item leaves the others alone."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.keyserver.bill_run import (
    BASIC,
    END,
    MAY,
    OTHER,
    POLICY,
    START,
    Careless,
    Run,
    entries,
    homes,
    kinds,
    opened,
    region,
    running,
)
from tests.policy import packs
from tests.policy.rosters import digest, row
from tests.protocol.tariff.samples import TWO_SEASONS, flat, peak, tariff, tiered
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.protocol.billing import BillResult, BillStatement
from wattseal.protocol.errors import PeerUnavailable, PurposeNotPermitted
from wattseal.protocol.ids import Channel, Window
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import EnergyCharge, Mode, SeriesCharge
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY, parse_window

NOT_OPENED = BillResult(values=(), opened=False)
MIDDLE = parse_window("2026-05-16")
Pads = Callable[[Run], Careless]


def honest(run: Run) -> Careless:
    return Careless(run.pads)


class Silent:
    """An unblinder that cannot be reached."""

    def grant(self, request: Envelope) -> Envelope:
        raise PeerUnavailable("no answer")

    grant_bills = grant


def attempts(run: Run, statement: BillStatement) -> list[int]:
    return [run.decryptor.ledger.attempts(statement.item(segment)) for segment in statement.segments]


def spoiled(run: Run, statement: BillStatement, *places: int) -> list[list[bytes]]:
    """The honest numbers, but the last one of some segments."""
    numbers = run.numbers(statement)
    for place in places:
        numbers[place][-1] = bytes(len(numbers[place][-1]))
    return numbers


def drawn_tariff(seed: int) -> Tariff:
    """Prices of any size and sign on both channels, by period and by hour, beside energies in a season each."""
    rng = np.random.default_rng(seed)
    prices = [int(price) for price in rng.integers(-250_000, 250_001, 4)]
    hourly = tuple(rng.integers(0, 250_001, 24 * 31).tolist())
    return tariff(
        EnergyCharge(name="Energy", schedule="tou", prices=(prices[0], prices[1])),
        EnergyCharge(name="Export", channel=Channel.RECEIVED, schedule="tou", prices=(prices[2], prices[3])),
        SeriesCharge(name="Dynamic", start=START, step_minutes=60, prices=hourly),
        tiered((100_000, prices[0]), (None, prices[1])),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pads", [honest, None], ids=["slow pads", "the unblinder's"])
def test_bills_are_exact(tmp_path: Path, seed: int, pads: Pads | None) -> None:
    drawn = drawn_tariff(seed)
    both: Any = {f"m{number}": {"channels": tuple(Channel)} for number in range(0, 6, 2)}
    with running(tmp_path, pads, tariffs=[drawn], rosters=[homes(tariff=drawn, **both)]) as run:
        statement = run.of("m0", "m2", "m4")
        assert run.release(statement) == run.expected(statement)
        assert len({result.values for result in run.expected(statement)}) == 3


@pytest.mark.parametrize("mode", Mode)
def test_determinants_and_amounts_of_a_real_tariff(tmp_path: Path, mode: Mode) -> None:
    with running(tmp_path, tariffs=[OTHER]) as run:
        statement = run.of("m0", "m1", "m2", mode=mode)
        assert run.release(statement) == run.expected(statement)


def test_a_functional_of_zeros_is_not_opened(tmp_path: Path) -> None:
    """A winter's charge in a summer's cycle, and the only one on its channel."""
    schedules = (flat("summer", "winter"), peak("summer", "winter"))
    winter = EnergyCharge(name="Export", channel=Channel.RECEIVED, schedule="flat", prices=(0, -5_000))
    summer = EnergyCharge(name="Energy", schedule="flat", prices=(30_000, 0))
    drawn = tariff(winter, summer, turns=TWO_SEASONS, schedules=schedules)
    june = Cycle(date(2026, 6, 1), date(2026, 7, 1), MAY.timezone)
    known = homes(tariff=drawn, m0={"channels": tuple(Channel)})
    with running(tmp_path, tariffs=[drawn], rosters=[known], cycle=june) as run:
        statement = run.of("m0", "m1")
        results = run.release(statement)
        assert results == run.expected(statement)
        assert [len(result.values) for result in results] == [1, 1]
    none = tariff(
        EnergyCharge(name="Energy", schedule="flat", prices=(0, 30_000)), turns=TWO_SEASONS, schedules=schedules
    )
    (tmp_path / "none").mkdir()
    with running(tmp_path / "none", tariffs=[none], rosters=[homes(tariff=none)], cycle=june) as run:
        assert run.release(run.of("m0")) == [BillResult(values=(), opened=True)]


def test_an_exchanged_meter_and_a_new_account(tmp_path: Path) -> None:
    """Each part under the keys of its own installation, by the scale of the whole cycle."""
    cut = MIDDLE * MINUTES_PER_DAY
    moved = homes(effective=MIDDLE, m1={"account": "next", "tenure_since": MIDDLE})
    new = row(
        "m9", "town", tariff=BASIC.name, service_point="point of m0", account="account of m0", installed=Window(MIDDLE)
    )
    with running(tmp_path, rosters=[homes(), region([*moved.rows[1:], new], MIDDLE)]) as run:
        parts = [("m0", START, cut), ("m1", START, cut), ("m1", cut, END), ("m9", cut, END)]
        statement = run.statement(*(run.segment(meter, minutes=(start, end)) for meter, start, end in parts))
        assert run.release(statement) == run.expected(statement)


def test_a_meter_that_was_enrolled_anew(tmp_path: Path) -> None:
    """Under one id, but each part under the keys of its time; a roster after the cycle has a third one's."""
    later, after = digest("later"), digest("after the cycle")
    cut, end = MIDDLE * MINUTES_PER_DAY, Window(END // MINUTES_PER_DAY + 1)
    again = homes(effective=MIDDLE, m0={"sealing_key": later, "identity_key": later, "installed": MIDDLE})
    last = homes(effective=end, m0={"sealing_key": after, "identity_key": after, "installed": end})
    with running(tmp_path, rosters=[homes(), again, last]) as run:
        parts = [run.segment("m0", minutes=(START, cut)), run.segment("m0", minutes=(cut, END))]
        statement = run.statement(*parts, roster_digest=again.fingerprint)
        assert run.release(statement) == run.expected(statement)


def test_the_same_statement_gets_the_same_bytes(tmp_path: Path) -> None:
    """Without any pads, whatever the numbers are by then, and after a restart; then other numbers tell nothing new."""
    with running(tmp_path) as run:
        statement = run.of("m0", "m1")
        first = run.ask(run.answer(statement, flagged=7))
        assert (first.failed, opened(first).flagged) == (0, (7, 7))
        run.service = DecryptorService(run.decryptor, Silent())
        assert run.ask(run.answer(statement, spoiled(run, statement, 0))) == first
        before = kinds(run.decryptor), kinds(run.unblinder)
    with running(tmp_path, lambda _: Careless(lambda _: [])) as run:
        assert run.ask(run.answer(statement)) == first
        assert (kinds(run.decryptor), kinds(run.unblinder)) == before == (["intent", "attempt", "release"], ["intent"])


def test_a_finished_release_has_a_permitted_purpose_too(tmp_path: Path) -> None:
    """After the pack has lost it, and so does what was released asked for another."""
    with running(tmp_path) as run:
        answer = run.answer(run.of("m0"))
        run.ask(answer)
        with pytest.raises(PurposeNotPermitted):
            run.ask(run.answer(run.of("m0", purpose="curiosity")))
        run.decryptor.policy = packs.flat(4, purposes=["research"])
        with pytest.raises(PurposeNotPermitted):
            run.ask(answer)
        assert kinds(run.decryptor) == ["intent", "attempt", "release", "refusal", "refusal"]


def test_another_purpose_is_another_statement_about_the_same_items(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        first, second = run.of("m0"), run.of("m0", purpose="research")
        assert run.release(first) == run.release(second) == run.expected(first)
        assert kinds(run.unblinder) == ["intent", "intent"]
        assert [one.item(one.segments[0]) for one in (first, second)].count(first.item(first.segments[0])) == 2


def test_a_release_names_the_pack_of_each_half(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        run.unblinder.policy = packs.flat(3)
        release = opened(run.ask(run.answer(run.of("m0"))))
        assert (release.policy, release.unblinder_policy) == (POLICY.digest(), packs.flat(3).digest())


def test_a_release_carries_both_heads(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        release = opened(run.ask(run.answer(run.of("m0"))))
        release.check_heads(*(half.vault.signing_key.verify_key.encode() for half in (run.decryptor, run.unblinder)))
        assert release.unblinder_head == run.unblinder.head()
        run.decryptor.compare_heads([release.decryptor_head, release.unblinder_head])


def test_one_bad_item_leaves_the_others_alone(tmp_path: Path) -> None:
    """Threat E44."""
    with running(tmp_path) as run:
        statement = run.of("m0", "m1", "m2", "m3")
        expected = run.expected(statement)
        released = run.ask(run.answer(statement, spoiled(run, statement, 2)))
        assert list(opened(released).results) == [*expected[:2], NOT_OPENED, expected[3]]
        assert released.failed == 1
        assert attempts(run, statement) == [0, 0, 1, 0]
        assert b'"unopened":[2]' in entries(run.decryptor)[-1].body
        assert run.ask(run.answer(statement)) == released._replace(failed=0)
        assert run.release(run.of("m2")) == expected[2:3]
        assert attempts(run, statement) == [0, 0, 1, 0]


def test_three_attempts_an_item_then_it_is_final(tmp_path: Path) -> None:
    """Threat E44: other statements with the same item, after a restart too, do not start again."""
    with running(tmp_path) as run:
        for others in ((), ("m1",), ("m2",)):
            statement = run.of("m0", *others)
            assert run.ask(run.answer(statement, spoiled(run, statement, 0))).failed == 1
        assert attempts(run, statement) == [3, 0]
    with running(tmp_path) as run:
        statement = run.of("m0", "m3")
        released = run.ask(run.answer(statement))
        assert list(opened(released).results) == [NOT_OPENED, run.expected(statement)[1]]
        assert released.failed == 0
        alone = run.statement(run.segment("m0"), timezone="America/Vancouver")
        assert run.release(alone) == [NOT_OPENED]
        assert attempts(run, statement) == [3, 0]


def test_a_spoiled_success_counts_no_attempt(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        for others in ((), ("m1",), ("m2",), ("m3",), ("m4",)):
            statement = run.of("m0", *others)
            assert run.release(statement) == run.expected(statement)
        assert attempts(run, statement) == [0, 0]


def test_no_pads_no_attempt(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement, reached = run.of("m0", "m1"), run.service
        run.service = DecryptorService(run.decryptor, Silent())
        for _ in range(4):
            with pytest.raises(PeerUnavailable):
                run.release(statement)
        assert attempts(run, statement) == [0, 0]
        assert kinds(run.decryptor) == ["intent", *["attempt", "withdrawal"] * 4]
        run.service = reached
        assert run.release(statement) == run.expected(statement)


def test_what_was_interrupted_can_only_be_finished(tmp_path: Path) -> None:
    """Its attempts stay counted, as if it had failed."""
    with running(tmp_path) as run:
        statement = run.of("m0")
        half = run.decryptor
        half.ledger.intend_bills(statement.digest(), statement.to_bytes(), statement.region, MAY.minutes, "billing")
        half.ledger.attempt_bills(statement.digest(), {0: statement.item(statement.segments[0])})
    with running(tmp_path) as run:
        assert run.release(statement) == run.expected(statement)
        assert attempts(run, statement) == [1]
        assert kinds(run.decryptor) == ["intent", "attempt", "attempt", "release"]


def test_a_rebill(tmp_path: Path) -> None:
    """By a later report, after a restart, beside a neighbor; what was cancelled is still told to who asks again."""
    with running(tmp_path) as run:
        first = run.of("m0", "m1")
        answers = [run.release(first)]
    with running(tmp_path) as run:
        again = run.rerun(first, 1, run.segment("m1"))
        answers.append(run.release(again))
        assert answers == [run.expected(first), run.expected(again)]
        assert answers[0][0] != answers[1][0]
        assert [run.release(first), run.release(again), run.release(run.statement(run.segment("m0", 1)))] == [
            *answers,
            answers[1][:1],
        ]
