"""Reports taken in by one core, every one new and on disk before its answer, beside verifying their signatures alone.

The worker has a core to itself, the store and the sender share another one. `python -m bench.ingest [--quick]`; where a
machine is shared, the processor's time is the fairer measure, so both are given.
"""

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from nacl.signing import SigningKey

from bench.processes import processor_seconds_of
from wattseal.aggregator.valkey import Supervisor
from wattseal.cryptosystems.paillier.keys import SecretKey
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Scope, Tokens
from wattseal.edge.private_files import private_directory, write_private
from wattseal.protocol.ids import Channel, CohortId, Kind, MeterId, RegionId, Suite, Window
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.report import Header, frame, seal_report
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.time import parse_window, window_minutes
from wattseal.protocol.trust import TrustAnchors

METERS, REPORTS_A_BODY, SENDERS = 16_000, 1_000, 3
READS_A_REPORT: Final = 96
FIRST: Final = parse_window("2026-01-01")
REGION: Final = RegionId("north")
LAYOUT: Final = DEFAULT_LAYOUTS[15]
WORKER_CORE, OTHER_CORE = 0, 1
MOST_A_SECOND = 17_000
_OPERATORS = ("utility", "aggregator_operator", "unblinder_operator", "aggregator", "decryptor", "unblinder")


class Ingest(NamedTuple):
    """Of one run: how many reports, in how long, and what one report and one signature cost the worker's processor."""

    reports: int
    wall_s: float
    report_us: float
    signature_us: float

    @property
    def a_second(self) -> float:
        return self.reports / self.wall_s

    @property
    def share(self) -> float:
        """Of what verifying signatures alone allows."""
        return self.signature_us / self.report_us


class Town(NamedTuple):
    """Meters with their identity keys, and a home of an aggregator that knows them."""

    home: Path
    notice: KeyNotice
    identities: Sequence[SigningKey]
    token: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest")
    parser.add_argument("--quick", action="store_true", help="10 seconds instead of 60")
    found = measure(10.0 if parser.parse_args().quick else 60.0)
    print(
        f"{found.reports:,} new reports in {found.wall_s:.1f} s: {found.a_second:,.0f} a second, "
        f"{found.a_second * READS_A_REPORT:,.0f} reads a second"
    )
    print(
        f"processor of the worker: {found.report_us:.1f} us a report, of which {found.signature_us:.1f} us the "
        f"signature: {found.share:.0%} of what verifying alone allows"
    )


