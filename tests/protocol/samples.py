"""Valid messages and reports that the tests of this directory change one thing in. Keys protect nothing."""

import hashlib
from datetime import date
from typing import Any

from nacl.signing import SigningKey

from wattseal.protocol.billing import (
    BillAnswer,
    BillPadGrant,
    BillPadRequest,
    BillQuestion,
    BillRelease,
    BillReleaseRequest,
    BillResult,
    BillSegment,
    BillStatement,
    Cancels,
    Rebill,
    SegmentReport,
    local_day,
)
from wattseal.protocol.billing_route import RouteMeter, RouteMeters, RouteQuestion
from wattseal.protocol.consent import Consent, ConsentRevocation, SignedConsent, SignedRevocation
from wattseal.protocol.ids import Channel, CohortId, HalfRole, Kind, MeterId, RegionId, Role, Window
from wattseal.protocol.keys import (
    CheckKeyName,
    CheckKeyNames,
    Enrolment,
    EnrolmentRequest,
    KeyNotice,
    MeterKeysOfHalf,
    NextPeriod,
    SealedKeys,
)
from wattseal.protocol.ledger import Checkpoint
from wattseal.protocol.measures import (
    BudgetExtension,
    MoreNoisyTotals,
    MoreResults,
    Quarantine,
    SignedBudgetExtension,
    SignedQuarantine,
    SignedWaiver,
    Waiver,
)
from wattseal.protocol.reconciliation import (
    ExcludedMeter,
    ReconciledCharge,
    Reconciliation,
    ReconciliationQuestion,
    Why,
)
from wattseal.protocol.release import Head, PadGrant, PadRequest, Release, ReleaseNoise, ReleaseRequest, SeenHeads
from wattseal.protocol.report import Header, seal_report
from wattseal.protocol.resets import ItemReset, SignedItemReset
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, StatedNoise, TotalQuestion, TotalStatement, positions_to_bits
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tokens import TokenProof
from wattseal.protocol.trust import TrustAnchors

WINDOW = Window(20_514)
LAYOUT_ID = bytes(range(8))


def signing_key(name: str) -> SigningKey:
    return SigningKey(hashlib.sha256(b"wattseal tests: " + name.encode()).digest())


def public_key(name: str) -> bytes:
    return bytes(signing_key(name).verify_key)


TRUST = TrustAnchors(
    utility=public_key("utility"),
    aggregator_operator=public_key("aggregator operator"),
    unblinder_operator=public_key("unblinder operator"),
    aggregator=public_key("aggregator"),
    decryptor=public_key("decryptor"),
    unblinder=public_key("unblinder"),
)


def header(**changes: Any) -> Header:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "suite": 1,
        "kind": Kind.DAILY,
        "channel": Channel.DELIVERED,
        "key_id": 7,
        "layout_id": LAYOUT_ID,
        "region": RegionId("north"),
        "meter": MeterId("m-001"),
        "start": WINDOW * 1440,
        "end": (WINDOW + 1) * 1440,
        "number": 0,
    }
    return Header(**{**fields, **changes})


def report(ciphertext: bytes = b"ciphertext", **changes: Any) -> bytes:  # noqa: ANN401 - any field's value
    return seal_report(header(**changes), ciphertext, signing_key("meter"))


def roster_row(number: int, **changes: Any) -> RosterRow:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "meter": MeterId(f"m-{number:03}"),
        "identity_key": number.to_bytes(32, "big"),
        "sealing_key": (number + 1000).to_bytes(32, "big"),
        "service_point": f"sp-{number}",
        "account": f"account-{number}",
        "cohort": CohortId(f"town/feeder-{number // 4}/t{number // 2}"),
        "channels": (Channel.DELIVERED,),
        "installed": WINDOW,
        "tenure_since": WINDOW - 100,
    }
    return RosterRow(**{**fields, **changes})


def roster(*rows: RosterRow) -> Roster:
    """Without rows: meters m-000 to m-009, every third of which also feeds in."""
    both = (Channel.DELIVERED, Channel.RECEIVED)
    return Roster(
        region=RegionId("north"),
        effective=WINDOW,
        interval_minutes=15,
        suite=1,
        layout_id=LAYOUT_ID,
        rows=rows or tuple(roster_row(i, channels=both if i % 3 == 0 else both[:1]) for i in range(10)),
    )


def signed_roster() -> SignedRoster:
    return (
        SignedRoster.issue(roster(), signing_key("utility"))
        .countersigned("aggregator_operator", signing_key("aggregator operator"))
        .countersigned("unblinder_operator", signing_key("unblinder operator"))
    )


def statement(**changes: Any) -> TotalStatement:  # noqa: ANN401 - any field's value
    """Over the ten meters of `roster()`: all but the last, the third at number 2."""
    fields: dict[str, Any] = {
        "purpose": "grid-planning",
        "region": RegionId("north"),
        "cohort": CohortId("town"),
        "channel": Channel.DELIVERED,
        "window": WINDOW,
        "suite": 1,
        "key_id": 7,
        "layout_id": LAYOUT_ID,
        "roster_digest": roster().digest(),
        "members": positions_to_bits(range(9), 10),
        "numbers": ((2, 2),),
    }
    return TotalStatement(**{**fields, **changes})


