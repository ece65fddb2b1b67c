"""Pieces of an HTML page as trees: text put into them is escaped when they are written, whatever it holds."""

import base64
from collections.abc import Collection, Iterable
from xml.etree.ElementTree import Element, tostring

Content = str | Element


def element(tag: str, *children: Content, kind: str = "", **attributes: str) -> Element:
    """`kind` becomes the class."""
    made = Element(tag, {"class": kind, **attributes} if kind else attributes)
    for child in children:
        _append(made, child)
    return made


def table(
    head: Iterable[str], rows: Iterable[Iterable[Content]], *, numbers: Collection[int] = (), kind: str = ""
) -> Element:
    """A table whose first column names its rows; the columns `numbers` are aligned to the right."""
    kinds = dict.fromkeys(numbers, "number")
    names = (element("th", name, kind=kinds.get(i, ""), scope="col") for i, name in enumerate(head))
    body = (element("tr", *(_cell(i, cell, kinds.get(i, "")) for i, cell in enumerate(row))) for row in rows)
    return element("table", element("thead", element("tr", *names)), element("tbody", *body), kind=kind)


def figure(png: bytes, alt: str, caption: str) -> Element:
    """A picture that is part of the page itself."""
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    return element("figure", element("img", src=source, alt=alt), element("figcaption", caption))


def scrolling(name: str, content: Element) -> Element:
    """A box that scrolls by keyboard too, and is printed whole."""
    return element("div", content, kind="scroll", tabindex="0", role="region", **{"aria-label": name})


def bar(share: float) -> Element:
    """A bar of that share of the width, for the eye only."""
    return element("div", kind="bar", style=f"width:{share:.1%}", **{"aria-hidden": "true"})


def to_html(pieces: Iterable[Element]) -> str:
    return "\n".join(tostring(piece, encoding="unicode", method="html") for piece in pieces)


def _append(parent: Element, child: Content) -> None:
    if isinstance(child, Element):
        parent.append(child)
    elif len(parent):
        parent[-1].tail = (parent[-1].tail or "") + child
    else:
        parent.text = (parent.text or "") + child


def _cell(column: int, content: Content, kind: str) -> Element:
    return element("td", content, kind=kind) if column else element("th", content, kind=kind, scope="row")
