"""A fleet's enrolment with both halves, and the sealing of a day's reads. Its rosters are in `rosters`."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox
from numpy.typing import NDArray

from wattseal.edge.client import RoleClient
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.sealing import Sealer, SealingKeys, Unsealed
from wattseal.meter_sim.state import FleetState, Slot
from wattseal.protocol.errors import MalformedMessage, UsageError
from wattseal.protocol.ids import Channel, HalfRole, Kind, MeterId, RegionId, Role, Window
from wattseal.protocol.keys import Enrolment, EnrolmentRequest, KeyNotice, MeterKeysOfHalf
from wattseal.protocol.report import Header, flag_runs
from wattseal.protocol.roster import Commodity, Interval, Roster, Unit
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import MINUTES_PER_DAY, month_of, window_minutes
from wattseal.protocol.trust import TrustAnchors

_KEY_COLUMN: dict[HalfRole, str] = {Role.DECRYPTOR: "tag_key", Role.UNBLINDER: "pad_key"}


class Region(NamedTuple):
    """Where a fleet belongs."""

    name: RegionId
    suite: int
    layout_id: bytes
    interval_minutes: Interval
    commodity: Commodity = "electricity"
    unit: Unit = Unit.WH

    @classmethod
    def of(cls, roster: Roster) -> "Region":
        return cls(
            roster.region,
            roster.suite,
            roster.layout_id,
            roster.interval_minutes,
            roster.commodity,
            roster.unit,
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
    state.keep_check_keys(request.key_id, check_keys)
    state.keep_meter_keys(request.key_id, _KEY_COLUMN[role], ((keys.meter, keys.meter_key) for keys in opened))


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
    """Seals the reads of days of one key period into the outbox, each content once."""

    def __init__(self, state: FleetState, region: Region, notice: KeyNotice, sealer: Sealer) -> None:
        self._state = state
        self._region = region
        self._notice = notice
        self._sealer = sealer
        self._shared = state.meter_keys(notice.key_id)
        self._meters = {meter.name: meter for meter in state.meters() if meter.meter in self._shared}
        self._check_keys = state.check_keys(notice.key_id)
        self.sealed_reports = self.sealed_bytes = 0

    def seal(self, parts: Iterable[EditedDay]) -> None:
        """Reserve numbers, encrypt, keep the sealed bytes; counts what was new. All meters of a day report.

        Raises UsageError if one of them is not enrolled with both halves.
        """
        for part in parts:
            self._seal(part)

    def _seal(self, reads: EditedDay) -> None:
        if not self._meters.keys() >= set(reads.meters):
            raise UsageError("the fleet's meters are not enrolled with both halves yet")
        start, _ = window_minutes(Window(reads.day))
        row_of = {self._meters[name].meter: row for row, name in enumerate(reads.meters)}
        contents = [(meter, _content(reads.wh[row], reads.reasons[row])) for meter, row in row_of.items()]
        slots = self._state.reserve(reads.channel, start, contents)
        if slots:
            bodies = self._sealer.seal(self._unsealed(reads, slots, [row_of[slot.meter] for slot in slots]))
            self._state.keep_sealed(zip(slots, bodies, strict=True))
            self.sealed_reports += len(bodies)
            self.sealed_bytes += sum(map(len, bodies))

    def _unsealed(self, reads: EditedDay, slots: list[Slot], rows: list[int]) -> Unsealed:
        check_key = self._check_keys[month_of(Window(reads.day))]
        meters = [self._meters[reads.meters[row]] for row in rows]
        return Unsealed(
            reads=reads.wh[rows],
            headers=tuple(self._header(slot, reads.reasons[row]) for slot, row in zip(slots, rows, strict=True)),
            keys=tuple(SealingKeys(m.identity, *self._shared[m.meter], check_key) for m in meters),
        )

    def _header(self, slot: Slot, reasons: NDArray[np.uint8]) -> Header:
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
            flags=flag_runs(reasons.tolist()),
        )


def _content(wh: NDArray[np.int64], reasons: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(wh.tobytes() + reasons.tobytes()).digest()
