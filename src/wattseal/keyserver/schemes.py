"""From a suite and a layout to the objects that open it; the only place of the key server that names a scheme.

With the reference backend, python-paillier decrypts one number a chunk that passed our door again here, never bytes.
It holds the primes meanwhile, and its exponentiation takes a time that depends on them: `docs/parameters.md`. SEAL
decrypts a CKKS total likewise, and holds the members' summed secrets; of bills, each meter's own. The unblinder only
adds pads, so its code is the same.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from wattseal.cryptosystems.backend import Backend, require_backend
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.reference.batch_decryptor import SealBatchDecryptor
from wattseal.cryptosystems.ckks.reference.decryptor import SealDecryptor
from wattseal.cryptosystems.ckks.secret_sums import SecretSums
from wattseal.cryptosystems.ckks.unblinder import CkksUnblinder
from wattseal.cryptosystems.errors import BackendError, ParameterError
from wattseal.cryptosystems.interface import Decryptor, Unblinder
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
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
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.protocol.errors import MalformedMessage, UnknownSubject, UsageError
from wattseal.protocol.ids import Channel, Kind, MeterId, RegionId, Suite, Window
from wattseal.protocol.keys import KeyNotice
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
    if notice.suite not in MODULUS_IDS:
        return public_key_of(notice).modulus_id
    if notice.public_key:
        raise MalformedMessage(f"key {notice.key_id}: suite {notice.suite} has no public key")
    return MODULUS_IDS[notice.suite]


def check_backend(backend: Backend, suite: int) -> None:
    """Raises UsageError, naming the option, for a suite that has no such backend or a library that is missing."""
    try:
        require_backend(backend, suite)
        require_backend(backend, Suite.CKKS)  # of bills, whatever the suite of totals
    except BackendError as error:
        raise UsageError(f"--backend {backend}: {error}") from None


def unblinder_of(notice: KeyNotice, layout_id: bytes) -> Unblinder:
    """Raises UnknownSubject for a layout that is not known or not one of the suite's."""
    layout = layout_of(layout_id)
    with _fitting(notice.suite, layout_id):
        match notice.suite:
            case Suite.CKKS:
                return CkksUnblinder(CKKS_4096, coefficient_count(CKKS_4096, layout))
            case Suite.MASKING:
                return MaskingUnblinder(MaskingParameters(layout))
    return PaillierUnblinder(public_key_of(notice), layout)


def decryptor_of(
    suite: int, secret_key: SecretKey | None, layout_id: bytes, backend: Backend, sums: SecretSums | None = None
) -> Decryptor:
    """Only Paillier has a secret key of its own: the others' are the meters', and CKKS keeps sums of them.

    Raises as `unblinder_of`.
    """
    layout = layout_of(layout_id)
    with _fitting(suite, layout_id):
        match suite:
            case Suite.CKKS:
                return (CkksDecryptor if backend is Backend.OURS else SealDecryptor)(CKKS_4096, layout, sums)
            case Suite.MASKING:
                return MaskingDecryptor(MaskingParameters(layout))
    if secret_key is None:
        raise UnknownSubject(f"suite {suite} opens nothing without a secret key")
    decryptor = PaillierDecryptor if backend is Backend.OURS else ReferenceDecryptor
    return decryptor(secret_key, layout)


def bills_decryptor_of(backend: Backend) -> type[BatchDecryptor]:
    """Bills are under CKKS, whatever the suite of totals."""
    return BatchDecryptor if backend is Backend.OURS else SealBatchDecryptor


@contextmanager
def _fitting(suite: int, layout_id: bytes) -> Iterator[None]:
    try:
        yield
    except ParameterError as error:
        raise UnknownSubject(f"suite {suite} has no layout {layout_id.hex()} ({error})") from None


def day_label(
    notice: KeyNotice, modulus_id: bytes, region: RegionId, channel: Channel, window: Window, check_key: bytes
) -> Label:
    """What the labels of a day's reports have in common, without meter and number; `check_key` is the month's id."""
    start, end = window_minutes(window)
    return Label(
        suite=notice.suite,
        modulus_id=modulus_id,
        region=region,
        meter="",
        kind=Kind.DAILY,
        channel=channel.code,
        start=start,
        end=end,
        key_id=notice.key_id,
        number=0,
        check_key_id=check_key,
    )


def labels_of(day: Label, reports: Iterable[tuple[MeterId, int]]) -> list[Label]:
    """Of the day's reports of these meters, under these numbers."""
    return [day._replace(meter=meter, number=number) for meter, number in reports]
