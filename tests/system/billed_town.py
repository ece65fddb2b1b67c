"""A town that is billed, on real services: homes under one tariff, each of whose bills is a test's own."""

import hashlib
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
from nacl.signing import SigningKey
from numpy.typing import NDArray

from tests.protocol.tariff.samples import PACIFIC, TOU, tariff
from tests.system.bill_forging import (
    Asked,
    BillArithmetic,
    BillForger,
    BillPadAsker,
    CarelessUnblinder,
    Place,
)
from tests.system.forging import ciphertext_of
from tests.system.services import HALVES, Services
from tests.system.town import FIRST, row_of
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.client import BILLING_PURPOSE, Client
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, install
from wattseal.cryptosystems.ckks.scales import Cycle as CycleMinutes
from wattseal.cryptosystems.slots.offered import DEFAULT_LAYOUTS
from wattseal.edge.access import Scope
from wattseal.edge.home import SERVICE
from wattseal.keyserver.vault import Vault
from wattseal.meter_sim.cycles import CycleSealer, Part
from wattseal.meter_sim.fleet import Region, enrol
from wattseal.meter_sim.rosters import utility_key
from wattseal.meter_sim.state import FleetState
from wattseal.meter_sim.uploader import Uploader
from wattseal.protocol.billing import (
    BillAnswer,
    BillQuestion,
    BillRelease,
    BillReleaseRequest,
    BillResult,
    BillStatement,
    Cancels,
    Rebill,
)
from wattseal.protocol.ids import Channel, MeterId, RegionId, Role, Suite, Window
from wattseal.protocol.keys import EnrolmentRequest, KeyNotice
from wattseal.protocol.measures import BudgetExtension, MoreResults, SignedBudgetExtension
from wattseal.protocol.report import decode_report
from wattseal.protocol.roster import Roster, SignedRoster
from wattseal.protocol.signing import Envelope
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import EnergyCharge, Mode
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.tariff.plain import plain_outcome
from wattseal.protocol.tariff.signed import SignedTariff
from wattseal.protocol.tokens import TokenProof

REGION = Region(RegionId("region-1"), int(Suite.MASKING), DEFAULT_LAYOUTS[60].layout_id, 60)
CYCLE = Cycle(date(2024, 3, 5), date(2024, 4, 2), PACIFIC)
HOMES = 120
TARIFF = tariff(TOU)
BILL = Asked(TARIFF, CYCLE)
SUMS = Asked(TARIFF, CYCLE, Mode.DETERMINANTS)
"""What every home owes: in cents, and as the two energies that its bill prints."""
RANK = 8
"""Results of a home, channel and cycle that the rules let out."""
NOT_OPENED = BillResult(values=(), opened=False)


def flat_at(price: int) -> Asked:
    charge = EnergyCharge(name="Energy", schedule="flat", prices=(price,))
    return Asked(tariff(charge, revision=f"flat at {price}"), CYCLE)


