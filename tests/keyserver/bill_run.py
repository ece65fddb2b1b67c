"""Both halves in this process, meters that seal cycle reports, and an aggregator's side of a billing run.

What a meter read follows from its label, so that every test can tell what a bill must come to.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray

from tests.policy.packs import flat
from tests.policy.rosters import REGION, TRUST, countersigned, operator, published, roster, row
from tests.protocol.tariff.metered import register_values
from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.scales import Cycle as CycleMinutes
from wattseal.cryptosystems.ckks.scales import bill_scale
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.derive import Root
from wattseal.cryptosystems.pads.label import Label, Use
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Holder, Scope, Tokens
from wattseal.edge.registry import Registry
from wattseal.keyserver.bills_decryptor import BillsReleased
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half
from wattseal.keyserver.ledger import Ledger
from wattseal.keyserver.unblinder import UnblinderService
from wattseal.keyserver.vault import Period, Vault
from wattseal.policy.limits import Asker
from wattseal.protocol.billing import (
    BillAnswer,
    BillPadGrant,
    BillPadRequest,
    BillRelease,
    BillReleaseRequest,
    BillResult,
    BillSegment,
    BillStatement,
    Cancels,
    SegmentReport,
    local_day,
)
from wattseal.protocol.ids import Channel, HalfRole, Kind, MeterId, Role, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.ledger import EMPTY, Entry
from wattseal.protocol.release import Head, SignedHead
from wattseal.protocol.roster import Roster, RosterRow
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.plain import plain_outcome
from wattseal.protocol.tariff.registers import Program, results_of
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.tariff.toml_file import packaged
from wattseal.protocol.time import MINUTES_PER_DAY, parse_window
from wattseal.protocol.tokens import TokenProof, token_key

ZONE = "America/Los_Angeles"
MAY = Cycle(date(2026, 5, 1), date(2026, 5, 31), ZONE)
START, END = MAY.minutes
FIRST = parse_window("2026-04-01")
LAYOUT = DEFAULT_LAYOUTS[60].layout_id
KEY = KeyNotice(key_id=1, suite=int(Suite.MASKING), public_key=b"", first_window=FIRST, last_window=Window(FIRST + 365))
BASIC, OTHER = packaged("E-1"), packaged("E-TOU-D")
TOKEN = "the token of a collector"
ASKER = Asker("collector", frozenset({"collector", "billing"}))
TOKENS = Tokens(
    [
        Holder(
            name=ASKER.name,
            scopes=(Scope.COLLECTOR, Scope.BILLING),
            token_key=token_key(TOKEN),
            expires=1 << 62,
        )
    ]
)
POLICY = flat(4)
ROOTS: dict[HalfRole, Root] = {
    Role.DECRYPTOR: Root(Secret(b"d" * 32), KEY.key_id),
    Role.UNBLINDER: Root(Secret(b"u" * 32), KEY.key_id),
}
PURPOSE = "billing"
Reads = NDArray[np.int64]
Numbers = list[list[bytes]]


def homes(count: int = 6, effective: Window = FIRST, tariff: Tariff = BASIC, **changes: dict[str, Any]) -> Roster:
    """Meters m0, m1 and so on in one cohort; `changes` by meter."""
    names = [f"m{number}" for number in range(count)]
    rows = [row(name, "town", **{"tariff": tariff.name, **changes.get(name, {})}) for name in names]
    return region(rows, effective)


def region(rows: Sequence[Any], effective: Window = FIRST) -> Roster:
    return roster(rows, effective=effective, suite=int(Suite.MASKING), layout_id=LAYOUT, interval_minutes=60)


@dataclass
class Careless:
    """An unblinder that checks nothing and grants whatever numbers `choose` returns, by segment."""

    choose: Callable[[BillStatement], Numbers]
    asked: int = 0

    def grant(self, request: Envelope) -> Envelope:
        raise NotImplementedError

    def grant_bills(self, request: Envelope) -> Envelope:
        self.asked += 1
        statement = BillStatement.from_bytes(BillPadRequest.from_bytes(request.body).approval.statement)
        numbers = b"".join(chain.from_iterable(self.choose(statement)))
        grant = BillPadGrant(
            statement_digest=statement.digest(),
            policy=POLICY.fingerprint,
            numbers=numbers,
            head=head_of(Role.UNBLINDER, self.asked),
        )
        return Envelope.issue(grant, operator("unblinder"))


def head_of(role: HalfRole, counter: int, hash_: bytes = EMPTY) -> SignedHead:
    return Envelope.issue(Head(role=role, counter=counter, hash=hash_), operator(role))


@dataclass
class Run:
    """Two halves and what they know; statements are about `cycle` and `tariff` where nothing else is said."""

    decryptor: Half
    unblinder: Half
    service: DecryptorService
    granting: UnblinderService
    rosters: tuple[Roster, ...]
    tariff: Tariff
    cycle: Cycle

    def segment(
        self,
        meter: str,
        number: int = 0,
        minutes: tuple[int, int] | None = None,
        cancels: Cancels | None = None,
    ) -> BillSegment:
        start, end = self.cycle.minutes if minutes is None else minutes
        channels = self.row(MeterId(meter), end).channels
        reports = tuple(SegmentReport(channel=channel, number=number) for channel in channels)
        return BillSegment(meter=MeterId(meter), start=start, end=end, reports=reports, cancels=cancels)

    def resting_on(
        self, meter: str, *read_at: int | None, number: int = 0, cancels: Cancels | None = None
    ) -> BillSegment:
        """Of delivered energy: None is its cycle report, a minute what its registers showed then."""
        reports = (SegmentReport(channel=Channel.DELIVERED, number=number, read_at=minute) for minute in read_at)
        return self.segment(meter).model_copy(update={"reports": tuple(reports), "cancels": cancels})

    def row(self, meter: MeterId, end: int) -> RosterRow:
        """The last that was in force before that minute."""
        begun = [roster for roster in self.rosters if roster.effective * MINUTES_PER_DAY < end]
        return [roster.by_meter[meter] for roster in begun if meter in roster.by_meter][-1]

    def statement(self, *segments: BillSegment, **changes: Any) -> BillStatement:  # noqa: ANN401 - any field's value
        fields: dict[str, Any] = {
            "purpose": PURPOSE,
            "region": REGION,
            "tariff": self.tariff.fingerprint,
            "mode": Mode.AMOUNT,
            "timezone": ZONE,
            "first": local_day(self.cycle.first),
            "after": local_day(self.cycle.after),
            "suite": int(Suite.CKKS),
            "key_id": KEY.key_id,
            "roster_digest": self.rosters[-1].fingerprint,
            "segments": segments,
        }
        return BillStatement(**{**fields, **changes})

    def of(self, *meters: str, **changes: Any) -> BillStatement:  # noqa: ANN401 - any field's value
        return self.statement(*map(self.segment, meters), **changes)

    def rerun(self, earlier: BillStatement, number: int, *others: BillSegment) -> BillStatement:
        """The first meter of a statement again, by another report, cancelling the release if that was made."""
        cancels = cancelling(earlier, self.released(earlier))
        segment = self.segment(earlier.segments[0].meter, number, cancels=cancels)
        return self.statement(segment, *others)

    def released(self, statement: BillStatement) -> BillRelease | None:
        body = self.decryptor.ledger.release(statement.digest())
        return None if body is None else opened(BillsReleased(body, 0))

    def compiled(self, statement: BillStatement) -> list[Compiled]:
        return [statement.compiled(segment, self.tariff, self.rosters[-1]) for segment in statement.segments]

    def key(self, role: HalfRole, label: Label) -> Secret:
        installation = self.row(MeterId(label.meter), label.end).sealing_key
        return ROOTS[role].meter_key(Use.TAG if role is Role.DECRYPTOR else Use.PAD, REGION, label.meter, installation)

    def numbers(self, statement: BillStatement, functionals: Sequence[Functional] | None = None) -> Numbers:
        """The honest aggregator's, if nothing but the tariff's functionals is asked."""

        def number(label: Label, functional: Functional) -> bytes:
            return bill_sums([self.sealed(label)], [functional])[0]

        return self._each(statement, functionals, number)

    def pads(self, statement: BillStatement, functionals: Sequence[Functional] | None = None) -> Numbers:
        """The honest unblinder's likewise, by the slow way."""

        def number(label: Label, functional: Functional) -> bytes:
            return bill_pads(CKKS_4096, [label], self.key(Role.UNBLINDER, label), [functional])[0]

        return self._each(statement, functionals, number)

    def _each(
        self,
        statement: BillStatement,
        functionals: Sequence[Functional] | None,
        number: Callable[[Label, Functional], bytes],
    ) -> Numbers:
        found = []
        for segment, compiled in zip(statement.segments, self.compiled(statement), strict=True):
            labels = {(report.channel, report.kind): self.label(segment, report) for report in segment.reports}
            results = results_of(compiled)
            weighed = functionals or [Functional.of(one.y) for one in results]
            pairs = zip(results, weighed, strict=True)
            found.append([number(labels[one.channel, one.kind], functional) for one, functional in pairs])
        return found

    def label(self, segment: BillSegment, report: SegmentReport) -> Label:
        label = label_of(segment, report)
        if report.read_at is None:
            return label
        return label._replace(end=report.read_at, registers=self.program(label).binding(self.cycle.minutes))

    def program(self, label: Label) -> Program:
        return Program(self.tariff, Channel.from_code(label.channel), ZONE, 60, 1)

    def sealed(self, label: Label) -> bytes:
        """The meter's report, under the scale of the cycle."""
        tag_key = self.key(Role.DECRYPTOR, label)
        keys = {"pad_key": self.key(Role.UNBLINDER, label), "secret_key": tag_key, "error_key": Secret(b"e" * 32)}
        scale = bill_scale(tag_key, label, CycleMinutes(*self.cycle.minutes))
        return MeterSealer(CKKS_4096, label, **keys).seal(self.values(label), scale, label)

    def values(self, label: Label) -> Reads:
        """What a report holds: reads, or registers that counted those of number 0."""
        if label.kind == Kind.CYCLE:
            return reads_of(label)
        return register_values(self.program(label), label.start, measured(label), before=10**9)

    def expected(self, statement: BillStatement) -> list[BillResult]:
        """From plain reads."""
        found = []
        for segment, compiled in zip(statement.segments, self.compiled(statement), strict=True):
            labels = {report.channel: label_of(segment, report) for report in reversed(segment.reports)}
            reads = {c: measured(one) if c in compiled.by_registers else reads_of(one) for c, one in labels.items()}
            results = plain_outcome(compiled, reads).results
            demand = plain_outcome(compiled, {c: measured(one) for c, one in labels.items()}).registers
            energy = (results[functional.item] for functional in compiled.functionals)
            found.append(BillResult(values=(*energy, *demand.values()), opened=True))
        return found

    def answer(self, statement: BillStatement, numbers: Numbers | None = None, flagged: int = 0) -> BillAnswer:
        joined = list(chain.from_iterable(self.numbers(statement) if numbers is None else numbers))
        return BillAnswer.issue(statement, joined, (flagged,) * len(statement.segments), self.aggregator_key)

    def ask(self, answer: BillAnswer, seen: tuple[SignedHead, ...] = ()) -> BillsReleased:
        request = BillReleaseRequest(answer=answer, proof=TokenProof.issue(TOKEN, answer.statement), seen=seen)
        return self.service.bills.release(request, ASKER)

    def release(self, statement: BillStatement, numbers: Numbers | None = None) -> list[BillResult]:
        return list(opened(self.ask(self.answer(statement, numbers))).results)

    @property
    def aggregator_key(self) -> SigningKey:
        return operator("aggregator")

    def pad_request(self, statement: BillStatement, token: str = TOKEN, proof: TokenProof | None = None) -> Envelope:
        """As a decryptor that checks nothing would send it."""
        request = BillPadRequest(
            approval=self.answer(statement, [[]] * len(statement.segments)).approval,
            proof=TokenProof.issue(token, statement.to_bytes()) if proof is None else proof,
            head=self.decryptor.head(),
        )
        return Envelope.issue(request, operator("decryptor"))


