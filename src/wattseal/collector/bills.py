"""Bills from what was released of single meters, by the collector's own copy of the tariff.

Asking is in `client.py`; tables, files and pages of bills are in `bill_files.py` and `bill_page.py`.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from wattseal.collector.bill_terms import Account, Terms
from wattseal.protocol.billing import BillRelease, BillResult, BillSegment
from wattseal.protocol.codec import Digest
from wattseal.protocol.errors import Contradiction, MalformedMessage, UsageError, VerificationRefused, WattsealError
from wattseal.protocol.ids import Channel, MeterId
from wattseal.protocol.tariff.bill import Bill, Outcome
from wattseal.protocol.tariff.compile import Compiled
from wattseal.protocol.tariff.settle import settle

# No functional that opens has a larger sum.
_BEYOND_RESULTS = 1 << 40


@dataclass(frozen=True, slots=True)
class Settled:
    """A bill, its meters in the order of time, and digests of the release that it rests on and of its statement."""

    meters: tuple[MeterId, ...]
    account: str | None
    terms: Terms
    bill: Bill
    release: Digest
    statement: Digest


@dataclass(frozen=True, slots=True)
class Unbilled:
    """Meters that were asked for, and why they have no bill.

    `rests_on` are the digests of the release that makes none, and of its statement: a rebill cancels it. None: there
    is no release.
    """

    meters: tuple[MeterId, ...]
    account: str | None
    terms: Terms
    error: WattsealError
    rests_on: tuple[Digest, Digest] | None = None


class _Part(NamedTuple):
    """A segment and what was opened of it; None: not everything."""

    segment: BillSegment
    outcome: Outcome | None


def settled(release: BillRelease, terms: Terms, accounts: Mapping[str, Account]) -> list[Settled | Unbilled]:
    """One for each account, and for each meter without one, in the order of the statement.

    Raises Contradiction or MalformedMessage for a release that does not fit the terms or the accounts.
    """
    groups: dict[tuple[str | None, str], list[_Part]] = {}
    for part in _parts(release, terms):
        meter = part.segment.meter
        if meter not in accounts:
            raise Contradiction("the release is of a meter that nobody asked for")
        groups.setdefault(accounts[meter].key(meter), []).append(part)
    rests_on = release.digest(), hashlib.sha256(release.statement).digest()
    return [_settled(parts, accounts[parts[0].segment.meter], terms, rests_on) for parts in groups.values()]


def _parts(release: BillRelease, terms: Terms) -> Iterator[_Part]:
    statement = terms.check(release)
    if not len(statement.segments) == len(release.results) == len(release.flagged):
        raise MalformedMessage("the release does not have one result for each segment")
    alike: dict[tuple[int, int, tuple[Channel, ...], frozenset[Channel]], Compiled] = {}
    for segment, result, flagged in zip(statement.segments, release.results, release.flagged, strict=True):
        place = (segment.start, segment.end, segment.channels, segment.by_registers)
        if place not in alike:
            alike[place] = terms.compiled(*place, release.unit)
        yield _Part(segment, _outcome(alike[place], result, flagged))


def _outcome(compiled: Compiled, result: BillResult, flagged: int) -> Outcome | None:
    items, registers = [functional.item for functional in compiled.functionals], list(compiled.registers)
    wanted = len(items) + len(registers) if result.opened else 0
    if len(result.values) != wanted or any(abs(value) >= _BEYOND_RESULTS for value in result.values):
        raise MalformedMessage("a result of the release is not that of the segment's functionals")
    if not result.opened:
        return None
    energy, demand = result.values[: len(items)], result.values[len(items) :]
    return Outcome(
        compiled,
        dict(zip(items, energy, strict=True)),
        dict(zip(registers, demand, strict=True)),
        estimated=flagged > 0,
    )


def _settled(
    parts: Sequence[_Part], account: Account, terms: Terms, rests_on: tuple[Digest, Digest]
) -> Settled | Unbilled:
    in_time = sorted((part.segment.start, part.segment.meter) for part in parts)
    meters = tuple(dict.fromkeys(meter for _, meter in in_time))
    try:
        bill = _bill(parts, account, terms)
    except (UsageError, VerificationRefused) as error:
        return Unbilled(meters, account.name, terms, error, rests_on)
    return Settled(meters, account.name, terms, bill, *rests_on)


def _bill(parts: Sequence[_Part], account: Account, terms: Terms) -> Bill:
    """Raises VerificationRefused for what did not open, UsageError for segments that make no bill."""
    if account.name is None and len(parts) > 1:
        # It may be two customers', neither of whom pays for the other.
        raise UsageError("its account or installation changed within the cycle: say whose account all of it is")
    outcomes = [part.outcome for part in parts if part.outcome is not None]
    if len(outcomes) < len(parts):
        raise VerificationRefused("not every result of the bill opened")
    segments = [part.segment for part in parts]
    cycle = terms.cycle.part(min(segment.start for segment in segments), max(segment.end for segment in segments))
    return settle(
        terms.tariff, cycle, outcomes, account.customer, therms_per_ccf=terms.therms_per_ccf, cancels=account.cancels
    )


def same_bill(bill: Bill, plain: Bill) -> None:
    """Compare with `plain_bill` of the same segments and modes, line by line and exactly.

    Raises Contradiction naming the first line that differs. Neither marks of estimated reads nor a cancelled bill are
    compared: plain reads do not tell them.
    """
    if (bill.tariff_digest, bill.cycle) != (plain.tariff_digest, plain.cycle):
        raise Contradiction("the bills are of different tariffs or cycles")
    if [line.name for line in bill.lines] != [line.name for line in plain.lines]:
        raise Contradiction("the bills have different lines")
    for ours, theirs in zip(bill.lines, plain.lines, strict=True):
        if ours.dollars != theirs.dollars:
            raise Contradiction(f"line '{ours.name}': {money(ours.cents)}, from plain reads {money(theirs.cents)}")
    for what in ("energy", "demand"):
        ours_of, theirs_of = getattr(bill, what), getattr(plain, what)
        for key in sorted(ours_of.keys() | theirs_of.keys()):
            if ours_of.get(key, 0) != theirs_of.get(key, 0):
                raise Contradiction(f"{what} of '{' '.join(map(str, key))}' is not that of the plain reads")


def money(cents: int) -> Decimal:
    """Dollars with two decimals, exact."""
    return Decimal(cents).scaleb(-2)
