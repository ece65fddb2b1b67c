"""The printed bill: what it says, that it is sound HTML, and that no name can break out of it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.collector.billed import BOTH, CUT, estimated, released, segment, terms
from tests.collector.test_bill_files import EARLIER, NET, SUMS, one
from tests.collector.test_report_page import HOSTILE, Page
from tests.protocol.tariff.samples import ENERGY, flat, tariff
from wattseal.collector.bill_files import Found
from wattseal.collector.bill_page import bill_page, dollars
from wattseal.collector.bill_terms import Account
from wattseal.collector.bills import Settled, settled
from wattseal.protocol.codec import to_base64
from wattseal.protocol.ids import MeterId
from wattseal.protocol.tariff.bill import Customer
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Item, Register
from wattseal.protocol.tariff.toml_file import packaged


def bill(found: Found) -> Settled:
    assert isinstance(found, Settled)
    return found


def joined() -> Settled:
    of = terms(NET, Mode.DETERMINANTS)
    parts = segment("m9", end=CUT, channels=BOTH), segment("m1", start=CUT, channels=BOTH)
    (found,) = settled(released(of, *parts), of, dict.fromkeys(("m1", "m9"), Account("account-1")))
    return bill(found)


def from_registers() -> Settled:
    of = terms(NET, estimates=True)
    (found,) = settled(released(of, estimated(segment("m1", channels=BOTH))), of, {"m1": Account()})
    return bill(found)


def hostile() -> Settled:
    """With every text of the bill made of signs that HTML, SVG, templates and terminals take for something else."""
    found = bill(one(SUMS, 1, 2, 3, 4, account=Account(cancels=EARLIER), flagged=1))
    told = found.bill
    item = next(iter(told.energy))
    renamed = replace(
        told,
        lines=tuple(replace(line, name=HOSTILE) for line in told.lines),
        energy={item._replace(name=HOSTILE, period=period): Fraction(5) for period in (HOSTILE, HOSTILE + "2")},
        demand={Register(HOSTILE, HOSTILE): 5_000},
        cycle=replace(told.cycle, timezone=HOSTILE, span=told.cycle.minutes),
    )
    copied = found.terms.tariff.model_copy(update={"name": HOSTILE, "revision": HOSTILE})
    of = replace(found.terms, tariff=copied)
    return replace(found, meters=(MeterId(HOSTILE),), account=HOSTILE, bill=renamed, terms=of)


GAS = terms(tariff(ENERGY, commodity="gas", schedules=(flat("year"),)), therms_per_ccf=Decimal("1.034"))
DEMANDING = bill(one(SUMS, 1, 2, 3, 4))
BILLS = {
    "amounts": bill(one(terms(NET), 1_203_000, -700)),
    "sums": bill(one(SUMS, 100_001, 20_000, 3_333, 500)),
    "nothing used": bill(one(SUMS, 0, 0, 0, 0)),
    "credit": bill(one(SUMS, 0, 0, 3_000_000, 500)),
    "rebill": bill(one(terms(NET), 12_030, -700, account=Account(cancels=EARLIER), flagged=3)),
    "gas": bill(one(GAS, 28_317)),
    "demand": replace(DEMANDING, bill=replace(DEMANDING.bill, demand={Register("TOU", "peak"): 1_234_500})),
    "two meters": joined(),
    "registers": from_registers(),
    "hostile": hostile(),
}


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {name: Page(bill_page(found).decode()) for name, found in BILLS.items()}


@pytest.mark.parametrize("name", BILLS)
def test_every_page_is_sound_accessible_and_reaches_for_nothing(pages: dict[str, Page], name: str) -> None:
    page = pages[name]
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("h1")) == 1
    assert all(attributes["scope"] in {"col", "row"} for attributes in page.of("th"))
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in page.of("svg"))
    assert {"script", "link", "iframe", "a", "form", "base", "img", "use", "image"}.isdisjoint(t for t, _ in page.tags)
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name.endswith(("href", "src")) for name in attributes)
    policy = next(attributes for attributes in page.of("meta") if "http-equiv" in attributes)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "@page { size: A4;" in page.text


def test_hostile_text_is_shown_and_nothing_more(pages: dict[str, Page]) -> None:
    shown = " ".join(HOSTILE.replace("\udcff", "?").split())
    page = pages["hostile"]
    # title twice; meter, account, zone, tariff, revision; two lines; chart; energy and demand by name and period
    assert page.text.count(shown) >= 18
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in pages["sums"].tags}
    (chart,) = page.of("svg")
    assert shown in (chart["aria-label"] or "")


def test_amounts(pages: dict[str, Page]) -> None:
    text = pages["amounts"].text
    assert "Electricity bill Meter m1 meter m1 account none given" in text
    assert "first day 2026-05-01 last day 2026-05-30 days 30 time zone America/Los_Angeles" in text
    assert "amount due $12,023.00" in text
    assert "charge amount Energy $12,030.00 Export -$7.00 Total $12,023.00 Energy by period" in text
    assert "None was opened: every charge on energy left the key server as an amount." in text
    assert pages["amounts"].of("svg") == []
    for words in ("cancel", "estimated", "Demand"):
        assert words not in text


def test_sums(pages: dict[str, Page]) -> None:
    text = pages["sums"].text
    assert "off-peak tou delivered 100.001 83.3% peak tou delivered 20.000 16.7%" in text
    assert "off-peak tou received 3.333 87.0% peak tou received 0.500 13.0%" in text
    bars = [attributes["width"] for attributes in pages["sums"].of("rect")]
    assert bars == ["640", "533.3", "640", "106.7", "640", "556.5", "640", "83.5"]
    labels = [attributes["aria-label"] for attributes in pages["sums"].of("svg")]
    assert labels == [
        "delivered, tou: off-peak 100.001 kWh; peak 20.000 kWh",
        "received, tou: off-peak 3.333 kWh; peak 0.500 kWh",
    ]


def test_nothing_used(pages: dict[str, Page]) -> None:
    assert "off-peak tou delivered 0.000 0.0%" in pages["nothing used"].text
    assert "amount due $0.00" in pages["nothing used"].text


def test_a_credit_is_paid_back(pages: dict[str, Page]) -> None:
    assert "to be paid back $120.04" in pages["credit"].text
    assert "Total -$120.04" in pages["credit"].text


def test_a_rebill_says_what_it_cancels(pages: dict[str, Page]) -> None:
    text = pages["rebill"].text
    release = to_base64(EARLIER.release)
    assert f"This bill cancels an earlier one of $123.45, which rested on release {release} ." in text
    assert "Total $113.30 Earlier bill, cancelled -$123.45 Due -$10.15" in text
    assert "to be paid back $10.15" in text
    assert "Partly estimated" in text
    assert "in 2026-05-01T07:00:00Z to 2026-05-31T07:00:00Z." in text
    assert len([row for row in pages["rebill"].of("tr") if row.get("class") == "sum"]) == 3


def test_a_bill_from_registers_says_so(pages: dict[str, Page]) -> None:
    text = pages["registers"].text
    assert "Estimated: the report of interval reads is missing, and registers stand for it, in 2026-05-01T07" in text
    assert "Partly estimated" not in text


def test_gas_is_told_in_its_own_words(pages: dict[str, Page]) -> None:
    text = pages["gas"].text
    assert "Gas bill" in text
    assert "period schedule channel therms share of the schedule all total delivered 10.340056 100.0%" in text
    assert "kWh" not in text
    # One period has nothing to be compared with.
    assert pages["gas"].of("svg") == []


def test_demand(pages: dict[str, Page]) -> None:
    assert "Demand period schedule kW peak TOU 1,234.500" in pages["demand"].text


def test_an_exchange(pages: dict[str, Page]) -> None:
    assert "Account account-1 meter m9, m1 account account-1" in pages["two meters"].text


def test_a_part_of_the_cycle() -> None:
    of = terms(NET, Mode.DETERMINANTS)
    (found,) = settled(released(of, segment("m1", end=CUT, channels=BOTH)), of, {"m1": Account()})
    text = Page(bill_page(bill(found)).decode()).text
    assert "last day 2026-05-10 days 10 of a cycle of 30" in text


def test_what_it_rests_on(pages: dict[str, Page]) -> None:
    found = BILLS["sums"]
    assert f"release {to_base64(found.release)} tariff {to_base64(NET.fingerprint)}" in pages["sums"].text


@pytest.mark.parametrize("mode", Mode)
def test_the_method_is_that_of_the_mode(mode: Mode) -> None:
    of = terms(packaged("E-1"), mode)
    (found,) = settled(released(of, segment("m1")), of, {"m1": Account(customer=Customer("X"))})
    text = Page(bill_page(bill(found)).decode()).text
    assert ("whole cents, or as the sums" in text) is (mode is Mode.AMOUNT)
    assert ("charges were worked out from them" in text) is (mode is Mode.DETERMINANTS)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (-5, "-$0.05"), (123_456_789, "$1,234,567.89"), (-100_000, "-$1,000.00")],
)
def test_dollars(cents: int, text: str) -> None:
    assert dollars(cents) == text


def test_a_schedule_of_many_periods_keeps_its_rows_apart() -> None:
    found = BILLS["sums"]
    first = next(iter(found.bill.energy))
    energy = {Item(first.mode, first.channel, "tou", f"p{i}"): Fraction(i) for i in range(24)}
    page = Page(bill_page(replace(found, bill=replace(found.bill, energy=energy))).decode())
    places = [attributes["y"] for attributes in page.of("rect")]
    assert len(set(places)) == 24
    assert page.of("svg")[0]["viewbox"] == "0 0 640 960"
