"""Rows of styled text that repaint one by one: what did not change is not sent to the terminal again."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget


def apart(left: Content, right: Content, width: int, least: int = 1) -> Content:
    """These at the ends of a row of `width` cells; at least so many blanks between them, fit or not."""
    return Content.assemble(left, " " * max(least, width - left.cell_length - right.cell_length), right)


class TextRows(Widget):
    """Each Content is one row, cut at the right edge; rows beyond the height are not drawn."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[Content] = ()

    @property
    def text(self) -> str:
        """What stands there, without colours."""
        return "\n".join(row.plain for row in self._rows)

    def show(self, rows: Sequence[Content]) -> None:
        """Draw these rows; only those that differ are painted."""
        before, self._rows = self._rows, rows
        for y in range(max(len(before), len(rows))):
            same = y < len(before) and y < len(rows) and before[y].is_same(rows[y])
            if not same and y < self.size.height:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        if y >= len(self._rows) or not width:
            return Strip.blank(width, self.visual_style.rich_style)
        row = self._rows[y].truncate(width, ellipsis=True)
        return Visual.to_strips(self, row, width, 1, self.visual_style, pad=True)[0]