class BilledTown(Services):
    """The services, homes that nobody was billed for yet, an honest collector, and the corrupt roles' keys."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, Suite.MASKING)
        self._ciphertexts: dict[Place, bytes] = {}

    def settle_in(self) -> None:
        """Keys for every meter, roster and tariff installed everywhere, and the meters enrolled with both halves."""
        self.state = self.resources.enter_context(FleetState(self.places.fleet))
        self.state.make_meters([f"home-{home:03d}" for home in range(HOMES)])
        roster = self.arithmetic.roster
        self._unbilled = iter(roster.by_meter)
        install(self.places, "/v1/rosters", self.countersigned(SignedRoster.issue(roster, utility_key(self.state))))
        self.register(TARIFF)
        request = EnrolmentRequest(
            region=REGION.name, key_id=self.notice.key_id, window=FIRST, months=("2024-03", "2024-04")
        )
        for role in HALVES:
            enrol(self.state, self.service(role, Scope.FLEET), role, self.trust, request, roster.fingerprint)

    def register(self, *tariffs: Tariff) -> None:
        """Signed by all three operators, with all three services."""
        for one in tariffs:
            self.arithmetic.tariffs[one.fingerprint] = one
            signed = self.countersigned(SignedTariff.issue(one, utility_key(self.state)))
            for role in Role:
                self.service(role, Scope.OPERATOR).post("/v1/tariffs", signed)

    def extend(self, results: int, first: int, last: int) -> None:
        """The rank budget of bills in cycles within those days; signed and registered likewise."""
        extension = BudgetExtension(
            region=REGION.name,
            first=Window(first),
            last=Window(last),
            reason="a test",
            more=MoreResults(tariff=TARIFF.name, results=results),
        )
        signed = self.countersigned(SignedBudgetExtension.issue(extension, utility_key(self.state)))
        install(self.places, "/v1/budget-extensions", signed)

    # The parties

    @cached_property
    def notice(self) -> KeyNotice:
        envelope = Envelope.from_bytes((self.places.of(DECRYPTOR) / "key-notice.json").read_bytes())
        return envelope.opened(KeyNotice, self.trust.decryptor)

    @cached_property
    def arithmetic(self) -> BillArithmetic:
        rows = tuple(row_of(meter, "town", TARIFF.name) for meter in self.state.meters())
        fields = {"suite": REGION.suite, "layout_id": REGION.layout_id, "interval_minutes": REGION.interval_minutes}
        roster = Roster.model_validate({"region": REGION.name, "effective": FIRST, "rows": rows, **fields})
        return BillArithmetic(roster, self.notice.key_id)

    @cached_property
    def client(self) -> Client:
        """An honest collector."""
        return self.resources.enter_context(Client.of_directory(self.places.directory))

    @cached_property
    def forger(self) -> BillForger:
        return BillForger(self.home(AGGREGATOR).signing_key(SERVICE), self.arithmetic, self._ciphertexts)

    @property
    def pad_asker(self) -> BillPadAsker:
        """Reaches the real unblinder."""
        return BillPadAsker(
            self._decryptor_key,
            self.trust,
            self.service(DECRYPTOR, Scope.BILLING),
            self.service(UNBLINDER, Scope.BILLING),
            self.places.token(UNBLINDER, Scope.BILLING),
        )

    @property
    def careless_unblinder(self) -> CarelessUnblinder:
        return CarelessUnblinder(self._unblinder_vault, self.arithmetic, self.service(UNBLINDER, Scope.BILLING))

    @cached_property
    def _decryptor_key(self) -> SigningKey:
        return self.home(DECRYPTOR).signing_key(SERVICE)

    @cached_property
    def _unblinder_vault(self) -> Vault:
        return Vault.open(self.home(UNBLINDER), Role.UNBLINDER)

    def restart(self, role: Role, policy: Path | None = None) -> None:
        """A service again, at another address."""
        super().restart(role, policy)
        self.__dict__.pop("client", None)

    # Reports

    def homes(self, count: int) -> list[MeterId]:
        """Of whom nothing was asked yet, with their reports of the cycle."""
        homes = [next(self._unbilled) for _ in range(count)]
        self.report(homes)
        return homes

    def report(self, homes: Iterable[MeterId], cycle: Cycle = CYCLE, number: int = 0) -> None:
        """Seal and upload what is not there yet, by the fleet's own code; a later number holds other reads."""
        start, end = cycle.minutes
        places = [place for home in homes if (place := Place(home, start, end, number)) not in self._ciphertexts]
        parts = [Part(place.meter, Channel.DELIVERED, (start, end), reads_of(place), _real(place)) for place in places]
        CycleSealer(self.state, REGION, self.notice.key_id, CycleMinutes(start, end)).seal(parts)
        sealed = {_place_of(body): ciphertext_of(body) for _, body in self.state.pending(1000)}
        assert sealed.keys() == set(places)
        self._ciphertexts.update(sealed)
        Uploader(self.state, self.service(AGGREGATOR, Scope.FLEET), patience_s=30).send_pending()

    # Bills

    def statement(self, asked: Asked, *homes: MeterId) -> BillStatement:
        return self.arithmetic.statement(asked, *map(asked.segment, sorted(homes)))

    def answer(self, asked: Asked, *homes: MeterId, cancels: Cancels | None = None) -> BillAnswer:
        """The real aggregator's."""
        terms = Terms(asked.tariff, asked.cycle, asked.mode, REGION.interval_minutes)
        question: BillQuestion = terms.question(REGION.name, dict.fromkeys(homes, Account()), BILLING_PURPOSE)
        rebills = () if cancels is None else tuple(Rebill(meter=home, cancels=cancels) for home in homes)
        return self.client.bill_answer(question.model_copy(update={"rebills": rebills}))

    def expected(self, statement: BillStatement) -> list[BillResult]:
        """From the meters' own reads."""
        found = []
        for place, compiled in self.arithmetic.compiled(statement):
            results = plain_outcome(compiled, {Channel.DELIVERED: reads_of(place)}).results
            values = tuple(results[functional.item] for functional in compiled.functionals)
            found.append(BillResult(values=values, opened=True))
        return found

    def ask_decryptor(self, answer: BillAnswer) -> BillRelease:
        """By a collector who remembers nothing, so that many may ask at once."""
        proof = TokenProof.issue(self.places.token(UNBLINDER, Scope.BILLING), answer.statement)
        request = BillReleaseRequest(answer=answer, proof=proof)
        envelope = Envelope.parse(self.service(DECRYPTOR, Scope.BILLING).post("/v1/bill-releases", request))
        return envelope.opened(BillRelease, self.trust.decryptor)

    def opens_exactly(self, answer: BillAnswer) -> BillRelease:
        """The release of all that an answer states."""
        release = self.client.bill_release(answer)
        assert list(release.results) == self.expected(BillStatement.from_bytes(answer.statement))
        return release


def reads_of(place: Place) -> NDArray[np.int64]:
    seed = hashlib.sha256(repr(tuple(place)).encode()).digest()
    return np.random.default_rng(int.from_bytes(seed)).integers(0, 5000, (place.end - place.start) // 60)


def _real(place: Place) -> NDArray[np.uint8]:
    return np.zeros((place.end - place.start) // 60, dtype=np.uint8)


def _place_of(body: bytes) -> Place:
    header = decode_report(body).header
    return Place(header.meter, header.start, header.end, header.number)
