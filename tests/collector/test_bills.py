"""From a release to bills: joined by account, told when there is none, the same as from plain reads."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from tests.collector.billed import (
    BOTH,
    CUT,
    DELIVERED,
    END,
    HOUR,
    START,
    estimated,
    plain_reads,
    released,
    segment,
    terms,
    with_demand,
)
from tests.protocol.tariff.samples import ENERGY, EXPORT, MAY, PACIFIC, TOU, flat, tariff, tiers
from wattseal.collector.bill_terms import Account, Terms, runs
from wattseal.collector.bills import Settled, Unbilled, same_bill, settled
from wattseal.protocol.billing import BillRelease, BillResult, BillSegment
from wattseal.protocol.errors import Contradiction, MalformedMessage, UsageError, VerificationRefused
from wattseal.protocol.ids import Channel
from wattseal.protocol.roster import Unit
from wattseal.protocol.tariff.bill import Bill, Cancelled, Customer, Cycle
from wattseal.protocol.tariff.charges import DemandCharge, FixedCharge, Mode
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.plain import plain_bill
from wattseal.protocol.tariff.toml_file import packaged

FIXED = FixedCharge(name="Base", per="day", price=79_343)
PER_CYCLE = FixedCharge(name="Meter", per="cycle", price=900_000)
NET = tariff(TOU, EXPORT, FIXED)
DEMANDING = tariff(TOU, EXPORT, DemandCharge(name="Demand", schedule="flat", tiers=tiers((50_000, 9_000), (None, 5))))
X = Customer("X")
SUMS = Mode.DETERMINANTS


def by_itself(*meters: str, customer: Customer = X) -> dict[str, Account]:
    return dict.fromkeys(meters, Account(customer=customer))


def bill_of(found: Settled | Unbilled) -> Bill:
    assert isinstance(found, Settled), found
    return found.bill


def why(found: Settled | Unbilled) -> Exception:
    assert isinstance(found, Unbilled), found
    return found.error


def plain(of: Terms, *parts: BillSegment, customer: Customer = Customer(), **changes: Any) -> Bill:  # noqa: ANN401, B008
    modes = of.tariff.modes(of.mode)
    return plain_bill(of.tariff, MAY, [plain_reads(part) for part in parts], modes, customer, **changes)


@pytest.mark.parametrize("name", ["E-1", "E-TOU-C", "E-TOU-D", "E-ELEC", "EV2-A"])
@pytest.mark.parametrize("mode", Mode)
def test_a_released_bill_is_the_plain_bill(name: str, mode: Mode) -> None:
    of = terms(packaged(name), mode)
    customer = X if of.tariff.baseline else Customer()
    accounts = by_itself("m1", "m2", customer=customer)
    found = settled(released(of, segment("m1"), segment("m2")), of, accounts)
    assert [one.meters for one in found] == [("m1",), ("m2",)]
    for one in found:
        same_bill(bill_of(one), plain(of, segment(one.meters[0]), customer=customer))
        assert bill_of(one).total_cents > 0
        assert bill_of(one).estimated == ()


@pytest.mark.parametrize("mode", Mode)
def test_net_billing_takes_each_result_for_its_own_channel(mode: Mode) -> None:
    of, part = terms(NET, mode), segment("m1", channels=BOTH)
    (found,) = settled(released(of, part), of, by_itself("m1", customer=Customer()))
    same_bill(bill_of(found), plain(of, part))
    assert [line.cents < 0 for line in bill_of(found).lines] == [False, True, False]


def test_what_a_bill_rests_on() -> None:
    of = terms()
    release = released(of, segment("m1"))
    (found,) = settled(release, of, {"m1": Account("account-1", X)})
    assert isinstance(found, Settled)
    assert (found.release, found.account, found.terms) == (release.digest(), "account-1", of)


def test_flagged_intervals_make_a_bill_estimated() -> None:
    of = terms()
    release = released(of, segment("m1"), segment("m2"), flagged=(0, 3))
    measured, estimated = settled(release, of, by_itself("m1", "m2"))
    assert bill_of(measured).estimated == ()
    assert bill_of(estimated).estimated == (MAY.minutes,)


@pytest.mark.parametrize("mode", Mode)
def test_demand_comes_from_registers(mode: Mode) -> None:
    of, part = terms(DEMANDING, mode), with_demand(segment("m1", channels=BOTH))
    (found,) = settled(released(of, part), of, by_itself("m1", customer=Customer()))
    same_bill(bill_of(found), plain(of, part))
    assert set(bill_of(found).demand.values()) == {int(plain_reads(part).channels[Channel.DELIVERED].max())}
    assert (bill_of(found).estimated, bill_of(found).by_registers) == ((), ())


@pytest.mark.parametrize("channels", [(), (Channel.RECEIVED,)], ids=["all", "received"])
def test_a_bill_from_registers_is_an_estimated_one(channels: tuple[Channel, ...]) -> None:
    """In sums, whatever the mode, where no cycle report was; to the cent what the reads themselves would come to."""
    of, part = terms(DEMANDING, estimates=True), with_demand(segment("m1", channels=BOTH))
    part = estimated(segment("m1", channels=BOTH)) if not channels else estimated_received(part)
    (found,) = settled(released(of, part), of, by_itself("m1", customer=Customer()))
    modes = {"Energy": of.tariff.modes(Mode.AMOUNT)["Energy"] if channels else Mode.DETERMINANTS, "Export": SUMS}
    same_bill(bill_of(found), plain_bill(of.tariff, MAY, [plain_reads(part)], modes))
    assert bill_of(found).estimated == bill_of(found).by_registers == (MAY.minutes,)


def estimated_received(part: BillSegment) -> BillSegment:
    *delivered, received = part.reports
    return part.model_copy(update={"reports": (*delivered, received.model_copy(update={"read_at": part.end}))})


def test_meters_of_an_account_share_a_bill() -> None:
    """An exchange: the fixed charge is paid once, and the tiers hold the energy of both meters."""
    of = terms(packaged("E-TOU-C"))
    before, after = segment("m9", end=CUT), segment("m1", start=CUT)
    release = released(of, before, after, segment("m2"), flagged=(0, 0, 5))
    accounts = {"m1": Account("account-7", X), "m9": Account("account-7", X), "m2": Account(customer=X)}
    joined, alone = settled(release, of, accounts)
    assert joined.meters == ("m9", "m1")
    assert joined.account == "account-7"
    same_bill(bill_of(joined), plain(of, before, after, customer=X))
    assert bill_of(joined).estimated == ((START, CUT),)
    assert alone.meters == ("m2",)
    assert bill_of(alone).estimated == ()


def test_a_part_of_the_cycle_pays_a_part_of_its_charges() -> None:
    of = terms(tariff(ENERGY, FIXED, PER_CYCLE))
    first, rest = settled(
        released(of, segment("m9", end=CUT), segment("n1", start=CUT)), of, by_itself("m9", "n1", customer=Customer())
    )
    assert bill_of(first).cycle == Cycle(MAY.first, MAY.first.replace(day=11), PACIFIC, whole_days=30)
    assert bill_of(rest).cycle.days == 20
    assert [line.dollars for line in bill_of(first).lines[1:]] == [Fraction("7.9343"), Fraction(3)]
    assert [line.dollars for line in bill_of(rest).lines[1:]] == [Fraction("15.8686"), Fraction(6)]


def test_parts_that_are_cut_within_a_local_day_share_the_cycles_days() -> None:
    """At the UTC midnight before the noon of 11 May: that day belongs to whoever was there at noon."""
    of, cut = terms(tariff(ENERGY, FIXED, PER_CYCLE)), CUT + 17 * HOUR
    assert cut % 1440 == 0
    segments, nobody = (segment("m9", end=cut), segment("n1", start=cut)), by_itself("m9", "n1", customer=Customer())
    first, rest = (bill_of(one) for one in settled(released(of, *segments), of, nobody))
    assert (first.cycle.after, rest.cycle.first) == (MAY.first.replace(day=12),) * 2
    assert (first.cycle.minutes, rest.cycle.minutes) == ((START, cut), (cut, END))
    assert (first.cycle.days, rest.cycle.days, first.cycle.length) == (11, 19, 30)
    whole = plain_bill(of.tariff, MAY, [plain_reads(segment("m9"))], of.tariff.modes(of.mode), Customer())
    for one, other, line in zip(first.lines[1:], rest.lines[1:], whole.lines[1:], strict=True):
        assert one.dollars + other.dollars == line.dollars


def test_no_bill_for_a_meter_of_which_the_account_may_have_changed() -> None:
    """Two customers would pay each other's energy."""
    of = terms()
    release = released(of, segment("m1", end=CUT), segment("m1", start=CUT), segment("m2"))
    changed, other = settled(release, of, by_itself("m1", "m2"))
    assert "say whose account" in str(why(changed))
    assert isinstance(other, Settled)
    (joined, _) = settled(release, of, {"m1": Account("account-1", X), "m2": Account(customer=X)})
    same_bill(bill_of(joined), plain(of, segment("m1", end=CUT), segment("m1", start=CUT), customer=X))


