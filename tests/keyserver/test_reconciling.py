"""Whether bills add up to totals: whole sets of the half's own releases, equal to the last unit, and a word of it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.keyserver.bill_run import (
    ASKER,
    BASIC,
    END,
    LAYOUT,
    MAY,
    OTHER,
    START,
    ZONE,
    Reads,
    Run,
    cancelling,
    entries,
    head_of,
    homes,
    label_of,
    reads_of,
    running,
)
from tests.policy.packs import pack_of, purpose_rule
from tests.policy.rosters import REGION, operator
from tests.protocol.tariff.samples import EXPORT, TOU, tariff
from wattseal.keyserver.reconciling import Reconciling
from wattseal.policy.limits import Asker
from wattseal.protocol.billing import BillStatement, local_day
from wattseal.protocol.errors import (
    Contradiction,
    FunctionalNotPermitted,
    PurposeNotPermitted,
    Rejected,
    UnknownSubject,
)
from wattseal.protocol.ids import Channel, CohortId, RegionDay, Role, Suite, Window
from wattseal.protocol.reconciliation import Reconciliation, ReconciliationQuestion, Undefined, Why
from wattseal.protocol.release import Release, ReleaseNoise
from wattseal.protocol.roster import Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import TotalStatement, positions_to_bits
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import MINUTES_PER_DAY

WINDOWS = range(START // MINUTES_PER_DAY, -(-END // MINUTES_PER_DAY))
EVERYBODY = tuple(f"m{number}" for number in range(6))
DELIVERED = Channel.DELIVERED
NOISE = ReleaseNoise(sigma=1, rho_millionths=1, spent_rho_millionths=1, budget_rho_millionths=1)


def told(run: Run, meter: str, number: int = 0, channel: Channel = DELIVERED) -> Reads:
    """What the meter's cycle report of that number holds, over whole UTC days: it used nothing outside the cycle."""
    segment = run.segment(meter, number)
    report = next(report for report in segment.reports if report.channel is channel)
    every = np.zeros(len(WINDOWS) * 24, dtype=np.int64)
    first = START // 60 - WINDOWS[0] * 24
    inside = reads_of(label_of(segment, report))
    every[first : first + len(inside)] = inside
    return every


def totalled(
    run: Run,
    reads: Mapping[str, Reads],
    *,
    windows: Iterable[int] = WINDOWS,
    channel: Channel = DELIVERED,
    cohort: str = "town",
    noisy: bool = False,
) -> list[bytes]:
    """Totals in the decryptor's ledger as it would have released them; digests of their statements."""
    roster, digests = run.rosters[-1], []
    for window in windows:
        active = roster.active(CohortId(cohort), channel)
        statement = TotalStatement(
            purpose="grid-planning",
            region=REGION,
            cohort=CohortId(cohort),
            channel=channel,
            window=Window(window),
            suite=int(Suite.MASKING),
            key_id=1,
            layout_id=LAYOUT,
            roster_digest=roster.fingerprint,
            members=positions_to_bits([place for place, meter in enumerate(active) if meter in reads], len(active)),
        )
        day = slice((window - WINDOWS[0]) * 24, (window - WINDOWS[0] + 1) * 24)
        release = Release(
            statement=statement.to_bytes(),
            policy=bytes(32),
            unblinder_policy=bytes(32),
            unit=Unit.WH,
            reads=tuple(int(read) for read in sum(reads.values(), np.zeros_like(told(run, "m0")))[day]),
            members=len(reads),
            flagged=(0,) * 24,
            noise=NOISE if noisy else None,
            decryptor_head=head_of(Role.DECRYPTOR, 0),
            unblinder_head=head_of(Role.UNBLINDER, 0),
        )
        body = Envelope.issue(release, operator("decryptor")).to_bytes()
        digest = statement.digest()
        run.decryptor.ledger.finish(digest, digest, RegionDay(REGION, channel, Window(window)), body, b"{}", ())
        digests.append(digest)
    return digests


