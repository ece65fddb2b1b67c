"""The part of a trial's report that names its bills, and why others were not made."""

from collections import Counter
from datetime import timedelta
from typing import Final
from xml.etree.ElementTree import Element

from wattseal.collector.bill_files import page_name
from wattseal.collector.bill_page import dollars
from wattseal.collector.bills import Settled
from wattseal.collector.markup import Content, element, scrolling, table
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
    pieces = [element("h2", "Bills"), *_settled(story), *_unbilled(story)]
    return [element("section", *pieces)]


def _settled(story: Story) -> list[Element]:
    bills, pages = story.settled, story.bill_pages
    if not bills:
        return [element("p", "None.")]
    others = len(bills) - BILL_ROWS
    note = f"The first {BILL_ROWS} of {len(bills):,}; {others:,} are left out here. " if others > 0 else ""
    printed = len(bills) if pages is None else pages
    rows = [_row(bill, has_page=number < printed) for number, bill in enumerate(bills[:BILL_ROWS])]
    return [
        element("p", f"{note}bills.csv has every bill; a meter's name leads to the page to print.", kind="note"),
        scrolling("bills", table(_HEAD, rows, numbers=(5,))),
    ]


def _row(found: Settled, *, has_page: bool) -> tuple[Content, ...]:
    bill, cycle, meters = found.bill, found.bill.cycle, " ".join(found.meters)
    return (
        element("a", meters, href=f"{BILL_PAGES}/{page_name(found)}.html") if has_page else meters,
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
    counts = Counter((one.error.slug, one.error.detail) for one in story.unbilled)
    if not counts:
        return []
    rows = [
        (element("span", element("code", slug), element("span", detail, kind="detail")), f"{count:,}")
        for (slug, detail), count in counts.items()
    ]
    return [element("p", "Not billed:", kind="note"), table(("why", "meters and cycles"), rows, numbers=(1,))]
