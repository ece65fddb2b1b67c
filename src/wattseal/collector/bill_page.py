"""A bill as a page to print: one file without scripts or outside addresses."""

import html
from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from importlib import resources
from itertools import cycle, groupby
from string import Template
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from wattseal.collector.bill_files import quantity, unit_of, utc
from wattseal.collector.bills import Settled, money
from wattseal.collector.markup import Content, element, table, to_html
from wattseal.protocol.codec import to_base64
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill
from wattseal.protocol.tariff.charges import Mode

# Okabe and Ito's colours, told apart with every common colour blindness and in grey.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_INK, _RULE = "#1b2733", "#dfe4e8"
_WIDTH, _ROW, _BAR = 640, 40, 14
_UNITS: Final = {"kwh": "kWh", "therms": "therms"}
_METHODS: Final = {
    Mode.AMOUNT: "Charges on energy left the key server in whole cents, or as the sums above where those need sums.",
    Mode.DETERMINANTS: "The sums above left the key server, and the charges were worked out from them.",
}


class _Sum(NamedTuple):
    """The energy of one period, in thousandths of a kWh or therm, and its share of the schedule's."""

    period: str
    energy: Fraction
    share: Fraction


_Schedule = tuple[Channel, str, list[_Sum]]


def bill_page(found: Settled) -> bytes:
    """The page in UTF-8."""
    template = Template(resources.files("wattseal.collector").joinpath("bill.html").read_text("utf-8"))
    words = {
        "title": f"Meter {' '.join(found.meters)}" if found.account is None else f"Account {found.account}",
        "kind": f"{found.terms.tariff.commodity.capitalize()} bill",
        "method": _METHODS[found.terms.mode],
    }
    schedules = _schedules(found.bill)
    parts = {
        "facts": _facts(found),
        "due": _due(found.bill),
        "notices": _notices(found.bill),
        "charges": [_charges(found.bill)],
        "energy": _energy(schedules, unit_of(found)),
        "demand": _demand(found.bill),
        "source": _source(found),
    }
    page = template.substitute(
        {name: html.escape(text) for name, text in words.items()},
        **{name: to_html(pieces) for name, pieces in parts.items()},
    )
    # Whoever makes a `Settled` by hand may name it by lone surrogates, which have no UTF-8.
    return page.encode("utf-8", "replace")


def _facts(found: Settled) -> list[Element]:
    billed, tariff = found.bill.cycle, found.terms.tariff
    facts = {
        "meter": ", ".join(found.meters),
        "account": "none given" if found.account is None else found.account,
        "first day": str(billed.first),
        "last day": str(billed.after - timedelta(days=1)),
        "days": str(billed.days) if billed.days == billed.length else f"{billed.days} of a cycle of {billed.length}",
        "time zone": billed.timezone,
        "tariff": tariff.name,
        "revision": tariff.revision,
    }
    boxes = (element("div", element("dt", name), element("dd", value)) for name, value in facts.items())
    return [element("dl", *boxes, kind="facts")]


def _due(bill: Bill) -> list[Element]:
    what = "amount due" if bill.due_cents >= 0 else "to be paid back"
    return [element("p", element("span", what), element("strong", dollars(abs(bill.due_cents))), kind="due")]


def _notices(bill: Bill) -> list[Element]:
    notices = []
    if bill.cancels is not None:
        words = f"This bill cancels an earlier one of {dollars(bill.cancels.cents)}, which rested on release "
        release = element("code", to_base64(bill.cancels.release))
        notices.append(element("p", words, release, ".", kind="notice"))
    edited = [span for span in bill.estimated if span not in bill.by_registers]
    causes = [
        ("Partly estimated: some reads were estimated or edited before they were sealed, in", edited),
        ("Estimated: the report of interval reads is missing, and registers stand for it, in", bill.by_registers),
    ]
    for cause, spans in causes:
        if spans:
            where = ", ".join(f"{utc(start)} to {utc(end)}" for start, end in spans)
            notices.append(element("p", f"{cause} {where}.", kind="notice"))
    return notices


