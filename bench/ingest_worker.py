"""The worker of `bench.ingest`, a process on one core: `CORE serve HOME STORE` or `CORE verify HOME BODY`."""

import hashlib
import os
import sys
import time
from pathlib import Path

from nacl._sodium import ffi, lib
from nacl.signing import SigningKey

from wattseal.aggregator.app import Parts, aggregator_app
from wattseal.aggregator.heads import HeadsSeen
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Tokens
from wattseal.edge.registry import Registry
from wattseal.edge.serving import Listen, serve
from wattseal.policy.pack import trial_policy
from wattseal.protocol.report import SIGNATURE_BYTES, decode_report, unframe
from wattseal.protocol.time import system_clock
from wattseal.protocol.trust import TrustAnchors

VERIFY_SECONDS = 3.0


def work() -> None:
    core, verb, home, last = sys.argv[1:]
    os.sched_setaffinity(0, {int(core)})
    if verb == "verify":
        _verify(Path(home), Path(last))
    else:
        _serve(Path(home), last)


def _trust(home: Path) -> TrustAnchors:
    return TrustAnchors.parse((home / "trust.json").read_bytes())


def _registry(home: Path) -> Registry:
    return Registry(home / "registry", _trust(home), lambda: 0.0, replay=True, least_change=1, check_key=lambda _: None)


def _serve(home: Path, store: str) -> None:
    parts = Parts(
        store_url=store,
        segments=home / "segments",
        archive=home / "archive",
        allow_loss=False,
        registry=_registry(home),
        tokens=Tokens.load(home / "tokens.json"),
        policy=trial_policy(),
        signing_key=SigningKey.generate(),
        clock=system_clock,
        grace_hours=None,
        horizon_days=None,
        heads=HeadsSeen(home / "heads.json", _trust(home)),
        backend=Backend.OURS,
    )
    serve(aggregator_app(parts), Listen(), until_stdin_closes=True)


def _verify(home: Path, body: Path) -> None:
    """Microseconds of processor time for one signature, libsodium being called with everything at hand."""
    book = _registry(home).rosters
    (roster,) = map(book.named, book.fingerprints())
    prepared = []
    for encoded in unframe(body.read_bytes(), 10_000):
        report = decode_report(encoded)
        header = encoded[: -SIGNATURE_BYTES - len(report.ciphertext)]
        signed = b"wattseal/1 report\0" + header + hashlib.sha256(report.ciphertext).digest()
        whole = report.signature + signed
        prepared.append((whole, len(whole), roster.by_meter[report.header.meter].identity_key))
    message, size = ffi.new("unsigned char[]", 1024), ffi.new("unsigned long long *")
    started, done = time.process_time(), 0
    while time.process_time() < started + VERIFY_SECONDS:
        for each in prepared:
            assert lib.crypto_sign_open(message, size, *each) == 0
        done += len(prepared)
    print((time.process_time() - started) / done * 1e6, flush=True)


if __name__ == "__main__":
    work()
