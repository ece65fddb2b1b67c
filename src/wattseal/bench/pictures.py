"""A run as pictures: cost against meters, and whose time a meter's day takes."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from wattseal.bench.lanes import Kind, Party
from wattseal.bench.results import MICRO, BenchResult

# Okabe and Ito's colours, told apart with every common colour blindness and in grey.
_COLOURS = ("#56606a", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#E69F00")
_OF_PARTY = {
    Party.METER: "#0072B2",
    Party.AGGREGATOR: "#D55E00",
    Party.UNBLINDER: "#009E73",
    Party.DECRYPTOR: "#CC79A7",
}
_INCHES, _DPI = (8.0, 4.6), 160


def growth_picture(result: BenchResult) -> bytes:
    """PNG: processor seconds of all parties for one day's total against meters, both axes logarithmic."""
    figure, axes = _figure()
    names = list(dict.fromkeys(point.name for point in result.curve))
    for name, colour in zip(names, _COLOURS, strict=False):
        points = [point for point in result.curve if point.name == name]
        peer = any(lane.name == name and lane.kind is Kind.PEER for lane in result.lanes)
        axes.plot(
            [point.meters for point in points],
            [point.seconds for point in points],
            marker="o",
            markersize=4,
            linestyle="--" if peer else "-",
            color=colour,
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel="meters", ylabel="processor seconds, all parties")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_title("One day's total, from reads to release", loc="left")
    axes.grid(visible=True, which="major", color="#dfe4e8")
    axes.legend(frameon=False)
    return _png(figure)


def parts_picture(result: BenchResult) -> bytes:
    """PNG: microseconds a meter's day by party, a bar a lane on a logarithmic axis of totals, shares written in."""
    figure, axes = _figure()
    lanes = list(reversed(result.lanes))
    for position, lane in enumerate(lanes):
        left = 0.0
        whole = sum(lane.seconds(party).median for party in Party)
        for party in Party:
            share = lane.seconds(party).median / whole
            axes.barh(position, share, left=left, color=_OF_PARTY[party], height=0.62)
            if share >= 0.06:
                axes.text(
                    left + share / 2, position, f"{share:.0%}", ha="center", va="center", color="white", fontsize=8
                )
            left += share
        axes.text(1.01, position, f"{whole * MICRO:,.0f} us", va="center", fontsize=9)
    axes.set_yticks(range(len(lanes)), [lane.name for lane in lanes])
    axes.set(xlim=(0, 1), xlabel="share of the time; at the right, a meter's day")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0%}"))
    axes.set_title("Whose time a meter's day takes", loc="left")
    handles = [axes.barh(0, 0, color=colour, label=party) for party, colour in _OF_PARTY.items()]
    figure.legend(handles=handles, ncols=len(handles), loc="outside lower center", frameon=False)
    axes.spines[["left"]].set_visible(False)
    axes.tick_params(left=False)
    return _png(figure)


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
