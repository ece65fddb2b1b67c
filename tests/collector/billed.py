"""What stands in for the roles in tests of bills: one service that answers for all three, and releases made by hand.

Results are worked out from plain reads by the protocol's own functions, which the collector's own path does not use.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response

from tests.edge.loopback import served
from tests.protocol.samples import TRUST, head, roster_row, signing_key
from tests.protocol.tariff.samples import MAY
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.client import Client, Tokens
from wattseal.collector.deployment import Places
from wattseal.edge.access import Scope
from wattseal.edge.private_files import private_directory, write_private
from wattseal.edge.problems import install_problem_handlers
from wattseal.protocol.billing import (
    NUMBER_BYTES,
    BillAnswer,
    BillQuestion,
    BillRelease,
    BillReleaseRequest,
    BillResult,
    BillSegment,
    BillStatement,
    Cancels,
    SegmentReport,
)
from wattseal.protocol.billing_route import RouteMeter, RouteMeters, RouteQuestion
from wattseal.protocol.codec import canonical_json, to_base64
from wattseal.protocol.errors import UnknownSubject, WattsealError
from wattseal.protocol.ids import Channel, MeterId, RegionId, Role, Window
from wattseal.protocol.roster import Roster, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Segment
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.plain import Reads, plain_outcome
from wattseal.protocol.tariff.toml_file import packaged

REGION = RegionId("north")
HOUR = 60
START, END = MAY.minutes
CUT = START + 10 * 24 * HOUR
"""A local midnight within the cycle."""
DELIVERED, BOTH = (Channel.DELIVERED,), (Channel.DELIVERED, Channel.RECEIVED)


def terms(tariff: Tariff | None = None, mode: Mode = Mode.AMOUNT, **changes: Any) -> Terms:  # noqa: ANN401 - any field
    return Terms(**{"tariff": tariff or packaged("E-1"), "cycle": MAY, "mode": mode, "interval_minutes": 60, **changes})


def segment(
    meter: str, start: int = START, end: int = END, channels: tuple[Channel, ...] = DELIVERED, number: int = 0
) -> BillSegment:
    reports = tuple(SegmentReport(channel=channel, number=number) for channel in channels)
    return BillSegment(meter=MeterId(meter), start=start, end=end, reports=reports)


def estimated(part: BillSegment) -> BillSegment:
    """With the registers' reading in the place of every cycle report."""
    reports = (report.model_copy(update={"read_at": part.end}) for report in part.reports)
    return part.model_copy(update={"reports": tuple(reports)})


def with_demand(part: BillSegment) -> BillSegment:
    """With the registers' reading beside the cycle report of delivered energy."""
    cycle, *others = part.reports
    return part.model_copy(update={"reports": (cycle, cycle.model_copy(update={"read_at": part.end}), *others)})


def plain_reads(part: BillSegment) -> Reads:
    """Of meter and beginning alone, so that a later number changes nothing unless a test wants it."""
    rng = np.random.default_rng([*part.meter.encode(), part.start])
    compiled = Segment(part.start, part.end, HOUR, MAY.timezone, part.channels)
    return Reads(compiled, {channel: rng.integers(0, 4000, compiled.intervals) for channel in part.channels})


def statement(of: Terms, segments: Iterable[BillSegment]) -> BillStatement:
    question = of.question(REGION, {"m1": Account()}, "billing")
    ordered = tuple(sorted(segments, key=lambda one: (one.meter, one.start)))
    names = ("purpose", "region", "tariff", "mode", "timezone", "first", "after")
    asked = {name: getattr(question, name) for name in names}
    return BillStatement(**asked, suite=2, key_id=7, roster_digest=bytes(32), segments=ordered)


def _roster(of: Terms, unit: Unit) -> Roster:
    """Of which a statement's functionals need the interval and the unit."""
    rows = (roster_row(1, customer_class=of.tariff.customer_class),)
    return Roster(
        region=REGION,
        effective=Window(20_514),
        commodity=of.tariff.commodity,
        interval_minutes=60,
        unit=unit,
        suite=1,
        layout_id=bytes(8),
        rows=rows,
    )


def result(of: Terms, asked: BillStatement, part: BillSegment, unit: Unit) -> BillResult:
    compiled = asked.compiled(part, of.tariff, _roster(of, unit))
    outcome = plain_outcome(compiled, plain_reads(part).channels)
    energy = (outcome.results[one.item] for one in compiled.functionals)
    return BillResult(values=(*energy, *outcome.registers.values()), opened=True)


def released(
    of: Terms,
    *segments: BillSegment,
    flagged: tuple[int, ...] = (),
    shut: tuple[str, ...] = (),
    unit: Unit | None = None,
) -> BillRelease:
    """`shut` are meters whose results did not open."""
    asked = statement(of, segments)
    unit = unit or (Unit.LITRE if of.tariff.commodity == "gas" else Unit.WH)
    none = BillResult(values=(), opened=False)
    return BillRelease(
        statement=asked.to_bytes(),
        policy=bytes(32),
        unblinder_policy=bytes(32),
        unit=unit,
        interval_minutes=60,
        results=tuple(none if part.meter in shut else result(of, asked, part, unit) for part in asked.segments),
        flagged=flagged or (0,) * len(asked.segments),
        decryptor_head=head(Role.DECRYPTOR),
        unblinder_head=head(Role.UNBLINDER),
    )