def test_no_bill_of_an_account_with_a_gap() -> None:
    of = terms()
    release = released(of, segment("m1", end=CUT), segment("m2", start=CUT + 24 * HOUR))
    error = why(settled(release, of, dict.fromkeys(("m1", "m2"), Account("account-1", X)))[0])
    assert "do not fit together at day 11" in str(error)


def test_what_did_not_open_is_told_and_nobody_else_pays_for_it() -> None:
    of = terms()
    accounts = {"m1": Account("both", X), "m2": Account("both", X), "m3": Account(customer=X)}
    parts = (segment("m1", end=CUT), segment("m2", start=CUT), segment("m3"))
    shut, opened = settled(released(of, *parts, shut=("m2",)), of, accounts)
    assert isinstance(why(shut), VerificationRefused)
    assert (shut.meters, shut.account) == (("m1", "m2"), "both")
    assert isinstance(opened, Settled)


def test_a_rebill_takes_back_what_was_billed_before() -> None:
    of, earlier = terms(), Cancelled(bytes(32), bytes(32), 10_000)
    (found,) = settled(released(of, segment("m1", number=1)), of, {"m1": Account(customer=X, cancels=earlier)})
    bill = bill_of(found)
    assert bill.cancels == earlier
    assert bill.due_cents == bill.total_cents - 10_000
    # The customer's own reads do not tell what was billed before.
    same_bill(bill, plain(of, segment("m1"), customer=X))


