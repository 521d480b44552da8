"""What happened, on the curve and on the axis below it: the operator's actions, checkpoints, evaluations, alarms.

An action, an alarm and a checkpoint stand on the curve too, the first two with a stem to the axis. What lies on a
branch that was left is hollow and dim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.style import Style

from tui.state.curves.curve import Columns
from tui.widgets.chart.curves import LETTERS, Cell, Grid
from tui.widgets.chart.frame import Frame
from tui.widgets.chart.view import Mark, MarkKind

GLYPHS: dict[MarkKind, str] = {
    "evaluation": "●", "checkpoint": "◆", "fork": "↶", "action": "▲", "alarm": "!",
}  # fmt: skip
"""Later ones stand on top of earlier ones."""
HOLLOW: dict[MarkKind, str] = {
    "evaluation": "○", "checkpoint": "◇", "fork": "↶", "action": "△", "alarm": "¡",
}  # fmt: skip
LOOKS: dict[MarkKind, str] = {
    "evaluation": "points", "checkpoint": "checkpoint", "fork": "tick", "action": "tick", "alarm": "alarm",
}  # fmt: skip
STEM = "┊"
THICKET, SMALL_THICKET = 3, 8
"""Columns for each stem on average, below which they hide more than they tell; and where they stand without a curve."""
WITH_A_STEM: tuple[MarkKind, ...] = ("action", "alarm")
ON_THE_CURVE: tuple[MarkKind, ...] = ("checkpoint", *WITH_A_STEM)
"""A later kind hides an earlier one."""
BOLD = Style(bold=True)

Look = Callable[[str], Style]


def in_sight(marks: Iterable[Mark], frame: Frame) -> list[Mark]:
    """Those on the plot; of a kind with too many to tell apart, the newest alone."""
    shown = [mark for mark in marks if frame.shows(mark.step)]
    crowd = {
        kind for kind in ("checkpoint", "evaluation") if sum(m.kind == kind for m in shown) > frame.cells // 4
    }
    newest = {kind: max(m.step for m in shown if m.kind == kind) for kind in crowd}
    return [m for m in shown if m.kind not in crowd or m.step == newest[m.kind]]


def paint_marks(grid: Grid, marks: Sequence[Mark], columns: Columns | None, frame: Frame, look: Look) -> None:
    """Those that stand on the curve `columns`; with no curve, stems alone. An evaluation's point is not hidden."""
    standing = [mark for mark in marks if mark.kind in ON_THE_CURVE and not mark.left and mark.colour is None]
    room = frame.cells // (THICKET if columns is not None else SMALL_THICKET)
    if sum(mark.kind in WITH_A_STEM for mark in standing) > room:
        # a thicket: the axis shows where
        standing = [mark for mark in standing if mark.kind not in WITH_A_STEM]
    for mark in sorted(standing, key=lambda mark: ON_THE_CURVE.index(mark.kind)):
        x = frame.column(mark.step)
        top = frame.height_at(columns, x) if columns is not None else None
        if mark.kind in WITH_A_STEM:
            _stem(grid, x, -1 if top is None else top, look("alarm" if mark.kind == "alarm" else "dim"))
        elif top is None or grid[top][x][0] == GLYPHS["evaluation"]:
            continue
        if top is not None:
            grid[top][x] = (GLYPHS[mark.kind], look(LOOKS[mark.kind]))


def _stem(grid: Grid, x: int, top: int, style: Style) -> None:
    """From below a row down to the axis, where nothing else is drawn."""
    for row in grid[top + 1 :]:
        if row[x][0] == " ":
            row[x] = (STEM, style)


def paint_owned(
    grid: Grid, marks: Sequence[Mark], curves: Mapping[int, Columns], frame: Frame, look: Look
) -> None:
    """Each mark that belongs to one of several curves on that curve, in its colour."""
    for mark in marks:
        columns = curves.get(mark.colour) if mark.colour is not None and not mark.left else None
        if columns is not None:
            x = frame.column(mark.step)
            y = frame.height_at(columns, x)
            if y is not None:
                grid[y][x] = (GLYPHS[mark.kind], look(f"run-{mark.colour}") + BOLD)


def paint_axis(line: list[Cell], marks: Sequence[Mark], frame: Frame, look: Look) -> None:
    """Every mark on the axis, what matters most on top."""
    order = list(GLYPHS)
    for mark in sorted(marks, key=lambda mark: (not mark.left, order.index(mark.kind))):
        glyph, style = (
            (HOLLOW[mark.kind], look("dim")) if mark.left else (GLYPHS[mark.kind], look(LOOKS[mark.kind]))
        )
        if mark.colour is not None:
            glyph = LETTERS[mark.colour]
            style = look("dim") if mark.left else look(f"run-{mark.colour}")
        line[frame.column(mark.step)] = (glyph, style)


def by_distance(marks: Iterable[Mark], step: int) -> list[Mark]:
    """The nearest to a step first; of several as near, one on the way to what is shown, then the last told."""
    newest_first = reversed(list(marks))
    return sorted(newest_first, key=lambda mark: (abs(mark.step - step), mark.left))
