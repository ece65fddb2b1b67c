"""What happened in a run, in one immutable value: what the report page and the summary are drawn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from wattseal.collector.bills import Settled, Unbilled
from wattseal.protocol.errors import WattsealError

if TYPE_CHECKING:
    import polars as pl

Found = Settled | Unbilled
BILL_PAGES = "bills"
"""The directory of bills' pages, beside the report."""


class Quantity(NamedTuple):
    """How people speak of a commodity: the column of its totals in Wh or litres, their thousands, and those an hour."""

    column: str
    thousand: str
    rate: str
    noun: str


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "electricity": Quantity("total_wh", "kWh", "kW", "power"),
        "gas": Quantity("total_l", "m³", "m³/h", "flow"),
    }
)


class Refusal(NamedTuple):
    """A problem's stable type and its sentence."""

    slug: str
    detail: str


@dataclass(frozen=True)
class TotalOutcome:
    """One question for a total: the released rows, or why there are none.

    `ciphertext` is the encrypted total as the aggregator folded it, empty if the aggregator itself refused; `table`
    has columns interval_start, total_wh (or total_l), meters, estimated.
    """

    cohort: str
    window: date
    channel: str
    seconds: float
    ciphertext: bytes = b""
    table: "pl.DataFrame | None" = None
    refusal: Refusal | None = None


class Attempt(NamedTuple):
    """Something that must not work, tried: what, whom it was tried on, and the answer."""

    what: str
    on: str
    answer: Refusal


def tried(what: str, on: str, act: Callable[[], object]) -> Attempt:
    """Raises WattsealError if it works."""
    try:
        act()
    except WattsealError as error:
        return Attempt(what, on, Refusal(error.slug, error.detail))
    raise WattsealError(f"this worked and must not: {what}")


class Stage(NamedTuple):
    """A step of the run and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Story:
    """`checked` counts the released interval totals that were compared with plain sums and found equal.

    `checked_bills` counts the bills that were compared with those of the plain reads and found equal; the first
    `bill_pages` of them have a page, or all.
    """

    title: str
    region: str
    policy: str
    meters: int
    interval_minutes: int
    quantity: Quantity
    reports: int
    report_bytes: float
    totals: tuple[TotalOutcome, ...]
    attempts: tuple[Attempt, ...]
    stages: tuple[Stage, ...]
    checked: int
    bills: tuple[Found, ...] = ()
    checked_bills: int = 0
    bill_pages: int | None = None

    @property
    def released(self) -> tuple[TotalOutcome, ...]:
        return tuple(total for total in self.totals if total.table is not None)

    @property
    def refused(self) -> tuple[TotalOutcome, ...]:
        return tuple(total for total in self.totals if total.refusal is not None)

    @property
    def settled(self) -> tuple[Settled, ...]:
        return tuple(bill for bill in self.bills if isinstance(bill, Settled))

    @property
    def unbilled(self) -> tuple[Unbilled, ...]:
        return tuple(bill for bill in self.bills if isinstance(bill, Unbilled))