def test_reads_of_class_large_count_in_the_unit_of_the_release() -> None:
    large = tariff(ENERGY, customer_class="large")
    for unit in (Unit.WH, Unit.WH_10, Unit.WH_100):
        of = terms(large)
        (found,) = settled(released(of, segment("m1"), unit=unit), of, by_itself("m1", customer=Customer()))
        reads = int(plain_reads(segment("m1")).channels[DELIVERED[0]].sum())
        assert list(bill_of(found).energy.values()) == [reads * unit.factor]


def test_gas_needs_its_therm_factor() -> None:
    gas = tariff(ENERGY, commodity="gas", schedules=(flat("year"),))
    of = terms(gas, therms_per_ccf=Decimal("1.034"))
    (found,) = settled(released(of, segment("m1")), of, by_itself("m1", customer=Customer()))
    same_bill(bill_of(found), plain(of, segment("m1"), therms_per_ccf=Decimal("1.034")))
    with pytest.raises(UsageError, match="therm factor"):
        terms(gas).rehearse([Customer()])


def changed(release: BillRelease, **changes: Any) -> BillRelease:  # noqa: ANN401 - any field's value
    return release.model_copy(update=changes)


OPENED = released(terms(), segment("m1")).results[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"results": ()},
        {"results": (OPENED, OPENED)},
        {"flagged": ()},
        {"flagged": (0, 0)},
        {"results": (BillResult(values=OPENED.values[:-1], opened=True),)},
        {"results": (BillResult(values=(*OPENED.values, 1), opened=True),)},
        {"results": (BillResult(values=(), opened=True),)},
        {"results": (BillResult(values=OPENED.values, opened=False),)},
        {"results": (BillResult(values=(*OPENED.values[:-1], 1 << 40), opened=True),)},
        {"results": (BillResult(values=(*OPENED.values[:-1], -(1 << 40)), opened=True),)},
    ],
)
def test_results_that_are_not_those_of_the_functionals(changes: dict[str, Any]) -> None:
    of = terms()
    release = changed(released(of, segment("m1")), **changes)
    with pytest.raises(MalformedMessage, match="result"):
        settled(release, of, by_itself("m1"))


