"""Running a service: where it may listen, how it says that it is ready, and when it stops."""

import gc
import os
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from wattseal.edge.addresses import is_loopback
from wattseal.edge.connections import BoundedHeads
from wattseal.protocol.errors import UsageError, WattsealError


@dataclass(frozen=True)
class Listen:
    """Address of a service. Without a certificate it must be a loopback one; port 0 takes a free port."""

    host: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise UsageError("a TLS certificate and its key are given together")
        if self.certificate is None and not is_loopback(self.host):
            raise UsageError(f"{self.host} is not a loopback address: give --tls-certificate and --tls-key")


class _AnnouncingServer(uvicorn.Server):
    """Prints `ready URL` on standard output once it listens; stops at once if the application could not start."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if _failure(self.config) is not None:
            self.should_exit = True
        elif self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            scheme = "https" if self.config.is_ssl else "http"
            host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
            print(f"ready {scheme}://{host}:{port}", flush=True)  # noqa: T201 - the parent process reads this


def serve(app: FastAPI, listen: Listen, *, until_stdin_closes: bool) -> None:
    """Serve until a signal, or until standard input closes: the way a parent process keeps no orphans.

    Raises UsageError for a certificate that does not load and an address that cannot be listened on, and what the
    application's lifespan left as `app.state.failure` when it could not start.
    """
    config = uvicorn.Config(
        app,
        host=listen.host,
        ssl_certfile=listen.certificate,
        ssl_keyfile=listen.key,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=512,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    try:
        config.load()
    except OSError as error:
        raise UsageError(f"{listen.certificate} with {listen.key}: {error.strerror}") from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    keep_for_good()
    with _bound(listen) as listener:
        server = _AnnouncingServer(config)
        if until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run([listener])
    failure = _failure(config)
    if failure is not None:
        raise failure


def keep_for_good() -> None:
    """What is loaded now, rosters above all, stays: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def _failure(config: uvicorn.Config) -> WattsealError | None:
    assert isinstance(config.app, FastAPI)  # noqa: S101 - `serve` was given one
    failure: WattsealError | None = getattr(config.app.state, "failure", None)
    return failure


def _bound(listen: Listen) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen on {listen.host} port {listen.port}: {error}") from None


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True
