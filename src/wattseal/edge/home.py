"""A service's data directory: keys sealed under its passphrase, tokens, trust anchors, installed rosters."""

from pathlib import Path

from nacl.signing import SigningKey

from wattseal.edge.access import Scope, Tokens
from wattseal.edge.private_files import (
    private_directory,
    read_passphrase,
    read_private,
    read_sealed,
    wiping,
    write_private,
    write_sealed,
)
from wattseal.edge.registry import CheckKey, Registry
from wattseal.edge.rosters import ROWS_IN_MEMORY
from wattseal.protocol.codec import to_base64
from wattseal.protocol.errors import UsageError
from wattseal.protocol.time import Clock
from wattseal.protocol.trust import TrustAnchors

SERVICE, OPERATOR = "service", "operator"


def home_directory(directory: Path) -> Path:
    """Raises UsageError if it is missing or open to others."""
    if not directory.is_dir():
        raise UsageError(f"{directory} is not a directory: run init first")
    return private_directory(directory)


class Home:
    """`service` and `operator` are the names of two signing keys: the running one's, and its operator's own."""

    def __init__(self, directory: Path, passphrase_file: Path) -> None:
        """Raises UsageError if the directory or the file is missing, or open to others."""
        self.directory = home_directory(directory)
        self._passphrase = read_passphrase(passphrase_file)

    @classmethod
    def create(cls, directory: Path, passphrase_file: Path) -> "Home":
        """A home with fresh signing keys and tokens. Raises UsageError if the directory holds one already."""
        home = cls(private_directory(directory), passphrase_file)
        if (directory / "tokens.json").exists():
            raise UsageError(f"{directory} was initialized before")
        for name in (SERVICE, OPERATOR):
            home.write_secret(f"{name}-key", bytes(SigningKey.generate()))
        handed_out = private_directory(directory / "tokens")
        for scope, token in Tokens.create(directory / "tokens.json").items():
            write_private(handed_out / scope, token.encode())
        return home

    def write_secret(self, name: str, secret: bytes) -> None:
        write_sealed(self.directory / f"{name}.sealed", secret, self._passphrase)

    def replace_secret(self, name: str, secret: bytes) -> None:
        """In one step. What was there is overwritten where it lay, as far as the disk lets anybody do that."""
        path = self.directory / f"{name}.sealed"
        with wiping(path):
            write_sealed(path, secret, self._passphrase)

    def read_secret(self, name: str) -> bytes:
        return read_sealed(self.directory / f"{name}.sealed", self._passphrase)

    def signing_key(self, name: str) -> SigningKey:
        return SigningKey(self.read_secret(f"{name}-key"))

    def public_keys(self) -> dict[str, str]:
        """What the other operators pin: both verification keys as base64url."""
        return {name: to_base64(bytes(self.signing_key(name).verify_key)) for name in (SERVICE, OPERATOR)}

    def tokens(self) -> Tokens:
        return Tokens.load(self.directory / "tokens.json")

    def token(self, scope: Scope) -> str:
        """One of the tokens that `create` left to be handed out. Raises UsageError once it was moved away."""
        return read_private(self.directory / "tokens" / scope).decode()

    def trust(self) -> TrustAnchors:
        """Raises UsageError until the operator has pinned the others' keys."""
        path = self.directory / "trust.json"
        if not path.exists():
            raise UsageError(f"{path} is missing: pin the public keys of the other roles first")
        return TrustAnchors.parse(path.read_bytes())

    def registry(
        self,
        trust: TrustAnchors,
        clock: Clock,
        *,
        replay: bool,
        least_change: int,
        check_key: CheckKey,
        rows_in_memory: int = ROWS_IN_MEMORY,
    ) -> Registry:
        return Registry(
            private_directory(self.directory / "registry"),
            trust,
            clock,
            replay=replay,
            least_change=least_change,
            check_key=check_key,
            rows_in_memory=rows_in_memory,
        )
