"""A half's secrets while it runs: the root of each key period, its signing key, and the decryptor's secret keys.

Roots move on: each period's follows from the one before, and once that was erased cannot be followed back.
"""

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Self

from nacl.signing import SigningKey

from wattseal.cryptosystems.backend import Backend
from wattseal.cryptosystems.ckks.batch_decryptor import BatchDecryptor
from wattseal.cryptosystems.ckks.parameters import CKKS_4096
from wattseal.cryptosystems.ckks.secret_sums import SecretSums
from wattseal.cryptosystems.interface import Decryptor
from wattseal.cryptosystems.pads.derive import Root
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.symmetric import MODULUS_IDS
from wattseal.edge.home import SERVICE, Home
from wattseal.keyserver.schemes import bills_decryptor_of, check_backend, decryptor_of, parameters_of
from wattseal.protocol.codec import Bytes, Bytes32, Many, Message
from wattseal.protocol.errors import KeyDestroyed, Rejected, UnknownSubject, UsageError
from wattseal.protocol.ids import HalfRole, KeyIdField, Role, Window, WindowField
from wattseal.protocol.keys import KeyNotice

VAULT = "vault"
FIRST_PERIOD = 1
Windows = tuple[Window, Window]


class _SealedPeriod(Message):
    """`root` and `secret_key` are null once destroyed. Only the decryptor knows windows, and may have a key."""

    period: KeyIdField
    windows: tuple[WindowField, WindowField] | None
    root: Bytes32 | None
    secret_key: Bytes | None


class _Sealed(Message):
    """The file's content before sealing; periods in order, one after the other."""

    role: HalfRole
    suite: int
    periods: Many[_SealedPeriod]


@dataclass(frozen=True)
class Period:
    """The secrets of one key period, whose number is also the key id of what is encrypted in it."""

    number: int
    root: Root | None
    secret_key: SecretKey | None = None
    windows: Windows | None = None

    @classmethod
    def first(cls, secret_key: SecretKey | None, windows: Windows | None) -> Self:
        return cls(FIRST_PERIOD, Root(Secret(secrets.token_bytes(32)), FIRST_PERIOD), secret_key, windows)

    def sealed(self) -> _SealedPeriod:
        return _SealedPeriod(
            period=self.number,
            windows=self.windows,
            root=None if self.root is None else self.root.secret.expose(),
            secret_key=None if self.secret_key is None else self.secret_key.to_bytes(),
        )


