"""What a run found, as data: for the table, the page, the JSON file and the check against an earlier run."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from wattseal.bench.lanes import FEW_MEMBERS, INTERVALS, RELEASE_MEMBERS, Kind, Party
from wattseal.bench.timing import NO_TIME, Timed

MICRO, MILLI = 1e6, 1e3


@dataclass(frozen=True)
class Part:
    """Seconds a meter-day of one step."""

    party: Party
    what: str
    seconds: Timed


@dataclass(frozen=True)
class LaneResult:
    """One scheme or peer, measured over `meters` meters. `error_wh` 0 is exact; `few`: a release of FEW_MEMBERS."""

    name: str
    kind: Kind
    meters: int
    report_bytes: float
    error_wh: float
    parts: tuple[Part, ...]
    few: Timed | None
    note: str

    @property
    def bytes_a_read(self) -> float:
        return self.report_bytes / INTERVALS

    def seconds(self, *parties: Party) -> Timed:
        """A meter-day, of all steps of these parties."""
        found = NO_TIME
        for part in self.parts:
            if part.party in parties:
                found = found.plus(part.seconds)
        return found

    @property
    def release(self) -> Timed:
        """Seconds of a release of RELEASE_MEMBERS, both halves."""
        return self.seconds(Party.UNBLINDER, Party.DECRYPTOR).over(1 / RELEASE_MEMBERS)

    @property
    def member_seconds(self) -> float:
        """What one more member adds to a release."""
        if self.few is None:
            return 0.0
        return max(0.0, self.release.median - self.few.median) / (RELEASE_MEMBERS - FEW_MEMBERS)

    @property
    def exactness(self) -> str:
        return "exact" if self.error_wh == 0 else f"within {self.error_wh:.1g} Wh"


@dataclass(frozen=True)
class CurvePoint:
    """Processor seconds of all parties for one day's total over so many meters, set-up left out."""

    name: str
    meters: int
    seconds: float


@dataclass(frozen=True)
class BillResult:
    """Seconds of one bill of one result over a month of quarter hours; `error` in 1e-8 $."""

    name: str
    kind: Kind
    bills: int
    seconds: tuple[tuple[Party, Timed], ...]
    error: float
    note: str

    @property
    def total(self) -> Timed:
        found = NO_TIME
        for _, timed in self.seconds:
            found = found.plus(timed)
        return found


@dataclass(frozen=True)
class Ratio:
    """Ours over the peer's, in one run, and what it may be at the most."""

    name: str
    value: float
    at_most: float

    @property
    def met(self) -> bool:
        return self.value <= self.at_most


@dataclass(frozen=True)
class BenchResult:
    """Everything of one run."""

    machine: dict[str, str]
    quick: bool
    lanes: tuple[LaneResult, ...]
    curve: tuple[CurvePoint, ...]
    bills: tuple[BillResult, ...]
    ratios: tuple[Ratio, ...]

    @classmethod
    def of(
        cls,
        machine: dict[str, str],
        lanes: Sequence[LaneResult],
        curve: Sequence[CurvePoint],
        bills: Sequence[BillResult],
        *,
        quick: bool,
    ) -> Self:
        ratios = (
            *_lane_ratios({lane.name: lane for lane in lanes}),
            *_bill_ratios({bill.name: bill for bill in bills}),
        )
        return cls(machine, quick, tuple(lanes), tuple(curve), tuple(bills), ratios)

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        for ratio, found_ratio in zip(self.ratios, found["ratios"], strict=True):
            found_ratio["met"] = ratio.met
        return found


def _lane_ratios(lanes: dict[str, LaneResult]) -> Iterable[Ratio]:
    paillier, masking, ckks, plain = (lanes[name] for name in ("paillier", "masking", "ckks", "plain"))
    everybody = tuple(Party)
    yield Ratio("paillier: bytes a read on the wire", paillier.bytes_a_read, 9.7)
    yield Ratio("masking: all parties / the plain pipeline", _ratio(masking, plain, *everybody), 1.5)
    yield Ratio("masking: meter / the plain pipeline's", _ratio(masking, plain, Party.METER), 2)
    yield Ratio("masking: aggregator / the plain pipeline's", _ratio(masking, plain, Party.AGGREGATOR), 1.5)
    yield Ratio("ckks: all parties / paillier", _ratio(ckks, paillier, *everybody), 1)
    yield Ratio("paillier: aggregator / the plain pipeline's", _ratio(paillier, plain, Party.AGGREGATOR), 1.5)
    if "python-paillier" in lanes:
        theirs = lanes["python-paillier"]
        yield Ratio("paillier: meter, a read / python-paillier's", _ratio(paillier, theirs, Party.METER), 1 / 1000)
        yield Ratio("paillier: aggregator / python-paillier's", _ratio(paillier, theirs, Party.AGGREGATOR), 1)
    if "tenseal-ckks" in lanes:
        theirs = lanes["tenseal-ckks"]
        yield Ratio("ckks: meter / TenSEAL's", _ratio(ckks, theirs, Party.METER), 0.1)
        yield Ratio("ckks: bytes a report / TenSEAL's", ckks.report_bytes / theirs.report_bytes, 0.01)


def _bill_ratios(bills: dict[str, BillResult]) -> Iterable[Ratio]:
    ours = bills["ckks"]
    bare = bills["plain"].total.median
    of_party = dict(ours.seconds)
    halves = of_party[Party.UNBLINDER].median + of_party[Party.DECRYPTOR].median
    yield Ratio("bill: aggregator / the bare dot product", of_party[Party.AGGREGATOR].median / bare, 3)
    yield Ratio("bill: both halves / the bare dot product", halves / bare, 5)
    if "tenseal-dot" in bills:
        yield Ratio("bill: all three / TenSEAL's dot", ours.total.median / bills["tenseal-dot"].total.median, 1 / 1000)


def _ratio(ours: LaneResult, theirs: LaneResult, *parties: Party) -> float:
    return ours.seconds(*parties).median / theirs.seconds(*parties).median
