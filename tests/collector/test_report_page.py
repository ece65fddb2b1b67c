"""The report page: what it says about each kind of run, that it is sound HTML, and that no name can break out of it."""

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from wattseal.collector.markup import element, table, to_html
from wattseal.collector.pictures import DPI, LOAD_INCHES, SEEN_INCHES, SHOWN_BYTES, Curve, load_picture, seen_picture
from wattseal.collector.reasons import REASONS, reason
from wattseal.collector.report_page import TABLE_ROWS, write_report
from wattseal.collector.story import QUANTITIES, Attempt, Refusal, Stage, Story, TotalOutcome
from wattseal.protocol.errors import UsageError, WattsealError

DAY = date(2026, 3, 2)
HOSTILE = "$\\frac{$ </td><script>alert(1)</script><img src=x onerror='a'>\" $title ${load} &amp; \u202e\u6f22\udcff"
VOID = {"meta", "img"}
SMALL = Refusal("group-too-small", "the group has fewer than 15 members")


def released(
    cohort: str = "town",
    day: date = DAY,
    channel: str = "delivered",
    meters: int = 40,
    intervals: int = 48,
    wh: int = 500,
    column: str = "total_wh",
) -> TotalOutcome:
    begin, step = datetime.combine(day, time(), UTC), timedelta(days=1) / intervals
    rows = {
        "interval_start": [begin + i * step for i in range(intervals)],
        column: [wh * meters + i for i in range(intervals)],
        "meters": [meters] * intervals,
        "estimated": [0] * intervals,
    }
    return TotalOutcome(cohort, day, channel, 0.125, os.urandom(768), pl.DataFrame(rows))


def refused(cohort: str = "hamlet", day: date = DAY, refusal: Refusal = SMALL) -> TotalOutcome:
    return TotalOutcome(cohort, day, "delivered", 0.01, refusal=refusal)


def with_estimates(total: TotalOutcome, estimated: list[int]) -> TotalOutcome:
    assert total.table is not None
    return replace(total, table=total.table.with_columns(pl.Series("estimated", estimated)))


def story(*totals: TotalOutcome, checked: int | None = None, attempts: tuple[Attempt, ...] = ()) -> Story:
    return Story(
        title="A day of a town",
        region="region-1",
        policy="trial",
        meters=1_000,
        interval_minutes=30,
        quantity=QUANTITIES["electricity"],
        reports=1_000,
        report_bytes=912.0,
        totals=totals,
        attempts=attempts,
        stages=(Stage("sealing", 3.0), Stage("opening", 1.5)),
        checked=sum(total.table.height for total in totals if total.table is not None) if checked is None else checked,
    )


