"""A half's secrets while it runs: its root, its signing key, and the decryptor's secret key."""

import secrets
from dataclasses import dataclass
from typing import Self

from nacl.signing import SigningKey

from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.interface import Decryptor
from wattseal.cryptosystems.pads.derive import Root
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.schemes import check_backend, decryptor_of, parameters_of
from wattseal.protocol.codec import Bytes, Bytes32, Message
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import HalfRole, KeyIdField, Role

_NAME = "vault"


class _Sealed(Message):
    """The file's content before sealing. `secret_key` is the decryptor's alone, and only Paillier has one."""

    role: HalfRole
    root: Bytes32
    period: KeyIdField
    suite: int
    secret_key: Bytes | None


@dataclass(frozen=True)
class Vault:
    """The key period is also the key id of what is encrypted in it."""

    role: HalfRole
    root: Root
    signing_key: SigningKey
    suite: int
    _secret_key: SecretKey | None
    _backend: Backend = Backend.OURS

    @classmethod
    def create(cls, home: Home, role: HalfRole, suite: int) -> Self:
        """Fresh secrets, sealed into the home. Raises UnknownSubject for a suite that is not offered."""
        has_key = role is Role.DECRYPTOR and suite not in MODULUS_IDS
        secret_key = SecretKey.generate(parameters_of(suite)) if has_key else None
        vault = cls(role, Root(Secret(secrets.token_bytes(32)), 1), home.signing_key(SERVICE), suite, secret_key)
        content = _Sealed(
            role=role,
            root=vault.root.secret.expose(),
            period=vault.root.period,
            suite=suite,
            secret_key=None if secret_key is None else secret_key.to_bytes(),
        )
        home.write_secret(_NAME, content.to_bytes())
        return vault

    @classmethod
    def open(cls, home: Home, role: HalfRole, backend: Backend = Backend.OURS) -> Self:
        """Raises UsageError for a wrong passphrase, an altered file, the other half's home, or as `check_backend`."""
        content = _Sealed.from_bytes(home.read_secret(_NAME))
        if content.role is not role:
            raise UsageError(f"{home.directory} belongs to the {content.role}")
        check_backend(backend, content.suite)
        encoded = content.secret_key
        secret_key = None if encoded is None else SecretKey.from_bytes(parameters_of(content.suite), encoded)
        root = Root(Secret(content.root), content.period)
        return cls(role, root, home.signing_key(SERVICE), content.suite, secret_key, backend)

    @property
    def secret_key(self) -> SecretKey:
        """Raises UsageError in the half, and under the scheme, that has none."""
        if self._secret_key is None:
            raise UsageError(f"the {self.role} of suite {self.suite} has no secret key")
        return self._secret_key

    def public_key(self) -> bytes:
        """For the key notice; empty under a scheme without one."""
        return b"" if self._secret_key is None else self._secret_key.public.to_bytes()

    def decryptor(self, layout_id: bytes) -> Decryptor:
        """Raises UnknownSubject for another layout."""
        return decryptor_of(self.suite, self._secret_key, layout_id, self._backend)
