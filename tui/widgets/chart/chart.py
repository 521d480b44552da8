"""A line chart in braille, with what happened along it, a crosshair, and the mouse to zoom and pan.

The cockpit, the replay, pages and the compare screen feed it a `ChartView`. It keeps its axes still as long as it can,
and draws from the curves' min/max levels, so a million points cost what a thousand do.
"""

from __future__ import annotations

from math import inf, log10
from typing import ClassVar

from msgspec.structs import replace
from rich.style import Style

from tui.state.curves.curve import Columns
from tui.state.curves.series import Series
from tui.state.curves.smoothing import smoothed, smoothed_at
from tui.widgets.axes import Span
from tui.widgets.braille import extent
from tui.widgets.chart.curves import (
    DOTTED,
    PATTERNS,
    Grid,
    paint_letters,
    paint_line,
    paint_points,
    paint_several,
    runs,
)
from tui.widgets.chart.frame import GUTTER, Frame, domain
from tui.widgets.chart.legend import curve_look, legend
from tui.widgets.chart.marks import in_sight, paint_marks, paint_owned
from tui.widgets.chart.pointer import Pointer
from tui.widgets.chart.rulers import x_axis, y_labels
from tui.widgets.chart.view import ChartView, Mark, Plotted
from tui.widgets.lines import Lines, Pieces

OUTLIERS = 0.02
"""Share of a noisy curve's columns that may run off the axis at either end."""

Drawn = list[tuple[Plotted, Columns]]


