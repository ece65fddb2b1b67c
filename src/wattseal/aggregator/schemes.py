"""From a key notice to the public arithmetic of its scheme; the only place of the aggregator that names one."""

from wattseal.cryptosystems.interface import Evaluator
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.layout import DEFAULT_LAYOUTS, SlotLayout
from wattseal.cryptosystems.paillier.parameters import INSECURE_2048, PAILLIER_3072
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.protocol.errors import UnknownSubject
from wattseal.protocol.keys import KeyNotice

_PARAMETERS = {parameters.suite: parameters for parameters in (PAILLIER_3072, INSECURE_2048)}
_LAYOUTS = {layout.layout_id: layout for layout in DEFAULT_LAYOUTS.values()}


def evaluator_of(notice: KeyNotice) -> Evaluator:
    """Raises UnknownSubject."""
    if notice.suite not in _PARAMETERS:
        raise UnknownSubject(f"suite {notice.suite} is not known here")
    return PaillierEvaluator(PublicKey.from_bytes(_PARAMETERS[notice.suite], notice.public_key))


def layout_of(layout_id: bytes) -> SlotLayout:
    """Raises UnknownSubject."""
    if layout_id not in _LAYOUTS:
        raise UnknownSubject(f"layout {layout_id.hex()} is not known here")
    return _LAYOUTS[layout_id]
