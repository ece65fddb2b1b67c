"""A small town on real services: a fleet driven from the test's own process, and a fresh day for each test."""

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from nacl.public import PrivateKey
from nacl.signing import SigningKey
from numpy.typing import NDArray

from tests.system.forging import (
    PURPOSE,
    Arithmetic,
    RogueAggregator,
    RogueDecryptor,
    ciphertext_of,
    meters_of,
    role_directory,
)
from tests.system.services import HALVES, Services
from wattseal.collector.client import Client, Tokens
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, install
from wattseal.cryptosystems.pads.label import check_key_id
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.secret import Secret
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Scope
from wattseal.edge.home import SERVICE
from wattseal.edge.private_files import private_directory, write_private
from wattseal.meter_sim.editing import EditedDay
from wattseal.meter_sim.fleet import Fleet, Region, enrol
from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.sealing import Sealer
from wattseal.meter_sim.state import FleetState, MeterRow
from wattseal.meter_sim.uploader import REPORTS, Uploader
from wattseal.protocol.ids import Channel, CohortId, MeterId, RegionId, Role, Suite, Window
from wattseal.protocol.keys import EnrolmentRequest, KeyNotice
from wattseal.protocol.release import Release, ReleaseRequest
from wattseal.protocol.report import frame
from wattseal.protocol.roster import Roster, RosterRow, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalQuestion
from wattseal.protocol.time import parse_window, window_date
from wattseal.protocol.tokens import TokenProof

LAYOUT = DEFAULT_LAYOUTS[15]
(CHUNK,) = LAYOUT.chunks(PAILLIER_3072.modulus_bits)
REGION = Region(RegionId("region-1"), int(Suite.PAILLIER_3072), LAYOUT.layout_id, 15)
COHORTS = {"town/a": 16, "town/b": 20, "town/c": 24, "row/only": 24, "hamlet": 10}
"""`row` and `row/only` are the same homes; `hamlet` is too small for any total."""
FIRST = parse_window("2024-01-01")
MONTHS = tuple(f"2024-{month:02d}" for month in range(1, 13))
Reads = NDArray[np.int64]


@dataclass(frozen=True)
class Day:
    """One window: everybody's plain reads, and the sealed reports that came in time, as the aggregator has them."""

    window: Window
    roster: Roster
    reads: Mapping[MeterId, Reads]
    bodies: Mapping[MeterId, bytes]

    def total(self, meters: Collection[MeterId]) -> tuple[int, ...]:
        return tuple(np.sum([self.reads[meter] for meter in meters], axis=0).tolist())

    def members(self, cohort: str) -> tuple[MeterId, ...]:
        return tuple(meter for meter in meters_of(self.roster, cohort) if meter in self.bodies)

    def ciphertexts(self, meters: Collection[str]) -> list[bytes]:
        return [ciphertext_of(self.bodies[MeterId(meter)]) for meter in meters]


class Status(NamedTuple):
    """What the aggregator said of one report."""

    status: str
    reason: str | None = None


