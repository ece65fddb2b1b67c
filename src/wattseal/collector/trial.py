"""A whole chain in one go, on this machine: prepare a fleet, start every role, send, close, ask, compare, write.

`wattseal run` drives it with a user's own files, `wattseal demo` with a simulated neighborhood.
"""

import csv
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.progress import Progress

from wattseal.collector import deployment
from wattseal.collector.client import DEFAULT_PURPOSE, Client, frame
from wattseal.collector.deployment import AGGREGATOR, Deployment, Places
from wattseal.collector.processes import order
from wattseal.collector.story import Found, Quantity, Refusal, Stage, TotalOutcome
from wattseal.collector.trial_bills import Billing, TrialBills
from wattseal.cryptosystems.backend import Backend
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.policy.limits import limits_of
from wattseal.policy.pack import Policy
from wattseal.protocol.errors import Contradiction, Refused, UsageError
from wattseal.protocol.ids import Channel, CohortId, RegionId, Suite
from wattseal.protocol.roster import Interval
from wattseal.protocol.statement import TotalQuestion
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import parse_window

REGION = "region-1"


@dataclass(frozen=True)
class Sent:
    """What the meters' side sealed and what the aggregator said to it."""

    sealed_reports: int
    sealed_bytes: int
    outcomes: dict[str, int]

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        return cls(**{name: answer[name] for name in ("sealed_reports", "sealed_bytes", "outcomes")})


@dataclass
class Trial:
    """One trial deployment in a temporary directory, with the time that each step took."""

    places: Places
    policy: Policy
    policy_name: str | None
    console: Console
    suite: Suite = Suite.PAILLIER_3072
    backend: Backend = Backend.OURS
    stages: list[Stage] = field(default_factory=list)
    rosters: list[Path] = field(default_factory=list)
    bills: TrialBills | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.console.print(f"[dim]{name} ...[/dim]")
        begun = time.monotonic()
        yield
        self.stages.append(Stage(name, time.monotonic() - begun))

    def prepare(self, *reads: str | Path, billing: Billing | None = None) -> dict[str, Any]:
        """Make the fleet and its rosters; facts about the reads. Raises UsageError for reads that cannot be used."""
        place = ("--fleet", self.places.fleet, "--roster", self.places.roster, "--suite", str(int(self.suite)))
        terms = () if billing is None else customers_of(billing.tariff)
        facts = order("meter_sim", "prepare", *place, *terms, *reads)
        self.rosters = [Path(file) for file in facts["rosters"]]
        if billing is not None:
            self.bills = TrialBills(billing, facts, self.places.fleet / "plain_cycles.jsonl")
        return facts

    def check_size(self, meters: int, interval: Interval) -> None:
        """Raises UsageError, with the way out, for a fleet that no rule would ever let a total be opened of."""
        least = limits_of(self.policy, DEFAULT_PURPOSE, interval).least_of("residential")
        missing = least - meters
        if missing > 0:
            raise UsageError(
                f"{meters} meters are too few: policy {self.policy.name} opens totals of at least "
                f"{least}; --neighbors {missing} adds simulated ones beside yours"
            )

    @contextmanager
    def collected(self, dates: list[date], *sending: str) -> Iterator[tuple[Client, Sent]]:
        """Every role as a process of its own, all reads uploaded and the dates closed; a client to ask with.

        `sending`: more words for the meters' side.
        """
        with ExitStack() as resources:
            with self.stage("making keys for every role"):
                deployment.create(self.places, self.suite)
            with self.stage("starting the aggregator and both halves of the key server"):
                resources.enter_context(Deployment(self.places, self.policy_name, self.backend))
                if self.bills is not None:
                    install_tariff(self.places, self.bills.source)
                install_rosters(self.places, self.rosters)
            with self.stage("encrypting, blinding, uploading"):
                # The meters' side also writes down its plain sums.
                always = ("--plain-totals", self._plain_totals, "--backend", self.backend.value)
                cycles = () if self.bills is None else self.bills.sending()
                sent = Sent.of(send_fleet(self.places, *always, *cycles, *sending))
            with self.stage("closing windows"):
                close_windows(self.places, dates)
            yield resources.enter_context(Client.of_directory(self.places.directory)), sent

    def ask(self, client: Client, cohorts: list[str], dates: list[date], channels: list[str]) -> list[TotalOutcome]:
        """Every total of every cohort, larger cohorts first."""
        ordered = sorted(cohorts, key=lambda cohort: (cohort.count("/"), cohort))
        questions = [(day, channel, cohort) for day in dates for channel in channels for cohort in ordered]
        with Progress(console=self.console, transient=True) as progress:
            tracked = progress.track(questions, description="asking for totals")
            return [ask_one(client, cohort, day, channel) for day, channel, cohort in tracked]

    def compare(self, totals: list[TotalOutcome], quantity: Quantity) -> int:
        """How many released interval totals equal the plain sums: all of them, or Contradiction is raised."""
        with self._plain_totals.open(newline="") as file:
            plain = {
                (row["cohort"], row["interval_start"], row["channel"]): int(row[quantity.column])
                for row in csv.DictReader(file)
            }
        rows = [row for total in totals for row in rows_of(total)]
        for cohort, start, channel, wh, *_ in rows:
            if plain.get((cohort, start, channel)) != wh:
                raise Contradiction(f"the released total of {cohort} at {start} is not the plain sum")
        return len(rows)

    def ask_bills(self, client: Client) -> list[Found]:
        """Every bill of every cycle; none if nothing is billed. Raises UsageError if no cycle is covered."""
        if self.bills is None:
            return []
        with self.stage("weighing ciphertexts by the tariff, opening bills"):
            return self.bills.ask(client)

    def compare_bills(self, found: list[Found]) -> int:
        """How many bills equal those from plain reads: all of them, or Contradiction is raised."""
        return 0 if self.bills is None else self.bills.compare(found)

    @property
    def _plain_totals(self) -> Path:
        return self.places.fleet / "plain_totals.csv"


