"""From a key notice to the public arithmetic of its scheme; the only place of the aggregator that names one.

With the reference backend, python-paillier multiplies numbers that anyone may have sent: they have passed our codec,
their meter's signature and our door, and it never parses bytes or holds a secret here.
"""

from wattseal.cryptosystems.backend import Backend, require_backend
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.errors import BackendError, ParameterError
from wattseal.cryptosystems.interface import Evaluator
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.evaluator import ReferenceEvaluator
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.protocol.errors import MalformedMessage, UnknownSubject, UsageError
from wattseal.protocol.ids import Suite
from wattseal.protocol.keys import KeyNotice


def check_notice(notice: KeyNotice, backend: Backend) -> None:
    """Raises UnknownSubject for another suite, MalformedMessage for bytes that are no key of it.

    Raises UsageError for a suite that the backend does not have.
    """
    check_backend(backend, notice.suite)
    if notice.suite not in MODULUS_IDS:
        _public_key_of(notice)
    elif notice.public_key:
        raise MalformedMessage(f"key {notice.key_id}: suite {notice.suite} has no public key")


def check_backend(backend: Backend, suite: int) -> None:
    """Raises UsageError, naming the option."""
    try:
        require_backend(backend, suite)
    except BackendError as error:
        raise UsageError(f"--backend {backend}: {error}") from None


def evaluator_of(notice: KeyNotice, layout_id: bytes, backend: Backend) -> Evaluator:
    """Raises as `check_notice`, and UnknownSubject for a layout that is not known or not one of the suite's."""
    layout = layout_of(layout_id)
    try:
        match notice.suite:
            case Suite.CKKS:
                return CkksEvaluator(coefficient_count(CKKS_4096, layout))
            case Suite.MASKING:
                return MaskingEvaluator(MaskingParameters(layout))
    except ParameterError as error:
        raise UnknownSubject(f"suite {notice.suite} has no layout {layout_id.hex()} ({error})") from None
    evaluator = PaillierEvaluator if backend is Backend.OURS else ReferenceEvaluator
    return evaluator(_public_key_of(notice), layout)


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
