"""`report.html` and `load.png` of a trial run: what was opened, what was refused and why, what it cost.

The page is one file without scripts or outside addresses.
"""

import html
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from statistics import median
from string import Template
from typing import TYPE_CHECKING, Final, NamedTuple
from xml.etree.ElementTree import Element

from wattseal.collector.bills_section import bills_headline, bills_section
from wattseal.collector.markup import bar, element, figure, scrolling, table, to_html
from wattseal.collector.pictures import LINE_DAYS, Curve, load_picture, seen_picture, span
from wattseal.collector.reasons import reason
from wattseal.collector.story import Refusal, Story, TotalOutcome
from wattseal.protocol.errors import UsageError
from wattseal.protocol.time import MINUTES_PER_DAY

if TYPE_CHECKING:
    import polars as pl

TABLE_ROWS: Final = 200
NAMED_GROUPS: Final = 4


class _Opened(NamedTuple):
    """A released total, its meters, and the rows of its table in which some meter had a read."""

    total: TotalOutcome
    meters: int
    read: "pl.DataFrame"


def write_report(story: Story, directory: Path) -> tuple[Path, Path]:
    """Write report.html and load.png, each whole or not at all, over earlier ones. Raises UsageError if it cannot."""
    opened = [
        _Opened(total, int(rows["meters"][0]), rows.filter(rows["estimated"] < rows["meters"]))
        for total in story.released
        if (rows := total.table) is not None
    ]
    largest = max(opened, key=lambda one: (one.meters, len(one.read)), default=None)
    curves = [] if largest is None else _curves(story, largest.total.cohort)
    picture = load_picture("" if largest is None else largest.total.cohort, curves)
    words = {"title": story.title, "headline": _headline(story, opened), "size": _size(story, opened)}
    parts = {
        "facts": _facts(story, opened),
        "load": _load(picture, largest, curves),
        "bills": bills_section(story),
        "seen": _seen(story, largest),
        "released": _released(story, opened),
        "refused": _refused(story),
        "attempts": _attempts(story),
        "stages": _stages(story),
    }
    report = _replace(directory / "report.html", _page(words, parts))
    return report, _replace(directory / "load.png", picture)


def _page(words: Mapping[str, str], parts: Mapping[str, Iterable[Element]]) -> bytes:
    template = Template(resources.files("wattseal.collector").joinpath("report.html").read_text("utf-8"))
    page = template.substitute(
        {name: html.escape(text) for name, text in words.items()},
        **{name: to_html(pieces) for name, pieces in parts.items()},
    )
    # A title made from a file name that is no text holds lone surrogates, which have no UTF-8.
    return page.encode("utf-8", "replace")


def _replace(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path}: {error.strerror}") from None
    return path


def _curves(story: Story, cohort: str) -> list[Curve]:
    """A curve a channel, in the order of the story."""
    by_channel: dict[str, list[TotalOutcome]] = {}
    for total in story.released:
        if total.cohort == cohort:
            by_channel.setdefault(total.channel, []).append(total)
    return [Curve.of(channel, story.quantity, totals, story.interval_minutes) for channel, totals in by_channel.items()]


def _headline(story: Story, opened: Sequence[_Opened]) -> str:
    asked = (
        f"{_count(story.meters, 'meter')} of {story.region} sealed {_count(_reads(story), 'read')}. "
        f"Totals asked for under policy {story.policy}: {len(story.totals):,}; released: {len(opened):,}; "
        f"refused: {len(story.refused):,}."
    )
    intervals = sum(len(one.read) for one in opened)
    if story.checked == intervals > 0:
        asked += f" Each of the {intervals:,} released interval totals equals the sum of the plain reads."
    elif intervals:
        asked += f" {story.checked:,} of {intervals:,} released interval totals were compared with the plain sums."
    return f"{asked} {bills_headline(story)}".rstrip()


def _facts(story: Story, opened: Sequence[_Opened]) -> list[Element]:
    facts = {
        "meters": story.meters,
        "reads, each encrypted and blinded": _reads(story),
        "totals released": len(opened),
        "totals refused": len(story.refused),
        "interval totals checked, equal to the plain sums": story.checked,
    }
    if story.bills:
        facts["bills checked, equal to those of the plain reads"] = story.checked_bills
    boxes = (element("div", element("dt", name), element("dd", f"{value:,}")) for name, value in facts.items())
    return [element("dl", *boxes, kind="facts")]


def _load(picture: bytes, largest: _Opened | None, curves: Sequence[Curve]) -> list[Element]:
    if largest is None:
        return [element("p", "No total was released, so there is no curve to draw; what was refused and why is below.")]
    first, last = min(curve.first for curve in curves), max(curve.last for curve in curves)
    what = f"{largest.total.cohort}, {_count(largest.meters, 'meter')}, {span(first, last)}"
    peaks = [
        f"Highest interval, {curve.channel}: {peak.rate:,.1f} {curve.quantity.rate} "
        f"from {peak.start:%Y-%m-%d %H:%M} UTC."
        for curve in curves
        if (peak := curve.peak()) is not None
    ]
    daily = "A day is a bar from its lowest to its highest interval, and a line at its mean."
    how = daily if (last - first).days >= LINE_DAYS else "Each step is the mean of one interval."
    gaps = ["Gaps are days not released, or intervals without a read."] if any(map(Curve.has_gaps, curves)) else []
    return [figure(picture, " ".join((f"Load curve: {what}.", *peaks)), " ".join((f"{what}.", *peaks, how, *gaps)))]