def _charges(bill: Bill) -> Element:
    rows = [(line.name, dollars(line.cents)) for line in bill.lines]
    sums = [("Total", dollars(bill.total_cents))]
    if bill.cancels is not None:
        sums += [("Earlier bill, cancelled", dollars(-bill.cancels.cents)), ("Due", dollars(bill.due_cents))]
    made = table(("charge", "amount"), [*rows, *sums], numbers=(1,), kind="charges")
    for row in made.findall("tbody/tr")[len(rows) :]:
        row.set("class", "sum")
    return made


def _schedules(bill: Bill) -> list[_Schedule]:
    """What was opened as sums, by channel and schedule."""
    found = []
    ordered = sorted(bill.energy, key=lambda item: (item.channel, item.name))
    for (channel, name), items in groupby(ordered, key=lambda item: (item.channel, item.name)):
        periods = list(items)
        total = sum((bill.energy[item] for item in periods), Fraction(0))
        shares = [bill.energy[item] / total if total else Fraction(0) for item in periods]
        sums = [_Sum(i.period or "all", bill.energy[i], share) for i, share in zip(periods, shares, strict=True)]
        found.append((channel, name, sums))
    return found


def _energy(schedules: Iterable[_Schedule], unit: str) -> list[Element]:
    rows: list[tuple[Content, ...]] = [
        (one.period, name, channel.value, _amount(one, unit), f"{float(one.share):.1%}")
        for channel, name, sums in schedules
        for one in sums
    ]
    if not rows:
        return [element("p", "None was opened: every charge on energy left the key server as an amount.")]
    head = ("period", "schedule", "channel", _UNITS[unit], "share of the schedule")
    charts = (_chart(channel, name, sums, unit) for channel, name, sums in schedules if len(sums) > 1)
    return [*charts, table(head, rows, numbers=(3, 4))]


def _amount(one: _Sum, unit: str) -> str:
    return f"{quantity(one.energy, unit):,}"


def _chart(channel: Channel, name: str, sums: list[_Sum], unit: str) -> Element:
    """A bar a period, as wide as its share, under its name."""
    told = "; ".join(f"{one.period} {_amount(one, unit)} {_UNITS[unit]}" for one in sums)
    caption = f"{channel}, {name}"
    picture = element(
        "svg",
        *(
            piece
            for row, (one, colour) in enumerate(zip(sums, cycle(_COLOURS)))
            for piece in _bar(row, one, colour, unit)
        ),
        viewBox=f"0 0 {_WIDTH} {_ROW * len(sums)}",
        role="img",
        **{"aria-label": f"{caption}: {told}"},
    )
    return element("figure", picture, element("figcaption", caption))


def _bar(row: int, one: _Sum, colour: str, unit: str) -> list[Element]:
    top, y = row * _ROW + 18, str(row * _ROW + 13)
    place = {"x": "0", "y": str(top), "height": str(_BAR)}
    value = f"{_amount(one, unit)} {_UNITS[unit]}"
    return [
        element("text", one.period, x="0", y=y, fill=_INK),
        element("text", value, x=str(_WIDTH), y=y, fill=_INK, **{"text-anchor": "end"}),
        element("rect", **place, width=str(_WIDTH), fill=_RULE),
        element("rect", **place, width=f"{float(one.share) * _WIDTH:.1f}", fill=colour),
    ]


def _demand(bill: Bill) -> list[Element]:
    if not bill.demand:
        return []
    rows = [(register.period, register.schedule, f"{watts / 1000:,.3f}") for register, watts in bill.demand.items()]
    made = table(("period", "schedule", "kW"), rows, numbers=(2,))
    return [element("section", element("h2", "Demand"), made)]


def _source(found: Settled) -> list[Element]:
    digests = {"release": found.release, "tariff": found.bill.tariff_digest}
    rows = [(name, element("code", to_base64(digest))) for name, digest in digests.items()]
    note = (
        "A bill under this tariff, worked out from the meter's own reads, has the same lines to the cent. "
        "The release is signed by the key server and names the reports that were billed."
    )
    return [element("p", note, kind="note"), table(("what", "digest (SHA-256, base64url)"), rows)]


def dollars(cents: int) -> str:
    """As on a printed bill: -$1,234.50."""
    return f"{'-' if cents < 0 else ''}${money(abs(cents)):,}"
