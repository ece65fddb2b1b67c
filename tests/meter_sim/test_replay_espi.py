"""Green Button files that are damaged or hostile: each refusal names the line, and none fills the memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.meter_sim.feeds import (
    ATOM,
    METER,
    READING,
    block,
    entry,
    feed,
    household,
    meter_reading,
    point,
    read,
    reading_type,
    save,
)
from tests.meter_sim.replaying import reads_of, refusal
from wattseal.meter_sim import replay_espi
from wattseal.meter_sim.reads import ReplayError
from wattseal.meter_sim.replay import ReplayOptions, open_replay

S = 1_772_323_200
GOOD = read(S, 5)
OPEN = f'<feed xmlns="{ATOM}">'
MIB = 1 << 20


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (read("", 5), "IntervalReading has no start"),
        (read("soon", 5), "start 'soon' is not a positive"),
        (read("1772323200.5", 5), "start '1772323200.5' is not a positive"),
        (read("-900", 5), "start '-900' is not a positive"),
        (read("9" * 13, 5), "is not a positive whole number"),
        (read("१७७२३२३२००", 5), "is not a positive whole number"),
        (read(S + 30, 5), f"start {S + 30} is not on the interval grid"),
        (read(S + 60, 5), "time is not on the grid of 15 minutes of UTC"),
        (read(0, 5), "start 0 is not between 1970-01-02 and 9999-12-31"),
        (read(253_402_300_800, 5), "is not between 1970-01-02 and 9999-12-31"),
        (read(S, 5, "."), "duration '.' is not a positive"),
        (read(S, 5, 0), "duration '0' is not a positive"),
        (read(S, 5, "PT15M"), "duration 'PT15M' is not a positive"),
        (read(S, 5, 899), "duration of 899 seconds; they may last 1, 5, 10, 15, 30, 60 minutes"),
        (read(S, 5, 1200), "duration of 1200 seconds"),
        (read(S, -5), "value '-5' is negative; received energy is a channel of its own"),
        (read(S, "five"), "value 'five' is not a number"),
        (read(S, 1 << 41), "is not a decimal number of at most 2^40 Wh"),
        (read(S, "5</e:value><e:value>6"), "IntervalReading has an element twice"),
        (read(S, "1<e:x>5</e:x>2"), "IntervalReading has an element within the text of another"),
        (read(S, "<x/>12"), "IntervalReading has an element within the text of another"),
        (read(f"17<x/>{S}", 5), "IntervalReading has an element within the text of another"),
        (read(S, 5, "9<x/>00"), "IntervalReading has an element within the text of another"),
        (read(S, 5, quality="1<x/>2"), "quality has an element within its text"),
        (read(S, 5, quality="8</e:quality><e:quality>0"), "ReadingQuality has quality twice"),
        (
            read(S, 5).replace("<e:start>", "<e:begin>").replace("/e:start>", "/e:begin>"),
            "IntervalReading has no start",
        ),
        ("<e:IntervalReading/>", "IntervalReading has no start"),
        ("<e:IntervalReading><e:value>5</e:value></e:IntervalReading>", "IntervalReading has no start"),
    ],
)
def test_bad_readings_are_named_by_their_line(tmp_path: Path, reading: str, why: str) -> None:
    path = save(tmp_path, household(read(S - 900, 5), "", reading, read(S + 900, 5)))
    message = refusal(path)
    assert message.startswith(f"{path}, line 12: ")
    assert why in message


def test_lines_beyond_sixteen_bits(tmp_path: Path) -> None:
    path = save(tmp_path, household("\n" * 70_000, read(S, "x")))
    assert f"line {70_011}: value 'x'" in refusal(path)


def test_overlapping_readings(tmp_path: Path) -> None:
    path = save(tmp_path, household(read(S, 5, 1800), read(S + 900, 5)))
    assert refusal(path, interval_minutes=30) == f"{path}, line 11: begins before the read at {path}, line 10 ends"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"uom": None}, "ReadingType has no uom"),
        ({"uom": "Wh"}, "uom 'Wh' is not a code"),
        ({"uom": ""}, "uom '' is not a code"),
        ({"flowDirection": "1.0"}, "flowDirection '1.0' is not a code"),
        ({"powerOfTenMultiplier": "--3"}, "powerOfTenMultiplier '--3' is not a code"),
        ({"powerOfTenMultiplier": 13}, "powerOfTenMultiplier 13 is beyond 12"),
        ({"powerOfTenMultiplier": -13}, "powerOfTenMultiplier -13 is beyond 12"),
        ({"commodity": "9" * 99}, "is not a code"),
        ({"powerOfTenMultiplier": "0<e:x/>3"}, "powerOfTenMultiplier has an element within its text"),
        ({"uom": "72</e:uom><e:uom>38"}, "ReadingType has uom twice"),
    ],
)
def test_bad_reading_types(tmp_path: Path, fields: dict[str, int | str | None], why: str) -> None:
    path = save(tmp_path, household(GOOD, **fields))
    message = refusal(path)
    assert message.startswith(f"{path}, line 7: ")
    assert why in message


@pytest.mark.parametrize(
    ("entries", "line", "why"),
    [
        ((point(), reading_type(), block(GOOD)), 7, "IntervalBlock is linked to no MeterReading"),
        ((meter_reading(), reading_type(), block(GOOD)), 3, "MeterReading is linked to no UsagePoint"),
        ((point(), meter_reading(), block(GOOD)), 5, "MeterReading is linked to no ReadingType"),
        (
            (point(), meter_reading(), reading_type(), reading_type(uom=38), block(GOOD)),
            5,
            "MeterReading is linked to more than one ReadingType",
        ),
        (
            (point(), point(name="urn:other"), meter_reading(), reading_type(), block(GOOD)),
            7,
            "MeterReading is linked to more than one UsagePoint",
        ),
        (
            (point(name=""), meter_reading(), reading_type(), block(GOOD)),
            3,
            "id of the UsagePoint: meter name is empty",
        ),
        ((point(name="a<x/>b"), meter_reading(), reading_type(), block(GOOD)), 2, "id has an element within its text"),
        ((point(name="a</id><id>b"), meter_reading(), reading_type(), block(GOOD)), 2, "entry has id twice"),
        ((point(name="x" * 65), meter_reading(), reading_type(), block(GOOD)), 3, "is longer than 64 bytes"),
        ((entry(GOOD, "/x"),), 3, "IntervalReading is not in the IntervalBlock of an entry's content"),
        ((entry(f"<e:IntervalBlock><e:a>{GOOD}</e:a></e:IntervalBlock>", "/x"),), 3, "is not in the IntervalBlock"),
        (("<entry><entry/></entry>",), 2, "entry is not directly in the feed"),
        (("<entry><content/><content/></entry>",), 2, "entry has more than one content"),
        (
            (
                block(GOOD).replace(
                    "</content>", f"</content><content><e:IntervalBlock>{GOOD}</e:IntervalBlock></content>"
                ),
            ),
            5,
            "entry has more than one content",
        ),
        ((block(GOOD).replace("</content>", "<e:Else/></content>"),), 2, "entry holds more than its IntervalBlocks"),
    ],
)
def test_bad_entries(tmp_path: Path, entries: tuple[str, ...], line: int, why: str) -> None:
    path = save(tmp_path, feed(*entries))
    message = refusal(path)
    assert message.startswith(f"{path}, line {line}: ")
    assert why in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (feed(), "the feed has no entries"),
        (feed(point(), meter_reading()), "the feed has no interval readings"),
        (household(), "the feed has no interval readings"),
        ("<rss><entry/></rss>", "line 1: root element is rss; expected an Atom feed"),
        (f'<rss xmlns="{ATOM}"><entry/></rss>', "line 1: root element is rss; expected an Atom feed"),
        ("<feed/>", "line 1: root element is feed; expected an Atom feed"),
        (household(GOOD)[:-9], "line 11: not well-formed XML: Premature end of data"),
        (household(GOOD).replace("</e:value>", "</value>"), "line 10: not well-formed XML: Opening and ending tag"),
        ("<", "line 1: not well-formed XML"),
        (household(GOOD).replace("900", "&unknown;"), "line 7: not well-formed XML: Entity 'unknown' not defined"),
        (household(GOOD).encode() + b"\xff", "not well-formed XML"),
        (f"{OPEN}<entry>\x01</entry></feed>", "not well-formed XML"),
    ],
)
def test_what_is_no_feed(tmp_path: Path, text: str | bytes, why: str) -> None:
    path = save(tmp_path, text)
    message = refusal(path)
    assert message.startswith(str(path))
    assert why in message


@pytest.mark.parametrize("chunk", [1, 7, 300])
def test_what_is_dropped_while_reading_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    blocks = [block(*(read(S + 9000 * b + 900 * i, 10 * b + i) for i in range(10))) for b in range(6)]
    several = "".join(f"<e:IntervalBlock>{read(S + 900 * i, i)}</e:IntervalBlock>" for i in range(60, 70))
    blocks.append(entry(several, f"{READING}/IntervalBlock/2", f"{READING}/IntervalBlock"))
    path = save(tmp_path, feed(*blocks, point(), "<entry/>", meter_reading(), "<junk>text</junk>", reading_type()))
    monkeypatch.setattr(replay_espi, "_CHUNK_BYTES", chunk)
    assert list(reads_of(open_replay([path], ReplayOptions())).values()) == list(range(70))


LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
SECRET = "<!DOCTYPE feed [<!ENTITY a SYSTEM '{}'>]>"


@pytest.mark.parametrize(
    "document_type",
    [
        f"<!DOCTYPE feed [<!ENTITY a0 '{'x' * 1000}'>{LAUGHS}<!ENTITY a '&a9;'>]>",
        "<!DOCTYPE feed [<!ENTITY a 'harmless'>]>",
        "<!DOCTYPE feed [<!ENTITY % p SYSTEM 'file:///nothing'> %p;<!ENTITY a ''>]>",
        SECRET.format("file:///etc/hostname"),
        SECRET.format("http://127.0.0.1:1/"),
        "<!DOCTYPE feed SYSTEM 'http://127.0.0.1:1/a.dtd'>",
    ],
)
@pytest.mark.parametrize("used", ["<id>&a;</id>", "<id a='&a;'/>", "<id/>"])
def test_document_types_and_entities(tmp_path: Path, document_type: str, used: str) -> None:
    message = refusal(save(tmp_path, f"{document_type}{OPEN}<entry>{used}</entry></feed>"))
    assert "document type" in message or "not well-formed XML" in message
    assert len(message) < 300


OUTSIDE = [
    "<!DOCTYPE feed SYSTEM '{}'>",
    "<!DOCTYPE feed PUBLIC '-//X//Y' '{}'>",
    "<!DOCTYPE feed SYSTEM '{}' [<!ENTITY a 'b'>]>",
    "<!DOCTYPE feed [<!ENTITY % p SYSTEM '{}'> %p;]>",
    "<!DOCTYPE feed [<!ENTITY a SYSTEM '{}'>]>",
]


@pytest.mark.parametrize("document_type", OUTSIDE)
def test_a_refusal_does_not_tell_of_files_outside(tmp_path: Path, document_type: str) -> None:
    there, absent = tmp_path / "there.dtd", tmp_path / "absent.dtd"
    there.write_text("no declaration")
    for outside in (there.as_uri(), there.name, absent.as_uri(), absent.name):
        path = save(tmp_path, document_type.format(outside) + household(GOOD).replace(METER, "&a;"))
        assert refusal(path) == f"{path}: has a document type; files with entities or a DTD are not read"


@pytest.mark.parametrize("document_type", OUTSIDE)
def test_files_outside_are_not_opened(tmp_path: Path, document_type: str) -> None:
    """A named pipe that nobody writes to would hold for ever whoever opens it: hence a process of its own."""
    os.mkfifo(tmp_path / "pipe")
    path = save(tmp_path, document_type.format((tmp_path / "pipe").as_uri()) + household(GOOD).replace(METER, "&a;"))
    script = (
        "import pathlib, sys\n"
        "from wattseal.meter_sim.replay import ReplayError, ReplayOptions, open_replay\n"
        "try:\n    open_replay([pathlib.Path(sys.argv[1])], ReplayOptions())\n"
        "except ReplayError as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True, text=True, timeout=60)
    assert told.stdout == f"{path}: has a document type; files with entities or a DTD are not read\n"


@pytest.mark.parametrize(
    ("repeated", "why"),
    [
        (" " * MIB, "Text node too long|2 MiB and more"),
        ("<title>" + "x" * MIB + "</title>", "2 MiB and more without an entry or a reading"),
        ("<a>" * 1000, "Excessive depth"),
        ("<a/>" * 100_000, "2 MiB and more"),
        ("<!-- " + "x" * MIB + "-->", "2 MiB and more"),
        ("<?x y?>" * 100_000, "2 MiB and more"),
        ("<entry><content/>" + "<link rel='x' href='y'/>" * 100_000, "2 MiB and more"),
    ],
)
def test_endless_files_stop_early_and_cost_little(tmp_path: Path, repeated: str, why: str) -> None:
    """In a process of its own, so that its peak of memory can be told."""
    path = tmp_path / "feed.xml"
    with path.open("w") as file:
        file.write(OPEN)
        for _ in range(-(-64 * MIB // len(repeated))):
            file.write(repeated)
    script = (
        "import pathlib, re, resource, sys\n"
        "from wattseal.meter_sim.replay import ReplayError, ReplayOptions, open_replay\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    open_replay([pathlib.Path(sys.argv[1])], ReplayOptions())\n"
        "except ReplayError as error:\n    assert re.search(sys.argv[2], str(error)), error\n"
        "else:\n    sys.exit('was read')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    grown = subprocess.run([sys.executable, "-c", script, path, why], check=True, capture_output=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 200 * MIB


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_feed_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    whole = household(*(read(S + 900 * i, i) for i in range(4))).encode()
    offset = data.draw(st.integers(0, len(whole)))
    path = save(
        tmp_path, whole[:offset] + data.draw(st.binary(max_size=6)) + whole[offset + data.draw(st.integers(0, 60)) :]
    )
    try:
        found = reads_of(open_replay([path], ReplayOptions(interval_minutes=15)))
    except ReplayError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - either outcome is right, not any error
    else:
        assert found