def cancelling(statement: BillStatement, release: BillRelease | None = None) -> Cancels:
    """What takes a statement's bills back; only the decryptor knows its release."""
    return Cancels(statement=statement.digest(), release=bytes(32) if release is None else release.digest())


def opened(released: BillsReleased) -> BillRelease:
    return Envelope.from_bytes(released.body).opened(BillRelease, operator("decryptor").verify_key.encode())


def label_of(segment: BillSegment, report: SegmentReport) -> Label:
    code = report.channel.code
    place = (REGION, segment.meter, report.kind, code, segment.start, segment.end)
    return Label(int(Suite.CKKS), MODULUS_ID, *place, KEY.key_id, report.number)


def reads_of(label: Label) -> Reads:
    """Of a cycle report."""
    seed = hashlib.sha256(repr(label[2:]).encode()).digest()
    count = (label.end - label.start) // 60
    return np.random.default_rng(int.from_bytes(seed)).integers(0, 5000, count, dtype=np.int64)


def measured(label: Label) -> Reads:
    """What registers count: the reads that the first cycle report holds."""
    return reads_of(label._replace(kind=Kind.CYCLE, number=0, registers=b""))


def kinds(half: Half) -> list[str]:
    return [entry.kind for entry in entries(half)]


def entries(half: Half) -> list[Entry]:
    half.ledger.verify_chain()
    return half.ledger.entries(1, 10_000)


