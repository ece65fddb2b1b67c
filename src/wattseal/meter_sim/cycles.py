"""Cycle reports: a meter's reads of one billing segment under CKKS, from the same edited days as its daily reports."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.state import FleetState, SharedKeys, Slot
from wattseal.protocol.ids import Channel, Kind, MeterId, Suite
from wattseal.protocol.report import FlagReason, Header, flag_runs, seal_report
from wattseal.protocol.time import MINUTES_PER_DAY

Minutes = tuple[int, int]


class Part(NamedTuple):
    """Reads of one meter and channel over one segment; `reasons` are MISSING where no day told of them."""

    meter: MeterId
    channel: Channel
    minutes: Minutes
    units: NDArray[np.int64]
    reasons: NDArray[np.uint8]


@dataclass
class CycleReads:
    """Collects the days of one cycle, whose `segments` are each meter's parts of it, in minutes since 1970 UTC."""

    segments: Mapping[MeterId, Sequence[Minutes]]
    interval_minutes: int
    _parts: dict[tuple[MeterId, str, int], Part] = field(default_factory=dict)

    def add(self, days: Iterable[EditedDay], meters: Mapping[str, MeterId]) -> None:
        """One UTC day, under the names of the meters that were there."""
        for day in days:
            begin = day.day * MINUTES_PER_DAY
            for row, name in enumerate(day.meters):
                for minutes in self.segments.get(meters[name], ()):
                    if minutes[0] < begin + MINUTES_PER_DAY and begin < minutes[1]:
                        self._copy(day, row, meters[name], minutes)

    def _copy(self, day: EditedDay, row: int, meter: MeterId, minutes: Minutes) -> None:
        part = self._part(meter, day.channel, minutes)
        first = (day.day * MINUTES_PER_DAY - minutes[0]) // self.interval_minutes
        inside = slice(max(first, 0), first + day.wh.shape[1])
        taken = slice(max(-first, 0), max(-first, 0) + len(part.units[inside]))
        part.units[inside], part.reasons[inside] = day.wh[row, taken], day.reasons[row, taken]

    def _part(self, meter: MeterId, channel: str, minutes: Minutes) -> Part:
        key = (meter, channel, minutes[0])
        if key not in self._parts:
            count = (minutes[1] - minutes[0]) // self.interval_minutes
            missing = np.full(count, FlagReason.MISSING, dtype=np.uint8)
            self._parts[key] = Part(meter, Channel(channel), minutes, np.zeros(count, dtype=np.int64), missing)
        return self._parts[key]

    def parts(self) -> list[Part]:
        """Of every meter that had a read in its segment."""
        return list(self._parts.values())


class CycleSealer:
    """Seals parts into the outbox, each content once."""

    def __init__(self, state: FleetState, region: Region, key_id: int, cycle: Cycle) -> None:
        self._state, self._region, self._key_id, self._cycle = state, region, key_id, cycle
        self._meters = {meter.meter: meter for meter in state.meters()}
        self._shared = state.meter_keys(key_id)
        self._error_key = Secret(state.error_key())
        self.sealed_reports = self.sealed_bytes = 0

    def seal(self, parts: Sequence[Part]) -> None:
        """Reserve numbers, encrypt, keep the sealed bytes; counts what was new."""
        for (channel, start), alike in _by_place(parts).items():
            by_meter = {part.meter: part for part in alike}
            contents = [(meter, _content(part)) for meter, part in by_meter.items()]
            slots = self._state.reserve(channel, start, contents, Kind.CYCLE)
            bodies = [self._sealed(slot, by_meter[slot.meter]) for slot in slots]
            self._state.keep_sealed(zip(slots, bodies, strict=True))
            self.sealed_reports += len(bodies)
            self.sealed_bytes += sum(map(len, bodies))

    def _sealed(self, slot: Slot, part: Part) -> bytes:
        meter, shared = self._meters[slot.meter], self._shared[slot.meter]
        label = self._label(slot, part)
        sealer = sealer_of(shared, label, self._error_key)
        scale = bill_scale(Secret(shared.tag_key), label, self._cycle)
        ciphertext = sealer.seal(part.units, scale, label)
        return seal_report(self._header(slot, part), ciphertext, SigningKey(meter.identity))

    def _label(self, slot: Slot, part: Part) -> Label:
        return Label(
            suite=Suite.CKKS,
            modulus_id=MODULUS_ID,
            region=self._region.name,
            meter=slot.meter,
            kind=Kind.CYCLE,
            channel=part.channel.code,
            start=part.minutes[0],
            end=part.minutes[1],
            key_id=self._key_id,
            number=slot.number,
        )

    def _header(self, slot: Slot, part: Part) -> Header:
        return Header(
            suite=Suite.CKKS,
            kind=Kind.CYCLE,
            channel=part.channel,
            key_id=self._key_id,
            layout_id=self._region.layout_id,
            region=self._region.name,
            meter=slot.meter,
            start=part.minutes[0],
            end=part.minutes[1],
            number=slot.number,
            flags=flag_runs(part.reasons.tolist()),
        )


def sealer_of(shared: SharedKeys, label: Label, error_key: Secret) -> MeterSealer:
    pad_key, secret_key = Secret(shared.pad_key), Secret(shared.tag_key)
    return MeterSealer(CKKS_4096, label, pad_key=pad_key, secret_key=secret_key, error_key=error_key)


def _content(part: Part) -> bytes:
    return hashlib.sha256(part.units.tobytes() + part.reasons.tobytes()).digest()


def _by_place(parts: Sequence[Part]) -> dict[tuple[str, int], list[Part]]:
    """By what an outbox's numbers are taken together for."""
    alike: dict[tuple[str, int], list[Part]] = {}
    for part in parts:
        alike.setdefault((part.channel.value, part.minutes[0]), []).append(part)
    return alike


def batches(parts: Sequence[Part], size: int) -> Iterator[Sequence[Part]]:
    """So many at a time, or their sealed bytes would all be in memory at once."""
    return (parts[first : first + size] for first in range(0, len(parts), size))
