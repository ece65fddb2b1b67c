"""What a half remembers of bills is what its ledger says; totals and bills look at each other through it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from tests.keyserver.bill_run import BASIC, END, KEY, LAYOUT, MAY, PURPOSE, START, ZONE, Run, entries, homes, running
from tests.policy.measures import extension, signed_extension
from tests.policy.rosters import REGION
from tests.protocol.tariff.samples import tariff
from wattseal.keyserver.bills_memory import BillMemory
from wattseal.keyserver.days import Days
from wattseal.keyserver.half import Half
from wattseal.policy.bills import BillRules
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import RankExhausted, ShareTooLarge
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionDay, Suite, Window
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import SeriesCharge
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import MINUTES_PER_DAY

DAY = Window(START // MINUTES_PER_DAY + 3)
LATER = Cycle(date(2026, 6, 15), date(2026, 7, 15), ZONE)
JUNE = Cycle(MAY.after, date(2026, 6, 30), ZONE)
AUGUST = Cycle(date(2026, 8, 1), date(2026, 8, 31), ZONE)


def in_turn(run: Run, *cycles: Cycle, meters: tuple[str, ...] = ("m0",)) -> list[BillStatement]:
    found = []
    for cycle in cycles:
        run.cycle = cycle
        found.append(run.of(*meters))
    return found


def granted(half: Half, *statements: BillStatement) -> None:
    for statement in statements:
        digest, cycle = statement.digest(), statement.cycle.minutes
        half.ledger.intend_bills(digest, statement.to_bytes(), statement.region, cycle, PURPOSE)


def remembered(half: Half, minutes: tuple[int, int], meter: str = "m0") -> dict[tuple[int, int], int]:
    """Results by cycle, as a memory tells that has just begun."""
    days = Days(half.ledger, half.registry, half.levels)
    memory = BillMemory(half.ledger, half.registry, BillRules(4), days).around(REGION, minutes)
    return {cycle: len(book.items) for cycle, book in memory.books(MeterId(meter), Channel.DELIVERED).items()}


def test_books_are_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    """Two reports of one cycle fill the rank budget but for two results; a third is refused before and after."""
    with running(tmp_path) as run:
        statement = run.of("m0")
        for number in (1, 2):
            assert run.release(statement) == run.expected(statement)
            statement = run.rerun(statement, number)
        with pytest.raises(RankExhausted):
            run.release(statement)
    with running(tmp_path) as run:
        for half in (run.decryptor, run.unblinder):
            assert remembered(half, MAY.minutes) == {MAY.minutes: 6}
            assert remembered(half, MAY.minutes, "m1") == {}
        with pytest.raises(RankExhausted):
            run.release(statement)
        again = run.statement(run.segment("m0", 1), run.segment("m1"))
        assert run.release(again) == run.expected(again)


def test_what_an_extension_let_out_is_learned_from_the_ledger_without_it(tmp_path: Path) -> None:
    """A restart with the extension's file lost: nothing is taken back, and nothing more is granted."""
    granted = signed_extension(extension(BASIC.name, first=Window(DAY - 3), last=Window(DAY + 28)))
    with running(tmp_path) as run:
        statement = run.of("m0")
        for half in (run.decryptor, run.unblinder):
            half.registry.measures.install_extension(granted)
        for number in (1, 2, 3):
            assert run.release(statement) == run.expected(statement)
            statement = run.rerun(statement, number)
    for file in tmp_path.glob("*/budget-extensions/*.json"):
        file.unlink()
    with running(tmp_path) as run:
        for half in (run.decryptor, run.unblinder):
            assert remembered(half, MAY.minutes) == {MAY.minutes: 9}
        again = run.statement(run.segment("m0", 2), run.segment("m1"))
        assert run.release(again) == run.expected(again)
        with pytest.raises(RankExhausted):
            run.release(statement)


def test_only_cycles_that_hang_together_are_recalled(tmp_path: Path) -> None:
    """One reaches another through a neighbor's cycle between them."""
    between = Cycle(date(2026, 5, 20), date(2026, 6, 20), ZONE)
    with running(tmp_path, cycle=AUGUST) as run:
        granted(run.decryptor, *in_turn(run, MAY, LATER, AUGUST))
        assert remembered(run.decryptor, MAY.minutes) == {MAY.minutes: 3}
        assert remembered(run.decryptor, JUNE.minutes) == {LATER.minutes: 3}
        granted(run.decryptor, *in_turn(run, between, meters=("m1",)))
        assert remembered(run.decryptor, MAY.minutes) == {MAY.minutes: 3, LATER.minutes: 3}
        assert remembered(run.decryptor, MAY.minutes, "m1") == {between.minutes: 3}
        assert remembered(run.decryptor, (0, START)) == {}


