"""Our own lanes: each scheme through the code that the roles run, and the same reports without a lock."""

import secrets
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from nacl.signing import SigningKey

from wattseal.bench.lanes import (
    FEW_MEMBERS,
    INTERVALS,
    LAYOUT,
    Kind,
    Lane,
    Party,
    Prepared,
    Reads,
    Step,
    error_of,
    reads_of,
)
from wattseal.cryptosystems.ckks.decryptor import CkksDecryptor
from wattseal.cryptosystems.ckks.encoder import coefficient_count
from wattseal.cryptosystems.ckks.encryptor import CkksEncryptor
from wattseal.cryptosystems.ckks.evaluator import CkksEvaluator
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.unblinder import CkksUnblinder
from wattseal.cryptosystems.interface import Decryptor, Encryptor, Evaluator, MeterKeys, Unblinder
from wattseal.cryptosystems.masking.decryptor import MaskingDecryptor
from wattseal.cryptosystems.masking.encryptor import MaskingEncryptor
from wattseal.cryptosystems.masking.evaluator import MaskingEvaluator
from wattseal.cryptosystems.masking.parameters import MaskingParameters
from wattseal.cryptosystems.masking.unblinder import MaskingUnblinder
from wattseal.cryptosystems.paillier.decryptor import PaillierDecryptor
from wattseal.cryptosystems.paillier.encryptor import PaillierEncryptor
from wattseal.cryptosystems.paillier.evaluator import PaillierEvaluator
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.paillier.unblinder import PaillierUnblinder
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.meter_sim.sealing import label_of
from wattseal.protocol.ids import Channel, MeterId, RegionId, Suite
from wattseal.protocol.ids import Kind as ReportKind
from wattseal.protocol.report import Header, Report, decode_report, seal_report

REGION = RegionId("bench")
_KEY_ID = 1
_START, _END = 20_000 * 1_440, 20_001 * 1_440


class Locks:
    """All sides of one scheme, with the id that labels its modulus."""

    def __init__(
        self,
        suite: Suite,
        modulus_id: bytes,
        encryptor: Encryptor,
        evaluator: Evaluator,
        unblinder: Unblinder,
        decryptor: Decryptor,
    ) -> None:
        self.suite, self.modulus_id = suite, modulus_id
        self.encryptor, self.evaluator = encryptor, evaluator
        self.unblinder, self.decryptor = unblinder, decryptor


def paillier() -> Locks:
    secret_key = SecretKey.generate(PAILLIER_3072)
    public = secret_key.public
    return Locks(
        Suite.PAILLIER_3072,
        public.modulus_id,
        PaillierEncryptor(public, LAYOUT),
        PaillierEvaluator(public, LAYOUT),
        PaillierUnblinder(public, LAYOUT),
        PaillierDecryptor(secret_key, LAYOUT),
    )


def ckks() -> Locks:
    count = coefficient_count(CKKS_4096, LAYOUT)
    return Locks(
        Suite.CKKS,
        MODULUS_IDS[Suite.CKKS],
        CkksEncryptor(CKKS_4096, LAYOUT, _secret()),
        CkksEvaluator(count),
        CkksUnblinder(CKKS_4096, count),
        CkksDecryptor(CKKS_4096, LAYOUT),
    )


def masking() -> Locks:
    parameters = MaskingParameters(LAYOUT)
    return Locks(
        Suite.MASKING,
        MODULUS_IDS[Suite.MASKING],
        MaskingEncryptor(parameters),
        MaskingEvaluator(parameters),
        MaskingUnblinder(parameters),
        MaskingDecryptor(parameters),
    )


class Fleet:
    """Meters with a day of reads, identities, and keys of both halves."""

    def __init__(self, meters: int, suite: int, modulus_id: bytes) -> None:
        self.reads = reads_of(meters)
        self.identities = [SigningKey.generate() for _ in range(meters)]
        self.identity_keys = [identity.verify_key.encode() for identity in self.identities]
        check_key = _secret()
        self.keys = [MeterKeys(_secret(), _secret(), check_key) for _ in range(meters)]
        self.headers = [_header(suite, number) for number in range(meters)]
        self.labels = [label_of(header, modulus_id, check_key) for header in self.headers]

    def signed(self, contents: Sequence[bytes]) -> list[bytes]:
        sealed = zip(self.headers, contents, self.identities, strict=True)
        return [seal_report(header, content, identity) for header, content, identity in sealed]

    def verified(self, bodies: Sequence[bytes]) -> list[Report]:
        reports = [decode_report(body) for body in bodies]
        for report, key in zip(reports, self.identity_keys, strict=True):
            report.verify(key)
        return reports


