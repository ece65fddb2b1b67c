"""The annual report as a page to print: one file without scripts or outside addresses."""

import html
from importlib import resources
from string import Template
from xml.etree.ElementTree import Element

from wattseal.collector.audit.report import Annual
from wattseal.collector.markup import element, table, to_html
from wattseal.collector.reasons import reason


def annual_page(annual: Annual) -> bytes:
    """The page in UTF-8."""
    template = Template(resources.files("wattseal.collector.audit").joinpath("annual.html").read_text("utf-8"))
    words = {"title": f"What was asked of household reads in {annual.year}", "role": annual.role}
    parts = {"facts": _facts(annual), "verified": _verified(annual), "purposes": _purposes(annual)}
    parts |= {
        "rules": _rules(annual),
        "keys": _keys(annual),
        "recipients": _recipients(annual),
        "budgets": _budgets(annual),
        "measures": _measures(annual),
    }
    page = template.substitute(
        {name: html.escape(text) for name, text in words.items()},
        **{name: to_html(pieces) for name, pieces in parts.items()},
    )
    return page.encode("utf-8", "replace")


def _facts(annual: Annual) -> list[Element]:
    counted = {
        "releases": sum(purpose.released for purpose in annual.purposes),
        "refusals": sum(rule.refusals for rule in annual.rules),
        "meters touched": annual.meters,
        "accounts touched": annual.accounts,
    }
    return [element("div", element("dt", name), element("dd", f"{count:,}")) for name, count in counted.items()]


def _verified(annual: Annual) -> list[Element]:
    chain = f"The chain of {annual.entries:,} entries is whole and ends with {annual.head[:16]}."
    signed = f"Its last signed checkpoint is of {annual.last_checkpoint}."
    other = (
        "The other half's ledger tells of the same releases."
        if annual.compared
        else "The other half's ledger was not held against it."
    )
    if annual.findings:
        return [element("ul", *(element("li", finding) for finding in annual.findings))]
    return [element("p", f"{chain} {signed} {other}")]


def _purposes(annual: Annual) -> list[Element]:
    head = ("purpose", "what", "asked", "released", "meters", "accounts")
    rows = (
        (one.purpose, one.kind, *(f"{count:,}" for count in (one.asked, one.released, one.meters, one.accounts)))
        for one in annual.purposes
    )
    return [table(head, rows, numbers=range(2, 6))] if annual.purposes else [element("p", "Nothing was asked.")]


def _keys(annual: Annual) -> list[Element]:
    rows = ((str(one.period), one.act, one.at) for one in annual.keys)
    none = [element("p", "No key period began or was destroyed.")]
    return [table(("key period", "what became of it", "when"), rows)] if annual.keys else none


def _recipients(annual: Annual) -> list[Element]:
    rows = ((one.recipient, ", ".join(one.purposes), f"{one.releases:,}") for one in annual.recipients)
    head = ("recipient", "purposes", "releases")
    return [table(head, rows, numbers=(2,))] if annual.recipients else [element("p", "Nobody.")]


def _budgets(annual: Annual) -> list[Element]:
    head = ("purpose", "noisy totals", "most spent of a customer's day, millionths of rho", "of")
    rows = (
        (one.purpose, f"{one.noisy_totals:,}", f"{one.most_spent_rho_millionths:,}", f"{one.budget_rho_millionths:,}")
        for one in annual.budgets
    )
    none = [element("p", "No total with noise was granted.")]
    return [table(head, rows, numbers=range(1, 4))] if annual.budgets else none


def _measures(annual: Annual) -> list[Element]:
    rows = ((one.kind, one.document, f"{one.statements:,}") for one in annual.measures)
    none = [element("p", "Nothing that was granted could rest on a waiver or a budget extension.")]
    return [table(("document", "digest", "statements"), rows, numbers=(2,))] if annual.measures else none


def _rules(annual: Annual) -> list[Element]:
    head = ("rule", "what it says", "refusals", "statements")
    rows = ((one.rule, reason(one.rule), f"{one.refusals:,}", f"{one.statements:,}") for one in annual.rules)
    return [table(head, rows, numbers=(2, 3))] if annual.rules else [element("p", "Nothing was refused.")]
