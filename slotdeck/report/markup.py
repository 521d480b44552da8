"""Foreign text into HTML: the one door. Tags are made here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from engine.text import one_line, sanitise

_LONGEST = 1 << 20
"""Characters of an attribute."""


def words(text: object, limit: int = 2000) -> str:
    """One line of foreign text."""
    return escape(one_line(str(text), limit))


def lines(text: str, limit: int = 20_000) -> str:
    """Several lines of it."""
    return escape(sanitise(text, limit))


def tag(name: str, inner: str = "", **attributes: object) -> str:
    """An element; `inner` is HTML already. `class_` and `stroke_width` stand for `class` and `stroke-width`."""
    # Not cut short: a curve is an attribute too.
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{words(value, _LONGEST)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{inner}</{name}>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML already; `numbers` are columns that stand to the right."""
    side = dict.fromkeys(numbers, "n")
    head = "".join(tag("th", words(name), class_=side.get(i)) for i, name in enumerate(heads))
    body = "".join(
        row
        if isinstance(row, str)
        else tag("tr", "".join(tag("td", c, class_=side.get(i)) for i, c in enumerate(row)))
        for row in rows
    )
    return tag("div", tag("table", tag("thead", tag("tr", head)) + tag("tbody", body)), class_="wide")


def section(title: str, inner: str, note: str = "") -> str:
    """A part of the page; nothing where it is empty."""
    if not inner:
        return ""
    under = tag("p", words(note), class_="note") if note else ""
    return tag("section", tag("h2", words(title)) + under + inner)
