"""A run as one HTML page without scripts or outside addresses, and the files of a run."""

import json
from importlib import resources
from pathlib import Path
from string import Template
from xml.etree.ElementTree import Element

from wattseal.bench.capacity import Assumptions, rows_of_bill_needs, rows_of_needs
from wattseal.bench.lanes import INTERVALS
from wattseal.bench.pictures import growth_picture, parts_picture
from wattseal.bench.results import BenchResult
from wattseal.bench.table import rows_of_bills, rows_of_lanes, rows_of_ratios
from wattseal.collector.markup import element, figure, scrolling, table, to_html

GROWTH, PARTS, PAGE, DATA = "growth.png", "parts.png", "bench.html", "bench.json"


def write_files(result: BenchResult, directory: Path) -> list[Path]:
    """The page, both pictures and the data."""
    growth, parts = growth_picture(result), parts_picture(result)
    directory.mkdir(parents=True, exist_ok=True)
    files = {
        PAGE: _page(result, growth, parts).encode(),
        GROWTH: growth,
        PARTS: parts,
        DATA: json.dumps(result.as_dict(), indent=1).encode(),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return [directory / name for name in files]


def _page(result: BenchResult, growth: bytes, parts: bytes) -> str:
    pieces = [
        element("h1", "What private totals and bills cost on this machine"),
        element("p", "Everything was measured in one run, in turn: read the ratios, not the times."),
        _section(f"A day of {INTERVALS} reads", *rows_of_lanes(result)),
        figure(parts, "Shares of the parties in the time of a meter's day", "Whose time a meter's day takes."),
        figure(growth, "Processor seconds against meters", "Growth with the number of meters, both axes logarithmic."),
        _section("Bills of a month of quarter hours", *rows_of_bills(result)),
        _section("Targets", *rows_of_ratios(result)),
        _section("What a fleet needs, on paper", *rows_of_needs(result, Assumptions())),
        _section("Bills of a billing day, on paper", *rows_of_bill_needs(result, Assumptions())),
        element("ul", *(element("li", words) for words in Assumptions().in_words())),
        element("h2", "Machine"),
        table(("fact", "value"), result.machine.items()),
        element("h2", "What the lanes are"),
        element("ul", *(element("li", f"{lane.name}: {lane.note}") for lane in result.lanes if lane.note)),
    ]
    template = resources.files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(body=to_html(pieces))


def _section(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Element:
    numbers = range(1, len(head))
    return element("section", element("h2", title), scrolling(title, table(head, rows, numbers=numbers)))
