"""The lines of the log page: only those in sight are wrapped and drawn, however many there are.

One line is selected. The screen gives the lines (`tui.state.log.told`); this moves among them and posts nothing.
"""

from __future__ import annotations

import re
import time
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.message import Message
from textual.strip import Strip

from tui.screens.parts.text_rows import TextRows
from tui.state.formatting import clock
from tui.state.log.feed import FeedItem
from tui.state.log.told import Told

WIDE = 100
"""From so many columns on the day stands before the time."""
MARK = 2
"""Columns of the mark beside the selected line."""
_COLOURS = {"info": "$foreground", "good": "$success", "warning": "$warning", "error": "$error bold"}


class LinesMoved(Message):
    """The mouse moved among the lines."""


class LogRows(TextRows):
    """Follows the end until one moves away from it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--thumb", "log--track"}
    DEFAULT_CSS = """
    LogRows { height: 1fr; margin: 0 0 0 1; }
    LogRows > .log--thumb { color: $quiet; }
    LogRows > .log--track { color: $panel; }
    """

    def __init__(self, told: Told) -> None:
        super().__init__(id="log")
        self.at = 0
        """The selected line, a place in `told.shown`."""
        self.following = True
        self.moment_seq: int | None = None
        """In a replay, the moment shown: what comes after it is drawn dim."""
        self.step_width = 0
        """Columns for the largest step there can be."""
        self.empty = Content("")
        """What stands where there are no lines."""
        self._told = told
        self._top = (0, 0)
        """The first line in sight, and how many of its rows are above."""
        self._in_sight: list[int] = []
        """The line of each row."""
        self._bar = (0, 0, 0)
        """What the bar at the right edge was drawn from."""

    @property
    def selected(self) -> FeedItem | None:
        """The line that keys act on."""
        shown = self._told.shown
        return shown[self.at] if 0 <= self.at < len(shown) else None

    def paint(self) -> None:
        """Draw what is in sight."""
        count, height = len(self._told.shown), self.size.height
        if not height or self.size.width < 8:
            return
        if not count:
            self.show([self.empty])
            self._in_sight = []
            return
        self.at = count - 1 if self.following else min(self.at, count - 1)
        self._bring_into_sight(height)
        rows: list[Content] = []
        self._in_sight = []
        line, skip = self._top
        while line < count and len(rows) < height:
            of_line = self._wrapped(line)[skip:]
            rows += of_line
            self._in_sight += [line] * len(of_line)
            line, skip = line + 1, 0
        bar = (self._in_sight[0], self._in_sight[-1], count)
        if bar != self._bar:  # it is drawn with every row
            self._bar = bar
            self.refresh()
        self.show(rows[:height])

    # -- moving ------------------------------------------------------------------------------------------

    def go(self, at: int) -> None:
        """Select a line; at the last one the end is followed."""
        self.at = max(0, min(at, len(self._told.shown) - 1))
        self.following = self.at == len(self._told.shown) - 1
        self.paint()

    def step(self, by: int) -> None:
        """A line on or back; a line higher than the screen is read row by row."""
        height = self.size.height
        rows = len(self._wrapped(self.at)) if self.selected is not None else 0
        if rows > height:
            first, skip = self._top
            if first == self.at and 0 <= skip + by <= rows - height:
                self._top, self.following = (first, skip + by), False
                self.paint()
                return
        self.go(self.at + by)

    def page(self, by: int) -> None:
        """A screenful on or back."""
        if self._in_sight:
            lines = self._in_sight[-1] - self._in_sight[0]
            self.go(self.at + by * max(1, lines))

    def scroll_rows(self, by: int) -> None:
        """The wheel: what is in sight moves, and the selection stays in it."""
        count = len(self._told.shown)
        if not count:
            return
        line, skip = self._top
        if line >= count:  # others are shown since the last paint
            line, skip = count - 1, 0
        skip += by
        while skip < 0 and line > 0:
            line -= 1
            skip += len(self._wrapped(line))
        while line < count - 1 and skip >= (rows := len(self._wrapped(line))):
            skip -= rows
            line += 1
        end = self._top_for_end(self.size.height)
        self._top = min((line, max(0, skip)), end)
        self.following = by > 0 and self._top == end
        if not self.following:
            last = self._last_in_sight()
            self.at = max(self._top[0] + (self._top[1] > 0 and self._top[0] < last), min(self.at, last))
        self.paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(3)
        self.post_message(LinesMoved())

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-3)
        self.post_message(LinesMoved())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """The bar at the right edge is taken hold of; a line is selected."""
        if event.x >= self.size.width - 1:
            self.capture_mouse()
            self._drag(event.y)
        elif event.y < len(self._in_sight):
            self.at = self._in_sight[event.y]
            self.following = False
            self.paint()
            self.post_message(LinesMoved())

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self._drag(event.y)

    def on_mouse_up(self, event: events.MouseUp) -> None:  # noqa: ARG002
        self.release_mouse()

    def _drag(self, y: int) -> None:
        count = len(self._told.shown)
        share = max(0.0, min(1.0, y / max(1, self.size.height - 1)))
        self._top = (round(share * max(0, count - 1)), 0)
        self.go(self._top[0])
        self.post_message(LinesMoved())

    # -- what is in sight --------------------------------------------------------------------------------

    def _bring_into_sight(self, height: int) -> None:
        end = self._top_for_end(height)
        if self.following:
            self._top = end
            return
        line, skip = min(self._top, end)
        if self.at < line or (self.at == line and skip and len(self._wrapped(line)) <= height):
            self._top = (self.at, 0)
        elif self.at > self._last_whole((line, skip), height):
            self._top = self._top_for_end(height, self.at)
        else:
            self._top = (line, skip)

    def _last_whole(self, top: tuple[int, int], height: int) -> int:
        """The last line whose rows are all in sight; the first, where it alone is higher than the screen."""
        line, skip = top
        room = height - (len(self._wrapped(line)) - skip)
        while line + 1 < len(self._told.shown) and (room := room - len(self._wrapped(line + 1))) >= 0:
            line += 1
        return line

    def _last_in_sight(self) -> int:
        line, skip = self._top
        room = self.size.height + skip
        while room > 0 and line < len(self._told.shown):
            room -= len(self._wrapped(line))
            line += 1
        return line - 1

    def _top_for_end(self, height: int, last: int | None = None) -> tuple[int, int]:
        """Where to begin so that line `last` ends on the last row; one that is too high begins on the first."""
        line = len(self._told.shown) - 1 if last is None else last
        room = height
        while line >= 0 and room > 0:
            rows = len(self._wrapped(line))
            if rows >= room:
                skip = rows - room
                return (line, 0) if last is not None and line == last else (line, skip)
            room -= rows
            line -= 1
        return (0, 0)

    def _wrapped(self, line: int) -> list[Content]:
        """One line, wrapped."""
        item = self._told.shown[line]
        chosen = line == self.at
        later = self.moment_seq is not None and item.seq > self.moment_seq
        colour = "$quiet" if later else _COLOURS.get(item.level, "$foreground")
        ink = "$foreground" if item.level == "good" and not later else colour
        width = self.size.width - 1  # the last column is the bar's
        head = _head(item, width, self.step_width)
        text = Content(item.body or item.text).stylize(ink)
        if self._told.pattern is not None:
            text = _highlighted(text, self._told.pattern)
        indent = MARK + len(head) + 2
        ground = "on $panel" if chosen else ""
        rows = []
        for number, part in enumerate(_folded(text, max(8, width - indent))):
            left = (
                Content.assemble(("▸ " if chosen else "  ", "$accent"), (head, "$quiet"), (f"{item.glyph} ", colour))
                if number == 0
                else Content(" " * indent)
            )  # fmt: skip
            row = left + part
            row += Content(" " * max(0, width - row.cell_length))
            rows.append(row.stylize_before(ground) if ground else row)
        return rows

    def render_line(self, y: int) -> Strip:
        """One row, and its piece of the bar at the right edge."""
        strip = super().render_line(y)
        width, count = self.size.width, len(self._told.shown)
        if width < 2 or not self._in_sight or len(self._in_sight) >= self.size.height >= count:
            return strip
        first, last = self._in_sight[0], self._in_sight[min(len(self._in_sight), self.size.height) - 1]
        if first == 0 and last == count - 1 and not self._top[1]:
            return strip
        height = self.size.height
        begin = min(height - 1, first * height // count)
        end = max(begin + 1, -(-(last + 1) * height // count))
        thumb = begin <= y < end
        style = self.get_component_rich_style("log--thumb" if thumb else "log--track")
        return Strip([*strip.crop(0, width - 1), Segment("┃" if thumb else "│", style)], width)


def _head(item: FeedItem, width: int, step_width: int) -> str:
    """Time and step."""
    if item.kind == "output":
        return ""
    day = time.strftime("%d %b ", time.localtime(item.wall_s)) if width >= WIDE else ""
    step = f"{item.step:,}" if item.step is not None else ""
    return f"{day}{clock(item.wall_s)}  {step:>{step_width}}  "


def _folded(text: Content, width: int) -> list[Content]:
    """Rows of at most `width` cells; the indentation of code stays."""
    rows: list[Content] = []
    for line in text.split("\n", allow_blank=True):
        lead = min(len(line.plain) - len(line.plain.lstrip()), width // 2)
        rows += [line[:lead] + part for part in line[lead:].wrap(width - lead)] or [line]
    return rows


def _highlighted(text: Content, pattern: re.Pattern[str]) -> Content:
    for match in pattern.finditer(text.plain):
        if match.end() > match.start():
            text = text.stylize("reverse", match.start(), match.end())
    return text