def question(bills: Iterable[BillStatement], totals: Iterable[bytes], **changes: Any) -> ReconciliationQuestion:  # noqa: ANN401
    fields: dict[str, Any] = {
        "purpose": "billing",
        "region": REGION,
        "cohort": CohortId("town"),
        "tariff": BASIC.fingerprint,
        "timezone": ZONE,
        "first": local_day(MAY.first),
        "after": local_day(MAY.after),
        "bills": tuple(statement.digest() for statement in bills),
        "totals": tuple(totals),
    }
    return ReconciliationQuestion(**{**fields, **changes})


def answered(run: Run, asked: ReconciliationQuestion) -> Reconciliation:
    body = Reconciling(run.decryptor).answer(asked, ASKER)
    return Envelope.from_bytes(body).opened(Reconciliation, operator("decryptor").verify_key.encode())


def equal(run: Run, asked: ReconciliationQuestion) -> dict[str, bool]:
    answer = answered(run, asked)
    assert answer.undefined is None
    return {charge.charge: charge.equal for charge in answer.charges}


def billed(run: Run, *meters: str, **changes: Any) -> BillStatement:  # noqa: ANN401 - any field's value
    statement = run.of(*meters, **changes)
    run.release(statement)
    return statement


def test_bills_add_up_to_totals_in_either_mode_and_in_any_statements(tmp_path: Path) -> None:
    with running(tmp_path, tariffs=[OTHER], rosters=[homes(tariff=OTHER)]) as run:
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        by_amounts = [billed(run, *EVERYBODY[:4]), billed(run, *EVERYBODY[4:])]
        by_sums = [billed(run, *EVERYBODY, mode=Mode.DETERMINANTS)]
        for bills in (by_amounts, by_sums):
            asked = question(bills, totals, tariff=OTHER.fingerprint)
            assert equal(run, asked) == {"Energy": True, "State surcharge": True}
            assert answered(run, asked).meters == 6


def test_one_wh_more_or_less_is_not_equal(tmp_path: Path) -> None:
    """Of one interval in a month of six meters: less than what rounding to cents hides."""
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        reads = {meter: told(run, meter) for meter in EVERYBODY}
        reads["m3"][100] += 1
        assert set(equal(run, question(bills, totalled(run, reads))).values()) == {False}


def test_what_lies_outside_the_cycle_does_not_count(tmp_path: Path) -> None:
    """Local midnights cut two UTC days."""
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        reads = {meter: told(run, meter) for meter in EVERYBODY}
        reads["m3"][0] += 1
        reads["m3"][-1] += 1
        assert set(equal(run, question(bills, totalled(run, reads))).values()) == {True}