class Town(Services):
    """The services, the fleet, an honest collector, and the corrupt roles' keys."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._window = FIRST

    def settle_in(self) -> None:
        """Keys for every meter, the roster installed everywhere, and the meters enrolled with both halves."""
        self.state = self.resources.enter_context(FleetState(self.places.fleet))
        cohort_of = {f"{cohort[-1]}-{home:02d}": cohort for cohort, homes in COHORTS.items() for home in range(homes)}
        self.state.make_meters(sorted(cohort_of))
        self.roster = self.new_roster(cohort_of, FIRST)
        self.install(self.roster)
        request = EnrolmentRequest(region=REGION.name, key_id=self.notice.key_id, window=FIRST, months=MONTHS)
        for role in HALVES:
            enrol(self.state, self.service(role, Scope.FLEET), role, self.trust, request, self.roster.fingerprint)
        sealer = Sealer(self.notice, LAYOUT)
        self.resources.callback(sealer.close)
        self.fleet = Fleet(self.state, REGION, self.notice, sealer)

    # The parties

    @cached_property
    def notice(self) -> KeyNotice:
        envelope = Envelope.from_bytes((self.places.of(DECRYPTOR) / "key-notice.json").read_bytes())
        return envelope.opened(KeyNotice, self.trust.decryptor)

    @cached_property
    def arithmetic(self) -> Arithmetic:
        return Arithmetic(self.notice)

    @cached_property
    def meters(self) -> dict[MeterId, MeterRow]:
        return {meter.meter: meter for meter in self.state.meters()}

    @cached_property
    def rogue_aggregator(self) -> RogueAggregator:
        return RogueAggregator(self.home(AGGREGATOR).signing_key(SERVICE), self.notice)

    @cached_property
    def rogue_decryptor(self) -> RogueDecryptor:
        """Reaches the real unblinder."""
        return RogueDecryptor(
            self.home(DECRYPTOR).signing_key(SERVICE),
            self.trust,
            self.service(DECRYPTOR, Scope.COLLECTOR),
            self.service(UNBLINDER, Scope.COLLECTOR),
            self.places.token(UNBLINDER, Scope.COLLECTOR),
            self.check_key_ids,
        )

    def check_key_ids(self) -> dict[str, bytes]:
        """By month; the decryptor tells the unblinder with every request."""
        return {month: check_key_id(Secret(key)) for month, key in self.state.check_keys(self.notice.key_id).items()}

    @cached_property
    def client(self) -> Client:
        """An honest collector."""
        urls = self.deployment.urls()
        tokens = Tokens(*(self.places.token(role, Scope.COLLECTOR) for role in (AGGREGATOR, DECRYPTOR, UNBLINDER)))
        heads = self.places.collector / "heads.json"
        client = Client(*urls, tokens, self.trust, heads)
        return self.resources.enter_context(client)

    def restart(self, role: Role, policy: Path | None = None) -> None:
        """A service again, at another address: whoever spoke with it begins anew."""
        super().restart(role, policy)
        for stale in ("client", "rogue_decryptor"):
            self.__dict__.pop(stale, None)

    # Rosters

    def new_roster(self, cohort_of: Mapping[str, str], effective: Window) -> Roster:
        keys = {meter.meter: meter for meter in self.state.meters()}
        rows = tuple(row_of(keys[MeterId(meter)], cohort) for meter, cohort in sorted(cohort_of.items()))
        fields = {"suite": REGION.suite, "layout_id": REGION.layout_id, "interval_minutes": REGION.interval_minutes}
        return Roster.model_validate({"region": REGION.name, "effective": effective, "rows": rows, **fields})

    def signed(self, roster: Roster) -> SignedRoster:
        """With all three signatures."""
        return self.countersigned(SignedRoster.issue(roster, utility_key(self.state)))

    def install(self, roster: Roster) -> None:
        install(self.places, "/v1/rosters", self.signed(roster))

    # A day's reports

    def day(
        self,
        *,
        only: Sequence[str] = tuple(COHORTS),
        without: Collection[str] = (),
        altered: Mapping[MeterId, Reads] | None = None,
        of: Window | None = None,
        roster: Roster | None = None,
        close: bool = True,
    ) -> Day:
        """A fresh window. The cohorts `only` report, `without` do not."""
        window = self._next_window() if of is None else of
        homes = self.roster if roster is None else roster
        reads = self._draw(window) if altered is None else {**self._draw(window), **altered}
        reporting = {meter for cohort in only for meter in meters_of(homes, cohort)} - set(without)
        bodies = self.report(window, {meter: reads[meter] for meter in sorted(reporting)})
        if close:
            self.close(window)
        return Day(window, homes, reads, bodies)

    def report(self, window: Window, reads: Mapping[MeterId, Reads]) -> dict[MeterId, bytes]:
        """Seal and upload, by the fleet's own code; the sealed bodies."""
        bodies = self.seal(window, reads)
        Uploader(self.state, self.service(AGGREGATOR, Scope.FLEET), patience_s=30).send_pending()
        return bodies

    def seal(self, window: Window, reads: Mapping[MeterId, Reads]) -> dict[MeterId, bytes]:
        """Into the fleet's outbox only."""
        if not reads:
            return {}
        wh = np.array(list(reads.values()), dtype=np.int64)
        self.fleet.seal([EditedDay(window, Channel.DELIVERED, tuple(reads), wh, np.zeros(wh.shape, dtype=np.uint8))])
        return {slot.meter: body for slot, body in self.state.pending(1000)}

    def upload(self, bodies: Sequence[bytes]) -> list[Status]:
        """Send any bytes as reports."""
        answer = self.service(AGGREGATOR, Scope.FLEET).post("/v1/reports", frame(bodies), REPORTS)
        return [Status(**word) for word in json.loads(answer)["reports"]]

    def close(self, window: Window) -> None:
        path = f"/v1/regions/{REGION.name}/windows/{window_date(window)}/close"
        self.service(AGGREGATOR, Scope.OPERATOR).post(path, b"")

    def _next_window(self) -> Window:
        self._window = Window(self._window + 1)
        return self._window

    def _draw(self, window: Window) -> dict[MeterId, Reads]:
        generator = np.random.default_rng(window)
        return {meter: generator.integers(100, 300, LAYOUT.intervals, dtype=np.int64) for meter in self.meters}

    # Questions

    def question(self, day: Day, cohort: str, purpose: str = PURPOSE) -> TotalQuestion:
        return TotalQuestion(purpose=purpose, region=REGION.name, cohort=CohortId(cohort), window=day.window)

    def answer(self, day: Day, cohort: str, purpose: str = PURPOSE) -> Answer:
        """The real aggregator's."""
        return self.client.answer(self.question(day, cohort, purpose))

    def forged(
        self,
        day: Day,
        cohort: str,
        ciphertext: bytes,
        members: Collection[str] | None = None,
        **changes: Any,  # noqa: ANN401 - any field's value
    ) -> Answer:
        """A statement and a ciphertext of the corrupt aggregator's choice."""
        chosen = day.members(cohort) if members is None else members
        statement = self.rogue_aggregator.statement(day.roster, cohort, day.window, chosen, **changes)
        return self.rogue_aggregator.answer(statement, ciphertext)

    def release(self, answer: Answer) -> Release:
        return self.client.release(answer)

    def opens_exactly(self, day: Day, cohort: str) -> None:
        """The honest way from a question to a release gives the sum of the plain reads."""
        release = self.release(self.answer(day, cohort))
        members = day.members(cohort)
        assert (release.members, release.reads) == (len(members), day.total(members))

    def raw_release(self, answer: Answer) -> httpx.Response:
        """The decryptor's answer as it comes over the wire."""
        proof = TokenProof.issue(self.places.token(UNBLINDER, Scope.COLLECTOR), answer.statement)
        request = ReleaseRequest(answer=answer, proof=proof)
        token = self.places.token(DECRYPTOR, Scope.COLLECTOR)
        with httpx.Client(trust_env=False) as http:
            return http.post(
                f"{self.deployment.urls().decryptor}/v1/releases",
                content=request.to_bytes(),
                headers={"Authorization": f"Bearer {token}"},
            )

    # Two against one

    def loot(self, to: Path, roles: Collection[Role], *days: Day) -> Path:
        """What two corrupt roles carry off to where their own code runs: their directories, and what is public."""
        private_directory(to / "passphrases")
        for role in roles:
            directory, passphrase = role_directory(self.places.directory, role)
            # Their services still hold the stores; the reports come along as a file.
            shutil.copytree(directory, to / role, ignore=shutil.ignore_patterns("store", "ledger.sqlite*"))
            write_private(to / "passphrases" / role, passphrase.read_bytes())
        if AGGREGATOR in roles:
            (to / "reports").write_bytes(frame(body for day in days for body in day.bodies.values()))
        for role in Role:
            (to / f"{role}.token").write_text(self.places.token(role, Scope.COLLECTOR))
        (to / "check-key-ids").write_text(json.dumps({month: id_.hex() for month, id_ in self.check_key_ids().items()}))
        (to / "windows").write_text(json.dumps([day.window for day in days]))
        (to / "roster").write_bytes(days[0].roster.to_bytes())
        (to / "notice").write_bytes(self.notice.to_bytes())
        (to / "trust").write_bytes(self.trust.to_bytes())
        (to / "urls").write_text(json.dumps(self.deployment.urls()._asdict()))
        return to


def row_of(meter: MeterRow, cohort: str, tariff: str | None = None) -> RosterRow:
    return RosterRow(
        meter=meter.meter,
        identity_key=bytes(SigningKey(meter.identity).verify_key),
        sealing_key=bytes(PrivateKey(meter.sealing).public_key),
        service_point=f"sp-{meter.meter}",
        account=f"ac-{meter.meter}",
        cohort=CohortId(cohort),
        channels=(Channel.DELIVERED,),
        tariff=tariff,
        installed=FIRST,
        tenure_since=FIRST,
    )