def answer() -> Answer:
    return Answer.issue(statement(), b"ciphertext", (0, 1, 0), signing_key("aggregator"))


def head(role: HalfRole, counter: int = 5) -> Envelope:
    return Envelope.issue(Head(role=role, counter=counter, hash=bytes(32)), signing_key(role.value))


def release(**changes: Any) -> Release:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "statement": statement().to_bytes(),
        "policy": bytes(range(32)),
        "unblinder_policy": bytes(32),
        "unit": Unit.WH,
        "reads": (1500, 0, 2**40),
        "members": 9,
        "flagged": (0, 1, 0),
        "decryptor_head": head(Role.DECRYPTOR),
        "unblinder_head": head(Role.UNBLINDER),
    }
    return Release(**{**fields, **changes})


def key_notice(**changes: Any) -> KeyNotice:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "key_id": 7,
        "suite": 1,
        "public_key": b"public",
        "first_window": WINDOW,
        "last_window": WINDOW + 365,
    }
    return KeyNotice(**{**fields, **changes})


def enrolment(**changes: Any) -> Enrolment:  # noqa: ANN401 - any field's value
    fields: dict[str, Any] = {
        "role": Role.UNBLINDER,
        "region": RegionId("north"),
        "key_id": 7,
        "roster_digest": roster().digest(),
        "months": ("2026-03",),
        "boxes": (SealedKeys(meter=MeterId("m-000"), box=b"box"),),
    }
    return Enrolment(**{**fields, **changes})


def check_key_name() -> CheckKeyName:
    return CheckKeyName(region=RegionId("r"), key_id=1, month="2026-03", check_key_id=bytes(16))


def pad_request(*seen: Envelope) -> PadRequest:
    return PadRequest(
        approval=answer().approval,
        check_key_id=b"check key's name",
        proof=TokenProof.issue("t", answer().statement),
        head=head(Role.DECRYPTOR),
        seen=seen,
    )


def bill_statement(**changes: Any) -> BillStatement:  # noqa: ANN401 - any field's value
    """Two meters' March in Los Angeles; the clocks change in it."""
    start, end = Cycle(date(2026, 3, 1), date(2026, 4, 1), "America/Los_Angeles").minutes
    reports = (SegmentReport(channel=Channel.DELIVERED, number=0), SegmentReport(channel=Channel.RECEIVED, number=2))
    fields: dict[str, Any] = {
        "purpose": "billing",
        "region": RegionId("north"),
        "tariff": bytes(32),
        "mode": Mode.AMOUNT,
        "timezone": "America/Los_Angeles",
        "first": local_day(date(2026, 3, 1)),
        "after": local_day(date(2026, 4, 1)),
        "suite": 2,
        "key_id": 7,
        "roster_digest": roster().digest(),
        "segments": (
            BillSegment(meter=MeterId("m-000"), start=start, end=end, reports=reports),
            BillSegment(meter=MeterId("m-001"), start=start, end=end, reports=reports[:1]),
        ),
    }
    return BillStatement(**{**fields, **changes})


def bill_answer() -> BillAnswer:
    return BillAnswer.issue(bill_statement(), [bytes(14), bytes(14)], (0, 3), signing_key("aggregator"))


def bill_release() -> BillRelease:
    return BillRelease(
        statement=bill_statement().to_bytes(),
        policy=bytes(32),
        unblinder_policy=bytes(32),
        unit=Unit.WH,
        interval_minutes=15,
        results=(BillResult(values=(-1250, 431_000), opened=True), BillResult(values=(), opened=False)),
        flagged=(0, 3),
        decryptor_head=head(Role.DECRYPTOR),
        unblinder_head=head(Role.UNBLINDER),
    )


def waiver() -> Waiver:
    return Waiver(
        region=RegionId("north"),
        first=WINDOW,
        last=WINDOW,
        reason="an ice storm",
        cohort=CohortId("town"),
        channel=Channel.DELIVERED,
        coverage_percent=60,
    )


def quarantine() -> Quarantine:
    return Quarantine(
        region=RegionId("north"), first=WINDOW, last=WINDOW, reason="it counts backwards", meter=MeterId("m-001")
    )


def budget_extension() -> BudgetExtension:
    return BudgetExtension(
        region=RegionId("north"),
        first=WINDOW,
        last=Window(WINDOW + 32),
        reason="summer began within the cycle",
        more=MoreResults(tariff="TOU-8", results=1),
    )


def item_reset() -> ItemReset:
    return ItemReset(item=bytes(32), serial=1, reason="three power cuts")


def consent() -> Consent:
    return Consent(
        region=RegionId("north"),
        meter=MeterId("m-000"),
        account="account-0",
        tenure_since=WINDOW,
        recipient="university",
        purpose="study",
        first=WINDOW,
        last=Window(WINDOW + 30),
        until=Window(WINDOW + 90),
        evidence="form 12",
    )


