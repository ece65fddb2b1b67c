"""On paper: what so many meters need, from the unit costs of a run and from assumptions that are written beside it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wattseal.bench.lanes import Kind, Party
from wattseal.bench.results import BenchResult, BillResult, LaneResult

FLEETS = (1_000_000, 10_000_000, 100_000_000)
GIB, TIB = 2**30, 2**40


class Assumptions(NamedTuple):
    """How a utility uses the system. `levels`: how many totals of a day count each meter."""

    channels: float = 1.15
    arrival_hours: float = 6.0
    busy: float = 0.7
    levels: int = 3
    store_days: int = 3
    store_bytes_more: int = 65
    billing_days: int = 21
    cycle_report_bytes: int = 39_400

    def in_words(self) -> Iterator[str]:
        yield f"{self.channels:g} channels a meter: one in seven homes exports"
        yield f"a day's reports arrive within {self.arrival_hours:g} hours; processors are busy to {self.busy:.0%} then"
        yield f"each meter is in {self.levels} totals a day: transformer, feeder, town"
        yield f"reports stay {self.store_days} days in the store, {self.store_bytes_more} bytes more each"
        yield f"a bill a month, on {self.billing_days} days of it, from a report of {self.cycle_report_bytes:,} bytes"


class Needs(NamedTuple):
    """Of one scheme and fleet. Cores of the aggregator are for the hours of arrival; halves' seconds are a day's."""

    scheme: str
    meters: int
    aggregator_cores: float
    wire_mbit_s: float
    store_gib: float
    archive_tib_a_year: float
    unblinder_s: float
    decryptor_s: float


class BillNeeds(NamedTuple):
    """Arithmetic of a billing day, in seconds of one core. What the services cost, `bench/bill_run.py` measures."""

    meters: int
    aggregator_s: float
    unblinder_s: float
    decryptor_s: float


def needs_of(lane: LaneResult, meters: int, assumed: Assumptions) -> Needs:
    reports = meters * assumed.channels
    arrival_s = assumed.arrival_hours * 3600
    a_year = 365 * reports * lane.report_bytes + 12 * meters * assumed.cycle_report_bytes
    members = reports * assumed.levels
    return Needs(
        lane.name,
        meters,
        reports * lane.seconds(Party.AGGREGATOR).median / (arrival_s * assumed.busy),
        8 * reports * lane.report_bytes / arrival_s / 1e6,
        assumed.store_days * reports * (lane.report_bytes + assumed.store_bytes_more) / GIB,
        a_year / TIB,
        members * lane.seconds(Party.UNBLINDER).median,
        members * lane.seconds(Party.DECRYPTOR).median,
    )


def bill_needs_of(bill: BillResult, meters: int, assumed: Assumptions) -> BillNeeds:
    seconds, bills = dict(bill.seconds), meters / assumed.billing_days
    parties = (Party.AGGREGATOR, Party.UNBLINDER, Party.DECRYPTOR)
    return BillNeeds(meters, *(bills * seconds[party].median for party in parties))


def rows_of_needs(result: BenchResult, assumed: Assumptions) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows, as text: our schemes, for each of FLEETS."""
    head = (
        "",
        "meters",
        "aggregator, cores",
        "wire, Mbit/s",
        "store, GiB",
        "archive, TiB a year",
        "unblinder, h a day",
        "decryptor, h a day",
    )
    schemes = [lane for lane in result.lanes if lane.kind is Kind.SCHEME]
    return head, [_row(needs_of(lane, meters, assumed)) for meters in FLEETS for lane in schemes]


def rows_of_bill_needs(result: BenchResult, assumed: Assumptions) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    head = ("meters", "bills a billing day", "aggregator, s", "unblinder, s", "decryptor, s")
    ours = next(bill for bill in result.bills if bill.kind is Kind.SCHEME)
    return head, [_bill_row(bill_needs_of(ours, meters, assumed), assumed) for meters in FLEETS]


def _row(needs: Needs) -> tuple[str, ...]:
    cores, mbit, store, archive = needs.aggregator_cores, needs.wire_mbit_s, needs.store_gib, needs.archive_tib_a_year
    hours = (seconds / 3600 for seconds in (needs.unblinder_s, needs.decryptor_s))
    return needs.scheme, f"{needs.meters:,}", *_figures((cores, mbit, store, archive, *hours))


def _bill_row(needs: BillNeeds, assumed: Assumptions) -> tuple[str, ...]:
    seconds = (needs.aggregator_s, needs.unblinder_s, needs.decryptor_s)
    return f"{needs.meters:,}", f"{needs.meters / assumed.billing_days:,.0f}", *_figures(seconds)


def _figures(values: Iterable[float]) -> Iterator[str]:
    """Two significant digits: more would pretend."""
    return (f"{float(f'{value:.2g}'):,g}" for value in values)