def measure(seconds: float) -> Ingest:
    """One run on fresh keys and an empty store."""
    with tempfile.TemporaryDirectory(prefix="wattseal-bench-") as directory:
        town = make_town(private_directory(Path(directory) / "home"))
        bodies = list(islice(framed(town), int(seconds * MOST_A_SECOND) // REPORTS_A_BODY))
        return asyncio.run(_measure(town, bodies, seconds))


async def _measure(town: Town, bodies: list[bytes], seconds: float) -> Ingest:
    os.sched_setaffinity(0, {OTHER_CORE})
    async with Supervisor(town.home / "store") as supervisor:
        with _worker("serve", town.home, f"unix://{supervisor.socket}") as (process, words):
            sender = Sender(words[-1], town.token, bodies)
            before, started = processor_seconds_of(process.pid), time.monotonic()
            reports = await sender.send(started + seconds)
            wall, used = time.monotonic() - started, processor_seconds_of(process.pid) - before
    return Ingest(reports, wall, used / reports * 1e6, _signature_us(town, bodies[0]))


def _signature_us(town: Town, body: bytes) -> float:
    path = town.home / "body"
    path.write_bytes(body)
    with _worker("verify", town.home, str(path)) as (_, words):
        return float(words[-1])


@contextmanager
def _worker(*words: object) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process on its own core, and the words of the line with which it begins."""
    command = [sys.executable, "-m", "bench.ingest_worker", str(WORKER_CORE), *map(str, words)]
    with ExitStack() as resources:
        process = resources.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert process.stdin is not None
        assert process.stdout is not None
        resources.callback(process.stdin.close)
        yield process, process.stdout.readline().split()


class Sender:
    """A few connections that send the next body as soon as the last one is answered."""

    def __init__(self, url: str, token: str, bodies: list[bytes]) -> None:
        self._address = urlsplit(url)
        self._token = token
        self._bodies = iter(bodies)
        self._accepted = 0

    async def send(self, deadline: float) -> int:
        """How many reports were accepted; every one that was sent must be."""
        await asyncio.gather(*(self._send(deadline) for _ in range(SENDERS)))
        return self._accepted

    async def _send(self, deadline: float) -> None:
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        for body in self._bodies:
            writer.write(self._head(len(body)) + body)
            answer = await _answer(reader)
            accepted = answer.count(b'"accepted"')
            assert accepted == REPORTS_A_BODY, answer[:200]
            self._accepted += accepted
            if time.monotonic() > deadline:
                break
        writer.close()

    def _head(self, length: int) -> bytes:
        lines = ("POST /v1/reports HTTP/1.1", "Host: bench", f"Authorization: Bearer {self._token}")
        return "\r\n".join((*lines, f"Content-Length: {length}", "", "")).encode()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    (length,) = (line.partition(":")[2] for line in head.splitlines() if line.startswith("content-length:"))
    return await reader.readexactly(int(length))


def make_town(home: Path) -> Town:
    """Everything that an aggregator needs to take reports of METERS meters under one Paillier key."""
    operators = {name: SigningKey.generate() for name in _OPERATORS}
    trust = TrustAnchors(**{name: bytes(key.verify_key) for name, key in operators.items()})
    write_private(home / "trust.json", trust.to_bytes())
    token = Tokens.create(home / "tokens.json")[Scope.FLEET]
    identities = [SigningKey.generate() for _ in range(METERS)]
    notice = KeyNotice(
        key_id=1,
        suite=Suite.PAILLIER_3072,
        public_key=SecretKey.generate(PAILLIER_3072).public.to_bytes(),
        first_window=FIRST,
        last_window=Window(FIRST + 365),
    )
    _install(home, notice, Roster(
        region=REGION,
        effective=FIRST,
        interval_minutes=15,
        suite=Suite.PAILLIER_3072,
        layout_id=LAYOUT.layout_id,
        rows=tuple(_row(number, identity) for number, identity in enumerate(identities)),
    ), operators)  # fmt: skip
    return Town(home, notice, identities, token)


def _install(home: Path, notice: KeyNotice, roster: Roster, operators: dict[str, SigningKey]) -> None:
    registry = private_directory(home / "registry")
    signed = SignedRoster.issue(roster, operators["utility"])
    signed = signed.countersigned("aggregator_operator", operators["aggregator_operator"])
    signed = signed.countersigned("unblinder_operator", operators["unblinder_operator"])
    write_private(private_directory(registry / "rosters") / f"{REGION}.{FIRST}.json", signed.to_bytes())
    envelope = Envelope.issue(notice, operators["decryptor"])
    write_private(private_directory(registry / "keys") / "1.json", envelope.to_bytes())


def _meter(number: int) -> MeterId:
    return MeterId(f"meter-{number:05}")


def _row(number: int, identity: SigningKey) -> RosterRow:
    return RosterRow(
        meter=_meter(number),
        identity_key=bytes(identity.verify_key),
        sealing_key=secrets.token_bytes(32),
        service_point=f"sp-{number:05}",
        account=f"ac-{number:05}",
        cohort=CohortId("town"),
        channels=(Channel.DELIVERED,),
        installed=FIRST,
        tenure_since=FIRST,
    )


def framed(town: Town) -> Iterator[bytes]:
    """Bodies of new reports, day after day. Their ciphertexts are random numbers, which the door cannot tell apart."""
    size = PAILLIER_3072.ciphertext_bytes
    window = FIRST
    while True:
        reports = (
            seal_report(_header(number, window), secrets.token_bytes(size - 1) + b"\0", identity)
            for number, identity in enumerate(town.identities)
        )
        while batch := list(islice(reports, REPORTS_A_BODY)):
            yield frame(batch)
        window = Window(window + 1)


def _header(number: int, window: Window) -> Header:
    start, end = window_minutes(window)
    return Header(
        suite=Suite.PAILLIER_3072,
        kind=Kind.DAILY,
        channel=Channel.DELIVERED,
        key_id=1,
        layout_id=LAYOUT.layout_id,
        region=REGION,
        meter=_meter(number),
        start=start,
        end=end,
        number=0,
    )


if __name__ == "__main__":
    main()
