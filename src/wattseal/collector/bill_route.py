"""`wattseal bill --route`: the bills of everybody on a billing route, statement by statement."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import Progress

from wattseal.collector.bill import BillOptions, terms_of, write_bills
from wattseal.collector.bill_files import read_accounts
from wattseal.collector.bill_terms import Account, Terms, runs, shared
from wattseal.collector.bills import Settled, Unbilled, money
from wattseal.collector.client import BILLING_PURPOSE, Client
from wattseal.collector.out import check_out
from wattseal.protocol.errors import NobodyReported, Refused, UsageError
from wattseal.protocol.ids import MeterId

Found = list[Settled | Unbilled]


def bill_route(options: BillOptions, route: str, console: Console) -> dict[str, Any]:
    """What was billed and what was not, with the files that were written; a refused statement stops no other.

    Raises UsageError for options that cannot be used, before anything is asked.
    """
    if options.cancels is not None:
        raise UsageError("--cancels is of one bill: a route's are cancelled one by one")
    if options.out is not None:
        check_out(options.out)
    names = {} if options.accounts is None else read_accounts(options.accounts)
    with Client.of_directory(options.directory.absolute()) as client:
        terms = terms_of(options, client)
        listed = client.route(terms.route(options.region, BILLING_PURPOSE, route=route))
        terms.rehearse([options.customer])
        segments: dict[str, int] = {one.meter: one.segments for one in listed.meters}
        accounts = {meter: Account(names.get(meter), options.customer) for meter in segments}
        ready: dict[str, Account] = {one.meter: accounts[one.meter] for one in listed.meters if one.reported}
        statements = list(runs(ready, segments))
        found = _lacking(accounts, ready, terms)
        with Progress(console=console, transient=True) as progress:
            for some in progress.track(statements, description=f"billing {route}"):
                found += _statement(client, {meter: accounts[meter] for meter in some}, terms, options.region)
    found.sort(key=lambda one: one.meters)
    files = [] if options.out is None else write_bills(found, options.out, "bills")
    told = {"route": route, "statements": len(statements), "other_tariffs": listed.others, **summary(found, terms)}
    return {**told, "files": [str(file) for file in files]}


def _lacking(accounts: Mapping[str, Account], ready: Mapping[str, Account], terms: Terms) -> Found:
    """Of the authorized collector's own meters, by name: what a refusal tells nobody."""
    lacking = {meter: account for meter, account in accounts.items() if meter not in ready}
    return _unbilled(lacking, terms, NobodyReported("a report of this cycle is missing"))


def _statement(client: Client, accounts: Mapping[str, Account], terms: Terms, region: str) -> Found:
    try:
        return client.bill_run(accounts, terms, region=region)
    except Refused as error:
        return _unbilled(accounts, terms, error)


def _unbilled(accounts: Mapping[str, Account], terms: Terms, error: Refused) -> Found:
    return [
        Unbilled(tuple(map(MeterId, meters)), accounts[meters[0]].name, terms, error) for meters in shared(accounts)
    ]


def summary(found: Found, terms: Terms) -> dict[str, Any]:
    """Counts of bills and of reasons for none, and by name the meters of which no report came."""
    bills = [one for one in found if isinstance(one, Settled)]
    without = [one for one in found if isinstance(one, Unbilled)]
    return {
        "tariff": terms.tariff.name,
        "cycle_start": terms.cycle.first.isoformat(),
        "cycle_end": terms.cycle.after.isoformat(),
        "bills": len(bills),
        "amount": str(money(sum(one.bill.total_cents for one in bills))),
        "not_billed": dict(sorted(Counter(one.error.slug for one in without).items())),
        "no_report": sorted(meter for one in without if isinstance(one.error, NobodyReported) for meter in one.meters),
    }
