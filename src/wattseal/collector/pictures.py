"""The report's pictures as PNG bytes: load curves, and a ciphertext beside the curve that it was opened to.

Figures are drawn without pyplot, whose registry of open figures is global state.
"""

import io
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, StrMethodFormatter
from numpy.typing import NDArray

from wattseal.collector.story import Quantity
from wattseal.protocol.time import MINUTES_PER_DAY

if TYPE_CHECKING:
    from wattseal.collector.story import TotalOutcome

DPI: Final = 160
LOAD_INCHES: Final = (11.0, 4.4)
SEEN_INCHES: Final = (11.0, 3.5)
# Beyond this a line of intervals is a smear: a day becomes one bar of its lowest, mean and highest interval.
LINE_DAYS: Final = 10
SHOWN_BYTES: Final = 3_072

# Okabe and Ito's colours, told apart with every common colour blindness and in grey.
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_INK, _MUTED, _RULE = "#1b2733", "#55606b", "#dfe4e8"
_TITLE: Final[dict[str, Any]] = {"loc": "left", "fontsize": 11, "color": _INK}


class Peak(NamedTuple):
    """The highest interval, in the curve's rate, and its beginning in UTC."""

    rate: float
    start: datetime


class Curve(NamedTuple):
    """Mean rate by (day, interval), such as kW, from day `first` on, NaN where nothing was read or released."""

    channel: str
    quantity: Quantity
    first: date
    rates: NDArray[np.float64]

    @classmethod
    def of(cls, channel: str, quantity: Quantity, totals: Iterable["TotalOutcome"], interval_minutes: int) -> Self:
        """The released ones among the totals of one cohort and channel; at least one is."""
        tables = {total.window: total.table for total in totals if total.table is not None}
        first = min(tables)
        rates = np.full(((max(tables) - first).days + 1, MINUTES_PER_DAY // interval_minutes), np.nan)
        for day, table in tables.items():
            read = (table["estimated"] < table["meters"]).to_numpy()
            sums = table[quantity.column].to_numpy()
            rates[(day - first).days, read] = sums[read] * (0.06 / interval_minutes)
        return cls(channel, quantity, first, rates)

    @property
    def last(self) -> date:
        return self.first + timedelta(days=len(self.rates) - 1)

    def peak(self) -> Peak | None:
        """None if nothing was read at all."""
        if np.isnan(self.rates).all():
            return None
        highest = int(np.nanargmax(self.rates))
        minutes = highest * (MINUTES_PER_DAY // self.rates.shape[1])
        start = datetime.combine(self.first, time(), UTC) + timedelta(minutes=minutes)
        return Peak(float(self.rates.flat[highest]), start)

    def has_gaps(self) -> bool:
        return bool(np.isnan(self.rates).any())

    def edges(self, per_day: int) -> NDArray[np.datetime64]:
        """Where `per_day` steps a day begin and end."""
        minutes = np.arange(len(self.rates) * per_day + 1) * (MINUTES_PER_DAY // per_day)
        return np.datetime64(self.first, "m") + minutes.astype("timedelta64[m]")


def load_picture(cohort: str, curves: Sequence[Curve]) -> bytes:
    """Load curves of one cohort, a channel each; says so if there are none."""
    figure = Figure(figsize=LOAD_INCHES, dpi=DPI, layout="constrained")
    if not curves:
        figure.text(0.5, 0.5, "no total was released", ha="center", va="center", fontsize=16, color=_MUTED)
        return _png(figure)
    first, last = min(curve.first for curve in curves), max(curve.last for curve in curves)
    by_day = (last - first).days >= LINE_DAYS
    # Bands over one another would mix their colours.
    panels = figure.subplots(len(curves) if by_day else 1, 1, sharex=True, squeeze=False)[:, 0]
    for curve, colour, axes in zip(curves, _COLOURS, cycle(panels), strict=False):
        if by_day:
            _draw_days(axes, curve, colour)
        else:
            _draw_line(axes, curve.rates.ravel(), curve.edges(curve.rates.shape[1]), colour, _ascii(curve.channel))
    for axes in panels:
        _dress(axes, curves[0].quantity.rate)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=9, borderaxespad=0.2)
    panels[0].set_title(f"{_ascii(cohort)}: total {curves[0].quantity.noun}", **_TITLE)
    _date_axis(panels[-1], first, last)
    return _png(figure)


def seen_picture(ciphertext: bytes, curve: Curve) -> bytes:
    """The bytes of one encrypted total, a square each, beside the day that they were opened to."""
    figure = Figure(figsize=SEEN_INCHES, dpi=DPI, layout="constrained")
    strip, opened = figure.subplots(1, 2, width_ratios=[2, 3])
    strip.imshow(_squares(ciphertext[:SHOWN_BYTES]), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    strip.set_axis_off()
    part = f"first {SHOWN_BYTES:,} of " if len(ciphertext) > SHOWN_BYTES else ""
    strip.set_title(f"encrypted: {part}{len(ciphertext):,} bytes", **_TITLE)
    _draw_line(opened, curve.rates[0], np.linspace(0, 24, curve.rates.shape[1] + 1), _COLOURS[0])
    opened.set_title("opened: the total of the same day", **_TITLE)
    _dress(opened, curve.quantity.rate)
    opened.set_xlim(0, 24)
    opened.xaxis.set_major_locator(MultipleLocator(4))
    opened.xaxis.set_major_formatter(StrMethodFormatter("{x:02.0f}:00"))
    opened.set_xlabel(f"{curve.first} (UTC)", color=_MUTED)
    return _png(figure)


def _draw_line(axes: Axes, rates: NDArray[np.float64], edges: NDArray[Any], colour: str, label: str = "") -> None:
    """Steps, not a slope: an interval's total is its mean rate from beginning to end."""
    axes.stairs(rates, edges, baseline=None, color=colour, linewidth=1.6, label=label)
    axes.stairs(rates, edges, fill=True, color=colour, alpha=0.10, linewidth=0)


def _draw_days(axes: Axes, curve: Curve, colour: str) -> None:
    rates = np.ma.masked_invalid(curve.rates)
    low, mean, high = (of_day.filled(np.nan) for of_day in (rates.min(axis=1), rates.mean(axis=1), rates.max(axis=1)))
    edges = curve.edges(1)
    axes.stairs(high, edges, baseline=low, fill=True, color=colour, alpha=0.28, linewidth=0)
    label = f"{_ascii(curve.channel)}: lowest, mean, highest"
    axes.stairs(mean, edges, baseline=None, color=colour, linewidth=1.4, label=label)


def _date_axis(axes: Axes, first: date, last: date) -> None:
    axes.set_xlim(first, last + timedelta(days=1))  # type: ignore[arg-type]
    locator = AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    formatter = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%H:%M"],
        zero_formats=["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M"],
        show_offset=False,
    )
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel(f"{span(first, last)} (UTC)", color=_MUTED)


def _dress(axes: Axes, rate: str) -> None:
    axes.set_ylabel(rate, color=_MUTED)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_MUTED)
    axes.tick_params(colors=_MUTED, labelsize=9, left=False)


def span(first: date, last: date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _squares(data: bytes) -> NDArray[np.float64]:
    """Rows of bytes in the shape of a screen, NaN after the last."""
    columns = max(1, math.ceil(math.sqrt(len(data) * 4 / 3)))
    squares = np.full(max(1, math.ceil(len(data) / columns)) * columns, np.nan)
    squares[: len(data)] = np.frombuffer(data, np.uint8)
    return squares.reshape(-1, columns)


def _ascii(name: str) -> str:
    """At most 60 signs that the font surely has, none of which begins a formula."""
    plain = "".join(sign if " " <= sign <= "~" else "?" for sign in name)
    return (plain if len(plain) <= 60 else plain[:57] + "...").replace("$", r"\$")


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
