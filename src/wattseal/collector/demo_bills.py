"""The demonstration's cheats at bills: each tries to get at something else than the bill, and is turned away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Final

from nacl.signing import SigningKey

from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.client import BILLING_PURPOSE, Client
from wattseal.collector.deployment import AGGREGATOR, DECRYPTOR
from wattseal.collector.story import Attempt, tried
from wattseal.collector.trial import REGION, Trial, install_tariff
from wattseal.cryptosystems.ckks.parameters import MODULUS
from wattseal.edge.home import SERVICE, Home
from wattseal.protocol.billing import NUMBER_BYTES, BillAnswer, BillStatement
from wattseal.protocol.errors import VerificationRefused
from wattseal.protocol.ids import MeterId
from wattseal.protocol.tariff.bill import Cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.files import load_tariff

_SELECTOR: Final = """\
# A price for one hour a week: its bills would tell what a home uses in that hour.
version = 1
name = "{name}"
revision = "one hour a week"
commodity = "electricity"
customer_class = "residential"

[[season]]
name = "year"
from = "01-01"
to = "12-31"

[[schedule]]
name = "hours"
days = ["weekday"]
[schedule.hours]
"others" = ["00:00-24:00"]

[[schedule]]
name = "hours"
days = ["weekend"]
[schedule.hours]
"one hour" = ["19:00-20:00"]
"others" = ["00:00-19:00", "20:00-24:00"]

[[charge]]
kind = "energy"
name = "Energy"
schedule = "hours"
[charge.prices]
"one hour" = 0.20000
"others" = 0
"""


class BillCheats:
    """Each method does what a cheat would do, about the bills of some of these homes."""

    def __init__(self, trial: Trial, client: Client, terms: Terms, homes: Sequence[MeterId]) -> None:
        self._places, self._client = trial.places, client
        self._terms = replace(terms, mode=Mode.AMOUNT)
        self._homes = iter(homes)
        home = Home(self._places.of(AGGREGATOR), self._places.passphrase(AGGREGATOR))
        self._key: SigningKey = home.signing_key(SERVICE)

    def all(self) -> list[Attempt]:
        return [
            tried("bill by a tariff, signed by all, that prices one hour a week", AGGREGATOR, self._selector),
            tried("bill a home over a cycle that begins a day later", AGGREGATOR, self._shifted),
            tried("cheating aggregator: add to the numbers of a bill", DECRYPTOR, self._added),
            tried("cheating aggregator: bill a home by its neighbor's reads", DECRYPTOR, self._swapped),
        ]

    def of_billed(self) -> list[Attempt]:
        """What is tried on homes that were billed already."""
        what = "cheating aggregator: bill a home again, under a second number"
        return [tried(what, DECRYPTOR, self._renumbered)]

    def _selector(self) -> None:
        file = self._places.directory / "selector.toml"
        file.write_text(_SELECTOR.format(name=self._terms.tariff.name))
        install_tariff(self._places, str(file))
        self._answer(1, replace(self._terms, tariff=load_tariff(str(file))))

    def _shifted(self) -> None:
        cycle = self._terms.cycle
        self._answer(1, replace(self._terms, cycle=Cycle(cycle.first + timedelta(1), cycle.after, cycle.timezone)))

    def _added(self) -> None:
        answer = self._answer(1)
        first = int.from_bytes(answer.numbers[:NUMBER_BYTES], "little")
        added = ((first + (1 << 70)) % MODULUS).to_bytes(NUMBER_BYTES, "little")
        self._release(statement_of(answer), answer, added + answer.numbers[NUMBER_BYTES:])

    def _swapped(self) -> None:
        answer = self._answer(2)
        half = len(answer.numbers) // 2
        self._release(statement_of(answer), answer, answer.numbers[half:] + answer.numbers[:half])

    def _renumbered(self) -> None:
        answer = self._answer(1)
        statement = statement_of(answer)
        (segment,) = statement.segments
        reports = tuple(report.model_copy(update={"number": 1}) for report in segment.reports)
        forged = statement.model_copy(update={"segments": (segment.model_copy(update={"reports": reports}),)})
        self._release(forged, answer, answer.numbers)

    def _answer(self, homes: int, terms: Terms | None = None) -> BillAnswer:
        """About homes that nothing was tried on before: the same statement gets the same release."""
        asked: dict[str, Account] = dict.fromkeys(islice(self._homes, homes), Account())
        return self._client.bill_answer((terms or self._terms).question(REGION, asked, BILLING_PURPOSE))

    def _release(self, statement: BillStatement, answer: BillAnswer, numbers: bytes) -> None:
        """Raises VerificationRefused unless a result opened."""
        release = self._client.bill_release(BillAnswer.issue(statement, [numbers], answer.flagged, self._key))
        if not any(result.opened for result in release.results):
            raise VerificationRefused("no result of the bill opened")


def statement_of(answer: BillAnswer) -> BillStatement:
    return BillStatement.from_bytes(answer.statement)