def test_the_same_question_is_the_same_answer_and_in_the_ledger(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        asked = question(bills, totalled(run, {meter: told(run, meter) for meter in EVERYBODY}))
        first = Reconciling(run.decryptor).answer(asked, ASKER)
        before = len(entries(run.decryptor))
        assert Reconciling(run.decryptor).answer(asked, ASKER) == first
        assert len(entries(run.decryptor)) == before
        entry = entries(run.decryptor)[-1]
        body = json.loads(entry.body)
        assert (entry.kind, body["statement"], body["reason"]) == ("reconciliation", asked.digest().hex(), "")
        assert set(body["equal"].values()) == {True}
    with running(tmp_path) as run:
        assert Reconciling(run.decryptor).answer(asked, ASKER) == first


def test_who_is_excluded_and_why(tmp_path: Path) -> None:
    """Nobody of them is in the totals."""
    rows: Any = {"m1": {"tariff": OTHER.name}}
    with running(tmp_path, tariffs=[BASIC, OTHER], rosters=[homes(8, **rows)]) as run:
        inside = ("m0", "m2", "m3", "m4")
        totals = totalled(run, {meter: told(run, meter) for meter in inside})
        late = billed(run, *inside, "m5")
        spoiled = run.of("m6")
        numbers = run.numbers(spoiled)
        numbers[0][0] = numbers[0][1]
        run.release(spoiled, numbers)
        answer = answered(run, question([late, spoiled], totals))
    assert {charge.equal for charge in answer.charges} == {True}
    assert {one.meter: one.why for one in answer.excluded} == {
        "m1": Why.ANOTHER_TARIFF,
        "m5": Why.NOT_IN_TOTALS,
        "m6": Why.NOT_OPENED,
        "m7": Why.NOT_BILLED,
    }


def test_nothing_is_told_if_an_excluded_meter_is_in_the_totals(tmp_path: Path) -> None:
    """Else the rest would be the meter's own price-weighted sum, asked yes or no."""
    with running(tmp_path) as run:
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        answer = answered(run, question([billed(run, *EVERYBODY[:5])], totals))
        assert answer.undefined is Undefined.EXCLUDED_IN_TOTALS
        assert (answer.charges, answer.excluded, answer.meters) == ((), (), 0)


def test_nothing_is_told_if_the_members_changed(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        reads = {meter: told(run, meter) for meter in EVERYBODY}
        totals = totalled(run, reads, windows=WINDOWS[1:])
        totals += totalled(run, {meter: reads[meter] for meter in EVERYBODY[1:]}, windows=WINDOWS[:1])
        assert answered(run, question(bills, totals)).undefined is Undefined.MEMBERS_CHANGED


def test_the_bill_in_force_counts(tmp_path: Path) -> None:
    """After a rebill the old bill is none, whatever statements are named; the new one adds up if the totals do."""
    with running(tmp_path) as run:
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        first = billed(run, *EVERYBODY)
        assert set(equal(run, question([first], totals)).values()) == {True}
        again = run.rerun(first, 1)
        run.release(again)
        assert answered(run, question([first, first], totals)).undefined is Undefined.EXCLUDED_IN_TOTALS
        both = question([first, again], totals)
        assert set(equal(run, both).values()) == {False}


def test_the_bill_in_force_counts_whichever_reports_it_rests_on(tmp_path: Path) -> None:
    """Reads, then registers, then the same reads again: the last that cites the one before it, and no other."""
    with running(tmp_path, tariffs=[OTHER], rosters=[homes(tariff=OTHER)]) as run:
        inside = EVERYBODY[1:]
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        without = totalled(run, {meter: told(run, meter) for meter in inside}, cohort="town")
        others, first = billed(run, *inside), billed(run, "m0")
        estimate = run.statement(run.resting_on("m0", END, cancels=cancelling(first, run.released(first))))
        run.release(estimate)

        def asked(*bills: BillStatement, totals: list[bytes] = totals) -> Reconciliation:
            return answered(run, question([others, *bills], totals, tariff=OTHER.fingerprint))

        assert asked(first).undefined is asked(estimate, first).undefined is Undefined.EXCLUDED_IN_TOTALS
        why = {
            bills: asked(*bills, totals=without).excluded for bills in [(first,), (first, estimate), (estimate, first)]
        }
        last = run.rerun(estimate, 0)
        run.release(last)
        assert {charge.equal for charge in asked(last, first).charges} == {True}
        assert asked(first, first).undefined is asked(first, estimate).undefined is Undefined.EXCLUDED_IN_TOTALS
    assert {bills: [one.why for one in excluded] for bills, excluded in why.items()} == {
        (first,): [Why.CANCELLED],
        (first, estimate): [Why.ESTIMATED],
        (estimate, first): [Why.ESTIMATED],
    }


def test_a_forged_line_changes_the_answer(tmp_path: Path) -> None:
    """A corrupt aggregator makes up a bill's number, or weighs another meter's report: it does not open."""
    with running(tmp_path) as run:
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        statement = run.of(*EVERYBODY)
        numbers = run.numbers(statement)
        numbers[2], numbers[3] = numbers[3], numbers[2]
        assert [result.opened for result in run.release(statement, numbers)] == [True, True, False, False, True, True]
        answer = answered(run, question([statement], totals))
    assert answer.undefined is Undefined.EXCLUDED_IN_TOTALS


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"bills": (bytes(32),)}, UnknownSubject, "not made here"),
        ({"totals": (bytes(32),)}, UnknownSubject, "not made here"),
        ({"cohort": CohortId("town/a")}, Contradiction, "another cohort"),
        ({"tariff": OTHER.fingerprint}, Contradiction, "another tariff"),
        ({"first": local_day(MAY.first) + 1}, Contradiction, "each window"),
        ({"purpose": "curiosity"}, PurposeNotPermitted, "purposes"),
    ],
)
def test_only_whole_sets_of_what_was_released(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], match: str
) -> None:
    with running(tmp_path, tariffs=[BASIC, OTHER]) as run:
        bills = [billed(run, "m0")]
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        with pytest.raises(error, match=match):
            answered(run, question(bills, totals).model_copy(update=change))
        with pytest.raises(Contradiction, match="each window"):
            answered(run, question(bills, totals[1:]))
        with pytest.raises(Rejected):
            answered(run, question(bills, [*totals, bills[0].digest()]))
        assert "reconciliation" not in {entry.kind for entry in entries(run.decryptor)}


