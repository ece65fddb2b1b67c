"""The decryptor's side of a billing run on SEAL, which knows no runs: one bill after the other."""

from collections.abc import Sequence

from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.reference.bill_decryptor import SealBillDecryptor
from wattseal.cryptosystems.ckks.scales import Cycle
from wattseal.cryptosystems.errors import VerificationFailed
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


class SealBatchDecryptor(BatchDecryptor):
    """What BatchDecryptor does."""

    def __init__(
        self,
        parameters: CkksParameters,
        secret_keys: Sequence[Secret],
        label: Label,
        meters: Sequence[str],
        cycle: Cycle,
    ) -> None:
        """Raises BackendError without TenSEAL."""
        super().__init__(parameters, secret_keys, label, meters, cycle)
        of_meters = zip(secret_keys, meters, strict=True)
        self._alone = [
            SealBillDecryptor(parameters, key, label._replace(meter=meter), cycle) for key, meter in of_meters
        ]

    def open_bills(
        self, sealed: Sequence[Sequence[bytes]], pads: Sequence[Sequence[bytes]], unmaskings: Sequence[Unmasking]
    ) -> list[list[int | None]]:
        return [
            [_opened(decryptor, *one) for one in zip(*of_meter, unmaskings, strict=True)]
            for decryptor, *of_meter in zip(self._alone, sealed, pads, strict=True)
        ]


def _opened(decryptor: SealBillDecryptor, sealed: bytes, pad: bytes, unmasking: Unmasking) -> int | None:
    try:
        return decryptor.open_bill(sealed, pad, unmasking)
    except VerificationFailed:
        return None
