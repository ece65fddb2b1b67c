"""`wattseal reconcile`: do a cohort's bills add up to its totals? By the collector's numbers and the decryptor's word.

What the collector has is rounded, a line item to half a cent; the decryptor compares what it opened before rounding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress

from wattseal.collector.bill import BillOptions, terms_of
from wattseal.collector.bill_terms import Account, Terms, runs
from wattseal.collector.client import BILLING_PURPOSE, Client
from wattseal.protocol.billing import BillRelease, BillStatement, local_day
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import NobodyReported
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Window
from wattseal.protocol.reconciliation import Reconciliation, ReconciliationQuestion
from wattseal.protocol.release import Release
from wattseal.protocol.roster import Unit
from wattseal.protocol.statement import TotalQuestion, TotalStatement
from wattseal.protocol.tariff.charges import LinearCharge, Mode
from wattseal.protocol.tariff.compile import Compiled, Functional, Segment
from wattseal.protocol.tariff.linear import linear_prices, linear_values
from wattseal.protocol.tariff.registers import results_of
from wattseal.protocol.time import MINUTES_PER_DAY

_HALF_A_CENT = Fraction(1, 200)


class _Sum(NamedTuple):
    """Of one charge over bills: dollars, and by how much rounding may have moved them."""

    dollars: Fraction = Fraction(0)
    rounding: Fraction = Fraction(0)

    def plus(self, other: "_Sum") -> "_Sum":
        return _Sum(self.dollars + other.dollars, self.rounding + other.rounding)


@dataclass(frozen=True)
class _Cohort:
    """What is compared, and by which terms."""

    options: BillOptions
    name: str
    terms: Terms
    channels: tuple[Channel, ...]

    @property
    def windows(self) -> range:
        start, end = self.terms.cycle.minutes
        return range(start // MINUTES_PER_DAY, -(-end // MINUTES_PER_DAY))

    def totals(self, purpose: str) -> Iterator[TotalQuestion]:
        region, cohort = RegionId(self.options.region), CohortId(self.name)
        for channel in self.channels:
            for window in map(Window, self.windows):
                yield TotalQuestion(purpose=purpose, region=region, cohort=cohort, channel=channel, window=window)

    def question(self, bills: Mapping[Digest, BillRelease], totals: Mapping[Digest, Release]) -> ReconciliationQuestion:
        return ReconciliationQuestion(
            purpose=BILLING_PURPOSE,
            region=RegionId(self.options.region),
            cohort=CohortId(self.name),
            tariff=self.terms.tariff.fingerprint,
            timezone=self.terms.cycle.timezone,
            first=local_day(self.terms.cycle.first),
            after=local_day(self.terms.cycle.after),
            bills=tuple(bills),
            totals=tuple(totals),
        )


def reconcile(options: BillOptions, name: str, purpose: str, console: Console) -> dict[str, Any]:
    """The lines, the excluded meters and whether all is equal. `purpose` is what the totals are asked for.

    Bills and totals that were not released yet are released by this. Raises UsageError, Refused, Unavailable.
    """
    with Client.of_directory(options.directory.absolute()) as client:
        terms = terms_of(options, client)
        cohort = _Cohort(options, name, terms, _channels(client, options.region, name, terms))
        bills = _bills(client, cohort, console)
        totals = _totals(client, cohort, purpose, console)
        answer = client.reconciliation(cohort.question(bills, totals))
    lines = [] if answer.undefined is not None else list(_lines(cohort, bills, totals, answer))
    return {
        "cohort": name,
        "tariff": terms.tariff.name,
        "cycle_start": terms.cycle.first.isoformat(),
        "cycle_end": terms.cycle.after.isoformat(),
        "meters": answer.meters,
        "lines": lines,
        "excluded": [one.model_dump(mode="json") for one in answer.excluded],
        "undefined": None if answer.undefined is None else answer.undefined.value,
        "equal": answer.equal and all(line["within_rounding"] for line in lines),
    }


def _channels(client: Client, region: str, cohort: str, terms: Terms) -> tuple[Channel, ...]:
    """Those with a linear charge in which any meter of the cohort ever was active."""
    priced = {charge.channel for charge in terms.tariff.metered if isinstance(charge, LinearCharge)}
    return tuple(sorted(priced & client.channels_of(region, cohort)))


def _bills(client: Client, cohort: _Cohort, console: Console) -> dict[Digest, BillRelease]:
    options, terms = cohort.options, cohort.terms
    listed = client.route(terms.route(options.region, BILLING_PURPOSE, cohort=cohort.name)).meters
    accounts: dict[str, Account] = {one.meter: Account(customer=options.customer) for one in listed if one.reported}
    if not accounts:
        raise NobodyReported("no meter of the cohort has a report of this cycle under the tariff")
    statements = list(runs(accounts, {one.meter: one.segments for one in listed}))
    released = {}
    with Progress(console=console, transient=True) as progress:
        for meters in progress.track(statements, description="asking for bills"):
            some = {meter: accounts[meter] for meter in meters}
            answer = client.bill_answer(terms.question(options.region, some, BILLING_PURPOSE))
            released[BillStatement.from_bytes(answer.statement).digest()] = client.bill_release(answer)
    return released


def _totals(client: Client, cohort: _Cohort, purpose: str, console: Console) -> dict[Digest, Release]:
    released = {}
    with Progress(console=console, transient=True) as progress:
        for question in progress.track(list(cohort.totals(purpose)), description="asking for totals"):
            answer = client.answer(question)
            released[TotalStatement.from_bytes(answer.statement).digest()] = client.release(answer)
    return released


def _lines(
    cohort: _Cohort, bills: Mapping[Digest, BillRelease], totals: Mapping[Digest, Release], answer: Reconciliation
) -> Iterator[dict[str, Any]]:
    of_totals = _by_totals(cohort, totals)
    for one in answer.charges:
        excluded = {left.meter for left in answer.excluded if left.channel is one.channel}
        billed = _by_bills(cohort, bills, one.charge, excluded)
        difference = billed.dollars - of_totals[one.charge]
        yield {
            "charge": one.charge,
            "channel": one.channel.value,
            "bills": _money(billed.dollars),
            "totals": _money(of_totals[one.charge]),
            "difference": _money(difference),
            "within_rounding": abs(difference) <= billed.rounding,
            "confirmed": one.equal,
        }


def _by_totals(cohort: _Cohort, totals: Mapping[Digest, Release]) -> dict[str, Fraction]:
    """Prices times the totals of the cycle's intervals, by charge."""
    terms = cohort.terms
    (start, end), minutes = terms.cycle.minutes, terms.interval_minutes
    reads: dict[Channel, dict[Window, tuple[int, ...]]] = {}
    unit = next(iter(totals.values())).unit
    for release in totals.values():
        statement = TotalStatement.from_bytes(release.statement)
        reads.setdefault(statement.channel, {})[statement.window] = release.reads
    found = {}
    for channel, days in reads.items():
        every = np.array([read for window in sorted(days) for read in days[window]], dtype=object)
        first = (start - min(days) * MINUTES_PER_DAY) // minutes
        in_cycle = every[first : first + (end - start) // minutes]
        segment = Segment(start, end, minutes, terms.cycle.timezone, (channel,), unit.factor)
        for name, prices in linear_prices(terms.tariff, segment).items():
            found[name] = _dollars(terms, unit, int((prices * in_cycle).sum()))
    return found


def _by_bills(cohort: _Cohort, bills: Mapping[Digest, BillRelease], charge: str, excluded: set[MeterId]) -> _Sum:
    found = _Sum()
    for release in bills.values():
        statement = cohort.terms.check(release)
        for segment, result in zip(statement.segments, release.results, strict=True):
            place = (segment.start, segment.end)
            if result.opened and place == cohort.terms.cycle.minutes and segment.meter not in excluded:
                compiled = cohort.terms.compiled(*place, segment.channels, segment.by_registers, release.unit)
                found = found.plus(_value(cohort.terms, release.unit, compiled, charge, result.values))
    return found


def _value(terms: Terms, unit: Unit, compiled: Compiled, charge: str, values: tuple[int, ...]) -> _Sum:
    """What one bill says of a charge: whole cents, or exact from sums."""
    results = zip(results_of(compiled), values, strict=True)
    told = {result.of.item: value for result, value in results if isinstance(result.of, Functional)}
    if charge not in compiled.modes:
        return _Sum()
    if compiled.modes[charge] is Mode.DETERMINANTS:
        return _Sum(_dollars(terms, unit, linear_values(compiled, told)[charge]))
    cents = [value for item, value in told.items() if item.name == charge and item.mode is Mode.AMOUNT]
    return _Sum(Fraction(sum(cents), 100), len(cents) * _HALF_A_CENT)


def _dollars(terms: Terms, unit: Unit, value: int) -> Fraction:
    """Of prices times reads: 1e-5 $/kWh, class large 1e-6, times a Wh or what stands for one."""
    return Fraction(value * unit.factor, 10**9 if terms.tariff.customer_class == "large" else 10**8)


def _money(dollars: Fraction) -> str:
    """Exact in 1e-8 $ as far as a person reads it: four decimals."""
    return f"{float(round(dollars, 4)):.4f}"
