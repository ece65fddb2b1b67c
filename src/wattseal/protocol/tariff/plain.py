"""The same bill from plain reads, by the same functionals: what a customer checks a bill with."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import Channel
from wattseal.protocol.tariff.bill import Bill, Cancelled, Customer, Cycle, Outcome
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled, Segment, Vector, compile_tariff
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.settle import settle

LARGEST_READ = (1 << 31) - 1


class Reads(NamedTuple):
    """The reads of one segment by channel, in the segment's unit, one for each interval."""

    segment: Segment
    channels: Mapping[Channel, Vector]


def plain_bill(
    tariff: Tariff,
    cycle: Cycle,
    reads: Sequence[Reads],
    modes: Mode | Mapping[str, Mode] = Mode.DETERMINANTS,
    customer: Customer = Customer(),  # noqa: B008 - frozen
    *,
    therms_per_ccf: Decimal | None = None,
    cancels: Cancelled | None = None,
) -> Bill:
    """Raises UsageError naming what is missing or does not fit."""
    outcomes = [plain_outcome(compile_tariff(tariff, part.segment, modes), part.channels) for part in reads]
    return settle(tariff, cycle, outcomes, customer, therms_per_ccf=therms_per_ccf, cancels=cancels)


def plain_outcome(compiled: Compiled, reads: Mapping[Channel, Vector]) -> Outcome:
    """What opening the functionals would give. Raises UsageError for reads that do not fit the segment."""
    for channel in compiled.segment.channels:
        _check_reads(compiled.segment, channel, reads)
    results = {f.item: compiled.released(f, int(f.y @ reads[f.item.channel])) for f in compiled.functionals}
    registers = {}
    for register, intervals in compiled.registers.items():
        largest = int((reads[Channel.DELIVERED] * intervals).max())
        registers[register] = largest * compiled.segment.read_unit * 60 // compiled.segment.interval_minutes
    return Outcome(compiled, results, registers)


def _check_reads(segment: Segment, channel: Channel, reads: Mapping[Channel, Vector]) -> None:
    if channel not in reads:
        raise UsageError(f"reads: channel '{channel}' of the segment is missing")
    values = reads[channel]
    if values.shape != (segment.intervals,) or values.dtype != np.int64:
        raise UsageError(
            f"reads: '{channel}' has shape {values.shape} of {values.dtype}, not {segment.intervals} int64"
        )
    if values.min() < 0 or values.max() > LARGEST_READ:
        raise UsageError(f"reads: a value of '{channel}' is not 0 to {LARGEST_READ}")
