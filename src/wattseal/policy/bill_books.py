"""The bill books of one region's cycles, as a ledger or a log of granted statements fills them."""

from collections.abc import Iterable, Mapping, Set

from wattseal.policy.bill_questions import Bills, CycleMinutes
from wattseal.policy.bills import BillBook, BillRules
from wattseal.protocol.ids import Channel, MeterId

Books = dict[Channel, dict[MeterId, BillBook]]
"""Of one billing cycle."""


def record(books: Books, bills: Bills, rules: BillRules) -> None:
    """Add what a granted statement released."""
    for one in bills.asked():
        if one.items:
            of_channel = books.setdefault(one.channel, {})
            before = of_channel.get(one.meter)
            of_channel[one.meter] = rules.recorded(one.items if before is None else (*before.items, *one.items))


def books_of(cycles: Mapping[CycleMinutes, Books], meter: MeterId, channel: Channel) -> dict[CycleMinutes, BillBook]:
    """See `Memory.books`."""
    of_channel = ((cycle, books.get(channel, {})) for cycle, books in cycles.items())
    return {cycle: books[meter] for cycle, books in of_channel if meter in books}


def billed_in(cycles: Iterable[Books], channel: Channel) -> Set[MeterId]:
    """See `Memory.billed`."""
    each = [books[channel].keys() for books in cycles if channel in books]
    return each[0] if len(each) == 1 else frozenset[MeterId]().union(*each)
