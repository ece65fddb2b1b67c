"""What the aggregator computes from reports, as pure functions: the same for an answer and for its recomputation."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from wattseal.cryptosystems.ckks.evaluator import bills_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.policy.bill_questions import Bills
from wattseal.protocol.ids import Channel, Kind
from wattseal.protocol.report import Report
from wattseal.protocol.tariff.compile import Compiled
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
    """In the order of segments and of their results; reports by segment. Those that are alike are weighed together."""
    alike: dict[_Kind, list[tuple[int, Report]]] = {}
    for place, (compiled, of_segment) in enumerate(zip(bills.compiled, reports, strict=True)):
        for report in of_segment:
            kind = _Kind(compiled, report.header.channel, report.header.kind)
            alike.setdefault(kind, []).append((place, report))
    sums: dict[tuple[int, int], bytes] = {}
    for kind, placed in alike.items():
        sums.update(_sums(bills.results[kind.compiled], kind, placed))
    return (sums[place] for place in sorted(sums))


class _Kind(NamedTuple):
    """What decides by which functionals a report is weighed."""

    compiled: Compiled
    channel: Channel
    kind: Kind


def _sums(
    results: Sequence[Result], kind: _Kind, placed: Sequence[tuple[int, Report]]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Each number with its place, by segment and among that segment's results."""
    asked = [at for at, result in enumerate(results) if (result.channel, result.kind) == (kind.channel, kind.kind)]
    if asked:
        functionals = [Functional.of(results[at].y) for at in asked]
        numbers = bills_sums(([report.ciphertext] for _, report in placed), functionals)
        for (segment, _), of_report in zip(placed, numbers, strict=True):
            yield from (((segment, at), number) for at, number in zip(asked, of_report, strict=True))


def flags_of_bill(reports: Sequence[Report]) -> int:
    """Intervals of one segment in which the read of any channel is flagged."""
    runs = (run for report in reports for run in report.header.flags)
    return len({interval for run in runs for interval in range(run.start, run.start + run.length)})
