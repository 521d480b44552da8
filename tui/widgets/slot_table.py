"""The slots as a table: a row a slot, sorted by any column, scrolled so that the selected one is in sight.

A click on a title sorts (`SortPicked`), one on a row selects (`SlotPicked`), the wheel scrolls.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from rich.style import Style
from textual.events import Click, MouseScrollDown, MouseScrollUp

from tui.messages import SlotPicked, SortPicked
from tui.state.slots.facts import SlotFacts
from tui.widgets.lines import Lines, Pieces, length
from tui.widgets.slot_columns import Fitted, SlotColumn, cell

MARK = "▸ "
WHEEL = 3
"""Rows that a notch of the wheel scrolls."""


class SlotTableView(Struct, frozen=True):
    """What the table shows."""

    rows: tuple[SlotFacts, ...]
    """As sorted."""
    by: str = "slot"
    """The column it is sorted by."""
    down: bool = False
    """The largest first."""
    selected: int | None = None
    """The slot's place in the table of slots, wherever it stands here."""
    empty: str = "no slots yet: the run has not said what it trains"
    """What stands there while there are none."""


class SlotTable(Lines[SlotTableView]):
    """Draws a `SlotTableView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "$quiet", "sorted": "bold $accent", "plain": "$foreground", "quiet": "$quiet",
        "selected": "bold $foreground on $panel", "pin": "bold $text-success", "ban": "bold $text-error",
        "forward": "$text-warning",
    }  # fmt: skip

    first = 0
    """The row at the top."""
    _followed: tuple[int | None, str, bool] | None = None

    def show(self, view: SlotTableView) -> None:
        """Scroll to the selected slot when it, or the order, is another than before."""
        following = (view.selected, view.by, view.down)
        if following != self._followed:
            self._followed = following
            self._follow(view)
        super().show(view)

    def draw(self, view: SlotTableView, width: int, height: int) -> list[Pieces]:
        fitted = self._fitted(view, width)
        if not view.rows:
            return [[(view.empty, self.look("quiet"))]]
        self._bound(view, height)
        shown = view.rows[self.first : self.first + height - 1]
        return [self._titles(view, fitted), *(self._row(view, slot, fitted, width) for slot in shown)]

    def on_resize(self) -> None:
        """The selected slot stays in sight."""
        if self.view is not None:
            self._follow(self.view)
            self.redraw()

    # -- mouse -------------------------------------------------------------------------------------------

    def on_click(self, event: Click) -> None:
        """A title or a row."""
        where = event.get_content_offset(self)
        if self.view is None or where is None:
            return
        if where.y == 0:
            column = self.column_at(where.x)
            if column is not None:
                self.post_message(SortPicked(column.name))
        elif (at := self.first + where.y - 1) < len(self.view.rows):
            self.post_message(SlotPicked(self.view.rows[at].at))

    def column_at(self, x: int) -> SlotColumn | None:
        """The column under a cell of the widget."""
        if self.view is None:
            return None
        fitted = self._fitted(self.view, self.size.width)
        end = len(MARK)
        for column in fitted.columns:
            end += column.width + fitted.gap
            if x < end:
                return column
        return None

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Further down."""
        event.stop()
        self._scroll(WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Further up."""
        event.stop()
        self._scroll(-WHEEL)

    @property
    def page(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - 1)

    # -- inside ------------------------------------------------------------------------------------------

    def _scroll(self, by: int) -> None:
        if self.view is not None:
            self.first += by
            self._bound(self.view, self.size.height)
            self.redraw()

    def _bound(self, view: SlotTableView, height: int) -> None:
        self.first = max(0, min(self.first, len(view.rows) - max(1, height - 1)))

    def _follow(self, view: SlotTableView) -> None:
        at = next((y for y, slot in enumerate(view.rows) if slot.at == view.selected), None)
        if at is None or not self.size.height:
            return
        before = self.first
        self.first = min(max(before, at - self.page + 1), at)
        if self.first != before:
            self._drawn_at = None

    def _fitted(self, view: SlotTableView, width: int) -> Fitted:
        return Fitted.to(width, max((len(slot.name) for slot in view.rows), default=4))

    def _titles(self, view: SlotTableView, fitted: Fitted) -> Pieces:
        muted, chosen = self.look("title"), self.look("sorted")
        row: Pieces = [(" " * len(MARK), muted)]
        for column in fitted.columns:
            here = column.name == view.by
            text = column.name + ("▾" if view.down else "▴") * here
            text = text.ljust(column.width) if column.left else text.rjust(column.width)
            row += [(text, chosen if here else muted), (" " * fitted.gap, muted)]
        return row

    def _row(self, view: SlotTableView, slot: SlotFacts, fitted: Fitted, width: int) -> Pieces:
        chosen = slot.at == view.selected
        plain = self.look("selected" if chosen else "quiet" if slot.pruned or not slot.duty else "plain")
        row: Pieces = [(MARK if chosen else " " * len(MARK), plain)]
        for column in fitted.columns:
            row.append((cell(column, slot) + " " * fitted.gap, self._ink(column, slot, plain, chosen)))
        row.append((" " * (width - length(row)), plain))  # the selection reaches the edge
        return row

    def _ink(self, column: SlotColumn, slot: SlotFacts, plain: Style, chosen: bool) -> Style:
        """Holds and slots that are not trained stand out, on the selected row too."""
        name = ""
        if column.name == "held" and slot.held and not slot.pruned:
            name = slot.held if slot.held in ("pin", "ban") else ""
        elif column.name == "train" and not slot.trained and not slot.pruned:
            name = "forward"
        if not name:
            return plain
        return plain + Style(color=self.look(name).color) if chosen else self.look(name)
