"""The bills of a trial: which cycles its reads cover, asking for their bills, comparing with the reads' own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from wattseal.collector.bill_options import mode_of, therms_of, zone_for
from wattseal.collector.bill_terms import Account, Terms
from wattseal.collector.bills import Settled, Unbilled, same_bill
from wattseal.collector.client import Client
from wattseal.collector.plain_cycles import PlainMeter, read_plain
from wattseal.protocol.errors import NobodyReported, Refused, UsageError, WattsealError
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.roster import Name, Unit
from wattseal.protocol.tariff.bill import Customer, Cycle, in_order, parse_cycle
from wattseal.protocol.tariff.charges import Mode
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.files import load_tariff
from wattseal.protocol.tariff.model import Tariff
from wattseal.protocol.time import parse_window, window_minutes

_ACCOUNT: Final[TypeAdapter[str]] = TypeAdapter(Name)
Found = Settled | Unbilled
Minutes = tuple[int, int]


@dataclass(frozen=True)
class Billing:
    """How all meters of a trial are billed; without `cycles` over each calendar month that their reads cover."""

    source: str
    tariff: Tariff
    timezone: str
    customer: Customer = Customer()  # noqa: RUF009 - frozen
    mode: Mode = Mode.AMOUNT
    cycles: tuple[str, ...] = ()
    therms_per_ccf: Decimal | None = None


def billing_of(
    source: str,
    timezone: str | None,
    customer: tuple[str | None, str | None],
    mode: str,
    cycles: tuple[str, ...],
    therms_per_ccf: str | None,
) -> Billing:
    """As it was written on a command line; the customer as territory and program. Raises UsageError."""
    tariff = load_tariff(source)
    zone = zone_for(timezone, tariff, "--cycle-timezone")
    return Billing(source, tariff, zone, Customer(*customer), mode_of(mode), cycles, therms_of(therms_per_ccf))


class TrialBills:
    """Bills of the meters that are no neighbors. `plain` is where the meters' side writes down their cycles' reads."""

    def __init__(self, billing: Billing, facts: Mapping[str, Any], plain: Path) -> None:
        """Raises UsageError for a tariff that these reads cannot be billed under, or if they cover no cycle."""
        self._billing, self._plain = billing, plain
        self.source = billing.source
        if billing.tariff.commodity != facts["commodity"]:
            raise UsageError(f"--tariff {billing.source}: it is for {billing.tariff.commodity}, the reads are not")
        self._unit = Unit(facts["unit"])
        self.terms = {
            f"{cycle.first}..{cycle.after}": Terms(
                billing.tariff, cycle, billing.mode, facts["interval_minutes"], billing.therms_per_ccf
            )
            for cycle in _cycles(billing, facts)
        }
        # Meters of the same channels share the work.
        self._compiled = lru_cache(maxsize=None)(self._compile)
        sets = [tuple(map(Channel, channels)) for channels in facts["channel_sets"]]
        for cycle, terms in self.terms.items():
            terms.rehearse([billing.customer])
            unpriced = [why for one in sets if (why := self._unpriced(cycle, terms.cycle.minutes, one)) is not None]
            if len(unpriced) == len(sets):
                raise unpriced[0]

    def sending(self) -> list[str | Path]:
        """Words for the meters' side."""
        cycles = [word for cycle in self.terms for word in ("--cycle", cycle)]
        return [*cycles, "--cycle-timezone", self._billing.timezone, "--plain-cycles", self._plain]

    def ask(self, client: Client) -> list[Found]:
        """A bill, or why there is none, for every meter and cycle of which it told something; by cycle, then meter.

        Raises UsageError if no meter has all reads of a cycle that was named, or of any.
        """
        told = read_plain(self._plain)
        covered = {cycle for cycle, meters in told.items() if any(meter.whole for meter in meters.values())}
        for cycle in self._billing.cycles or ([] if covered else self.terms):
            if cycle not in covered:
                raise UsageError(f"no meter has all its reads of the billing cycle {cycle} ({self._billing.timezone})")
        return [found for cycle in self.terms if cycle in covered for found in self._asked(client, cycle, told[cycle])]

    def homes(self, cycle: str) -> list[MeterId]:
        """Meters that have a bill of the cycle."""
        meters = read_plain(self._plain)[cycle]
        return sorted(meter for meter, one in meters.items() if self._lacking(cycle, one) is None)

    def _asked(self, client: Client, cycle: str, meters: Mapping[MeterId, PlainMeter]) -> Iterator[Found]:
        terms = self.terms[cycle]
        accounts: dict[str, Account] = {meter: self._account(meter, one.name) for meter, one in meters.items()}
        lacking = {meter: why for meter, one in meters.items() if (why := self._lacking(cycle, one)) is not None}
        asked = {meter: account for meter, account in accounts.items() if meter not in lacking}
        try:
            yield from client.bills(asked, terms)
        except Refused as refusal:
            lacking |= dict.fromkeys(map(MeterId, asked), refusal)
        for meter, error in sorted(lacking.items()):
            yield Unbilled((meter,), accounts[meter].name, terms, error)

    def compare(self, found: Sequence[Found]) -> int:
        """How many bills equal those from plain reads: all of them, or Contradiction is raised."""
        told = read_plain(self._plain)
        settled = [one for one in found if isinstance(one, Settled)]
        for one in settled:
            cycle = f"{one.bill.cycle.first}..{one.bill.cycle.after}"
            meter = told[cycle][one.meters[0]]
            compiled = self._compiled(cycle, meter.minutes, meter.channels)
            same_bill(one.bill, meter.bill(one.terms, compiled, self._billing.customer))
        return len(settled)

    def _compile(self, cycle: str, minutes: Minutes, channels: tuple[Channel, ...]) -> Compiled:
        return self.terms[cycle].compiled(*minutes, channels, unit=self._unit)

    def _unpriced(self, cycle: str, minutes: Minutes, channels: tuple[Channel, ...]) -> UsageError | None:
        """Why meters of these channels have no bill."""
        try:
            self._compiled(cycle, minutes, channels)
        except UsageError as error:
            return error
        return None

    def _lacking(self, cycle: str, meter: PlainMeter) -> WattsealError | None:
        if not meter.whole:
            return NobodyReported("reads of the cycle are missing")
        return self._unpriced(cycle, meter.minutes, meter.channels)

    def _account(self, meter: MeterId, name: str) -> Account:
        """Named as in the reads where that is not the meter's id, unless no account is named so."""
        try:
            account = None if name == meter else _ACCOUNT.validate_python(name)
        except ValidationError:
            account = None
        return Account(account, self._billing.customer)