def test_a_recorded_statement_keeps_the_roster_that_it_names(tmp_path: Path) -> None:
    """Whatever has become of its meters since."""
    gone = homes(effective=Window(END // MINUTES_PER_DAY + 1), count=9)
    with running(tmp_path) as run:
        run.release(run.of("m0"))
    after = gone.model_copy(update={"rows": gone.rows[3:]})
    with running(tmp_path, rosters=[homes(), after]) as run:
        assert remembered(run.unblinder, MAY.minutes) == {MAY.minutes: 3}


def total(run: Run, *meters: str, window: int = DAY) -> TotalStatement:
    """Of the cohort, of which only these reported."""
    known = run.rosters[0]
    active = known.active(CohortId("town"), Channel.DELIVERED)
    return TotalStatement(
        purpose="research",
        region=REGION,
        cohort=CohortId("town"),
        channel=Channel.DELIVERED,
        window=Window(window),
        suite=int(Suite.MASKING),
        key_id=KEY.key_id,
        layout_id=LAYOUT,
        roster_digest=known.fingerprint,
        members=positions_to_bits([place for place, meter in enumerate(active) if meter in meters], len(active)),
    )


def near_tariff(name: str, extra: int) -> Tariff:
    """One price, and a little more in five hours: harmless alone, a selector beside another of these."""
    prices = (*[30_000 + extra] * 5, *[30_000] * ((END - START) // 60 - 5))
    return tariff(SeriesCharge(name="Energy", start=START, step_minutes=60, prices=prices), name=name)


USUAL, ODD = near_tariff("usual", 0), near_tariff("odd", 100)


@contextmanager
def neighborhood(directory: Path, count: int = 6) -> Iterator[tuple[Run, BillStatement, BillStatement]]:
    """m0 is billed under another tariff than those around it: its bill, and theirs."""
    known = homes(count, tariff=USUAL, m0={"tariff": ODD.name})
    with running(directory, tariffs=[USUAL, ODD], rosters=[known], now=(END + 2 * MINUTES_PER_DAY) * 60.0) as run:
        others = run.of(*(meter for meter in sorted(known.by_meter) if meter != "m0"))
        yield run, run.of("m0", tariff=ODD.fingerprint), others


def test_a_total_that_would_give_a_bill_away(tmp_path: Path) -> None:
    """Threat E43, totals last: known totals less the others' bills would be five hours of m0."""
    with neighborhood(tmp_path) as (run, odd, usual):
        everybody = total(run, *run.rosters[0].by_meter)
        for half in (run.decryptor, run.unblinder):
            half.permit(everybody)
            granted(half, odd)
            half.permit(everybody)
            granted(half, usual)
            with pytest.raises(ShareTooLarge, match="neighbors' results"):
                half.permit(everybody)
            half.permit(total(run, *run.rosters[0].by_meter, window=END // MINUTES_PER_DAY + 1))


def test_a_bill_that_a_total_would_give_away(tmp_path: Path) -> None:
    """The same, bills last: atoms are those of the ledger's totals, on any day of the cycle and on no other."""
    with neighborhood(tmp_path) as (run, odd, usual):
        everybody = tuple(run.rosters[0].by_meter)
        for half, window in ((run.decryptor, DAY), (run.unblinder, (END - 1) // MINUTES_PER_DAY)):
            half.bills.permit(odd)
            granted(half, odd)
            half.bills.permit(usual)
            intend(half, total(run, *everybody, window=START // MINUTES_PER_DAY - 1))
            half.bills.permit(usual)
            intend(half, total(run, *everybody, window=window))
            with pytest.raises(ShareTooLarge, match="neighbors' results"):
                half.bills.permit(usual)


def test_a_meter_that_missed_the_total_is_in_no_atom_of_it(tmp_path: Path) -> None:
    with neighborhood(tmp_path, count=10) as (run, odd, usual):
        others = [meter for meter in run.rosters[0].by_meter if meter != "m0"]
        intend(run.unblinder, total(run, *others))
        run.unblinder.bills.permit(odd)
        granted(run.unblinder, odd)
        run.unblinder.bills.permit(usual)
        granted(run.unblinder, usual)
        run.unblinder.permit(total(run, *others, window=DAY + 1))
        with pytest.raises(ShareTooLarge):
            run.unblinder.permit(total(run, "m0", *others, window=DAY + 2))


def test_a_total_that_was_granted_stays_granted(tmp_path: Path) -> None:
    """It makes no new atom; one of another day does."""
    with neighborhood(tmp_path) as (run, odd, usual):
        everybody = tuple(run.rosters[0].by_meter)
        intend(run.decryptor, total(run, *everybody))
        granted(run.decryptor, odd, usual)
        run.decryptor.permit(total(run, *everybody))
        with pytest.raises(ShareTooLarge):
            run.decryptor.permit(total(run, *everybody, window=DAY + 1))


def intend(half: Half, statement: TotalStatement) -> None:
    half.ledger.intend(statement.digest(), statement.to_bytes(), statement.region_day, "research")


def test_entries_tell_bills_from_totals(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        statement = run.of("m0", "m1")
        run.release(statement)
        intend(run.decryptor, total(run, *run.rosters[0].by_meter))
        bodies = [json.loads(entry.body) for entry in entries(run.decryptor)]
        digest = statement.digest().hex()
        assert {body.pop("at") for body in bodies} == {END * 60}
        assert bodies[0] == {"kind": "bills", "purpose": PURPOSE, "statement": to_base64(statement.to_bytes())}
        assert bodies[1] == {"segments": [0, 1], "statement": digest}
        assert (bodies[2]["statement"], bodies[2]["unopened"]) == (digest, [])
        assert "kind" not in bodies[3]


def test_bills_are_no_totals_of_a_day(tmp_path: Path) -> None:
    """The dominance test does not look at them."""
    with running(tmp_path) as run:
        run.release(run.of("m0"))
        for window in run.decryptor.bills.permit(run.of("m0")).windows:
            assert run.decryptor.ledger.opened_of(RegionDay(REGION, Channel.DELIVERED, Window(window))) == []
            assert run.decryptor.ledger.statements_of(RegionDay(REGION, Channel.DELIVERED, Window(window))) == []
