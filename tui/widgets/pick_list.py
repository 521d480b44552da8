"""A list of any length of which only the rows in sight are drawn: one is highlighted, enter or a click picks it.

Used by home, the form, the page of jobs and dialogs. It is told how many rows there are and asked for one at a time,
so a thousand cost no more than the thirty that are seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from tui.theme import few_colours

WHEEL_ROWS = 3


def _nothing(_: int) -> Content:
    return Content()


class PickList(Widget, can_focus=True):
    """Rows are numbered from 0; `cursor` is the highlighted one, -1 when there is none."""

    DEFAULT_CSS = """
    PickList { height: 1fr; background: $background; }
    PickList > .pick-list--cursor { background: $panel; color: $foreground; }
    PickList > .pick-list--thumb { color: $quiet; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"pick-list--cursor", "pick-list--thumb"}
    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "to_start", show=False),
        Binding("end", "to_end", show=False),
        Binding("enter", "pick", show=False),
    ]

    class Highlighted(Message):
        """Another row is highlighted."""

        def __init__(self, rows: PickList) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> PickList:
            return self.rows

    class Picked(Highlighted):
        """Enter was pressed on the highlighted row, or it was clicked again."""

    class Pointed(Highlighted):
        """A row was clicked, at this column; it is highlighted now."""

        def __init__(self, rows: PickList, column: int) -> None:
            super().__init__(rows)
            self.column = column

    def __init__(self, *, goes_round: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._goes_round = goes_round
        self.count = 0
        self.cursor = -1
        self._top = 0
        self._draw: Callable[[int], Content] = _nothing
        self._titles: frozenset[int] = frozenset()
        self._drawn: list[tuple[Content, bool, bool]] = []
        self._drawn_at: tuple[int, int, int] | None = None

    @property
    def text(self) -> str:
        """The rows in sight, without colours."""
        return "\n".join(self._draw(row).plain for row in self._in_sight())

    @property
    def in_sight(self) -> range:
        """Which rows can be seen."""
        return self._in_sight()

    def show(
        self,
        count: int,
        draw: Callable[[int], Content],
        cursor: int | None = None,
        titles: frozenset[int] = frozenset(),
    ) -> None:
        """Other rows.

        Args:
            count: how many there are.
            draw: gives a row.
            cursor: the one to highlight; None: as it is.
            titles: rows that cannot be highlighted.
        """
        before = self.cursor
        self.count, self._draw, self._titles = count, draw, titles
        wanted = self.cursor if cursor is None else cursor
        self.cursor = self._allowed(max(0, min(wanted, count - 1)), 1) if count else -1
        self._follow()
        self.repaint()
        if self.cursor != before:
            self.post_message(self.Highlighted(self))

    def go_to(self, row: int) -> None:
        """Highlight a row and bring it into sight."""
        if not self.count:
            return
        row = self._allowed(max(0, min(row, self.count - 1)), 1 if row >= self.cursor else -1)
        changed, self.cursor = row != self.cursor, row
        self._follow()
        self.repaint()
        if changed:
            self.post_message(self.Highlighted(self))

    def repaint(self) -> None:
        """Draw the rows that are not as they were drawn."""
        now = self._looks()
        before, self._drawn = self._drawn, now
        place = (self._top, self.count, self.size.height)
        if len(before) != len(now) or place != self._drawn_at:  # the bar moves too
            self._drawn_at = place
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, now, strict=True)):
            if old[1:] != new[1:] or not old[0].is_same(new[0]):
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if len(self._drawn) != self.size.height:
            self._drawn = self._looks()
        if y >= len(self._drawn):
            return Strip.blank(width, self.visual_style.rich_style)
        content, highlighted, _ = self._drawn[y]
        style = self.visual_style
        if highlighted:
            style += self.get_visual_style("pick-list--cursor")
            if few_colours(self.app.console.color_system):
                content = Content(content.plain)  # hardly one of sixteen colours can be read on its ground
        room = max(1, width - 1)
        row = content.truncate(room, ellipsis=True)
        strip = Visual.to_strips(self, row, room, 1, style, pad=True)[0]
        return Strip([*strip, *self._bar(y)])

    def on_resize(self) -> None:
        """The highlighted row stays in sight."""
        self._follow()
        self.repaint()

    def on_focus(self) -> None:
        self.repaint()

    def on_blur(self) -> None:
        self.repaint()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn = []

    def action_move(self, rows: int) -> None:
        """Up or down; in a list that goes round, up from the first row is the last."""
        wanted = self.cursor + rows
        if self._goes_round and self.count:
            wanted %= self.count
        if self._titles and wanted in self._titles and not self._beyond(wanted, rows):
            self._top = max(0, self._top + rows)  # a title at the end comes into sight, no more
        self.go_to(wanted)

    def action_page(self, pages: int) -> None:
        """A screenful."""
        self.go_to(self.cursor + pages * max(1, self.size.height - 1))

    def action_to_start(self) -> None:
        """The first."""
        self.go_to(0)

    def action_to_end(self) -> None:
        """The last."""
        self.go_to(self.count - 1)

    def action_pick(self) -> None:
        """Enter."""
        if self.cursor >= 0:
            self.post_message(self.Picked(self))

    def on_click(self, event: events.Click) -> None:
        """Once highlights, twice picks."""
        row = self._top + event.y
        if row >= self.count or row in self._titles:
            return
        self.focus()
        again = row == self.cursor and event.chain > 1
        self.go_to(row)
        self.post_message(self.Picked(self) if again else self.Pointed(self, event.x))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-WHEEL_ROWS)

    def _scroll(self, rows: int) -> None:
        self._top = max(0, min(self._top + rows, self.count - self.size.height))
        self.repaint()

    def _in_sight(self) -> range:
        return range(self._top, min(self.count, self._top + self.size.height))

    def _looks(self) -> list[tuple[Content, bool, bool]]:
        marked = self.has_focus or not self.can_focus  # in a dialog that types elsewhere
        rows = [(self._draw(row), row == self.cursor and marked, False) for row in self._in_sight()]
        return rows + [(Content(), False, True)] * (self.size.height - len(rows))

    def _follow(self) -> None:
        """Move what is in sight so that the highlighted row is, and so that no room is left empty."""
        height = self.size.height
        if not height:
            return
        first = self.cursor - 1 if self.cursor - 1 in self._titles else self.cursor
        self._top = max(0, min(self._top, first, self.count - 1))
        self._top = max(self._top, self.cursor - height + 1)
        self._top = max(0, min(self._top, max(0, self.count - height)))

    def _allowed(self, row: int, way: int) -> int:
        """The nearest row from here that can be highlighted, first in this direction."""
        for step in (way, -way):
            found = row
            while 0 <= found < self.count and found in self._titles:
                found += step
            if 0 <= found < self.count:
                return found
        return -1

    def _beyond(self, row: int, way: int) -> bool:
        """Whether something can be highlighted from here on in this direction."""
        while 0 <= row < self.count and row in self._titles:
            row += way
        return 0 <= row < self.count

    def _bar(self, y: int) -> list[Segment]:
        """The last column: which part of the list is in sight."""
        height = self.size.height
        if self.count <= height:
            return [Segment(" ", self.visual_style.rich_style)]
        size = max(1, height * height // self.count)
        at = self._top * (height - size) // max(1, self.count - height)
        thumb = at <= y < at + size
        return [Segment("▐" if thumb else " ", self.get_component_rich_style("pick-list--thumb"))]