def _cycles(billing: Billing, facts: Mapping[str, Any]) -> list[Cycle]:
    """Those that were named, else every calendar month within the reads' UTC days. Raises UsageError."""
    first, last = date.fromisoformat(facts["first_date"]), date.fromisoformat(facts["last_date"])
    named = in_order({parse_cycle(cycle, billing.timezone) for cycle in billing.cycles})
    months = [Cycle(day, _next_month(day), billing.timezone) for day in _months(first, last)]
    start, end = window_minutes(parse_window(str(first)))[0], window_minutes(parse_window(str(last)))[1]
    covered = [cycle for cycle in named or months if start <= cycle.minutes[0] and cycle.minutes[1] <= end]
    if len(covered) < len(named):
        raise UsageError(f"--cycle: the reads are of {first} to {last} (UTC), and do not cover it")
    if not covered:
        raise UsageError(
            f"the reads, of {first} to {last} (UTC), cover no calendar month in {billing.timezone}: "
            "--cycle FIRST..AFTER names 27 to 33 of their days"
        )
    return covered


def _months(first: date, last: date) -> Iterator[date]:
    """First days of all months that a local day within these UTC days may be in."""
    # A local month may begin on the UTC day before it.
    day = (first - timedelta(days=1)).replace(day=1)
    while day <= last + timedelta(days=1):
        yield day
        day = _next_month(day)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