class Vault:
    """`keep` makes the content durable before a change counts."""

    def __init__(
        self,
        role: HalfRole,
        signing_key: SigningKey,
        suite: int,
        periods: Iterable[Period],
        keep: Callable[[bytes], None],
        backend: Backend = Backend.OURS,
    ) -> None:
        self.role = role
        self.signing_key = signing_key
        self.suite = suite
        self._periods = {period.number: period for period in periods}
        self._keep = keep
        self._backend = backend
        self._secret_sums = SecretSums(CKKS_4096)
        self._one_at_a_time = threading.Lock()

    @classmethod
    def create(cls, home: Home, role: HalfRole, suite: int, windows: Windows | None = None) -> Self:
        """Fresh secrets, sealed into the home. Raises UnknownSubject for a suite that is not offered."""
        first = Period.first(_fresh_key(role, suite), windows)
        vault = cls(role, home.signing_key(SERVICE), suite, [first], _keeper(home))
        vault._seal(vault._periods)
        return vault

    @classmethod
    def open(cls, home: Home, role: HalfRole, backend: Backend = Backend.OURS) -> Self:
        """Raises UsageError for a wrong passphrase, an altered file, the other half's home, or as `check_backend`."""
        content = _Sealed.from_bytes(home.read_secret(VAULT))
        if content.role is not role:
            raise UsageError(f"{home.directory} belongs to the {content.role}")
        check_backend(backend, content.suite)
        periods = (_opened(period, content.suite) for period in content.periods)
        return cls(role, home.signing_key(SERVICE), content.suite, periods, _keeper(home), backend)

    @property
    def latest(self) -> Period:
        return self._periods[max(self._periods)]

    @property
    def periods(self) -> list[Period]:
        """In order."""
        return [self._periods[number] for number in sorted(self._periods)]

    def root(self, number: int) -> Root:
        """Raises UnknownSubject for a period that has not begun here, KeyDestroyed."""
        if number not in self._periods:
            raise UnknownSubject(f"key period {number} is not this half's")
        root = self._periods[number].root
        if root is None:
            raise KeyDestroyed(f"the keys of period {number} were destroyed: nobody can open its reports any more")
        return root

    def secret_key(self, number: int) -> SecretKey:
        """Raises as `root`, and UsageError in the half, and under the scheme, that has none."""
        self.root(number)
        secret_key = self._periods[number].secret_key
        if secret_key is None:
            raise UsageError(f"the {self.role} of suite {self.suite} has no secret key")
        return secret_key

    def decryptor(self, number: int, layout_id: bytes) -> Decryptor:
        """Of one key period. Raises as `root`, and UnknownSubject for another layout."""
        self.root(number)
        return decryptor_of(self.suite, self._periods[number].secret_key, layout_id, self._backend, self._secret_sums)

    @property
    def bills_decryptor(self) -> type[BatchDecryptor]:
        return bills_decryptor_of(self._backend)

    def notice_of(self, period: Period) -> KeyNotice | None:
        """What the decryptor tells of a period; None of one that is destroyed or at the unblinder."""
        if period.windows is None or period.root is None:
            return None
        public_key = b"" if period.secret_key is None else period.secret_key.public.to_bytes()
        first, last = period.windows
        return KeyNotice(
            key_id=period.number, suite=self.suite, public_key=public_key, first_window=first, last_window=last
        )

    def following(self, number: int, windows: Windows | None) -> Period:
        """Secrets for the period after the latest, kept nowhere yet: making a key takes seconds. Raises Rejected."""
        latest = self.latest
        if number != latest.number + 1:
            raise Rejected(f"the latest key period is {latest.number}, so {number} cannot begin")
        root = self.root(latest.number).next()
        return Period(latest.number + 1, root, _fresh_key(self.role, self.suite), windows)

    def begin(self, period: Period) -> None:
        """Keep the secrets of the period that follows. Raises Rejected if another one came first."""
        with self._one_at_a_time:
            if period.number != self.latest.number + 1:
                raise Rejected(f"key period {period.number} has begun already")
            self._seal({**self._periods, period.number: period})

    def destroy(self, number: int) -> None:
        """Erase a period's secrets for good; again: no change.

        Raises UnknownSubject; Rejected for the latest period, whose root the next one needs, and for one after a period
        that is not destroyed, from whose root it could be computed again.
        """
        with self._one_at_a_time:
            if number not in self._periods:
                raise UnknownSubject(f"key period {number} is not this half's")
            if number == self.latest.number:
                raise Rejected(f"key period {number} is the latest: begin the next one first")
            kept = [period.number for period in self.periods if period.number < number and period.root is not None]
            if kept:
                raise Rejected(f"the root of period {kept[0]} leads to that of period {number}: destroy it first")
            erased = replace(self._periods[number], root=None, secret_key=None)
            self._seal({**self._periods, number: erased})
            self._secret_sums.forget()

    def _seal(self, periods: dict[int, Period]) -> None:
        content = _Sealed(
            role=self.role, suite=self.suite, periods=tuple(periods[number].sealed() for number in sorted(periods))
        )
        self._keep(content.to_bytes())
        # Replaced, not changed: other threads may be reading it.
        self._periods = periods


def _fresh_key(role: HalfRole, suite: int) -> SecretKey | None:
    has_key = role is Role.DECRYPTOR and suite not in MODULUS_IDS
    return SecretKey.generate(parameters_of(suite)) if has_key else None


def _opened(period: _SealedPeriod, suite: int) -> Period:
    root = None if period.root is None else Root(Secret(period.root), period.period)
    encoded = period.secret_key
    secret_key = None if encoded is None else SecretKey.from_bytes(parameters_of(suite), encoded)
    return Period(period.period, root, secret_key, period.windows)


def _keeper(home: Home) -> Callable[[bytes], None]:
    return lambda content: home.replace_secret(VAULT, content)
