"""The base of every widget that draws itself: run-length rows, of which only changed ones are sent.

A subclass says what its rows are (`draw`); a screen hands it a frozen view (`show`). Textual resends a row
from the widget's left edge to the last dirty column, so the dirty span ends where the change does.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

View = TypeVar("View")
Pieces = list[tuple[str, Style]]
"""A row in the making: texts and their styles, from left to right."""


class Lines(Widget, Generic[View]):
    """Draws a view as rows of text."""

    LOOKS: ClassVar[dict[str, str]] = {}
    """Name -> a style in Textual's words, over the widget's own: `bold $primary 80%`. No component classes: of those
    Textual works out all for every widget whenever a class changes, here only what is drawn is."""
    view: View | None = None

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._made: list[tuple[tuple[tuple[str, Style], ...], Strip]] = []
        """The rows drawn last, and what was made of each: most stay as they are."""
        self._made_for: tuple[int, Style] | None = None
        self._drawn_at: tuple[int, int] | None = None
        self._looks: dict[str, Style] = {}
        """Styles asked for since the last change of styles: Textual adds them up anew at every call."""

    @abstractmethod
    def draw(self, view: View, width: int, height: int) -> list[Pieces]:
        """The rows of `view`, at most `height`; each is cut or padded to `width`."""

    def rows_wanted(self, view: View, width: int) -> int:  # noqa: ARG002
        """How many rows `view` fills, for a widget whose height is `auto`."""
        return 1

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return 1 if self.view is None else self.rows_wanted(self.view, width)

    def show(self, view: View) -> None:
        """Draw this view from now on; rows that stay as they are cost nothing."""
        if view == self.view:
            return
        before, self.view = self.view, view
        if self.is_mounted and self.styles.is_auto_height:
            width = self.size.width
            if before is None or self.rows_wanted(before, width) != self.rows_wanted(view, width):
                self.refresh(layout=True)
        if not self.is_mounted:
            return
        if self._drawn_at != tuple(self.size):  # a new size or theme: everything is drawn afresh
            self.refresh()
            return
        old, self._strips = self._strips, self._fresh()
        regions = [
            Region(0, y, changed_end(before, after), 1)
            for y, (before, after) in enumerate(zip(old, self._strips, strict=True))
            if before is not after and before != after
        ]
        if regions:
            self.refresh(*regions)

    def redraw(self) -> None:
        """Draw everything afresh: a new size, theme or way of drawing."""
        self._drawn_at = None
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn_at = None
        self._looks.clear()

    def render_line(self, y: int) -> Strip:
        if self._drawn_at != tuple(self.size):
            self._strips = self._fresh()
            self._drawn_at = (self.size.width, self.size.height)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    @property
    def rich_style(self) -> Style:
        """Of what no look is for."""
        if "" not in self._looks:
            self._looks[""] = super().rich_style
        return self._looks[""]

    def look(self, name: str) -> Style:
        """One of `LOOKS`."""
        if name not in self._looks:
            style = self.visual_style + self.app.stylesheet.parse_style(self.LOOKS[name])
            self._looks[name] = style.rich_style
        return self._looks[name]

    def _fresh(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        rows = self.draw(self.view, width, height) if self.view is not None and width > 0 else []
        if self._made_for != (width, base):
            self._made, self._made_for = [], (width, base)
        before, self._made = self._made, []
        for y, pieces in enumerate(map(tuple, rows[:height])):
            same = y < len(before) and before[y][0] == pieces
            self._made.append((pieces, before[y][1] if same else _strip(pieces, width, base)))
        strips = [strip for _, strip in self._made]
        return strips + [Strip.blank(width, base)] * (height - len(strips))


def _strip(pieces: Iterable[tuple[str, Style]], width: int, base: Style) -> Strip:
    segments = [Segment(text, style) for text, style in pieces if text]
    return Strip(segments).adjust_cell_length(width, base).simplify()


def changed_end(before: Strip, after: Strip) -> int:
    """One past the last column in which two rows of the same width differ."""
    end = after.cell_length
    for old, new in zip(reversed(list(before)), reversed(list(after)), strict=False):
        if old != new:
            if old.style == new.style and len(new.text) == new.cell_length:
                shared = 0
                for a, b in zip(reversed(old.text), reversed(new.text), strict=False):
                    if a != b:
                        break
                    shared += 1
                end -= shared
            break
        end -= new.cell_length
    return max(end, 1)


def length(row: Pieces) -> int:
    """Columns of a row whose text is all single-width."""
    return sum(len(text) for text, _ in row)


def steps_below(first: int, last: int, indent: int, width: int) -> str:
    """What stands below curves over these steps: the first at the left edge, the last at the right one."""
    begin = f"step {first:,}"
    return " " * indent + begin + f"step {last:,}".rjust(width - len(begin))


def justified(left: Pieces, right: Pieces, width: int, fill: Style) -> Pieces:
    """`left` and `right` at the ends of a row; `right` is dropped when there is no room."""
    room = width - length(left) - length(right)
    return [*left, (" " * room, fill), *right] if room >= 1 else left