class Page(HTMLParser):
    """A page that was parsed to its end; raises AssertionError on tags that do not match."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(told: Story, directory: Path) -> Page:
    return Page(write_report(told, directory)[0].read_text("utf-8"))


RUNS = {
    "a day": story(
        released(), released("town/a", meters=20), refused(), attempts=(Attempt("cheat", "decryptor", SMALL),)
    ),
    "none released": story(*(refused("town", DAY + timedelta(days)) for days in range(3))),
    "no questions": story(),
    "two channels": story(released(), released(channel="received")),
    "a fortnight of two channels": story(
        *(released(day=DAY + timedelta(i), channel=channel) for i in range(14) for channel in ("delivered", "received"))
    ),
    "gas": replace(story(released(column="total_l")), quantity=QUANTITIES["gas"]),
    "a hostile fortnight": story(*(released(HOSTILE, DAY + timedelta(i), HOSTILE) for i in range(14))),
    "hostile": replace(
        story(
            released(HOSTILE, channel=HOSTILE),
            refused(HOSTILE, refusal=Refusal(HOSTILE, HOSTILE)),
            attempts=(Attempt(HOSTILE, HOSTILE, Refusal(HOSTILE, HOSTILE)),),
        ),
        title=HOSTILE,
        region=HOSTILE,
        policy=HOSTILE,
        stages=(Stage(HOSTILE, 0.0),),
    ),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    return {name: page_of(told, tmp_path_factory.mktemp("report")) for name, told in RUNS.items()}


@pytest.mark.parametrize("run", RUNS)
def test_every_page_is_sound_accessible_and_reaches_for_nothing(pages: dict[str, Page], run: str) -> None:
    page = pages[run]
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.of("h1")) == 1
    assert len(page.of("h2")) == 6
    assert all(attributes["alt"] for attributes in page.of("img"))
    assert all(attributes["scope"] in {"col", "row"} for attributes in page.of("th"))
    assert {"script", "link", "iframe", "a", "form", "base"}.isdisjoint(tag for tag, _ in page.tags)
    for _, attributes in page.tags:
        assert (attributes.get("src") or "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "href" for name in attributes)
    policy = next(attributes for attributes in page.of("meta") if "http-equiv" in attributes)
    assert policy["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_gas_is_told_in_its_own_words(pages: dict[str, Page]) -> None:
    text = pages["gas"].text
    assert "40.1 m³/h from 2026-03-02 23:30 UTC" in text
    assert {"m³", "peak m³/h"} <= set(pages["gas"].pieces)
    assert "kW" not in text


def test_hostile_text_is_shown_and_nothing_more(pages: dict[str, Page]) -> None:
    shown = " ".join(HOSTILE.replace("\udcff", "?").split())
    page = pages["hostile"]
    # title twice; region and policy; group, channel and curve; refusal, attempt and stage
    assert page.text.count(shown) >= 12
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in pages["a day"].tags}
    assert all(attributes["src"] != "x" for attributes in page.of("img"))


@given(st.text(), st.text())
def test_markup_gives_back_the_text_that_was_put_in(text: str, attribute: str) -> None:
    page = Page(to_html([element("p", element("b", text), text, title=attribute)]))
    assert page.tags == [("p", {"title": attribute}), ("b", {})]
    assert "".join(page.pieces) == text + text


def test_text_between_elements_keeps_its_place() -> None:
    made = element("p", "a", "b", element("i", "c"), "d", "e", kind="note")
    assert to_html([made]) == '<p class="note">ab<i>c</i>de</p>'


def test_a_table_names_its_columns_and_rows() -> None:
    assert to_html([table(("n", "v"), [("x", "1")], numbers=(1,))]) == (
        '<table><thead><tr><th scope="col">n</th><th class="number" scope="col">v</th></tr></thead>'
        '<tbody><tr><th scope="row">x</th><td class="number">1</td></tr></tbody></table>'
    )


def test_a_day(pages: dict[str, Page]) -> None:
    text = pages["a day"].text
    assert "1,000 meters of region-1 sealed 48,000 reads." in text
    assert "Totals asked for under policy trial: 3; released: 2; refused: 1." in text
    assert "Each of the 96 released interval totals equals the sum of the plain reads." in text
    # The last interval is the highest: 20,047 Wh in half an hour.
    assert "town, 40 meters, 2026-03-02. Highest interval, delivered: 40.1 kW from 2026-03-02 23:30 UTC." in text
    assert "The aggregator added 40 encrypted reports into 768 bytes" in text
    assert "town 2026-03-02 delivered 40 48 961.128 40.1 0" in text
    assert f"group-too-small {SMALL.detail} {reason('group-too-small')} hamlet 1" in text
    assert f"cheat decryptor group-too-small {SMALL.detail}" in text
    assert "48 reads in 912 bytes, header and signature included, or 19.00 bytes a read." in text
    assert "a total took 125 ms (median)" in text
    assert [bar["style"] for bar in pages["a day"].of("div") if bar.get("class") == "bar"] == [
        "width:100.0%",
        "width:50.0%",
    ]
    assert "SECURITY.md" in text
    assert "Gaps" not in text


@pytest.mark.parametrize("run", ["none released", "no questions"])
def test_nothing_released(pages: dict[str, Page], run: str) -> None:
    page = pages[run]
    assert page.of("img") == []
    assert "released: 0;" in page.text
    assert "plain reads" not in page.text
    assert "No total was released" in page.text
    assert "None were made in this run." in page.text


def test_nothing_refused(pages: dict[str, Page]) -> None:
    assert "None: every total that was asked for was permitted." in pages["two channels"].text


def test_several_channels(pages: dict[str, Page]) -> None:
    for run, how in (("two channels", "Each step is"), ("a fortnight of two channels", "A day is a bar")):
        text = pages[run].text
        assert "Highest interval, delivered:" in text
        assert "Highest interval, received:" in text
        assert how in text


def test_not_everything_was_compared(tmp_path: Path) -> None:
    text = page_of(story(released(), checked=12), tmp_path).text
    assert "12 of 48 released interval totals were compared with the plain sums." in text
    assert "Each of the" not in text


def test_a_year_stays_small(tmp_path: Path) -> None:
    days = [DAY + timedelta(days) for days in range(367)]
    told = story(*(released(day=day, channel=channel) for day in days for channel in ("delivered", "received")))
    report, picture = write_report(told, tmp_path)
    page = Page(report.read_text("utf-8"))
    assert report.stat().st_size < 1_500_000
    assert picture.stat().st_size < 500_000
    assert "2026-03-02 to 2027-03-03" in page.text
    assert f"The first {TABLE_ROWS} of 734; {734 - TABLE_ROWS} are left out here." in page.text
    assert page.text.count(" delivered 40 48 ") + page.text.count(" received 40 48 ") == TABLE_ROWS


def test_many_refused_groups_are_counted_not_listed(tmp_path: Path) -> None:
    groups = [f"g{i}" for i in range(6)]
    told = story(*(refused(group) for group in groups), refused("g5"), refused("x", refusal=Refusal("new-rule", "no")))
    text = page_of(told, tmp_path).text
    assert "g5, g0, g1, g2 and 2 others 7" in text
    assert f"new-rule no {reason('new-rule')} x 1" in text


def test_intervals_without_a_read_are_left_out(tmp_path: Path) -> None:
    total = with_estimates(released(), [40] * 16 + [2] * 32)
    text = page_of(story(total, checked=32), tmp_path).text
    assert "Each of the 32 released interval totals" in text
    assert "town 2026-03-02 delivered 40 32 641.008 40.1 64 (5.00%)" in text
    assert "Gaps are days not released, or intervals without a read." in text


def test_a_total_without_any_read(tmp_path: Path) -> None:
    text = page_of(story(with_estimates(released(), [40] * 48), checked=0), tmp_path).text
    assert "town 2026-03-02 delivered 40 0 0.000 0.0 0" in text
    assert "Highest interval" not in text


def test_the_fullest_day_of_the_largest_group_is_shown(tmp_path: Path) -> None:
    partial = with_estimates(released(), [40] * 16 + [0] * 32)
    totals = (partial, released(day=DAY + timedelta(1)), released("village", meters=39))
    page = page_of(story(*totals), tmp_path)
    assert "town on 2026-03-03, delivered." in page.text


def test_every_answer_is_explained() -> None:
    assert set(REASONS) == {error.slug for error in _tree(WattsealError)}
    assert len(set(REASONS.values())) == len(REASONS)
    assert reason("a-rule-of-tomorrow") == REASONS["remote"]


def _tree(root: type[WattsealError]) -> Iterator[type[WattsealError]]:
    yield root
    for child in root.__subclasses__():
        # Errors of other modules are not told from role to role.
        if child.__module__ == WattsealError.__module__:
            yield from _tree(child)


def test_the_page_holds_the_picture_beside_it(tmp_path: Path) -> None:
    report, picture = write_report(RUNS["a day"], tmp_path)
    assert (report, picture) == (tmp_path / "report.html", tmp_path / "load.png")
    source = Page(report.read_text("utf-8")).of("img")[0]["src"] or ""
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == picture.read_bytes()


def test_an_earlier_report_is_replaced_whole(tmp_path: Path) -> None:
    write_report(RUNS["a day"], tmp_path)
    write_report(RUNS["none released"], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "load.png"}
    assert "released: 0;" in Page((tmp_path / "report.html").read_text("utf-8")).text


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UsageError, match=r"report\.html: Is a directory"):
        write_report(story(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UsageError, match="No such file"):
        write_report(story(), tmp_path / "missing")


@pytest.mark.parametrize("run", RUNS)
def test_the_load_picture_opens_with_its_size(tmp_path: Path, run: str) -> None:
    pixels = imread(write_report(RUNS[run], tmp_path)[1])
    assert pixels.shape == (LOAD_INCHES[1] * DPI, LOAD_INCHES[0] * DPI, 4)
    assert pixels.min() < 0.6


def test_a_curve_is_power_with_gaps() -> None:
    totals = [
        with_estimates(released(intervals=4, meters=10, wh=600), [10, 9, 0, 0]),
        released(day=DAY + timedelta(2), intervals=4, meters=10, wh=1_200),
    ]
    curve = Curve.of("delivered", QUANTITIES["electricity"], totals, 360)
    nan = np.nan
    wanted = [[nan, 6_001 / 6_000, 6_002 / 6_000, 6_003 / 6_000], [nan] * 4, [2 + i / 6_000 for i in range(4)]]
    np.testing.assert_allclose(curve.rates, wanted, rtol=1e-12)
    peak = curve.peak()
    assert peak is not None
    assert peak.rate == pytest.approx(12_003 / 6_000)
    assert peak.start == datetime(2026, 3, 4, 18, tzinfo=UTC)
    assert curve.last == date(2026, 3, 4)
    assert curve.has_gaps()


@pytest.mark.parametrize("length", [1, 768, SHOWN_BYTES + 1])
def test_the_seen_picture_opens_with_its_size(length: int) -> None:
    pixels = imread(
        io.BytesIO(seen_picture(os.urandom(length), Curve.of("delivered", QUANTITIES["electricity"], [released()], 30)))
    )
    assert pixels.shape == (SEEN_INCHES[1] * DPI, SEEN_INCHES[0] * DPI, 4)


def test_other_data_give_another_picture() -> None:
    low, high = (Curve.of("delivered", QUANTITIES["electricity"], [released(wh=wh)], 30) for wh in (500, 501))
    assert load_picture("town", [low]) == load_picture("town", [low]) != load_picture("town", [high])


def test_pyplot_stays_away() -> None:
    program = "import sys, wattseal.collector.report_page; sys.exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
