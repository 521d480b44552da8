"""Curves on a grid of cells: lines in braille, points, and the letters that tell several alike apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.style import Style

from tui.state.curves.curve import Columns
from tui.state.curves.series import Series
from tui.widgets.braille import CHARS, Canvas
from tui.widgets.chart.frame import Frame
from tui.widgets.lines import Pieces

Cell = tuple[str, Style]
Grid = list[list[Cell]]

SOLID, DOTTED = 0xFF, 0x55
PATTERNS = (SOLID, 0x3F, DOTTED, 0x0F, 0x5F, 0x33, 0x77, 0x11)
"""Which of eight pixel columns each of several curves is drawn in where there are no colours."""
SHARE_CELLS = 2
"""So many cells in a row are of one colour where curves lie on one another."""
LETTERS = "ABCDEFGH"
"""Written on curves of several colours, one in `LETTER_EVERY` cells."""
LETTER_EVERY = 24


def paint_line(grid: Grid, columns: Columns, frame: Frame, style: Style, pattern: int = SOLID) -> None:
    """Lay a curve over the grid: where it has dots, they replace what was there."""
    if not columns.low:
        return
    canvas = Canvas(frame.cells, frame.rows)
    canvas.line(columns, frame.low, frame.high, frame.scale, pattern)
    for row, dots in zip(grid, canvas.rows, strict=True):
        for x, bits in enumerate(dots):
            if bits:
                row[x] = (CHARS[bits], style)


def paint_several(grid: Grid, curves: Sequence[tuple[Columns, Style]], frame: Frame) -> None:
    """Lay curves over the grid: where they meet a cell has the dots of all, and each has its share of such cells."""
    dots = [bytearray(frame.cells) for _ in range(frame.rows)]
    met = [bytearray(frame.cells) for _ in range(frame.rows)]
    for columns, style in curves:
        if not columns.low:
            continue
        canvas = Canvas(frame.cells, frame.rows)
        canvas.line(columns, frame.low, frame.high, frame.scale)
        for y, row in enumerate(canvas.rows):
            for x, bits in enumerate(row):
                if bits:
                    dots[y][x] |= bits
                    mine = x // SHARE_CELLS % (met[y][x] + 1) == 0
                    met[y][x] += 1
                    grid[y][x] = (CHARS[dots[y][x]], style if mine else grid[y][x][1])


def paint_letters(grid: Grid, columns: Columns, frame: Frame, style: Style, colour: int, of: int) -> None:
    """The letter of a curve on it, those of the other curves in other places."""
    first = LETTER_EVERY // 2 + colour * LETTER_EVERY // max(of, 1)
    last = max((x for x, _, _ in columns.filled()), default=-1) // 2
    for cell in range(first % LETTER_EVERY, min(last + 1, frame.cells), LETTER_EVERY):
        y = frame.height_at(columns, cell)
        if y is not None:
            grid[y][cell] = (LETTERS[colour], style)


def paint_points(
    grid: Grid, series: Series, branch: int | None, frame: Frame, live: Style, left: Style
) -> None:
    """A mark for each value, those of the way to `branch` on top."""
    for step, value, leads in sorted(series.points(branch), key=lambda point: point[2]):
        y = frame.row(value) if frame.shows(step) else None
        if y is not None:
            grid[y][frame.column(step)] = ("●", live) if leads else ("○", left)


def runs(cells: list[Cell]) -> Pieces:
    """Neighbours of one style as one piece."""
    return [("".join(c for c, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]
