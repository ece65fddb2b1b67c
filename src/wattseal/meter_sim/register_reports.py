"""Register reports: a meter's indexes and largest demand under CKKS, as read at one minute of a billing segment."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from nacl.signing import SigningKey

from wattseal.cryptosystems.ckks.parameters import MODULUS_ID
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret
from wattseal.meter_sim.cycles import Minutes, sealer_of
from wattseal.meter_sim.fleet import Region
from wattseal.meter_sim.register_reads import Reading
from wattseal.meter_sim.state import FleetState, Slot
from wattseal.protocol.codec import canonical_json
from wattseal.protocol.ids import Channel, Kind, Suite
from wattseal.protocol.report import Header, seal_report
from wattseal.protocol.tariff.registers import Program
from wattseal.protocol.time import MINUTES_PER_DAY


class RegisterSealer:
    """Seals readings into the outbox, each content once.

    Numbers are taken by the UTC day of a reading, which is what the store keeps reports by: another reading of that day
    has the next one.
    """

    def __init__(
        self, state: FleetState, region: Region, key_id_of: Callable[[Minutes], int], programs: Iterable[Program]
    ) -> None:
        """`key_id_of` tells the key of a billing cycle."""
        self._state, self._region, self._key_id_of = state, region, key_id_of
        self.programs = {program.channel: program for program in programs}
        self._meters = {meter.meter: meter for meter in state.meters()}
        self._shared_in = lru_cache(maxsize=4)(state.meter_keys)
        self._error_key = Secret(state.error_key())
        self.sealed_reports = self.sealed_bytes = 0

    def seal(self, readings: Sequence[Reading]) -> None:
        """Reserve numbers, encrypt, keep the sealed bytes; counts what was new."""
        by_day: dict[tuple[Channel, int], list[Reading]] = {}
        for reading in readings:
            begin = (reading.minute - 1) // MINUTES_PER_DAY * MINUTES_PER_DAY
            by_day.setdefault((reading.channel, begin), []).append(reading)
        for (channel, begin), of_day in by_day.items():
            by_meter = {reading.meter: reading for reading in of_day}
            contents = [(meter, self._content(reading)) for meter, reading in by_meter.items()]
            slots = self._state.reserve(channel.value, begin, contents, Kind.REGISTER)
            bodies = [self._sealed(slot, by_meter[slot.meter]) for slot in slots]
            self._state.keep_sealed(zip(slots, bodies, strict=True))
            self.sealed_reports += len(bodies)
            self.sealed_bytes += sum(map(len, bodies))

    def _content(self, reading: Reading) -> bytes:
        """All that is sealed and all that it is sealed by, the scale's cycle too: another one is other content."""
        named = {
            "segment": reading.billed.minutes,
            "cycle": reading.billed.cycle,
            "minute": reading.minute,
            "program": self.programs[reading.channel].digest.hex(),
            "values": reading.values.tolist(),
        }
        return hashlib.sha256(canonical_json(named)).digest()

    def _sealed(self, slot: Slot, reading: Reading) -> bytes:
        meter, label = self._meters[slot.meter], self._label(slot, reading)
        shared = self._shared_in(label.key_id)[slot.meter]
        scale = bill_scale(Secret(shared.tag_key), label, Cycle(*reading.billed.cycle))
        ciphertext = sealer_of(shared, label, self._error_key).seal(reading.values, scale, label)
        return seal_report(self._header(slot, reading), ciphertext, SigningKey(meter.identity))

    def _label(self, slot: Slot, reading: Reading) -> Label:
        return Label(
            suite=Suite.CKKS,
            modulus_id=MODULUS_ID,
            region=self._region.name,
            meter=slot.meter,
            kind=Kind.REGISTER,
            channel=reading.channel.code,
            start=reading.billed.minutes[0],
            end=reading.minute,
            key_id=self._key_id_of(reading.billed.cycle),
            number=slot.number,
            registers=self.programs[reading.channel].binding(reading.billed.cycle),
        )

    def _header(self, slot: Slot, reading: Reading) -> Header:
        return Header(
            suite=Suite.CKKS,
            kind=Kind.REGISTER,
            channel=reading.channel,
            key_id=self._key_id_of(reading.billed.cycle),
            layout_id=self.programs[reading.channel].layout_id,
            region=self._region.name,
            meter=slot.meter,
            start=reading.billed.minutes[0],
            end=reading.minute,
            number=slot.number,
        )
