"""From a data directory to a running half: what `init` makes and `serve` opens."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from wattseal.cryptosystems.backend import Backend
from wattseal.edge.client import RoleClient
from wattseal.edge.home import Home
from wattseal.edge.keepers import Keeper, doing
from wattseal.edge.private_files import sole_use, write_private
from wattseal.keyserver.app import RemotePads, decryptor_app, unblinder_app
from wattseal.keyserver.decryptor import DecryptorService
from wattseal.keyserver.half import Half
from wattseal.keyserver.ledger import Ledger
from wattseal.keyserver.periods import KeyPeriods
from wattseal.keyserver.preparing import PreparingTags
from wattseal.keyserver.schemes import modulus_id_of
from wattseal.keyserver.unblinder import UnblinderService
from wattseal.keyserver.vault import Vault
from wattseal.policy.pack import named_policy
from wattseal.protocol.errors import UsageError
from wattseal.protocol.ids import HalfRole, Role
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import parse_window, system_clock

_STOPPING_TAKES_S = 15.0
_CHECKPOINT_EVERY_S = 600.0
_LOOK_EVERY_S = 10.0


@dataclass(frozen=True)
class HalfOptions:
    """How a half is served; `unblinder_url` is the decryptor's alone."""

    passphrase_file: Path
    policy: str | None
    replay: bool
    unblinder_url: str | None
    backend: Backend
    roster_rows: int
    sum_ahead: bool


def create_half(
    data: Path, passphrase_file: Path, role: HalfRole, suite: int, first_window: str, last_window: str
) -> dict[str, str]:
    """Public keys of the new half. The decryptor also leaves its signed key notice in `key-notice.json`."""
    windows = parse_window(first_window), parse_window(last_window)
    home = Home.create(data, passphrase_file)
    vault = Vault.create(home, role, suite, windows if role is Role.DECRYPTOR else None)
    notice = vault.notice_of(vault.latest)
    if notice is not None:
        write_private(data / "key-notice.json", Envelope.issue(notice, vault.signing_key).to_bytes())
    return home.public_keys()


@contextmanager
def open_app(data: Path, role: str, options: HalfOptions) -> Iterator[FastAPI]:
    """The application of `decryptor`, `unblinder` or `both`; ledgers close with the context."""
    with ExitStack() as resources:
        if role == "both":
            unblinder = _open_unblinder(resources, data / "unblinder", options)
            half = _open_half(resources, data / "decryptor", Role.DECRYPTOR, options)
            decryptor = _open_decryptor(resources, half, unblinder, options)
            app = FastAPI(title="wattseal key server", docs_url=None, redoc_url=None, openapi_url=None)
            app.mount("/decryptor", decryptor_app(decryptor))
            app.mount("/unblinder", unblinder_app(unblinder))
        elif role == Role.UNBLINDER:
            app = unblinder_app(_open_unblinder(resources, data, options))
        else:
            half = _open_half(resources, data, Role.DECRYPTOR, options)
            app = decryptor_app(_open_decryptor(resources, half, _remote_pads(resources, options), options))
        yield app


def _open_unblinder(resources: ExitStack, data: Path, options: HalfOptions) -> UnblinderService:
    service = UnblinderService(_open_half(resources, data, Role.UNBLINDER, options))
    if options.sum_ahead:
        resources.enter_context(doing(service.preparing.look, _LOOK_EVERY_S, Keeper("summing pads ahead")))
    return service


def _open_decryptor(
    resources: ExitStack, half: Half, pads: UnblinderService | RemotePads, options: HalfOptions
) -> DecryptorService:
    service = DecryptorService(half, pads)
    if options.sum_ahead:
        preparing = PreparingTags(half, service.summing, pads)
        resources.enter_context(doing(preparing.look, _LOOK_EVERY_S, Keeper("summing tags ahead")))
    return service


def _open_half(resources: ExitStack, data: Path, role: HalfRole, options: HalfOptions) -> Half:
    home = Home(data, options.passphrase_file)
    # Of two processes on one ledger, neither would see what the other is about to grant.
    resources.enter_context(sole_use(data, _STOPPING_TAKES_S))
    trust = home.trust()
    ledger = resources.enter_context(Ledger(data / "ledger.sqlite"))
    ledger.verify_chain()
    policy = named_policy(options.policy)
    registry = home.registry(
        trust,
        system_clock,
        replay=options.replay,
        least_change=policy.least_change,
        check_key=modulus_id_of,
        rows_in_memory=options.roster_rows,
    )
    vault = Vault.open(home, role, options.backend)
    half = Half(vault, ledger, registry, policy, home.tokens(), trust, system_clock)
    KeyPeriods(half, system_clock).settle()
    resources.enter_context(_checkpoints_kept(ledger, half.checkpoints))
    return half


@contextmanager
def _checkpoints_kept(ledger: Ledger, keeper: Keeper) -> Iterator[None]:
    """Also of what is neither an intent nor released: at the beginning, at the end, and every few minutes."""
    ledger.checkpoint()
    try:
        with doing(lambda _: ledger.checkpoint(), _CHECKPOINT_EVERY_S, keeper):
            yield
    finally:
        ledger.checkpoint()


def _remote_pads(resources: ExitStack, options: HalfOptions) -> RemotePads:
    if options.unblinder_url is None:
        raise UsageError("the decryptor needs --unblinder-url")
    return RemotePads(resources.enter_context(RoleClient(options.unblinder_url)))
