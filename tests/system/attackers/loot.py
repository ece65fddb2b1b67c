"""What two corrupt roles have: their directories, every report if the aggregator is one of them, and public data."""

import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from gmpy2 import mpz

from tests.system.forging import Arithmetic, RogueAggregator, RogueDecryptor, ciphertext_of, meters_of, role_directory
from wattseal.cryptosystems.paillier.decryptor import CrtDecryption
from wattseal.cryptosystems.paillier.encoder import Decoded, SlotEncoder
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.client import RoleClient
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.vault import Vault
from wattseal.protocol.ids import HalfRole, MeterId, Role, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import decode_report, unframe
from wattseal.protocol.roster import Roster
from wattseal.protocol.time import month_of
from wattseal.protocol.trust import TrustAnchors


class Loot:
    """Opens only what is in `directory`: there is nothing of the honest third."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.roster = Roster.from_bytes(self._read("roster"))
        self.notice = KeyNotice.from_bytes(self._read("notice"))
        self.trust = TrustAnchors.from_bytes(self._read("trust"))
        self.windows = [Window(window) for window in json.loads(self._read("windows"))]
        self.arithmetic = Arithmetic(self.notice)

    def _read(self, name: str) -> bytes:
        return (self._directory / name).read_bytes()

    def token(self, role: Role) -> str:
        """A collector's."""
        return self._read(f"{role}.token").decode()

    def connection(self, role: Role) -> RoleClient:
        """As a collector."""
        return RoleClient(json.loads(self._read("urls"))[role], self.token(role))

    def home(self, role: Role) -> Home:
        return Home(*role_directory(self._directory, role))

    def vault(self, role: HalfRole) -> Vault:
        return Vault.open(self.home(role), role)

    @cached_property
    def bodies(self) -> dict[tuple[Window, MeterId], bytes]:
        bodies = list(unframe(self._read("reports"), 10_000))
        headers = [decode_report(body).header for body in bodies]
        return {(header.window, header.meter): body for header, body in zip(headers, bodies, strict=True)}

    def ciphertexts(self, cohort: str, window: Window) -> dict[MeterId, bytes]:
        """Of those of the cohort who reported."""
        members = meters_of(self.roster, cohort)
        return {meter: ciphertext_of(self.bodies[window, meter]) for meter in members if (window, meter) in self.bodies}

    @cached_property
    def rogue_aggregator(self) -> RogueAggregator:
        return RogueAggregator(self.home(Role.AGGREGATOR).signing_key(SERVICE), self.notice)

    @cached_property
    def rogue_decryptor(self) -> RogueDecryptor:
        return RogueDecryptor(
            self.home(Role.DECRYPTOR).signing_key(SERVICE),
            self.trust,
            self.connection(Role.DECRYPTOR),
            self.connection(Role.UNBLINDER),
            self.token(Role.UNBLINDER),
            lambda: self.check_key_ids,
        )

    @cached_property
    def check_key_ids(self) -> dict[str, bytes]:
        """By month: no secret, either half knows them."""
        return {month: bytes.fromhex(text) for month, text in json.loads(self._read("check-key-ids")).items()}

    def check_key_id(self, window: Window) -> bytes:
        return self.check_key_ids[month_of(window)]


class Opening:
    """The decryptor's secret key in its operator's own hands: opens anything, checks nothing."""

    def __init__(self, vault: Vault) -> None:
        self._decrypt = CrtDecryption(vault.secret_key(1))
        self._n = vault.secret_key(1).public.n
        self._encoder = SlotEncoder(DEFAULT_LAYOUTS[15], PAILLIER_3072)

    def blinded(self, ciphertext: bytes) -> int:
        return int(self._decrypt(mpz(int.from_bytes(ciphertext, "little"))))

    def slots(self, blinded: int, pad_sum: int) -> Decoded:
        return self._encoder.decode([mpz((blinded - pad_sum) % self._n)])[0]

    def looks_like_reads(self, blinded: int, pad_sum: int) -> bool:
        """Whether it is a plaintext at all: zeros above the check slot, and somebody was counted."""
        slots = self.slots(blinded, pad_sum)
        return not slots.above and sum(slots.buckets) == slots.members


def open_loot() -> Loot:
    return Loot(Path(sys.argv[1]))


def tell(findings: dict[str, Any]) -> None:
    print(json.dumps(findings))  # noqa: T201 - the test reads this