class Chart(Pointer, Lines[ChartView]):
    """Draws a `ChartView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "axis": "auto 60%", "title": "bold $foreground", "line": "$primary",
        "strong": "bold $text-accent", "points": "bold $text-success", "dim": "auto 38%",
        "tick": "bold $foreground", "checkpoint": "$foreground 70%", "alarm": "bold $text-warning",
        "crosshair": "$foreground", "here": "bold reverse $foreground",
        **{f"run-{colour}": f"$run-{colour}" for colour in range(len(PATTERNS))},
    }  # fmt: skip
    DEFAULT_CSS = "Chart { height: 1fr; min-height: 4; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._y = Span()
        self._y_of: tuple[str, bool, int] = ("", False, 0)
        self._still: tuple[object, Grid, Frame | None, list[Mark]] | None = None
        """What the last drawing was of, and what the next shares with it while only a crosshair or a cursor moves."""

    # -- drawing -----------------------------------------------------------------------------------------

    def redraw(self) -> None:
        self._still = None
        super().redraw()

    def notify_style_update(self) -> None:
        self._still = None
        super().notify_style_update()

    def draw(self, view: ChartView, width: int, height: int) -> list[Pieces]:
        start, end = domain(view)
        first = next((c for c in view.curves if c.kind == "line" and c.colour is None), None)
        at = view.crosshair if view.crosshair is not None else view.cursor
        mean = None
        if view.smoothing and first is not None:
            at = first.series.last_step if at is None else at
            mean = smoothed_at(first.series, at, view.smoothing, view.branch)
        head = legend(view, view.marks, mean, width, self.look)
        with_labels = height >= 7 and not view.small
        rows = height - 1 - (not view.small) - with_labels
        cells = width - GUTTER
        if rows < 2 or cells < 8:
            return [head]
        curves = tuple(replace(curve, value=None) for curve in view.curves)
        still = (replace(view, curves=curves, crosshair=None, cursor=None), width, height)
        if self._still is None or self._still[0] != still:
            self._still = (still, *self._scene(view, start, end, cells, rows))
        _, drawn_on, frame, marks = self._still
        if frame is None:
            return [head, *[[]] * (rows // 2), [(view.empty.center(width), self.look("axis"))]]
        grid = [row.copy() for row in drawn_on]
        self._cursor(view, grid, frame)
        names = y_labels(frame)
        axis = self.look("axis")
        out = [head]
        for y, cells_row in enumerate(grid):
            name = names.get(y)
            out.append([(f"{name:>6}┤" if name else "      │", axis), *runs(cells_row)])
        if not view.small:
            out.extend(x_axis(view, marks, frame, with_labels, self.look))
        return out

    def _scene(
        self, view: ChartView, start: float, end: float, cells: int, rows: int
    ) -> tuple[Grid, Frame | None, list[Mark]]:
        """All but what moves with a key or the mouse; no frame where there is nothing to show."""
        drawn = self._columns(view, start, end, cells)
        low, high = self._range(view, drawn, start, end)
        if low > high:
            return [], None, []
        frame = Frame(start, end, low, high, cells, rows, view.log)
        marks = in_sight(view.marks, frame)
        return self._grid(view, drawn, marks, frame), frame, marks

    def _columns(self, view: ChartView, start: float, end: float, cells: int) -> Drawn:
        """What lies under each pixel column, of curves and of points too dense to tell apart."""
        drawn = [
            (c, c.series.live(start, end, cells * 2, view.branch)) for c in view.curves if c.kind != "points"
        ]
        if view.smoothing:
            means = [
                (
                    replace(c, kind="strong"),
                    smoothed(c.series, start, end, cells * 2, view.smoothing, view.branch),
                )
                for c in view.curves
                if c.kind == "line"
            ]
            drawn += means
        dense = [c for c in view.curves if c.kind == "points" and _count(c.series, start, end) > cells // 2]
        return drawn + [(c, c.series.live(start, end, cells * 2, view.branch)) for c in dense]

    def _grid(self, view: ChartView, drawn: Drawn, marks: list[Mark], frame: Frame) -> Grid:
        blank = (" ", self.rich_style)
        grid = [[blank] * frame.cells for _ in range(frame.rows)]
        dim = self.look("dim")
        for curve in view.curves:
            if curve.kind != "points":
                left = curve.series.abandoned(frame.start, frame.end, frame.cells * 2, view.branch)
                paint_line(grid, left, frame, dim, DOTTED)
        several = sum(curve.colour is not None for curve in view.curves)
        coloured: list[tuple[Columns, Style]] = []
        letters: list[tuple[Columns, Style, int]] = []
        for curve, columns in drawn:
            behind = view.smoothing and curve.kind == "line" and curve.colour is not None
            look = dim if behind else self.look(curve_look(curve))
            if curve.colour is None or behind:
                paint_line(grid, columns, frame, look)
            elif self.app.no_color:
                paint_line(grid, columns, frame, look, PATTERNS[curve.colour])
            else:
                coloured.append((columns, look))
            if curve.colour is not None and several > 1 and not behind and not view.small:
                letters.append((columns, look, curve.colour))
        paint_several(grid, coloured, frame)
        for columns, look, colour in letters:
            paint_letters(grid, columns, frame, look, colour, several)
        for curve in view.curves:
            if curve.kind == "points" and curve not in (other for other, _ in drawn):
                paint_points(grid, curve.series, view.branch, frame, self.look("points"), dim)
        main = next(
            (c for curve, c in reversed(drawn) if curve.kind == "strong"), drawn[0][1] if drawn else None
        )
        paint_marks(grid, marks, None if view.small else main, frame, self.look)
        owned = {curve.colour: columns for curve, columns in drawn if curve.colour is not None}
        paint_owned(grid, marks, owned, frame, self.look)
        return grid

    def _range(self, view: ChartView, drawn: Drawn, start: float, end: float) -> tuple[float, float]:
        scale = log10 if view.log else float
        low, high = inf, -inf
        for curve, columns in drawn:
            a, b = extent(columns, scale, OUTLIERS if curve.kind == "line" else 0.0)
            low, high = min(low, a), max(high, b)
        for curve in view.curves:
            if curve.kind == "points" and curve not in (other for other, _ in drawn):
                for step, value, _ in curve.series.points():
                    if start <= step <= end and (value > 0 or not view.log):
                        low, high = min(low, scale(value)), max(high, scale(value))
        if low > high:
            return low, high
        y_of = (view.title, view.log, view.window[1] - view.window[0] if view.window else 0)
        if self._y_of != y_of:
            self._y, self._y_of = Span(), y_of
        return self._y.fit(low, high)

    def _cursor(self, view: ChartView, grid: Grid, frame: Frame) -> None:
        if view.cursor is not None and frame.shows(view.cursor):
            at = frame.column(view.cursor)
            dim = self.look("dim")
            for row in grid:
                row[at + 1 :] = [(char, dim) for char, _ in row[at + 1 :]]
            for row in grid:
                if row[at][0] in " ┊":
                    row[at] = ("│", self.look("tick"))
        if view.crosshair is not None and frame.shows(view.crosshair):
            self._crosshair(view, view.crosshair, grid, frame)

    def _crosshair(self, view: ChartView, step: int, grid: Grid, frame: Frame) -> None:
        """A line through a column, over what is there, and a cross on every curve."""
        at = frame.column(step)
        for row in grid:
            row[at] = ("╎", self.look("crosshair"))
        for curve in view.curves:
            value = curve.series.value_at(step, view.branch)
            y = frame.row(value) if value is not None else None
            if y is not None and curve.kind != "points":
                grid[y][at] = ("╋", self.look(curve_look(curve)))


def _count(series: Series, start: float, end: float) -> int:
    return sum(start <= step <= end for step, _, _ in series.points())
