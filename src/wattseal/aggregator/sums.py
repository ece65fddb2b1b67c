"""What the aggregator computes from reports, as pure functions: the same for an answer and for its recomputation."""

from collections import Counter
from collections.abc import Iterator, Sequence

from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.policy.bill_questions import Bills
from wattseal.protocol.report import Report
from wattseal.protocol.tariff.registers import Result


def flags_of_total(reports: Sequence[Report], intervals: int) -> tuple[int, ...]:
    """How many members' reads are flagged in each interval."""
    counts = Counter(
        interval
        for report in reports
        for run in report.header.flags
        for interval in range(run.start, run.start + run.length)
    )
    return tuple(counts[interval] for interval in range(intervals))


def bill_numbers(bills: Bills, reports: Sequence[Sequence[Report]]) -> Iterator[bytes]:
    """In the order of segments and of their results; reports by segment."""
    prices = {
        compiled: [(result, Functional.of(result.y)) for result in results]
        for compiled, results in bills.results.items()
    }
    for compiled, of_segment in zip(bills.compiled, reports, strict=True):
        sums = dict(_sums(prices[compiled], of_segment))
        yield from (sums[place] for place in range(len(sums)))


def _sums(prices: Sequence[tuple[Result, Functional]], reports: Sequence[Report]) -> Iterator[tuple[int, bytes]]:
    """Each result's place with its number. A report is taken apart once for all that is asked of it."""
    for report in reports:
        of_report = (report.header.channel, report.header.kind)
        asked = {
            place: functional
            for place, (result, functional) in enumerate(prices)
            if (result.channel, result.kind) == of_report
        }
        if asked:
            yield from zip(asked, bill_sums([report.ciphertext], list(asked.values())), strict=True)


def flags_of_bill(reports: Sequence[Report]) -> int:
    """Intervals of one segment in which the read of any channel is flagged."""
    runs = (run for report in reports for run in report.header.flags)
    return len({interval for run in runs for interval in range(run.start, run.start + run.length)})