def test_bills_that_rest_on_consent_are_not_added_up(tmp_path: Path) -> None:
    """Whoever may see some customers' bills learns nothing of whether all of a cohort add up."""
    study = purpose_rule(4, use="secondary", basis="consent")
    with running(tmp_path) as run:
        bills = [billed(run, "m0")]
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        run.decryptor.policy = pack_of({"billing": purpose_rule(4), "study": study})
        assert answered(run, question(bills, totals)).undefined is Undefined.EXCLUDED_IN_TOTALS
        with pytest.raises(PurposeNotPermitted, match="what customers agreed to"):
            answered(run, question(bills, totals, purpose="study"))


def test_net_bills_are_reconciled_by_channel(tmp_path: Path) -> None:
    """Those with panels alone are in the totals of what was received."""
    net = tariff(TOU, EXPORT, name="NET")
    both: Any = {f"m{number}": {"channels": tuple(Channel)} for number in range(6)}
    with running(tmp_path, tariffs=[net], rosters=[homes(tariff=net, **both)]) as run:
        bills = [billed(run, *EVERYBODY)]
        totals = [
            digest
            for channel in Channel
            for digest in totalled(
                run, {meter: told(run, meter, channel=channel) for meter in EVERYBODY}, channel=channel
            )
        ]
        assert equal(run, question(bills, totals, tariff=net.fingerprint)) == {"Energy": True, "Export": True}


def test_exact_results_are_sealed_at_rest(tmp_path: Path) -> None:
    """The file of the ledger tells nobody what cents leave out."""
    with running(tmp_path) as run:
        statement = billed(run, *EVERYBODY)
        kept = run.decryptor.ledger.exact_bills(statement.digest())
        assert kept is not None
        assert kept[:1] != b"["
        assert kept != run.decryptor.ledger.exact_bills(billed(run, "m0", "m1").digest())
        assert run.unblinder.ledger.exact_bills(statement.digest()) is None


def test_exact_results_end_with_their_key_period(tmp_path: Path) -> None:
    """Like the releases: the rows are gone, and so is the root of the key that sealed them."""
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY})
        run.decryptor.ledger.destroy_period(1, range(WINDOWS[0] - 5, WINDOWS[-1] + 5))
        assert run.decryptor.ledger.exact_bills(bills[0].digest()) is None
        with pytest.raises(UnknownSubject, match="not made here"):
            answered(run, question(bills, totals))


def test_whoever_may_not_ask_for_bills_gets_no_word(tmp_path: Path) -> None:
    """Not of what was answered to others, either."""
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        asked = question(bills, totalled(run, {meter: told(run, meter) for meter in EVERYBODY}))
        assert equal(run, asked)
        with pytest.raises(PurposeNotPermitted, match="scope"):
            Reconciling(run.decryptor).answer(asked, Asker("auditor", frozenset({"auditor"})))


def test_a_total_with_noise_is_not_compared(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        bills = [billed(run, *EVERYBODY)]
        totals = totalled(run, {meter: told(run, meter) for meter in EVERYBODY}, noisy=True)
        with pytest.raises(FunctionalNotPermitted, match="noise"):
            answered(run, question(bills, totals))
