"""Who asked about me: the releases that touched a customer's meters while they were the customer's."""

from typing import Any

from wattseal.collector.audit.customers import Customers, Opened, meets, opened_in
from wattseal.collector.audit.verify import Audited
from wattseal.policy.tenures import Tenure
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.ids import Window
from wattseal.protocol.time import utc_of, window_date


def who_asked(audited: Audited, customers: Customers, name: str, on: Window | None) -> dict[str, Any]:
    """One row a release and meter, in order of time. `name` is a meter's or an account's.

    Of a meter only one tenure is told of, so that nobody sees what was asked about those who lived there before.
    Raises UnknownSubject.
    """
    mine = customers.tenures_of(name, on)
    given: dict[str, list[str]] = {}
    for handed in audited.book.handed:
        given.setdefault(handed.statement, []).append(handed.recipient)
    rows = [
        _row(opened, tenure, len({one.meter for one in touched}), given[opened.release.statement])
        for opened in opened_in(audited.book)
        for touched in [list(customers.touched(opened))]
        for tenure in mine
        if any(one.meter == tenure.meter and meets(tenure, one) for one in touched)
    ]
    return {
        "ledger": f"{audited.role}, entries 1 to {audited.head.counter}",
        "tenures": [_tenure(tenure) for tenure in mine],
        "releases": rows,
    }


def _tenure(tenure: Tenure) -> dict[str, str]:
    last = "" if tenure.last is None else window_date(tenure.last).isoformat()
    return {"meter": tenure.meter, "first": window_date(tenure.first).isoformat(), "last": last}


def _row(opened: Opened, tenure: Tenure, meters: int, recipients: list[str]) -> dict[str, str]:
    intent, statement = opened.intent, opened.intent.statement
    if isinstance(statement, BillStatement):
        what = f"bill {statement.cycle.first} to {statement.cycle.after}, {statement.mode}"
        beside = "this meter's own" if meters == 1 else f"this meter's own, among {meters} bills"
    else:
        what = f"total of {statement.cohort} on {window_date(statement.window)}, {statement.channel}"
        beside = f"a sum of {meters} meters"
    return {
        "released": utc_of(opened.release.at),
        "purpose": intent.purpose,
        "to": ", ".join(recipients),
        "what": what,
        "told": beside,
        "meter": tenure.meter,
        "entry": str(opened.release.counter),
    }
