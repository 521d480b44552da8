"""What happened and why, newest at the bottom."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from textual.content import Content

from tui.state.formatting import clock
from tui.state.log.feed import FeedItem
from tui.widgets.lines import Lines, Pieces, length

LINES = 3
"""Rows that one item may take here; the whole of it stands in the full-screen feed."""


class FeedView(Struct, frozen=True):
    """What the feed shows."""

    items: tuple[FeedItem, ...]
    """Oldest first; as many as the widget has rows are enough."""
    title: str = ""
    """A heading row, or none."""


class EventFeed(Lines[FeedView]):
    """Draws a `FeedView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "muted": "auto 60%", "info": "$foreground", "good": "$text-success",
        "warning": "bold $text-warning", "error": "bold $text-error",
    }  # fmt: skip
    DEFAULT_CSS = "EventFeed { height: 1fr; min-height: 1; }"

    def draw(self, view: FeedView, width: int, height: int) -> list[Pieces]:
        out: list[Pieces] = [[(view.title, self.look("title"))]] if view.title else []
        room = height - len(out)
        if room <= 0:
            return out
        if not view.items:
            return [*out, [("nothing has happened yet", self.look("muted"))]]
        rows: list[Pieces] = []
        cells = max((len(f"{item.step:,}") for item in view.items if item.step is not None), default=0)
        for item in reversed(view.items):
            told = self._rows(item, width, max(7, cells))
            rows = (told if len(told) <= room - len(rows) else _begun(told, room - len(rows), width)) + rows
            if len(rows) >= room:
                break
        return [*out, *rows]

    def _rows(self, item: FeedItem, width: int, step_cells: int) -> list[Pieces]:
        """The line, going on below where it is too long for one row."""
        muted, look = self.look("muted"), self.look(item.level)
        ink = self.look("info") if item.level in ("info", "good") else look
        when = f"{clock(item.wall_s)} " if width >= 40 else ""
        step = f"{'' if item.step is None else f'{item.step:,}':>{step_cells}} " if width >= 64 else ""
        indent = len(when) + len(step) + 2
        lines = [line.plain for line in Content(item.text).wrap(max(width - indent, 8))]
        if len(lines) > LINES:
            lines = [*lines[: LINES - 1], _broken_off(lines[LINES - 1], max(width - indent, 8))]
        first: Pieces = [(when + step, muted), (f"{item.glyph} ", look), (lines[0], ink)]
        return [first, *([(" " * indent, muted), (line, ink)] for line in lines[1:])]


def _begun(rows: list[Pieces], room: int, width: int) -> list[Pieces]:
    """As many as there is room for, from the first, so that the time and the mark are seen."""
    *kept, last = rows[:room]
    text, ink = last[-1]
    return [*kept, [*last[:-1], (_broken_off(text, width - length(last[:-1])), ink)]]


def _broken_off(text: str, cells: int) -> str:
    """With an ellipsis at its end, in at most so many cells."""
    return (set_cell_size(text, cells - 1) if cell_len(text) >= cells else text).rstrip() + "…"
