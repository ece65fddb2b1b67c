"""The plain reads of billing cycles that the meters' side of a trial wrote down, and the bills that they give."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wattseal.collector.bill_terms import Terms
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.tariff.bill import Bill, Customer
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.plain import plain_outcome
from wattseal.protocol.tariff.settle import settle


class PlainMeter(NamedTuple):
    """One meter's reads of a cycle, by channel: None where some are missing.

    `name` is its name in the user's files, `channels` are all that it reports.
    """

    name: str
    minutes: tuple[int, int]
    channels: tuple[Channel, ...]
    reads: dict[Channel, list[int] | None]

    @property
    def whole(self) -> bool:
        return all(self.reads.get(channel) is not None for channel in self.channels)

    def bill(self, terms: Terms, compiled: Compiled, customer: Customer) -> Bill:
        """Under the tariff as compiled for this part of the cycle."""
        reads = {channel: np.array(units, dtype=np.int64) for channel, units in self.reads.items()}
        outcomes = [plain_outcome(compiled, reads)]
        return settle(terms.tariff, terms.cycle, outcomes, customer, therms_per_ccf=terms.therms_per_ccf)


def read_plain(path: Path) -> Mapping[str, Mapping[MeterId, PlainMeter]]:
    """By cycle, as FIRST..AFTER, and meter."""
    told: dict[str, dict[MeterId, PlainMeter]] = defaultdict(dict)
    with path.open(encoding="utf-8") as file:
        for line in map(json.loads, file):
            channels = tuple(map(Channel, line["channels"]))
            meter = PlainMeter(line["name"], tuple(line["minutes"]), channels, {})
            told[line["cycle"]].setdefault(line["meter"], meter).reads[Channel(line["channel"])] = line["units"]
    return told