ONE_OF_EACH = (
    TRUST,
    roster(),
    signed_roster(),
    SignedRoster.issue(roster(), signing_key("utility")),
    TotalQuestion(purpose="grid-planning", region=RegionId("north"), cohort=CohortId("town"), window=WINDOW),
    statement(),
    answer(),
    answer().approval,
    Envelope.issue(key_notice(), signing_key("decryptor")),
    Head(role=Role.DECRYPTOR, counter=0, hash=bytes(32)),
    TokenProof.issue("t", answer().statement),
    ReleaseRequest(answer=answer(), proof=TokenProof.issue("t", answer().statement), seen=(head(Role.DECRYPTOR),)),
    pad_request(),
    SeenHeads(heads=(head(Role.UNBLINDER),)),
    consent(),
    SignedConsent.issue(consent(), "utility", signing_key("utility")),
    ConsentRevocation(consent=bytes(32)),
    SignedRevocation.issue(ConsentRevocation(consent=bytes(32)), "customer", signing_key("meter")),
    PadGrant(statement_digest=statement().digest(), policy=bytes(32), pad_sum=b"sum", head=head(Role.UNBLINDER)),
    release(),
    key_notice(),
    check_key_name(),
    CheckKeyNames(names=(check_key_name(),)),
    NextPeriod(period=2, first_window=WINDOW, last_window=None),
    Checkpoint(role=Role.UNBLINDER, counter=3, hash=bytes(32), at=1_772_000_000),
    waiver(),
    SignedWaiver.issue(waiver(), signing_key("utility")),
    quarantine(),
    SignedQuarantine.issue(quarantine(), signing_key("utility")),
    budget_extension().more,
    MoreNoisyTotals(cohort=CohortId("town"), channel=Channel.DELIVERED, rho_millionths=500),
    budget_extension(),
    SignedBudgetExtension.issue(budget_extension(), signing_key("utility")),
    StatedNoise(sigma=300, rho_millionths=10),
    ReleaseNoise(sigma=300, rho_millionths=10, spent_rho_millionths=20, budget_rho_millionths=1_000),
    item_reset(),
    SignedItemReset.issue(item_reset(), signing_key("utility")),
    MeterKeysOfHalf(meter=MeterId("m-000"), meter_key=bytes(32), check_keys={"2026-03": bytes(32)}),
    SealedKeys(meter=MeterId("m-000"), box=b"box"),
    enrolment(),
    EnrolmentRequest(region=RegionId("north"), key_id=7, window=WINDOW, months=("2026-03", "2026-04")),
    BillQuestion(
        purpose="billing",
        region=RegionId("north"),
        tariff=bytes(32),
        mode=Mode.DETERMINANTS,
        timezone="+01:00",
        first=20_000,
        after=20_030,
        meters=(MeterId("m-000"),),
        rebills=(Rebill(meter=MeterId("m-000"), cancels=Cancels(statement=bytes(32), release=bytes(32))),),
    ),
    RouteQuestion(
        purpose="billing",
        region=RegionId("north"),
        route="town/feeder-1",
        tariff=bytes(32),
        mode=Mode.AMOUNT,
        timezone="+01:00",
        first=20_000,
        after=20_030,
    ),
    RouteMeters(meters=(RouteMeter(meter=MeterId("m-000"), segments=2, reported=False),), others=1),
    RouteMeter(meter=MeterId("m-000"), segments=1, reported=True),
    ReconciliationQuestion(
        purpose="billing",
        region=RegionId("north"),
        cohort=CohortId("town"),
        tariff=bytes(32),
        timezone="+01:00",
        first=20_000,
        after=20_030,
        bills=(bytes(32),),
        totals=(bytes(32),),
    ),
    Reconciliation(
        question=bytes(32),
        charges=(ReconciledCharge(charge="Energy", channel=Channel.DELIVERED, equal=True),),
        excluded=(ExcludedMeter(meter=MeterId("m-000"), channel=Channel.DELIVERED, why=Why.NOT_BILLED),),
        meters=9,
        decryptor_head=head(Role.DECRYPTOR),
    ),
    ReconciledCharge(charge="Energy", channel=Channel.DELIVERED, equal=False),
    ExcludedMeter(meter=MeterId("m-000"), channel=Channel.RECEIVED, why=Why.NOT_IN_TOTALS),
    Rebill(meter=MeterId("m-000"), cancels=Cancels(statement=bytes(32), release=bytes(32))),
    Cancels(statement=bytes(32), release=bytes(32)),
    bill_statement(),
    bill_statement().segments[0],
    bill_statement().segments[0].reports[0],
    bill_answer(),
    bill_answer().approval,
    BillReleaseRequest(
        answer=bill_answer(), proof=TokenProof.issue("t", bill_answer().statement), seen=(head(Role.DECRYPTOR),)
    ),
    BillPadRequest(
        approval=bill_answer().approval, proof=TokenProof.issue("t", bill_answer().statement), head=head(Role.DECRYPTOR)
    ),
    BillPadGrant(
        statement_digest=bill_statement().digest(), policy=bytes(32), numbers=bytes(28), head=head(Role.UNBLINDER)
    ),
    bill_release(),
    bill_release().results[0],
)
