"""The annual report of one half: what was asked, opened and refused in a year, counted from its ledger alone."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from wattseal.collector.audit.book import Book, Refused
from wattseal.collector.audit.customers import Customers, Opened, opened_in
from wattseal.collector.audit.verify import Audited
from wattseal.protocol.billing import BillStatement
from wattseal.protocol.release import ReleaseNoise
from wattseal.protocol.time import utc_of, year_of


@dataclass(frozen=True)
class Purpose:
    """What was asked and opened for one purpose. Meters and accounts are distinct ones."""

    purpose: str
    kind: str
    asked: int
    released: int
    meters: int
    accounts: int


@dataclass(frozen=True)
class Rule:
    """How often one rule refused, and for how many statements."""

    rule: str
    refusals: int
    statements: int


@dataclass(frozen=True)
class Recipient:
    """Whom releases were given to, by the name of their token, and for which purposes."""

    recipient: str
    releases: int
    purposes: tuple[str, ...]


@dataclass(frozen=True)
class Budget:
    """Noisy totals of one purpose: how many were granted, and what the dearest customer's day has spent, of how much.

    In millionths of rho; a day's noisy totals for other purposes are in it.
    """

    purpose: str
    noisy_totals: int
    most_spent_rho_millionths: int
    budget_rho_millionths: int


@dataclass(frozen=True)
class Measure:
    """A waiver or a budget extension by its digest, and how many statements were granted that may rest on it."""

    kind: str
    document: str
    statements: int


@dataclass(frozen=True)
class Keys:
    """What became of a key period, and when."""

    period: int
    act: str
    at: str


@dataclass(frozen=True)
class Annual:
    """A year of one half."""

    year: int
    role: str
    entries: int
    head: str
    last_checkpoint: str
    findings: tuple[str, ...]
    compared: bool
    purposes: tuple[Purpose, ...]
    rules: tuple[Rule, ...]
    recipients: tuple[Recipient, ...]
    budgets: tuple[Budget, ...]
    measures: tuple[Measure, ...]
    keys: tuple[Keys, ...]
    meters: int
    accounts: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def annual(audited: Audited, customers: Customers, year: int, *, compared: bool) -> Annual:
    """`compared`: whether the other half's ledger was held against this one. Raises UsageError for a missing roster."""
    opened = [one for one in opened_in(audited.book) if year_of(one.release.at) == year]
    meters, accounts = _touched(customers, opened)
    return Annual(
        year=year,
        role=audited.role,
        entries=audited.head.counter,
        head=audited.head.hash.hex(),
        last_checkpoint=utc_of(audited.last_checkpoint.at),
        findings=tuple(audited.findings),
        compared=compared,
        purposes=tuple(_purposes(audited.book, customers, opened, year)),
        rules=tuple(_rules(audited.book.refusals, year)),
        recipients=tuple(_recipients(audited.book, year)),
        budgets=tuple(_budgets(audited.book, year)),
        measures=tuple(_measures(audited.book, year)),
        keys=tuple(
            Keys(one.period, one.act, utc_of(one.at)) for one in audited.book.periods if year_of(one.at) == year
        ),
        meters=len(meters),
        accounts=len(accounts),
    )


def _purposes(book: Book, customers: Customers, opened: list[Opened], year: int) -> Iterator[Purpose]:
    asked = Counter(
        (intent.purpose, _kind(intent.statement)) for intent in book.intents.values() if year_of(intent.at) == year
    )
    released: dict[tuple[str, str], list[Opened]] = {}
    for one in opened:
        released.setdefault((one.intent.purpose, _kind(one.intent.statement)), []).append(one)
    for purpose, kind in sorted(asked.keys() | released.keys()):
        of_purpose = released.get((purpose, kind), [])
        meters, accounts = _touched(customers, of_purpose)
        yield Purpose(purpose, kind, asked[purpose, kind], len(of_purpose), len(meters), len(accounts))


def _recipients(book: Book, year: int) -> Iterator[Recipient]:
    given: dict[str, list[str]] = {}
    for handed in book.handed:
        if year_of(handed.at) == year:
            given.setdefault(handed.recipient, []).append(book.intents[handed.statement].purpose)
    for recipient, purposes in sorted(given.items()):
        yield Recipient(recipient, len(purposes), tuple(sorted(set(purposes))))


def _budgets(book: Book, year: int) -> Iterator[Budget]:
    granted: dict[str, list[ReleaseNoise]] = {}
    for intent in book.intents.values():
        if intent.noise is not None and year_of(intent.at) == year:
            granted.setdefault(intent.purpose, []).append(intent.noise)
    for purpose, noise in sorted(granted.items()):
        spent, budget = (max(values) for values in zip(*map(_spent, noise), strict=True))
        yield Budget(purpose, len(noise), spent, budget)


def _measures(book: Book, year: int) -> Iterator[Measure]:
    counted: Counter[tuple[str, str]] = Counter()
    for intent in book.intents.values():
        if year_of(intent.at) == year:
            counted.update(("waiver", digest) for digest in intent.waivers)
            counted.update(("budget extension", digest) for digest in intent.extensions)
    for (kind, document), statements in sorted(counted.items()):
        yield Measure(kind, document, statements)


def _spent(noise: ReleaseNoise) -> tuple[int, int]:
    return noise.spent_rho_millionths, noise.budget_rho_millionths


def _rules(refusals: Iterable[Refused], year: int) -> list[Rule]:
    """By frequency. Of a refusal that repeats, entries tell how often it did so far."""
    so_far: Counter[tuple[str, str]] = Counter()
    counted: Counter[str] = Counter()
    statements: dict[str, set[str]] = {}
    for refused in refusals:
        body = refused.body
        if year_of(body.at) == year:
            counted[body.reason] += body.times - so_far[body.statement, body.reason]
            statements.setdefault(body.reason, set()).add(body.statement)
        so_far[body.statement, body.reason] = body.times
    return [Rule(rule, count, len(statements[rule])) for rule, count in counted.most_common()]


def _touched(customers: Customers, opened: Iterable[Opened]) -> tuple[set[str], set[str]]:
    meters: set[str] = set()
    accounts: set[str] = set()
    for one in opened:
        for touched in customers.touched(one):
            meters.add(touched.meter)
            accounts |= customers.accounts(touched)
    return meters, accounts


def _kind(statement: object) -> str:
    return "bills" if isinstance(statement, BillStatement) else "totals"
