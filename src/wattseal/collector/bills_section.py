"""The part of a trial's report that names its bills, and why others were not made."""

from collections import Counter
from datetime import timedelta
from typing import Final
from xml.etree.ElementTree import Element

from wattseal.collector.bill_files import page_name
from wattseal.collector.bill_page import dollars
from wattseal.collector.bills import Settled
from wattseal.collector.markup import Content, element, scrolling, table
from wattseal.collector.reasons import reason
from wattseal.collector.story import BILL_PAGES, Story

BILL_ROWS: Final = 200
_HEAD: Final = ("meter", "account", "first day", "last day", "tariff", "amount", "mark")


def bills_headline(story: Story) -> str:
    """Nothing if nobody was to be billed."""
    if not story.bills:
        return ""
    bills, checked = len(story.settled), story.checked_bills
    what = f"{bills:,} {'bill' if bills == 1 else 'bills'}"
    if not bills:
        return "No bill could be made."
    if checked == bills:
        return f"{what} made on ciphertexts; each equals the bill of the plain reads to the cent."
    return f"{what} made on ciphertexts; {checked:,} were compared with those of the plain reads."


def bills_section(story: Story) -> list[Element]:
    """Nothing if nobody was to be billed."""
    if not story.bills:
        return []
    pieces = [element("h2", "Bills"), *_settled(story.settled), *_unbilled(story)]
    return [element("section", *pieces)]


def _settled(bills: tuple[Settled, ...]) -> list[Element]:
    if not bills:
        return [element("p", "None.")]
    others = len(bills) - BILL_ROWS
    note = f"The first {BILL_ROWS} of {len(bills):,}; {others:,} are left out here. " if others > 0 else ""
    rows = [_row(bill) for bill in bills[:BILL_ROWS]]
    return [
        element("p", f"{note}bills.csv has every bill, and each has a page to print.", kind="note"),
        scrolling("bills", table(_HEAD, rows, numbers=(5,))),
    ]


def _row(found: Settled) -> tuple[Content, ...]:
    bill, cycle = found.bill, found.bill.cycle
    return (
        element("a", " ".join(found.meters), href=f"{BILL_PAGES}/{page_name(found)}.html"),
        found.account or "",
        str(cycle.first),
        str(cycle.after - timedelta(days=1)),
        found.terms.tariff.name,
        dollars(bill.total_cents),
        ", ".join(
            mark for mark, holds in (("estimated", bill.estimated), ("cancels an earlier one", bill.cancels)) if holds
        ),
    )


def _unbilled(story: Story) -> list[Element]:
    counts = Counter(one.error.slug for one in story.unbilled)
    if not counts:
        return []
    details = {one.error.slug: one.error.detail for one in story.unbilled}
    rows = [
        (element("span", element("code", slug), element("span", details[slug], kind="detail")), reason(slug), f"{n:,}")
        for slug, n in counts.items()
    ]
    return [
        element("p", "Not billed:", kind="note"),
        table(("answer", "why", "meters and cycles"), rows, numbers=(2,), kind="unbilled"),
    ]
