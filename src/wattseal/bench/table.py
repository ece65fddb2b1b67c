"""A run as tables on a terminal."""

from collections.abc import Iterator

from rich.table import Table

from wattseal.bench.capacity import Assumptions, rows_of_bill_needs, rows_of_needs
from wattseal.bench.lanes import INTERVALS, RELEASE_MEMBERS, Party
from wattseal.bench.results import MICRO, MILLI, BenchResult, BillResult, LaneResult
from wattseal.bench.timing import Timed

Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Head and rows, as text."""


def tables(result: BenchResult) -> Iterator[Table | str]:
    yield " · ".join(f"{name} {value}" for name, value in result.machine.items())
    yield _lanes(result)
    yield _bills(result)
    yield _ratios(result)
    assumed = Assumptions()
    yield _table(*rows_of_needs(result, assumed), "on paper: arithmetic and signatures, without HTTP and store")
    yield _table(*rows_of_bill_needs(result, assumed), "bills, on paper")
    yield "assumed: " + "; ".join(assumed.in_words())


def rows_of_lanes(result: BenchResult) -> Rows:
    head = (
        "",
        "bytes a read",
        "meter, us a read",
        "aggregator, us a read",
        "key server, us a member",
        f"key server, ms for {RELEASE_MEMBERS:,}",
        "total",
    )
    return head, [_row(lane) for lane in result.lanes]


def rows_of_bills(result: BenchResult) -> Rows:
    head = ("", "aggregator, us", "unblinder, us", "decryptor, us", "all, us", "error, 1e-8 $")
    return head, [_bill_row(bill) for bill in result.bills]


def rows_of_ratios(result: BenchResult) -> Rows:
    rows: list[tuple[str, ...]] = [
        (ratio.name, _figure(ratio.value), _figure(ratio.at_most), "met" if ratio.met else "MISSED")
        for ratio in result.ratios
    ]
    return ("ratio, in this run", "measured", "at most", ""), rows


def _row(lane: LaneResult) -> tuple[str, ...]:
    return (
        lane.name,
        _figure(lane.bytes_a_read),
        _times(lane.seconds(Party.METER).over(INTERVALS), MICRO),
        _times(lane.seconds(Party.AGGREGATOR).over(INTERVALS), MICRO),
        _figure(lane.member_seconds * MICRO) if lane.few else "-",
        _times(lane.release, MILLI) if lane.release.median else "-",
        lane.exactness,
    )


def _bill_row(bill: BillResult) -> tuple[str, ...]:
    of_party = dict(bill.seconds)
    parties = (Party.AGGREGATOR, Party.UNBLINDER, Party.DECRYPTOR)
    cells = (_times(of_party[party], MICRO) if party in of_party else "-" for party in parties)
    return bill.name, *cells, _times(bill.total, MICRO), _figure(bill.error)


def _lanes(result: BenchResult) -> Table:
    return _table(*rows_of_lanes(result), f"a day of {INTERVALS} reads, medians and ranges")


def _bills(result: BenchResult) -> Table:
    return _table(*rows_of_bills(result), "a bill of one result over a month of quarter hours")


def _ratios(result: BenchResult) -> Table:
    return _table(*rows_of_ratios(result), "targets")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]], title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for position, name in enumerate(head):
        table.add_column(name, justify="right" if position else "left", no_wrap=not position, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _times(timed: Timed, unit: float) -> str:
    low, high = (f"{_rounded(value * unit)}" for value in (timed.low, timed.high))
    return f"{_figure(timed.median * unit)} ({low}-{high})"


def _figure(value: float) -> str:
    """Three significant digits, without exponents where people can read it."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def _rounded(value: float) -> str:
    """Two significant digits, for the ends of a range."""
    return f"{float(f'{value:.2g}'):,g}"
