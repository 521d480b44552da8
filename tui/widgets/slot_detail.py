"""One slot in full: what it does and why, its history over the steps, and what was done with it.

The curves share their steps from left to right; duty reaches from 0 to 1, every other from 0 to its largest.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from msgspec import Struct

from tui.state.curves.stepped import Point, column_of, lasting, means
from tui.state.formatting import fit
from tui.state.slots.expiries import Happened
from tui.widgets.block_chart import block_rows
from tui.widgets.lines import Lines, Pieces, length, steps_below

LABEL = 7
"""Columns of a curve's name."""
FIGURE = 8
"""Columns of its newest value."""
TALLEST = 8
"""Rows of a curve."""
BESIDE_FROM = 110
"""Columns from which what was done stands beside the curves and not below them."""
LETTERS = {"pin": "P", "ban": "B", "forward": "f"}


class Curve(Struct, frozen=True):
    """One figure over the steps."""

    name: str
    points: tuple[Point, ...]
    text: Callable[[float], str]
    """How a value of it is written."""
    top: float | None = None
    """The upper edge; None: the largest value."""


class SlotDetailView(Struct, frozen=True):
    """What is told of one slot."""

    name: str = ""
    """Empty: none is selected."""
    does: str = ""
    """What it does now, in a few words."""
    why: str = ""
    effect: str = ""
    """What leaving it out does to the loss, or how to find out."""
    curves: tuple[Curve, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    """From which step on it was held: `pin`, `ban`, `forward`, or nothing."""
    first: int = 0
    last: int = 0
    story: tuple[Happened, ...] = ()
    """Oldest first."""


class SlotDetail(Lines[SlotDetailView]):
    """Draws a `SlotDetailView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "plain": "$foreground", "quiet": "$quiet", "curve": "$primary 80%",
        "pin": "bold $text-success", "ban": "bold $text-error", "forward": "bold $text-warning",
    }  # fmt: skip

    def draw(self, view: SlotDetailView, width: int, height: int) -> list[Pieces]:
        title, plain, quiet = self.look("title"), self.look("plain"), self.look("quiet")
        if not view.name:
            return []
        out: list[Pieces] = [[(view.name, title), (fit(f"  {view.does}", width - len(view.name)), plain)]]
        why = wrap(f"why: {view.why}" if view.why else "why: the plan gives no reason", max(8, width))
        out += [[(row, plain)] for row in why[: 3 if height > 8 else 2]]
        out.append([(fit(view.effect, width), quiet)])
        left = height - len(out)
        if left < 2:
            return out
        if width >= BESIDE_FROM and view.story:
            curves = self._curves(view, width * 3 // 5, left)
            story: list[Pieces] = [[("what was done with it", quiet)]]
            story += self._story(view, width - width * 3 // 5 - 3, left - 1)
            return [*out, *self._beside(curves, story, width * 3 // 5 + 3)]
        told = min(len(view.story) or 1, max(1, left // 3))
        return [*out, *self._curves(view, width, left - told), *self._story(view, width, told)]

    def _curves(self, view: SlotDetailView, width: int, height: int) -> list[Pieces]:
        quiet = self.look("quiet")
        room = width - LABEL - FIGURE - 2
        if room < 8:
            return []
        marks = self._marks(view, room)
        axis = height > len(view.curves) + len(marks)
        free = height - len(marks) - axis
        shown = view.curves[: max(0, free)]
        tall = min(TALLEST, free // max(1, len(shown)))
        if tall >= 3 and free - tall * len(shown) < len(shown) - 1:
            tall -= 1  # a blank row between two curves is worth a row of each
        spare = free - tall * len(shown)
        gap = tall > 1 and spare >= len(shown) - 1
        out: list[Pieces] = []
        for at, curve in enumerate(shown):
            out += [[]] * (gap and at > 0)
            higher = tall + (not gap and at < spare and tall < TALLEST)
            out += self._curve(view, curve, room, higher)
            if at == 0:
                out += marks
        if axis:
            out.append([(steps_below(view.first, view.last, LABEL, room), quiet)])
        return out

    def _curve(self, view: SlotDetailView, curve: Curve, room: int, height: int) -> list[Pieces]:
        quiet, ink = self.look("quiet"), self.look("curve")
        values = means(curve.points, view.first, view.last, room)
        top = curve.top or max((value for value in values if value is not None), default=0.0)
        newest = curve.text(curve.points[-1][1]) if curve.points else "–"
        highest = curve.text(top) if curve.points else ""
        rows: list[Pieces] = []
        for y, shape in enumerate(block_rows(values, height, top)):
            bottom = y == height - 1
            figure = newest if bottom else highest if y == 0 and highest != newest else ""
            name, look = (curve.name, "plain") if bottom else ("", "quiet")
            right = (f"  {figure:>{FIGURE - 1}}", self.look(look))
            rows.append([(name.ljust(LABEL), quiet), (shape, ink), right])
        return rows

    def _marks(self, view: SlotDetailView, room: int) -> list[Pieces]:
        """A row of letters below the duty: when the slot was held. None where it never was."""
        if not any(mark for _, mark in view.marks):
            return []
        marks: list[str | None] = [None] * room
        for step, mark in view.marks:
            at = column_of(step, view.first, view.last, room)
            marks[at] = mark or marks[at] or ""
        row: Pieces = [("held".ljust(LABEL), self.look("quiet"))]
        for held in lasting(marks):
            row.append((LETTERS[held], self.look(held)) if held in LETTERS else (" ", self.look("quiet")))
        return [row]

    def _story(self, view: SlotDetailView, width: int, height: int) -> list[Pieces]:
        """What was done with the slot, the newest first."""
        quiet, plain = self.look("quiet"), self.look("plain")
        if not view.story:
            return [[(fit("nothing was done with this slot", width), quiet)]]
        rows: list[Pieces] = []
        for one in reversed(view.story[-height:]):
            rows.append([(f"{one.step:>9,} ", quiet), (fit(one.text, width - 10), plain)])
        return rows

    def _beside(self, left: list[Pieces], right: list[Pieces], column: int) -> list[Pieces]:
        quiet = self.look("quiet")
        rows = []
        for y in range(max(len(left), len(right))):
            row = left[y] if y < len(left) else []
            rows.append([*row, (" " * (column - length(row)), quiet), *(right[y] if y < len(right) else [])])
        return rows