@pytest.mark.parametrize(
    "other",
    [
        terms(packaged("E-ELEC")),
        terms(mode=Mode.DETERMINANTS),
        terms(cycle=replace(MAY, after=MAY.after.replace(day=30))),
        terms(cycle=replace(MAY, timezone="America/Phoenix")),
    ],
)
def test_a_release_on_other_terms(other: Terms) -> None:
    with pytest.raises(Contradiction, match="another tariff, cycle or mode"):
        settled(released(terms(), segment("m1")), other, by_itself("m1"))


def test_a_release_of_a_meter_that_nobody_asked_for() -> None:
    with pytest.raises(Contradiction, match="nobody asked for"):
        settled(released(terms(), segment("m1"), segment("m2")), terms(), by_itself("m1"))


@pytest.mark.parametrize(
    ("of", "customer", "match"),
    [
        (terms(packaged("E-TOU-C")), Customer(), "territory"),
        (terms(packaged("E-TOU-C")), Customer("Atlantis"), "territory"),
        (terms(packaged("E-TOU-C")), Customer("X", "FREE"), "program 'FREE'"),
        (terms(tariff(FIXED)), Customer(), "channels"),
        (terms(interval_minutes=7), Customer("X"), "interval_minutes"),
        (terms(cycle=replace(MAY, timezone="Mars/Olympus")), Customer("X"), "Mars/Olympus"),
    ],
)
def test_what_would_be_missing_is_said_before_anything_is_asked(of: Terms, customer: Customer, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        of.rehearse([customer])


@pytest.mark.parametrize(
    ("of", "changes"),
    [
        (tariff(ENERGY), {"unit": Unit.WH_10}),
        (packaged("E-1"), {"unit": Unit.LITRE}),
        (tariff(ENERGY, customer_class="large"), {"unit": Unit.LITRE}),
        (tariff(ENERGY), {"interval_minutes": 15}),
    ],
)
def test_a_release_of_other_reads_than_the_tariffs(of: Tariff, changes: dict[str, Any]) -> None:
    asked = terms(of)
    release = released(asked, segment("m1")).model_copy(update=changes)
    with pytest.raises(Contradiction, match="other intervals, or reads in another unit"):
        settled(release, asked, by_itself("m1"))


@pytest.mark.parametrize("name", ["", "=HYPERLINK(1)", "-1", "a\nb", "a,b", "\u202e", "x" * 65])
def test_an_account_has_a_name_that_is_safe_in_a_table(name: str) -> None:
    with pytest.raises(UsageError, match="account"):
        Account(name)


def test_meters_of_an_account_are_asked_for_in_one_statement() -> None:
    accounts = {f"m{number:04}": Account() for number in range(1_500)}
    # A thousand would end between the two.
    accounts |= dict.fromkeys(("m0999", "m1400"), Account("account-1"))
    first, second = runs(accounts)
    assert len(first) == 999
    assert {"m0999", "m1400"} <= set(second)
    assert sorted(first + second) == sorted(accounts)
    assert list(runs({})) == []


def test_each_difference_from_the_plain_bill_is_found() -> None:
    of = terms(NET, Mode.DETERMINANTS)
    bill = bill_of(settled(released(of, segment("m1", channels=BOTH)), of, by_itself("m1", customer=Customer()))[0])
    line, item = bill.lines[0], next(iter(bill.energy))
    less = replace(line, dollars=line.dollars - Fraction(1, 10**8))
    others = {
        "different tariffs or cycles": [
            replace(bill, tariff_digest=bytes(32)),
            replace(bill, cycle=replace(MAY, timezone="UTC")),
        ],
        "different lines": [replace(bill, lines=bill.lines[1:]), replace(bill, lines=bill.lines[::-1])],
        "line 'Energy'": [replace(bill, lines=(less, *bill.lines[1:]))],
        "energy of 'determinants delivered tou": [
            replace(bill, energy={**bill.energy, item: bill.energy[item] + 1}),
            replace(bill, energy={one: value for one, value in bill.energy.items() if one != item}),
        ],
    }
    for match, bills in others.items():
        for other in bills:
            for pair in ((bill, other), (other, bill)):
                with pytest.raises(Contradiction, match=match):
                    same_bill(*pair)
    same_bill(bill, replace(bill, estimated=((START, END),), cancels=Cancelled(bytes(32), bytes(32), 1)))
