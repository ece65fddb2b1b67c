"""A meter that runs its own code: it knows its keys, puts any number into any slot, and signs properly."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gmpy2 import mpz, powmod
from nacl.signing import SigningKey

from tests.system.forging import encoded
from tests.system.town import CHUNK, LAYOUT, Day, Reads, Town
from wattseal.cryptosystems.pads.keystream import uniform_below
from wattseal.cryptosystems.pads.label import Label, Use, check_key_id
from wattseal.cryptosystems.paillier.checks import member_tag, slot_weights
from wattseal.cryptosystems.secret import Secret
from wattseal.meter_sim.state import MeterRow, SharedKeys
from wattseal.protocol.ids import MeterId, Window
from wattseal.protocol.report import Header, decode_report, seal_report
from wattseal.protocol.time import month_of, window_minutes

COUNT = LAYOUT.intervals
BUCKETS = range(COUNT + 1, LAYOUT.slots)


@dataclass(frozen=True)
class CorruptMeter:
    """One meter of the town."""

    town: Town
    row: MeterRow

    @classmethod
    def of(cls, town: Town, meter: str) -> "CorruptMeter":
        return cls(town, town.meters[MeterId(meter)])

    @property
    def shared(self) -> SharedKeys:
        return self.town.state.meter_keys(self.town.notice.key_id)[self.row.meter]

    def honest_slots(self, reads: Reads) -> list[int]:
        """What an honest meter would put below its check slot."""
        bucket = sum(int(reads.sum()) > edge for edge in LAYOUT.bucket_edges)
        return [*reads.tolist(), 1, *(int(place == bucket) for place in range(len(BUCKETS)))]

    def header(self, day: Day, **changes: object) -> Header:
        """The header of an honest report of another meter on that day, in this one's name."""
        honest = decode_report(next(iter(day.bodies.values()))).header
        return honest._replace(meter=self.row.meter, **changes)  # type: ignore[arg-type]  # any field's value

    def report(self, day: Day, slots: Mapping[int, int], *, number: int = 0) -> bytes:
        """The day's reads with other values in some slots, and the check slot that belongs to them."""
        header = self.header(day, number=number)
        values = self.honest_slots(day.reads[self.row.meter])
        for slot, value in slots.items():
            values[slot] = value
        label = self._label(header)
        keys = self.town.state.check_keys(header.key_id)
        weights = slot_weights(Secret(keys[month_of(header.window)]), label, len(values))
        tag = member_tag(Secret(self.shared.tag_key), label)
        check = sum(w * v for w, v in zip(weights, values, strict=True)) + tag
        plaintext = sum(v << offset for v, offset in zip((*values, check), CHUNK.offsets, strict=True))
        return self.signed(header, self._encrypt(plaintext, label))

    def signed(self, header: Header, ciphertext: bytes) -> bytes:
        return seal_report(header, ciphertext, SigningKey(self.row.identity))

    def _encrypt(self, plaintext: int, label: Label) -> bytes:
        public = self.town.arithmetic.public
        n = mpz(public.n)
        blinded = (plaintext + uniform_below(Secret(self.shared.pad_key), label.encode(Use.PAD), n)) % n
        return encoded((1 + blinded * n) * powmod(public.h_s, secrets.randbits(1536), n**2) % n**2)

    def _label(self, header: Header) -> Label:
        return Label(
            suite=header.suite,
            modulus_id=self.town.arithmetic.public.modulus_id,
            region=header.region,
            meter=header.meter,
            kind=header.kind,
            channel=header.channel.code,
            start=header.start,
            end=header.end,
            key_id=header.key_id,
            number=header.number,
            check_key_id=check_key_id(Secret(self.town.state.check_keys(header.key_id)[month_of(header.window)])),
        )


def whole_window(window: int) -> dict[str, int]:
    start, end = window_minutes(Window(window))
    return {"start": start, "end": end}
