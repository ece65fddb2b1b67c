"""From a key notice to the public arithmetic of its scheme; the only place of the aggregator that names one."""

from wattseal.cryptosystems.errors import ParameterError
from wattseal.cryptosystems.interface import Evaluator
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.layout import LAYOUTS_BY_ID, SlotLayout
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.protocol.errors import MalformedMessage, UnknownSubject
from wattseal.protocol.ids import Suite
from wattseal.protocol.keys import KeyNotice


def check_notice(notice: KeyNotice) -> None:
    """Raises UnknownSubject for another suite, MalformedMessage for bytes that are no key of it."""
    if notice.suite != Suite.MASKING:
        _public_key_of(notice)
    elif notice.public_key:
        raise MalformedMessage(f"key {notice.key_id}: masking has no public key")


def evaluator_of(notice: KeyNotice, layout_id: bytes) -> Evaluator:
    """Raises as `check_notice`, and UnknownSubject for another layout."""
    if notice.suite == Suite.MASKING:
        return MaskingEvaluator(MaskingParameters(layout_of(layout_id)))
    return PaillierEvaluator(_public_key_of(notice))


def _public_key_of(notice: KeyNotice) -> PublicKey:
    if notice.suite not in PARAMETERS_BY_SUITE:
        raise UnknownSubject(f"suite {notice.suite} is not known here")
    try:
        return PublicKey.from_bytes(PARAMETERS_BY_SUITE[notice.suite], notice.public_key)
    except ParameterError as error:
        raise MalformedMessage(f"key {notice.key_id}: {error}") from None


def layout_of(layout_id: bytes) -> SlotLayout:
    """Raises UnknownSubject."""
    if layout_id not in LAYOUTS_BY_ID:
        raise UnknownSubject(f"layout {layout_id.hex()} is not known here")
    return LAYOUTS_BY_ID[layout_id]