@dataclass
class Roles:
    """All three roles as one peer that believes everything. A test puts another answer in a role's mouth."""

    terms: Terms
    segments: dict[str, list[BillSegment]] = field(default_factory=dict)
    """Of meters that have other than one for the whole cycle."""
    shut: tuple[str, ...] = ()
    refusal: WattsealError | None = None
    refused: frozenset[str] = frozenset()
    """Whom the refusal is about; nobody: everything."""
    routes: dict[str, list[str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    """Meters of a route without a report."""
    statement_changes: dict[str, Any] = field(default_factory=dict)
    release_changes: dict[str, Any] = field(default_factory=dict)
    release_key: str = "decryptor"
    answer_key: str = "aggregator"
    tariffs: list[Tariff] = field(default_factory=list)
    lists: bytes | None = None
    """What the aggregator says instead of its regions and tariffs."""
    seen: list[str] = field(default_factory=list)
    """Paths that were asked, in order."""
    rebilled: list[Cancels] = field(default_factory=list)
    """What was to be cancelled, in order."""

    def app(self) -> FastAPI:
        app = FastAPI()
        install_problem_handlers(app)

        @app.api_route("/v1/{path:path}", methods=["GET", "POST"])
        async def any_path(path: str, request: Request) -> Response:
            self.seen.append(path)
            return Response(self._answer(path, await request.body()), media_type="application/json")

        return app

    def _answer(self, path: str, body: bytes) -> bytes:
        match path:
            case "regions" | "tariffs" if self.lists is not None:
                return self.lists
            case "regions":
                return canonical_json([{"region": REGION, "interval_minutes": self.terms.interval_minutes}])
            case "tariffs":
                return canonical_json([self._listed(tariff) for tariff in self.tariffs])
            case "bills":
                return self._bills(BillQuestion.parse(body))
            case "billing-routes":
                return self._route(RouteQuestion.parse(body))
            case "bill-releases":
                return self._release(BillReleaseRequest.parse(body))
            case _:
                return b"{}"

    @staticmethod
    def _listed(tariff: Tariff) -> dict[str, str]:
        return {"name": tariff.name, "revision": tariff.revision, "digest": to_base64(tariff.fingerprint)}

    def _route(self, question: RouteQuestion) -> bytes:
        if question.route is None or question.route not in self.routes:
            raise UnknownSubject("no meter is on that billing route, or in that cohort, in this cycle")
        counts = {meter: len(self.segments.get(meter, [segment(meter)])) for meter in self.routes[question.route]}
        listed = [
            RouteMeter(meter=MeterId(meter), segments=count, reported=meter not in self.silent)
            for meter, count in counts.items()
        ]
        return RouteMeters(meters=tuple(listed), others=3).to_bytes()

    def _bills(self, question: BillQuestion) -> bytes:
        if self.refusal is not None and (not self.refused or self.refused & set(question.meters)):
            raise self.refusal
        self.rebilled += question.cancels.values()
        told = [part for meter in question.meters for part in self.segments.get(meter, [segment(meter)])]
        parts = [part.model_copy(update={"cancels": question.cancels.get(part.meter)}) for part in told]
        asked = statement(self.terms, parts).model_copy(update=self.statement_changes)
        number = bytes(NUMBER_BYTES)
        answer = BillAnswer.issue(asked, [number], (0,) * len(asked.segments), signing_key(self.answer_key))
        return answer.to_bytes()

    def _release(self, request: BillReleaseRequest) -> bytes:
        asked = BillStatement.from_bytes(request.answer.statement)
        release = released(self.terms, *asked.segments, flagged=request.answer.flagged, shut=self.shut)
        release = release.model_copy(update={"statement": request.answer.statement, **self.release_changes})
        return Envelope.issue(release, signing_key(self.release_key)).to_bytes()


@contextmanager
def asking(roles: Roles, heads: Path) -> Iterator[Client]:
    with served(roles.app()) as url, Client(url, url, url, Tokens("a", "d", "u"), TRUST, heads) as client:
        yield client


@contextmanager
def deployed(roles: Roles, directory: Path) -> Iterator[Path]:
    """The directory of a deployment whose services are `roles`."""
    places = Places(private_directory(directory))
    for made in (places.tokens, places.collector):
        private_directory(made)
    for role in Role:
        for scope in (Scope.COLLECTOR, Scope.BILLING):
            write_private(places.tokens / f"{role}.{scope}", b"token")
    write_private(places.trust, TRUST.to_bytes())
    with served(roles.app()) as url:
        urls = dict.fromkeys(("aggregator", "decryptor", "unblinder"), url)
        write_private(places.services, canonical_json(urls))
        yield directory
