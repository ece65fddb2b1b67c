"""`wattseal demo`: a simulated neighborhood, its totals of a day, its bills of a month, and those who cheat.

The demonstration owns every directory on this machine, so it can play a cheating aggregator with the real one's key.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from rich.console import Console

from wattseal.collector.client import DEFAULT_PURPOSE, Client, statement_of
from wattseal.collector.demo_bills import BillCheats
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR, UNBLINDER, Places
from wattseal.collector.out import check_out
from wattseal.collector.run import Told, finish
from wattseal.collector.story import Attempt, tried
from wattseal.collector.trial import REGION, Trial, open_trial
from wattseal.collector.trial_bills import billing_of
from wattseal.cryptosystems.paillier.parameters import PAILLIER_3072
from wattseal.cryptosystems.paillier.public import PublicKey
from wattseal.edge.access import Scope
from wattseal.edge.client import RoleClient
from wattseal.edge.home import SERVICE, Home
from wattseal.policy.pack import trial_policy
from wattseal.protocol.ids import Channel, CohortId, RegionId
from wattseal.protocol.keys import KeyNotice
from wattseal.protocol.signing import Envelope
from wattseal.protocol.statement import Answer, TotalQuestion, bits_to_positions, positions_to_bits
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.time import parse_window

METERS, SMALL_GROUP, LEAF = 1_000, 10, 40
DAYS, PAGES = 28, 3
# The sheet of homes without panels: it has no price for what a home gives.
TARIFF, TERRITORY = "E-TOU-C", "X"
_VICTIM, _OTHER, _WHOLE = "town/feeder-1/transformer-001", "town/feeder-1/transformer-002", "town"


def demo(out: Path, first_date: str, console: Console, meters: int = METERS) -> dict[str, Any]:
    """Write totals.csv, bills.csv, some bills' pages, report.html and load.png; returns a summary.

    Raises WattsealError if a cheat gets through.
    """
    check_out(out)
    day = date.fromisoformat(first_date)
    cycle = f"{day}..{day + timedelta(days=DAYS)}"
    billing = billing_of(TARIFF, None, (TERRITORY, None), Mode.DETERMINANTS, (cycle,), None)
    with open_trial(trial_policy(), None, console) as trial:
        with trial.stage(f"making {meters} simulated meters"):
            homes = ("--root", "town", "--leaf-size", str(LEAF), "--apart", str(SMALL_GROUP))
            # A cycle of local days ends within the UTC day after them.
            days = ("--first-date", first_date, "--days", str(DAYS + 2))
            facts = trial.prepare("--simulate", str(meters), *days, *homes, billing=billing)
        with trial.collected([day], "--daily-days", "1") as (client, sent):
            with trial.stage("trying what must not work"):
                attempts = _Cheats(trial.places, client, day).all()
            with trial.stage("trying it with bills"):
                cheats = _bill_cheats(trial, client, cycle)
                attempts += cheats.all()
            bills = trial.ask_bills(client)
            attempts += cheats.of_billed()
            with trial.stage("adding ciphertexts, opening totals"):
                totals = trial.ask(client, facts["cohorts"], [day], facts["channels"])
        told = Told("A simulated town: a day of totals, a month of bills", totals, bills, attempts, PAGES)
        return finish(trial, facts, sent, told, out)


def _bill_cheats(trial: Trial, client: Client, cycle: str) -> BillCheats:
    assert trial.bills is not None  # noqa: S101 - it was prepared for bills
    return BillCheats(trial, client, trial.bills.terms[cycle], trial.bills.homes(cycle)[-9:])


class _Cheats:
    """Each method does what a cheat would do; all of them must be turned away."""

    def __init__(self, places: Places, client: Client, day: date) -> None:
        self._places = places
        self._client = client
        self._day = day
        self._key: SigningKey = Home(places.of(AGGREGATOR), places.passphrase(AGGREGATOR)).signing_key(SERVICE)

    def all(self) -> list[Attempt]:
        return [
            tried(f"ask for the total of {SMALL_GROUP} homes", AGGREGATOR, self._small_group),
            tried("ask for a purpose that the policy does not know", AGGREGATOR, self._other_purpose),
            tried("cheating aggregator: add 5 Wh to one interval", DECRYPTOR, self._shifted),
            tried("cheating aggregator: pass another group's total off", DECRYPTOR, self._swapped),
            tried("cheating aggregator: ask again with one home left out", DECRYPTOR, self._left_out),
            tried("change an answer on its way", DECRYPTOR, self._altered),
            tried("ask the unblinder for pads directly", UNBLINDER, self._pads),
        ]

    def _small_group(self) -> None:
        self._answer("hamlet")

    def _other_purpose(self) -> None:
        self._answer(_VICTIM, "marketing")

    def _shifted(self) -> None:
        envelope = Envelope.from_bytes((self._places.of(DECRYPTOR) / "key-notice.json").read_bytes())
        notice = envelope.opened(KeyNotice, self._places.trust_anchors().decryptor)
        n = PublicKey.from_bytes(PAILLIER_3072, notice.public_key).n
        answer = self._answer(_VICTIM)
        shifted = int.from_bytes(answer.ciphertext, "little") * (1 + 5 * n) % n**2
        self._client.release(self._forged(answer, shifted.to_bytes(len(answer.ciphertext), "little")))

    def _swapped(self) -> None:
        self._client.release(self._forged(self._answer(_VICTIM), self._answer(_OTHER).ciphertext))

    def _left_out(self) -> None:
        """The difference to the first answer would be one home's day."""
        answer = self._answer(_WHOLE)
        self._client.release(answer)
        statement = statement_of(answer)
        count = 8 * len(statement.members)
        fewer = positions_to_bits(bits_to_positions(statement.members, count)[1:], count)
        forged = statement.model_copy(update={"members": fewer})
        self._client.release(Answer.issue(forged, answer.ciphertext, answer.flagged, self._key))

    def _altered(self) -> None:
        answer = self._answer(_VICTIM)
        self._client.release(answer.model_copy(update={"ciphertext": self._answer(_OTHER).ciphertext}))

    def _pads(self) -> None:
        urls = self._places.urls()
        request = Envelope(body=b"{}", signature=bytes(64))
        with RoleClient(urls.unblinder, self._places.token(UNBLINDER, Scope.COLLECTOR)) as unblinder:
            unblinder.post("/v1/pads", request)

    def _answer(self, cohort: str, purpose: str = DEFAULT_PURPOSE) -> Answer:
        return self._client.answer(
            TotalQuestion(
                purpose=purpose,
                region=RegionId(REGION),
                cohort=CohortId(cohort),
                channel=Channel.DELIVERED,
                window=parse_window(self._day.isoformat()),
            )
        )

    def _forged(self, answer: Answer, ciphertext: bytes) -> Answer:
        return Answer.issue(statement_of(answer), ciphertext, answer.flagged, self._key)
