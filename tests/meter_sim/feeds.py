"""Green Button feeds written entry by entry, so that each test can spoil what it wants."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

ATOM, ESPI = "http://www.w3.org/2005/Atom", "http://naesb.org/espi"
POINT, READING = "/x/UsagePoint/1", "/x/UsagePoint/1/MeterReading/1"
METER = "urn:uuid:00000000-0000-0000-0000-000000000001"


def feed(*entries: str) -> str:
    return "\n".join([f'<feed xmlns="{ATOM}" xmlns:e="{ESPI}">', *entries, "</feed>", ""])


def entry(body: str, own: str, up: str = "", related: Iterable[str] = (), name: str = "urn:x") -> str:
    links = [("self", own), ("up", up), *(("related", href) for href in related)]
    shown = "".join(f'<link rel="{rel}" href="{href}"/>' for rel, href in links if href)
    return f"<entry><id>{name}</id>{links and shown}<content>\n{body}</content></entry>"


def point(own: str = POINT, name: str = METER, kind: str = "0") -> str:
    body = f"<e:UsagePoint><e:ServiceCategory><e:kind>{kind}</e:kind></e:ServiceCategory></e:UsagePoint>"
    return entry(body, own, own.rpartition("/")[0], [f"{own}/MeterReading"], name)


def meter_reading(own: str = READING, kind: str = "/x/ReadingType/1") -> str:
    return entry("<e:MeterReading/>", own, own.rpartition("/")[0], [f"{own}/IntervalBlock", kind])


def reading_type(own: str = "/x/ReadingType/1", /, **fields: int | str | None) -> str:
    told = {"uom": 72, "intervalLength": 900, "flowDirection": 1, "accumulationBehaviour": 4, "commodity": 1, **fields}
    leaves = "".join(f"<e:{name}>{value}</e:{name}>" for name, value in told.items() if value is not None)
    return entry(f"<e:ReadingType>{leaves}</e:ReadingType>", own)


def read(start: object, value: object, duration: object = 900, quality: object = None) -> str:
    mark = "" if quality is None else f"<e:ReadingQuality><e:quality>{quality}</e:quality></e:ReadingQuality>"
    return (
        f"<e:IntervalReading>{mark}<e:timePeriod><e:duration>{duration}</e:duration><e:start>{start}</e:start>"
        f"</e:timePeriod><e:value>{value}</e:value></e:IntervalReading>"
    )


def block(*reads: str, own: str = f"{READING}/IntervalBlock/1") -> str:
    body = "\n".join(["<e:IntervalBlock>", *reads, "</e:IntervalBlock>"])
    return entry(body, own, own.rpartition("/")[0])


def household(*reads: str, **fields: int | str | None) -> str:
    """One meter with one series of reads; `fields` of its ReadingType."""
    return feed(point(), meter_reading(), reading_type(**fields), block(*reads))


def seconds(time: datetime) -> int:
    return int(time.timestamp())


def save(folder: Path, text: str | bytes) -> Path:
    path = folder / "feed.bin"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