def send_fleet(places: Places, *options: str | Path) -> dict[str, Any]:
    """Have the prepared fleet enrol, seal and upload; the tariff that was registered last programs its registers."""
    common = ("--fleet", places.fleet, "--tokens", places.tokens, "--trust", places.trust)
    tariff = ("--tariff", places.tariff) if places.tariff.exists() else ()
    return order("meter_sim", "send", *places.urls(), *common, *tariff, *options)


def close_windows(places: Places, dates: list[date]) -> None:
    with RoleClient(places.urls().aggregator, places.token(AGGREGATOR, Scope.OPERATOR)) as aggregator:
        for day in dates:
            aggregator.post(f"/v1/regions/{REGION}/windows/{day}/close", b"")


@contextmanager
def open_trial(
    policy: Policy,
    policy_name: str | None,
    console: Console,
    suite: Suite = Suite.PAILLIER_3072,
    backend: Backend = Backend.OURS,
) -> Iterator[Trial]:
    directory = Path(tempfile.mkdtemp(prefix="wattseal-"))
    try:
        yield Trial(Places(directory), policy, policy_name, console, suite, backend)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def customers_of(tariff: Tariff) -> tuple[str, ...]:
    """Words for the meters' side: all accounts are billed under the tariff."""
    return ("--tariff", tariff.name, "--customer-class", tariff.customer_class)


def install_rosters(places: Places, files: Iterable[Path]) -> None:
    """Both operators countersign the prepared rosters, in their order; then all three services get each."""
    for file in files:
        deployment.countersign(places, file)
        deployment.install(places, "/v1/rosters", file.read_bytes())


def install_tariff(places: Places, source: str) -> str:
    """The utility signs the tariff, both operators countersign it, all three services register it; its name.

    Raises UsageError for a source that is no tariff.
    """
    file = places.tariff
    told = order("meter_sim", "tariff", "--fleet", places.fleet, "--out", file, source)
    deployment.countersign(places, file)
    deployment.install(places, "/v1/tariffs", file.read_bytes())
    return str(told["tariff"])


def install_charge_list(places: Places, source: str, charges: Sequence[str]) -> None:
    """The same with the list of a registered tariff's charges. Raises UsageError for what is no charge of it."""
    file = places.directory / "charge-list.json"
    order("meter_sim", "charge-list", "--fleet", places.fleet, "--out", file, source, *charges)
    deployment.countersign(places, file)
    deployment.install(places, "/v1/charge-lists", file.read_bytes())


def ask_one(client: Client, cohort: str, day: date, channel: str) -> TotalOutcome:
    """One total, or the refusal."""
    begun = time.monotonic()
    question = TotalQuestion(
        purpose=DEFAULT_PURPOSE,
        region=RegionId(REGION),
        cohort=CohortId(cohort),
        channel=Channel(channel),
        window=parse_window(day.isoformat()),
    )
    ciphertext, table, refusal = b"", None, None
    try:
        answer = client.answer(question)
        ciphertext = answer.ciphertext
        table = frame(client.release(answer), question.window)
    except Refused as error:
        refusal = Refusal(error.slug, error.detail)
    return TotalOutcome(cohort, day, channel, time.monotonic() - begun, ciphertext, table, refusal)


def rows_of(total: TotalOutcome) -> list[tuple[str, str, str, int, int, int]]:
    """Rows of totals.csv; an interval in which no member had a read is left out."""
    if total.table is None:
        return []
    return [
        (total.cohort, start.strftime("%Y-%m-%dT%H:%M:%SZ"), total.channel, wh, meters, estimated)
        for start, wh, meters, estimated in total.table.iter_rows()
        if estimated < meters
    ]


def write_totals(totals: list[TotalOutcome], quantity: Quantity, directory: Path) -> Path:
    path = directory / "totals.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("cohort", "interval_start", "channel", quantity.column, "meters", "estimated"))
        writer.writerows(row for total in totals for row in rows_of(total))
    return path


def dates_between(first: str, last: str) -> list[date]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [begin + timedelta(days=day) for day in range((end - begin).days + 1)]
