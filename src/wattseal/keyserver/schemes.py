"""From a suite and a layout to the objects that open it; the only place of the key server that names a scheme.

With the reference backend, python-paillier decrypts one number a chunk that passed our door again here, never bytes.
It holds the primes meanwhile, and its exponentiation takes a time that depends on them: `docs/parameters.md`. The
unblinder only adds pads, so its code is the same.
"""

from wattseal.cryptosystems.backend import Backend, require_backend
from wattseal.cryptosystems.errors import BackendError, ParameterError
from wattseal.cryptosystems.interface import Decryptor, Unblinder
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.parameters import MODULUS_ID as MASKING_MODULUS_ID
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.masking.unblinder import MaskingUnblinder
from wattseal.cryptosystems.pads.label import Label
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PARAMETERS_BY_SUITE, PaillierParameters
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.cryptosystems.paillier.reference.decryptor import ReferenceDecryptor
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.slots.layout import SlotLayout
from wattseal.cryptosystems.slots.offered import LAYOUTS_BY_ID
from wattseal.protocol.errors import MalformedMessage, UnknownSubject, UsageError
from wattseal.protocol.ids import Kind, MeterId, Suite
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.statement import TotalStatement
from wattseal.protocol.time import window_minutes


def parameters_of(suite: int) -> PaillierParameters:
    """Raises UnknownSubject."""
    if suite not in PARAMETERS_BY_SUITE:
        raise UnknownSubject(f"suite {suite} is not known here")
    return PARAMETERS_BY_SUITE[suite]


def layout_of(layout_id: bytes) -> SlotLayout:
    """Raises UnknownSubject."""
    if layout_id not in LAYOUTS_BY_ID:
        raise UnknownSubject(f"layout {layout_id.hex()} is not known here")
    return LAYOUTS_BY_ID[layout_id]


def public_key_of(notice: KeyNotice) -> PublicKey:
    """Raises UnknownSubject for another suite, MalformedMessage for bytes that are no key of it."""
    try:
        return PublicKey.from_bytes(parameters_of(notice.suite), notice.public_key)
    except ParameterError as error:
        raise MalformedMessage(f"key {notice.key_id}: {error}") from None


def modulus_id_of(notice: KeyNotice) -> bytes:
    """What labels name the modulus by. Raises UnknownSubject or MalformedMessage for a notice that cannot be used."""
    if notice.suite != Suite.MASKING:
        return public_key_of(notice).modulus_id
    if notice.public_key:
        raise MalformedMessage(f"key {notice.key_id}: masking has no public key")
    return MASKING_MODULUS_ID


def check_backend(backend: Backend, suite: int) -> None:
    """Raises UsageError, naming the option, for a suite that has no such backend or a library that is missing."""
    try:
        require_backend(backend, suite)
    except BackendError as error:
        raise UsageError(f"--backend {backend}: {error}") from None


def unblinder_of(notice: KeyNotice, layout_id: bytes) -> Unblinder:
    """Raises UnknownSubject for a layout that is not known or not one of the suite's."""
    if notice.suite == Suite.MASKING:
        return MaskingUnblinder(_masking(layout_id))
    return PaillierUnblinder(public_key_of(notice), layout_of(layout_id))


def decryptor_of(secret_key: SecretKey | None, layout_id: bytes, backend: Backend) -> Decryptor:
    """Masking is what has no secret key of its own: its keys are the meters'. Raises as `unblinder_of`."""
    if secret_key is None:
        return MaskingDecryptor(_masking(layout_id))
    decryptor = PaillierDecryptor if backend is Backend.OURS else ReferenceDecryptor
    return decryptor(secret_key, layout_of(layout_id))


def _masking(layout_id: bytes) -> MaskingParameters:
    """Raises UnknownSubject, also for a layout whose sums masking has no room for."""
    try:
        return MaskingParameters(layout_of(layout_id))
    except ParameterError as error:
        raise UnknownSubject(f"masking has no layout {layout_id.hex()} ({error})") from None


def labels_of(
    statement: TotalStatement, members: dict[MeterId, int], modulus_id: bytes, check_key: bytes
) -> list[Label]:
    """The label of each member's report, in the order of `members`; `check_key` is the id of the month's."""
    start, end = window_minutes(statement.window)
    return [
        Label(
            suite=statement.suite,
            modulus_id=modulus_id,
            region=statement.region,
            meter=meter,
            kind=Kind.DAILY,
            channel=statement.channel.code,
            start=start,
            end=end,
            key_id=statement.key_id,
            number=number,
            check_key_id=check_key,
        )
        for meter, number in members.items()
    ]
