"""The shortest drawing that turns what a terminal shows into what is wanted: only cells that differ are sent.

The painter calls it for rows that were drawn on. Textual sends a row of a widget from its left edge to the last cell
that changed, with 40 bytes of colour around every word; here a digit that changes costs a cursor move and a digit.
"""

from __future__ import annotations

from tui.terminal.canvas import UNKNOWN, Row
from tui.terminal.looks import Look, change, same_on_blank

REWRITTEN = 4
"""Cells that stay as they are, between two that do not, are written again rather than jumped over."""


class Pen:
    """Writes cells to a terminal; knows where its cursor stands and how it would write."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.look: Look | None = None
        """None: not known."""
        self.at: tuple[int, int] | None = None
        """Column and row; None: not known."""

    def lift(self) -> None:
        """Others may move the cursor before the next cell."""
        self.at = None

    def move(self, x: int, y: int) -> None:
        """Go to a cell."""
        if self.at == (x, y):
            return
        along = self.at is not None and self.at[1] == y and x > self.at[0]
        self.out.append(f"\x1b[{x - self.at[0]}C" if self.at and along else f"\x1b[{y + 1};{x + 1}H")
        self.at = (x, y)

    def write(self, char: str, look: Look, width: int, sure: bool = True) -> None:
        """One cell. `width`: of the row, at whose end the cursor's place is anybody's guess, as it is if not `sure`."""
        if char == " " and self.look is not None and same_on_blank(self.look, look):
            look = self.look
        if look is not self.look:
            self.out.append(change(self.look, look))
            self.look = look
        self.out.append(char)
        x, y = self.at or (0, 0)
        self.at = (x + 1, y) if sure and x + 1 < width else None

    def taken(self) -> str:
        """What was written since the last time."""
        text = "".join(self.out)
        self.out.clear()
        return text


def draw_changes(pen: Pen, y: int, wanted: Row, shown: Row) -> None:
    """Bring row `y` of the terminal up to what is wanted; `shown` then says so."""
    if wanted.chars == shown.chars and wanted.looks == shown.looks:
        return
    if "" in wanted.chars or "" in shown.chars:
        _draw_whole(pen, y, wanted)
    else:
        _draw_apart(pen, y, wanted, shown)
    shown.chars[:], shown.looks[:] = wanted.chars, wanted.looks


def _draw_whole(pen: Pen, y: int, wanted: Row) -> None:
    """A row with characters that terminals differ on, each cell at its place."""
    width = len(wanted.chars)
    for x, (char, look) in enumerate(zip(wanted.chars, wanted.looks, strict=True)):
        if char not in ("", UNKNOWN):
            pen.move(x, y)
            pen.write(char, look, width, sure=len(char) == 1 and wanted.chars[min(x + 1, width - 1)] != "")


def _draw_apart(pen: Pen, y: int, wanted: Row, shown: Row) -> None:
    """Cells that differ, and few between them."""
    chars, looks, width = wanted.chars, wanted.looks, len(wanted.chars)
    cells = zip(chars, looks, shown.chars, shown.looks, strict=True)
    changed = [
        x
        for x, (char, look, old, old_look) in enumerate(cells)
        if (char != old or look is not old_look)
        and char != UNKNOWN
        and not (char == " " == old and same_on_blank(look, old_look))
    ]
    for x in changed:
        at_x, at_y = pen.at or (-1, -1)
        between = range(at_x, x)
        if (
            at_y == y
            and 0 < len(between) <= REWRITTEN
            and all(looks[i] is pen.look and chars[i].isascii() and chars[i] != UNKNOWN for i in between)
        ):
            for i in between:
                pen.write(chars[i], looks[i], width)
        pen.move(x, y)
        pen.write(chars[x], looks[x], width)
