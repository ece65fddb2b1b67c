"""The decryptor's side of a billing run: many meters under the same functionals, each as `BillDecryptor` opens it."""

from collections.abc import Sequence

import numpy as np

from wattseal.cryptosystems.ckks.bill_decryptor import Unmasking, accepted_value, received_number
from wattseal.cryptosystems.ckks.checks import require_own_labels
from wattseal.cryptosystems.ckks.parameters import CkksParameters
from wattseal.cryptosystems.ckks.polynomials import secret_sums
from wattseal.cryptosystems.ckks.scales import Cycle, bill_scales
from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.secret import Secret


class BatchDecryptor:
    """Opens the bills of meters of one region, key id and cycle."""

    def __init__(
        self,
        parameters: CkksParameters,
        secret_keys: Sequence[Secret],
        label: Label,
        meters: Sequence[str],
        cycle: Cycle,
    ) -> None:
        """Of the label, region and key id count."""
        if len(secret_keys) != len(meters):
            raise ParameterError(f"{len(secret_keys)} secret keys and {len(meters)} meters do not match")
        require_own_labels([label], parameters)
        self._label, self._keys, self._meters = label, secret_keys, meters
        self._scales = bill_scales(secret_keys, label, meters, cycle)

    def open_bills(
        self, sealed: Sequence[Sequence[bytes]], pads: Sequence[Sequence[bytes]], unmaskings: Sequence[Unmasking]
    ) -> list[list[int | None]]:
        """By meter and functional, the exact sum of values times prices, or None where one bill would not open.

        The same work for every one, whatever aggregator, unblinder or a statement can get wrong.
        """
        bounds = [unmasking.bound for unmasking in unmaskings]
        residues = np.stack([unmasking.residues for unmasking in unmaskings])
        secret = secret_sums(self._keys, self._label, self._meters, residues)
        return [
            [
                accepted_value(received := received_number(number, pad), received.unblinded + added, scale, bound)
                for number, pad, added, bound in zip(*of_meter, bounds, strict=True)
            ]
            for scale, *of_meter in zip(self._scales, sealed, pads, secret, strict=True)
        ]
