"""What happened and why, newest at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size

from tui.state.feed import FeedItem
from tui.state.formatting import clock
from tui.widgets.lines import Lines, Pieces


@dataclass(frozen=True, slots=True)
class FeedView:
    """What the feed shows."""

    items: tuple[FeedItem, ...]
    """Oldest first; as many as the widget has rows are enough."""
    title: str = ""
    """A heading row, or none."""


class EventFeed(Lines[FeedView]):
    """Draws a `FeedView`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "event-feed--title", "event-feed--muted", "event-feed--info", "event-feed--good",
        "event-feed--warning", "event-feed--error",
    }  # fmt: skip
    DEFAULT_CSS = """
    EventFeed { height: 1fr; min-height: 1; }
    EventFeed > .event-feed--title { color: $foreground; text-style: bold; }
    EventFeed > .event-feed--muted { color: $text-muted; }
    EventFeed > .event-feed--info { color: $foreground; }
    EventFeed > .event-feed--good { color: $text-success; }
    EventFeed > .event-feed--warning { color: $text-warning; text-style: bold; }
    EventFeed > .event-feed--error { color: $text-error; text-style: bold; }
    """

    def draw(self, view: FeedView, width: int, height: int) -> list[Pieces]:
        out: list[Pieces] = [[(view.title, self.look("title"))]] if view.title else []
        room = height - len(out)
        shown = view.items[-room:] if room > 0 else ()
        if not shown and room > 0:
            out.append([("nothing has happened yet", self.look("muted"))])
        out.extend(self._row(item, width) for item in shown)
        return out

    def _row(self, item: FeedItem, width: int) -> Pieces:
        when = f"{clock(item.wall_s)} " if width >= 40 else ""
        step = f"{'' if item.step is None else item.step:>7} " if width >= 64 else ""
        room = width - len(when) - len(step) - 2
        look = self.look(item.level)
        text = item.text
        if cell_len(text) > room:
            text = set_cell_size(text, max(room - 1, 0)) + "…"
        quiet = item.level in ("info", "good")
        return [
            (when, self.look("muted")),
            (step, self.look("muted")),
            (f"{item.glyph} ", look),
            (text, self.look("info") if quiet else look),
        ]
