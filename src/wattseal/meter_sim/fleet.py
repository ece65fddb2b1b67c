"""A fleet: its roster, its enrolment with both halves, and a day's reports from reads to acknowledgement."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey
from numpy.typing import NDArray

from wattseal.edge.client import RoleClient
from wattseal.meter_sim.reads import DayReads
from wattseal.meter_sim.sealing import Sealer, SealingKeys, Unsealed
from wattseal.meter_sim.sources import Source
from wattseal.meter_sim.state import FleetState, MeterRow, Slot
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.ids import Channel, CohortId, HalfRole, Kind, MeterId, RegionId, Role, Window
from wattseal.protocol.keys import Enrolment, EnrolmentRequest, KeyNotice, MeterKeysOfHalf
from wattseal.protocol.report import MISSING, Header, flag_runs
from wattseal.protocol.roster import Interval, Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import MINUTES_PER_DAY, month_of, window_minutes
from wattseal.protocol.trust import TrustAnchors

_KEY_COLUMN: dict[HalfRole, str] = {Role.DECRYPTOR: "tag_key", Role.UNBLINDER: "pad_key"}
_UTILITY = "utility"


class Region(NamedTuple):
    """Where a fleet belongs."""

    name: RegionId
    suite: int
    layout_id: bytes
    interval_minutes: Interval


def utility_key(state: FleetState) -> SigningKey:
    """The key with which the utility signs rosters, made at the first call."""
    seed = state.fact(_UTILITY)
    if seed is None:
        seed = bytes(SigningKey.generate())
        state.keep_fact(_UTILITY, seed)
    return SigningKey(seed)


def make_roster(
    state: FleetState, source: Source, region: Region, cohort_of: dict[str, CohortId], effective: Window
) -> SignedRoster:
    """Keys for every meter of the source, and the roster of them all, signed by the utility."""
    state.make_meters(source.meters)
    names = set(source.meters)
    rows = [_roster_row(meter, source, cohort_of) for meter in state.meters() if meter.name in names]
    roster = Roster(
        region=region.name,
        effective=effective,
        interval_minutes=region.interval_minutes,
        suite=region.suite,
        layout_id=region.layout_id,
        rows=tuple(rows),
    )
    return SignedRoster.issue(roster, utility_key(state))


def _roster_row(meter: MeterRow, source: Source, cohort_of: dict[str, CohortId]) -> RosterRow:
    return RosterRow(
        meter=meter.meter,
        identity_key=bytes(SigningKey(meter.identity).verify_key),
        sealing_key=bytes(PrivateKey(meter.sealing).public_key),
        service_point=f"sp-{meter.meter}",
        account=f"ac-{meter.meter}",
        cohort=cohort_of[meter.name],
        channels=source.channels_of(meter.name),
    )


def enrol(
    state: FleetState,
    half: RoleClient,
    role: HalfRole,
    trust: TrustAnchors,
    request: EnrolmentRequest,
    roster_digest: bytes,
) -> None:
    """Fetch one half's keys and keep each meter's own. Raises SignatureInvalid or MalformedMessage."""
    enrolment = Envelope.parse(half.post("/v1/enrolments", request)).opened(Enrolment, trust.service(role))
    asked = (role, request.region, request.key_id, request.months, roster_digest)
    if (enrolment.role, enrolment.region, enrolment.key_id, enrolment.months, enrolment.roster_digest) != asked:
        raise MalformedMessage("the enrolment is not the one that was asked for")
    sealing = {meter.meter: meter.sealing for meter in state.meters()}
    opened = [_open_box(sealing, box.meter, box.box) for box in enrolment.boxes]
    check_keys = opened[0].check_keys
    if check_keys.keys() != (set(request.months) if role is Role.DECRYPTOR else set()):
        raise MalformedMessage("the enrolment does not hold the check keys that were asked for")
    if any(keys.check_keys != check_keys for keys in opened):
        raise MalformedMessage("the enrolment gives meters of one region different check keys")
    state.keep_check_keys(check_keys)
    state.keep_meter_keys(_KEY_COLUMN[role], ((keys.meter_key, keys.meter) for keys in opened))


def _open_box(sealing: dict[MeterId, bytes], meter: MeterId, box: bytes) -> MeterKeysOfHalf:
    try:
        keys = MeterKeysOfHalf.from_bytes(SealedBox(PrivateKey(sealing[meter])).decrypt(box))
    except (KeyError, CryptoError):
        raise MalformedMessage(f"the enrolment box of {meter} does not open") from None
    if keys.meter != meter:
        raise MalformedMessage(f"the enrolment box of {meter} holds another meter's keys")
    return keys


def months_of(first_day: int, last_day: int) -> tuple[str, ...]:
    return tuple(sorted({month_of(Window(day)) for day in range(first_day, last_day + 1)}))


class Fleet:
    """Seals the reads of days into the outbox, each content once."""

    def __init__(self, state: FleetState, region: Region, notice: KeyNotice, sealer: Sealer) -> None:
        self._state = state
        self._region = region
        self._notice = notice
        self._sealer = sealer
        self._meters = {meter.name: meter for meter in state.meters() if meter.pad_key and meter.tag_key}
        self._check_keys = state.check_keys()
        self.sealed_reports = self.sealed_bytes = 0

    def seal(self, parts: Iterable[DayReads]) -> None:
        """Reserve numbers, encrypt, keep the sealed bytes; counts what was new.

        Raises UsageError if a meter with reads is not enrolled with both halves.
        """
        for part in parts:
            self._seal(part)

    def _seal(self, reads: DayReads) -> None:
        if not self._meters.keys() >= set(reads.meters):
            raise UsageError("the fleet's meters are not enrolled with both halves yet")
        start, _ = window_minutes(Window(reads.day))
        reported = [row for row in range(len(reads.meters)) if reads.present[row].any()]
        row_of = {self._meters[reads.meters[row]].meter: row for row in reported}
        contents = [(meter, _content(reads.wh[row], reads.present[row])) for meter, row in row_of.items()]
        slots = self._state.reserve(reads.channel, start, contents)
        if slots:
            bodies = self._sealer.seal(self._unsealed(reads, slots, [row_of[slot.meter] for slot in slots]))
            self._state.keep_sealed(zip(slots, bodies, strict=True))
            self.sealed_reports += len(bodies)
            self.sealed_bytes += sum(map(len, bodies))

    def _unsealed(self, reads: DayReads, slots: list[Slot], rows: list[int]) -> Unsealed:
        check_key = self._check_keys[month_of(Window(reads.day))]
        meters = [self._meters[reads.meters[row]] for row in rows]
        return Unsealed(
            reads=reads.wh[rows],
            headers=tuple(self._header(slot, reads.present[row]) for slot, row in zip(slots, rows, strict=True)),
            keys=tuple(SealingKeys(m.identity, m.pad_key, m.tag_key, check_key) for m in meters),
        )

    def _header(self, slot: Slot, present: NDArray[np.bool_]) -> Header:
        start, end = window_minutes(Window(slot.start // MINUTES_PER_DAY))
        return Header(
            suite=self._region.suite,
            kind=Kind.DAILY,
            channel=Channel(slot.channel),
            key_id=self._notice.key_id,
            layout_id=self._region.layout_id,
            region=self._region.name,
            meter=slot.meter,
            start=start,
            end=end,
            number=slot.number,
            flags=flag_runs((~present).tolist(), MISSING),
        )


def _content(wh: NDArray[np.int64], present: NDArray[np.bool_]) -> bytes:
    return hashlib.sha256(wh.tobytes() + present.tobytes()).digest()