def _seen(story: Story, largest: _Opened | None) -> list[Element]:
    if largest is None or not largest.total.ciphertext:
        return [element("p", "There is no encrypted total here that was also opened.")]
    total = largest.total
    picture = seen_picture(total.ciphertext, Curve.of(total.channel, story.quantity, [total], story.interval_minutes))
    sentence = (
        f"The aggregator added {_count(largest.meters, 'encrypted report')} into {len(total.ciphertext):,} bytes, "
        "drawn on the left as one grey square each, and could not tell them from noise; only both halves of the key "
        "server together opened them to the curve on the right."
    )
    what = f"{total.cohort} on {total.window}, {total.channel}"
    alt = f"Left, the encrypted total of {what}, as grey noise; right, the load curve that it was opened to."
    return [element("p", sentence), figure(picture, alt, f"{what}.")]


def _released(story: Story, opened: Sequence[_Opened]) -> list[Element]:
    if not opened:
        return [element("p", "None.")]
    quantity = story.quantity
    energy = (quantity.thousand, f"peak {quantity.rate}")
    head = ("group", "day (UTC)", "channel", "meters", "intervals", *energy, "estimated reads")
    rows = [_total_row(one, story) for one in opened[:TABLE_ROWS]]
    others = len(opened) - len(rows)
    note = f"The first {len(rows)} of {len(opened):,}; {others:,} are left out here. " if others else ""
    return [
        element("p", f"{note}totals.csv has every released total, interval by interval.", kind="note"),
        scrolling("released totals", table(head, rows, numbers=range(3, len(head)))),
    ]


def _total_row(one: _Opened, story: Story) -> tuple[str, ...]:
    sums, estimated = one.read[story.quantity.column].to_numpy(), int(one.read["estimated"].sum())
    return (
        one.total.cohort,
        str(one.total.window),
        one.total.channel,
        f"{one.meters:,}",
        f"{len(sums):,}",
        f"{sums.sum() / 1000:,.3f}",
        f"{sums.max(initial=0) * 0.06 / story.interval_minutes:,.1f}",
        f"{estimated:,} ({estimated / (one.meters * len(sums)):.2%})" if estimated else "0",
    )


def _refused(story: Story) -> list[Element]:
    by_rule: dict[str, list[tuple[str, Refusal]]] = {}
    for total in story.refused:
        if total.refusal is not None:
            by_rule.setdefault(total.refusal.slug, []).append((total.cohort, total.refusal))
    if not by_rule:
        return [element("p", "None: every total that was asked for was permitted.")]
    rows = [
        (_answer(refusals[0][1]), reason(slug), _groups([cohort for cohort, _ in refusals]), f"{len(refusals):,}")
        for slug, refusals in by_rule.items()
    ]
    return [table(("answer", "why", "groups", "totals"), rows, numbers=(3,), kind="refusals")]


def _groups(cohorts: Sequence[str]) -> str:
    """The groups that were refused most often, and how many others."""
    counts = Counter(cohorts)
    others = len(counts) - NAMED_GROUPS
    named = ", ".join(cohort for cohort, _ in counts.most_common(NAMED_GROUPS))
    return f"{named} and {_count(others, 'other')}" if others > 0 else named


def _attempts(story: Story) -> list[Element]:
    if not story.attempts:
        return [element("p", "None were made in this run.")]
    rows = [
        (attempt.what, attempt.on, _answer(attempt.answer), reason(attempt.answer.slug)) for attempt in story.attempts
    ]
    note = "Each was made against the running services, and turned away."
    return [element("p", note, kind="note"), table(("attempt", "against", "answer", "why"), rows, kind="attempts")]


def _answer(refusal: Refusal) -> Element:
    """A problem's stable type above what the role said."""
    return element("span", element("code", refusal.slug), element("span", refusal.detail, kind="detail"))


def _size(story: Story, opened: Sequence[_Opened]) -> str:
    intervals = MINUTES_PER_DAY // story.interval_minutes
    size = (
        f"A report is one meter's day in one channel: {_count(intervals, 'read')} in {story.report_bytes:,.0f} bytes, "
        f"header and signature included, or {story.report_bytes / intervals:,.2f} bytes a read."
    )
    if not opened:
        return size
    milliseconds = 1000 * median(one.total.seconds for one in opened)
    return f"{size} From question to checked release a total took {milliseconds:,.0f} ms (median)."


def _stages(story: Story) -> list[Element]:
    longest = max((stage.seconds for stage in story.stages), default=0.0)
    rows = [
        (stage.name, f"{stage.seconds:,.2f}", bar(stage.seconds / longest if longest else 0.0))
        for stage in story.stages
    ]
    return [table(("stage", "seconds", "share of the longest"), rows, numbers=(1,), kind="stages")]


def _reads(story: Story) -> int:
    return story.reports * (MINUTES_PER_DAY // story.interval_minutes)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