@contextmanager
def running(
    directory: Path,
    pads: Callable[[Run], Careless] | None = None,
    *,
    rosters: Sequence[Roster] = (),
    tariffs: Sequence[Tariff] = (BASIC,),
    cycle: Cycle = MAY,
    now: float | None = None,
    backend: Backend = Backend.OURS,
) -> Iterator[Run]:
    """Entered again with the same directory: a restart. The first tariff is what statements are under."""
    known = tuple(rosters) or (homes(tariff=tariffs[0]),)
    clock = cycle.minutes[1] * 60.0 if now is None else now
    with ExitStack() as resources:
        halves = {
            role: _half(resources, role, directory, known, tariffs, clock, backend)
            for role in (Role.DECRYPTOR, Role.UNBLINDER)
        }
        granting = UnblinderService(halves[Role.UNBLINDER])
        decryptor = halves[Role.DECRYPTOR]
        service = DecryptorService(decryptor, granting)
        run = Run(decryptor, halves[Role.UNBLINDER], service, granting, known, tariffs[0], cycle)
        if pads is not None:
            run.service = DecryptorService(decryptor, pads(run))
        yield run


def _half(
    resources: ExitStack,
    role: HalfRole,
    directory: Path,
    rosters: Sequence[Roster],
    tariffs: Sequence[Tariff],
    now: float,
    backend: Backend,
) -> Half:
    registry = Registry(
        directory / f"registry of the {role}",
        TRUST,
        lambda: 0.0,
        replay=True,
        least_change=1,
        check_key=lambda _: None,
    )
    for each in rosters:
        registry.install_roster(countersigned(each))
    registry.install_key(published(KEY))
    for tariff in tariffs:
        registry.install_tariff(countersigned_tariff(tariff))
    ledger = resources.enter_context(Ledger(directory / f"{role}.sqlite", lambda: now))
    period = Period(KEY.key_id, ROOTS[role])
    vault = Vault(role, operator(role), int(Suite.MASKING), [period], lambda _: None, backend)
    return Half(vault, ledger, registry, POLICY, TOKENS, TRUST, lambda: now)


def countersigned_tariff(tariff: Tariff) -> SignedTariff:
    signed = SignedTariff.issue(tariff, operator("utility"))
    for signer in ("aggregator_operator", "unblinder_operator"):
        signed = signed.countersigned(signer, operator(signer))
    return signed
