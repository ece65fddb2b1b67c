"""An answer computed again from the archive alone: one pure function a shard, for any process on any machine.

A shard is one answer as it stands in a log. Its files are named; besides them it needs the registered documents, which
each process reads once.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from wattseal.aggregator.archive import Archive
from wattseal.aggregator.entries import ReportId
from wattseal.aggregator.schemes import evaluator_of, layout_of
from wattseal.aggregator.sums import bill_numbers, flags_of_bill, flags_of_total
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.registry import Registry
from wattseal.policy.bill_questions import Bills, Registered
from wattseal.protocol.billing import BillAnswer, BillSegment, BillStatement, SegmentReport
from wattseal.protocol.errors import MalformedMessage
from wattseal.protocol.ids import Kind, MeterId, Window
from wattseal.protocol.report import Report, decode_report
from wattseal.protocol.statement import Answer, TotalStatement
from wattseal.protocol.time import MINUTES_PER_DAY, window_date
from wattseal.protocol.trust import TrustAnchors


class Places(NamedTuple):
    """Where every worker finds, on a file system of theirs, the aggregator's home and its archive."""

    home: str
    archive: str


class Shard(NamedTuple):
    """An answer's bytes, and the digests of the archived windows that it rests on."""

    places: Places
    kind: Literal["total", "bills"]
    answer: bytes
    windows: dict[int, bytes]


class Recomputed(NamedTuple):
    """What an answer is about, what was computed, and whether the answer says the same."""

    subject: str
    sums: bytes
    flagged: tuple[int, ...]
    agrees: bool


class _Library:
    """Documents and files that a process has at hand."""

    def __init__(self, places: Places) -> None:
        home = Path(places.home)
        trust = TrustAnchors.parse((home / "trust.json").read_bytes())
        self.registry = Registry(
            home / "registry", trust, lambda: 0.0, replay=True, least_change=1, check_key=lambda _: None
        )
        self.archive = Archive(Path(places.archive))

    def reports(self, shard: Shard, region: str, named: Sequence[tuple[Window, ReportId]]) -> list[Report]:
        """In order. Raises MalformedMessage if the archive lacks one."""
        by_window: dict[Window, list[ReportId]] = {}
        for window, id_ in named:
            by_window.setdefault(window, []).append(id_)
        found = dict[tuple[Window, ReportId], bytes | None]()
        for window, ids in by_window.items():
            bodies = self.archive.read(region, window, shard.windows[window], ids)
            found |= zip(((window, id_) for id_ in ids), bodies, strict=True)
        return [decode_report(_present(found[place])) for place in named]


_library = lru_cache(maxsize=1)(_Library)


def recompute(shard: Shard) -> Recomputed:
    """Raises StoreUnavailable for a damaged file, UnknownSubject for documents that are not there."""
    return _recompute_total(shard) if shard.kind == "total" else _recompute_bills(shard)


def _recompute_total(shard: Shard) -> Recomputed:
    library, answer = _library(shard.places), Answer.from_bytes(shard.answer)
    statement = TotalStatement.from_bytes(answer.statement)
    members = statement.members_in(library.registry.rosters.named(statement.roster_digest))
    reports = library.reports(shard, statement.region, list(_of_total(statement, members)))
    notice, layout = library.registry.key(statement.key_id), layout_of(statement.layout_id)
    evaluator = evaluator_of(notice, statement.layout_id, Backend.OURS)
    total = evaluator.sum_many([report.ciphertext for report in reports])
    flagged = flags_of_total(reports, layout.intervals)
    subject = f"total of {statement.cohort}, {statement.channel}, {window_date(statement.window)}"
    return Recomputed(subject, total, flagged, (total, flagged) == (answer.ciphertext, answer.flagged))


def _recompute_bills(shard: Shard) -> Recomputed:
    library, answer = _library(shard.places), BillAnswer.from_bytes(shard.answer)
    statement = BillStatement.from_bytes(answer.statement)
    registry = library.registry
    rosters = registry.rosters.of(statement.region)
    registered = Registered(*registry.tariff(statement.tariff))
    bills = Bills(statement, registered, rosters, registry.key(statement.key_id))
    named = [[place_of_report(segment, one) for one in segment.reports] for segment in statement.segments]
    found = iter(library.reports(shard, statement.region, [place for places in named for place in places]))
    reports = [[next(found) for _ in places] for places in named]
    numbers = b"".join(bill_numbers(bills, reports))
    flagged = tuple(map(flags_of_bill, reports))
    subject = f"bills of {len(named)} segments, {window_date(Window(bills.windows[0]))}"
    return Recomputed(subject, numbers, flagged, (numbers, flagged) == (answer.numbers, answer.flagged))


def windows_of_bills(statement: BillStatement) -> set[Window]:
    """Where the reports of its segments lie."""
    return {place_of_report(segment, one)[0] for segment in statement.segments for one in segment.reports}


def place_of_report(segment: BillSegment, report: SegmentReport) -> tuple[Window, ReportId]:
    """Window and id of a report that a bill names."""
    end = segment.end if report.read_at is None else report.read_at
    return Window((end - 1) // MINUTES_PER_DAY), ReportId(
        report.kind, report.channel.code, segment.meter, report.number
    )


def _of_total(statement: TotalStatement, members: dict[MeterId, int]) -> Iterator[tuple[Window, ReportId]]:
    for meter, number in members.items():
        yield statement.window, ReportId(Kind.DAILY, statement.channel.code, meter, number)


def _present(body: bytes | None) -> bytes:
    if body is None:
        raise MalformedMessage("the archive lacks a report that the answer names")
    return body
