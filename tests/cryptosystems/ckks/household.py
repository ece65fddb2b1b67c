"""One meter with its keys, and the way of a bill through aggregator, unblinder and decryptor."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wattseal.cryptosystems.ckks.bill_decryptor import BillDecryptor, Unmasking
from wattseal.cryptosystems.ckks.encryptor import MeterSealer
from wattseal.cryptosystems.ckks.evaluator import bill_sums
from wattseal.cryptosystems.ckks.functional import Functional
from wattseal.cryptosystems.ckks.parameters import CKKS_4096, MODULUS_ID, CkksParameters
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scale
from wattseal.cryptosystems.ckks.unblinder import bill_pads
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret

CYCLE_KIND, DELIVERED, RECEIVED = 2, 1, 2
QUARTERS = 2976
CYCLE = Cycle(0, 15 * QUARTERS)
# $0.33, $0.40 and $0.52 a kWh, in 1e-5 $.
RATES = (32_561, 39_940, 52_240)


def random_secret() -> Secret:
    return Secret(secrets.token_bytes(32))


@dataclass(frozen=True)
class Household:
    """Keys of one meter: the first with the unblinder, the second with the decryptor, the last with nobody."""

    meter: str = "meter-1"
    parameters: CkksParameters = CKKS_4096
    pad_key: Secret = field(default_factory=random_secret)
    secret_key: Secret = field(default_factory=random_secret)
    error_key: Secret = field(default_factory=random_secret)

    def label(self, channel: int = DELIVERED, number: int = 0, segment: tuple[int, int] = CYCLE) -> Label:
        suite = self.parameters.suite
        return Label(suite, MODULUS_ID, "north", self.meter, CYCLE_KIND, channel, *segment, key_id=1, number=number)

    @property
    def scale(self) -> int:
        return bill_scale(self.secret_key, self.label(), CYCLE)

    @property
    def decryptor(self) -> BillDecryptor:
        return BillDecryptor(self.parameters, self.secret_key, self.label(), CYCLE)

    def sealer(self, label: Label | None = None) -> MeterSealer:
        return MeterSealer(
            self.parameters,
            self.label() if label is None else label,
            pad_key=self.pad_key,
            secret_key=self.secret_key,
            error_key=self.error_key,
        )

    def seal(self, values: Sequence[int] | NDArray[np.int64], label: Label | None = None) -> bytes:
        return self.sealer().seal(np.array(values), self.scale, self.label() if label is None else label)

    def pads(self, functional: Functional, labels: Sequence[Label]) -> bytes:
        [pad] = bill_pads(self.parameters, labels, self.pad_key, [functional])
        return pad

    def bill(self, reports: Sequence[bytes], functional: Functional, labels: Sequence[Label] | None = None) -> int:
        """By the honest."""
        held = [self.label()] if labels is None else labels
        [sealed] = bill_sums(reports, [functional])
        unmasking = Unmasking.of(self.parameters, held, functional)
        return self.decryptor.open_bill(sealed, self.pads(functional, held), unmasking)


def month(seed: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Reads and prices of a month of quarter hours."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 4000, QUARTERS), generator.choice(RATES, QUARTERS)