class _Day:
    """One day's total under one scheme, step by step; each step finds what the one before it left."""

    def __init__(self, locks: Locks, meters: int) -> None:
        self.locks, self.fleet = locks, Fleet(meters, locks.suite, locks.modulus_id)
        self.ciphertexts = self.encrypt()
        self.bodies = self.fleet.signed(self.ciphertexts)

    def encrypt(self) -> list[bytes]:
        return self.locks.encryptor.encrypt(self.fleet.reads, self.fleet.labels, self.fleet.keys)

    def add(self) -> bytes:
        assert not self.locks.evaluator.malformed(self.ciphertexts)  # noqa: S101 - part of what is measured
        return self.locks.evaluator.sum_many(self.ciphertexts)

    def pad_sum(self) -> bytes:
        return self.locks.unblinder.pad_sum(self.fleet.labels, [key.pad_key for key in self.fleet.keys])

    @cached_property
    def sums(self) -> tuple[bytes, bytes]:
        return self.add(), self.pad_sum()

    def open(self) -> Sequence[int]:
        keys = self.fleet.keys
        tag_keys = [key.tag_key for key in keys]
        total = self.locks.decryptor.open_total(*self.sums, self.fleet.labels, tag_keys, keys[0].check_key)
        return total.reads

    def release(self) -> None:
        self.pad_sum()
        self.open()

    def prepared(self, few: "_Day") -> Prepared:
        fleet, meters = self.fleet, len(self.fleet.keys)
        steps = (
            Step(Party.METER, "pack, blind, encrypt", self.encrypt, meters),
            Step(Party.METER, "sign", lambda: fleet.signed(self.ciphertexts), meters),
            Step(Party.AGGREGATOR, "parse, verify signatures", lambda: fleet.verified(self.bodies), meters),
            Step(Party.AGGREGATOR, "check ciphertexts, add", self.add, meters),
            Step(Party.UNBLINDER, "add pads", self.pad_sum, meters),
            Step(Party.DECRYPTOR, "open, check", self.open, meters),
        )
        return Prepared(steps, _mean_bytes(self.bodies), error_of(self.open(), fleet.reads), few.release)


def _plain(meters: int) -> Prepared:
    """The same reports, signed, with two bytes a read in the clear: what is left if nothing is locked."""
    fleet = Fleet(meters, 0, b"")
    bodies = fleet.signed(_clear(fleet.reads))
    reports = fleet.verified(bodies)
    steps = (
        Step(Party.METER, "write down", lambda: _clear(fleet.reads), meters),
        Step(Party.METER, "sign", lambda: fleet.signed(_clear(fleet.reads)), meters),
        Step(Party.AGGREGATOR, "parse, verify signatures", lambda: fleet.verified(bodies), meters),
        Step(Party.AGGREGATOR, "add", lambda: _added(reports), meters),
    )
    return Prepared(steps, _mean_bytes(bodies), error_of(_added(reports).tolist(), fleet.reads))


def _clear(reads: Reads) -> list[bytes]:
    return [row.tobytes() for row in reads.astype("<u2")]


def _added(reports: Sequence[Report]) -> Reads:
    joined = b"".join(report.ciphertext for report in reports)
    added: Reads = np.frombuffer(joined, "<u2").reshape(-1, INTERVALS).sum(axis=0, dtype=np.int64)
    return added


def _lane(name: str, locks: Callable[[], Locks]) -> Lane:
    """The scheme's tables are built once, for all sizes."""
    made: list[Locks] = []

    def prepare(meters: int) -> Prepared:
        if not made:
            made.append(locks())
        return _Day(made[0], meters).prepared(_Day(made[0], FEW_MEMBERS))

    return Lane(name, Kind.SCHEME, prepare)


def own_lanes() -> list[Lane]:
    plain = Lane("plain", Kind.FLOOR, _plain, note="the same reports, signed, nothing encrypted")
    return [plain, _lane("masking", masking), _lane("ckks", ckks), _lane("paillier", paillier)]


def _header(suite: int, number: int) -> Header:
    return Header(
        suite=suite,
        kind=ReportKind.DAILY,
        channel=Channel.DELIVERED,
        key_id=_KEY_ID,
        layout_id=LAYOUT.layout_id,
        region=REGION,
        meter=MeterId(f"meter-{number:06}"),
        start=_START,
        end=_END,
        number=0,
    )


def _mean_bytes(bodies: Sequence[bytes]) -> float:
    return sum(map(len, bodies)) / len(bodies)


def _secret() -> Secret:
    return Secret(secrets.token_bytes(32))
