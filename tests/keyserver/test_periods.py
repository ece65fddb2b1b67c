"""Key periods of a half: what may begin, what may be destroyed, who is enrolled, what is left of a destroyed one."""

from pathlib import Path

import pytest

from tests.keyserver.bill_run import END, FIRST, KEY, START, Run, homes, kinds, running
from tests.policy.rosters import REGION, published
from wattseal.keyserver.half import Half
from wattseal.keyserver.periods import KeyPeriods
from wattseal.protocol.errors import Contradiction, KeyDestroyed, Rejected, UnknownSubject
from wattseal.protocol.ids import Role, Window
from wattseal.protocol.keys import EnrolmentRequest, NextPeriod
from wattseal.protocol.time import MINUTES_PER_DAY, SECONDS_PER_DAY

LAST_DAY = (END - 1) // MINUTES_PER_DAY
LONG_AFTER = (FIRST + 400) * float(SECONDS_PER_DAY)


def periods(half: Half) -> KeyPeriods:
    return KeyPeriods(half, lambda: LONG_AFTER)


def begin(half: Half, number: int, first: int) -> None:
    asked = NextPeriod(period=number, first_window=Window(first), last_window=Window(first + 365))
    notice = periods(half).begin(asked)
    assert (notice is None) == (half.role is Role.UNBLINDER)


def begun(run: Run, number: int, first: int) -> None:
    """With both halves, as their operators would."""
    begin(run.decryptor, number, first)
    begin(run.unblinder, number, first)
    notice = run.decryptor.vault.notice_of(run.decryptor.vault.latest)
    assert notice is not None
    run.unblinder.registry.install_key(published(notice))


def test_the_decryptor_begins_no_period_that_could_not_be_installed(tmp_path: Path) -> None:
    """And then its vault has not changed."""
    with running(tmp_path) as run:
        half = run.decryptor
        with pytest.raises(Contradiction, match="some of the same windows"):
            begin(half, 2, FIRST)
        with pytest.raises(Rejected, match="latest key period is 1"):
            begin(half, 3, FIRST + 200)
        with pytest.raises(Rejected, match="needs a first and a last window"):
            periods(half).begin(NextPeriod(period=2))
        with pytest.raises(Rejected, match="not before its first"):
            periods(half).begin(NextPeriod(period=2, first_window=Window(9), last_window=Window(8)))
        assert half.vault.latest.number == 1
        for _ in range(2):
            begin(half, 2, FIRST + 200)
        assert [(key, half.registry.key(key).last_window) for key in (1, 2)] == [(1, FIRST + 199), (2, FIRST + 565)]
        assert kinds(half) == ["period"]


def test_a_bill_is_under_the_key_of_its_cycles_last_day(tmp_path: Path) -> None:
    """Also if that period began on this very day; under another key it is a contradiction."""
    with running(tmp_path) as run:
        begun(run, 2, LAST_DAY)
        with pytest.raises(Contradiction, match="its cycle's last day"):
            run.release(run.of("m0"))
        half = run.decryptor
        assert half.bills.permit(run.of("m0", key_id=2)).key.first_window == LAST_DAY > START // MINUTES_PER_DAY


def test_bills_of_a_destroyed_period_stay_closed(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0")
        answer = run.answer(statement)
        run.ask(answer)
        run_two = run.answer(run.of("m1"))
        begun(run, 2, LAST_DAY + 40)
        periods(run.unblinder).destroy(1)
        with pytest.raises(KeyDestroyed):
            run.ask(run_two)
        assert kinds(run.unblinder)[-2:] == ["period", "refusal"]
        assert run.ask(answer)
        periods(run.decryptor).destroy(1)
        for asked in (answer, run_two):
            with pytest.raises(KeyDestroyed):
                run.ask(asked)
        assert run.decryptor.ledger.release(statement.digest()) is None


def test_what_is_not_over_is_not_destroyed(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        begun(run, 2, FIRST + 390)
        now = (FIRST + 300) * float(SECONDS_PER_DAY)
        with pytest.raises(Rejected, match="key period 1 is not over"):
            KeyPeriods(run.decryptor, lambda: now).destroy(1)
        with pytest.raises(UnknownSubject):
            periods(run.decryptor).destroy(7)
        assert run.decryptor.vault.root(1)


def test_an_exchanged_meter_is_not_enrolled_for_a_later_period(tmp_path: Path) -> None:
    """A roster that was over before any cycle of the period could begin gets no keys of it."""
    later = homes(effective=Window(FIRST + 100), m0={"sealing_key": b"\x09" + bytes(31), "installed": FIRST + 100})
    with running(tmp_path, rosters=(homes(), later)) as run:
        begun(run, 2, FIRST + 200)
        for half in (run.decryptor, run.unblinder):
            with pytest.raises(UnknownSubject, match="no window of key 2 has that roster"):
                half.enrol(EnrolmentRequest(region=REGION, key_id=2, window=FIRST, months=("2026-10",)))
            for key_id, window in ((1, FIRST), (2, Window(FIRST + 100))):
                half.enrol(EnrolmentRequest(region=REGION, key_id=key_id, window=window, months=("2026-10",)))
            with pytest.raises(UnknownSubject, match="key period 3"):
                half.enrol(EnrolmentRequest(region=REGION, key_id=3, window=FIRST, months=("2026-10",)))
    assert KEY.last_window == FIRST + 365
