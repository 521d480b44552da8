"""A line chart in braille: curves, validation points, and the operator's hand on the axis.

The cockpit, replay and compare screens feed it a `ChartView`. It keeps its axes still as long as it can, and
draws from the curves' min/max levels, so a million points cost what a thousand do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from math import inf, log10
from typing import ClassVar

from rich.style import Style
from textual.events import Click

from tui.messages import StepPicked
from tui.state.formatting import fixed
from tui.state.series import Columns, Series
from tui.widgets.axes import Span, grown, label, log_ticks, nice_step, ticks
from tui.widgets.braille import CHARS, Canvas, extent
from tui.widgets.lines import Lines, Pieces, justified

GUTTER = 7
"""Columns left of the plot: a label of six and the axis."""
OUTLIERS = 0.02
"""Share of a noisy curve's columns that may run off the axis at either end."""


@dataclass(frozen=True, slots=True)
class Plotted:
    """A curve of the chart."""

    label: str
    series: Series
    version: int
    """`series.version`: what makes two views of one series differ."""
    kind: str = "line"
    """`line`: light, as noisy values are. `strong`: on top of it. `points`: a mark for each value."""
    value: float | None = None
    """What the legend says; the curve may go on beyond the moment shown."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """What a chart shows."""

    title: str
    curves: tuple[Plotted, ...]
    ticks: tuple[int, ...] = ()
    """Steps at which the operator acted."""
    checkpoints: tuple[int, ...] = ()
    left_ticks: tuple[int, ...] = ()
    left_checkpoints: tuple[int, ...] = ()
    """Those on branches that do not lead to what is shown."""
    forks: tuple[int, ...] = ()
    """Steps that the run went back to."""
    branch: int | None = None
    """Draw the line that led to this branch, the others dim; `None`: to the newest."""
    total_steps: int | None = None
    window: tuple[int, int] | None = None
    """First and last step to show; `None`: all, with room to grow."""
    log: bool = False
    cursor: int | None = None
    """The step a replay is at; what lies beyond it is dim."""
    empty: str = "no reports yet"


class Chart(Lines[ChartView]):
    """Draws a `ChartView`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--axis", "chart--title", "chart--line", "chart--strong", "chart--points", "chart--dim",
        "chart--tick", "chart--checkpoint", "chart--bad",
    }  # fmt: skip
    DEFAULT_CSS = """
    Chart { height: 1fr; min-height: 4; }
    Chart > .chart--axis { color: $text-muted; }
    Chart > .chart--title { color: $foreground; text-style: bold; }
    Chart > .chart--line { color: $primary; }
    Chart > .chart--strong { color: $text-accent; text-style: bold; }
    Chart > .chart--points { color: $text-success; text-style: bold; }
    Chart > .chart--dim { color: $text-disabled; }
    Chart > .chart--tick { color: $foreground; text-style: bold; }
    Chart > .chart--checkpoint { color: $foreground 70%; }
    Chart > .chart--bad { color: $text-error; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._y = Span()
        self._y_of: tuple[str, bool, int] = ("", False, 0)

    def step_at(self, x: int) -> int | None:
        """The step under a column of the widget."""
        if self.view is None or not GUTTER <= x < self.size.width:
            return None
        start, end = self._domain(self.view)
        return round(start + (end - start) * (x - GUTTER + 0.5) / (self.size.width - GUTTER))

    def on_click(self, event: Click) -> None:
        """Where in the run the mouse is."""
        step = self.step_at(event.x)
        if step is not None:
            self.post_message(StepPicked(step))

    def draw(self, view: ChartView, width: int, height: int) -> list[Pieces]:
        legend = self._legend(view, width)
        with_labels = height >= 7
        rows = height - 2 - with_labels
        cells = width - GUTTER
        if rows < 2 or cells < 8:
            return [legend]
        start, end = self._domain(view)
        drawn = [
            (c, c.series.live(start, end, cells * 2, view.branch)) for c in view.curves if c.kind != "points"
        ]
        scale = log10 if view.log else float
        dense = [c for c in view.curves if c.kind == "points" and _count(c.series, start, end) > cells // 2]
        drawn += [(c, c.series.live(start, end, cells * 2, view.branch)) for c in dense]
        low, high = self._range(view, drawn, start, end)
        if low > high:
            return [legend, *[[]] * (rows // 2), [(view.empty.center(width), self.look("axis"))]]
        grid = self._grid(view, start, end, cells, rows)
        for curve in view.curves:
            if curve.kind != "points":
                left = Canvas(cells, rows)
                left.line(
                    curve.series.abandoned(start, end, cells * 2, view.branch), low, high, scale, dotted=True
                )
                _paint(grid, left, self.look("dim"))
        for curve, columns in drawn:
            canvas = Canvas(cells, rows)
            canvas.line(columns, low, high, scale)
            _paint(grid, canvas, self.look(curve.kind))
        for curve in view.curves:
            if curve.kind == "points" and curve not in dense:
                self._points(curve.series, view, grid, start, end, low, high)
        self._cursor(view, grid, start, end)
        out = [legend]
        names = self._y_labels(view, low, high, rows)
        axis = self.look("axis")
        for y, cells_row in enumerate(grid):
            name = names.get(y)
            head = f"{name:>6}┤" if name else "      │"
            out.append([(head, axis), *_runs(cells_row)])
        out.extend(self._x_axis(view, start, end, cells, with_labels))
        return out

    # -- what is where -----------------------------------------------------------------------------------

    def _domain(self, view: ChartView) -> tuple[float, float]:
        if view.window is not None:
            return float(view.window[0]), float(max(view.window[1], view.window[0] + 1))
        last = max((c.series.last_step for c in view.curves), default=0)
        return 0.0, float(grown(last, view.total_steps))

    def _range(
        self, view: ChartView, drawn: list[tuple[Plotted, Columns]], start: float, end: float
    ) -> tuple[float, float]:
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

    def _grid(self, view: ChartView, start: float, end: float, cells: int, rows: int) -> list[list[_Cell]]:
        blank = (" ", self.rich_style)
        grid = [[blank] * cells for _ in range(rows)]
        guide = ("┊", self.look("dim"))
        for step in view.ticks:
            if start <= step <= end:
                x = _cell(step, start, end, cells)
                for row in grid:
                    row[x] = guide
        return grid

    def _points(
        self,
        series: Series,
        view: ChartView,
        grid: list[list[_Cell]],
        start: float,
        end: float,
        low: float,
        high: float,
    ) -> None:
        rows, cells = len(grid), len(grid[0])
        for step, value, live in sorted(series.points(view.branch), key=lambda point: point[2]):
            if not start <= step <= end or (view.log and value <= 0):
                continue
            y = int((high - (log10(value) if view.log else value)) / (high - low) * rows)
            mark = ("●", self.look("points")) if live else ("○", self.look("dim"))
            grid[min(max(y, 0), rows - 1)][_cell(step, start, end, cells)] = mark

    def _cursor(self, view: ChartView, grid: list[list[_Cell]], start: float, end: float) -> None:
        if view.cursor is None or not start <= view.cursor <= end:
            return
        at = _cell(view.cursor, start, end, len(grid[0]))
        dim, here = self.look("dim"), ("│", self.look("tick"))
        for row in grid:
            row[at + 1 :] = [(char, dim) for char, _ in row[at + 1 :]]
            if row[at][0] in " ┊":
                row[at] = here

    # -- what is written ---------------------------------------------------------------------------------

    def _legend(self, view: ChartView, width: int) -> Pieces:
        axis = self.look("axis")
        row: Pieces = [(view.title, self.look("title"))]
        signs = {"line": "⣿", "strong": "━", "points": "●"}
        for curve in view.curves:
            look = self.look(curve.kind)
            word = f" {curve.label} " if width >= 48 else " "
            row += [("  ", axis), (signs[curve.kind], look), (word, axis), (fixed(curve.value), look)]
        marks: Pieces = []
        if width >= 72:
            if view.ticks:
                marks += [("▲", self.look("tick")), (" operator  ", axis)]
            if view.checkpoints:
                marks += [("◆", self.look("checkpoint")), (" checkpoint  ", axis)]
            if view.forks:
                marks += [("↶", self.look("tick")), (" went back  ", axis)]
        if view.window is not None:
            marks.append((f"steps {max(view.window[0], 0):,} to {view.window[1]:,}  ", axis))
        if view.log:
            marks.append(("log", axis))
        return justified(row, marks, width, axis)

    def _y_labels(self, view: ChartView, low: float, high: float, rows: int) -> dict[int, str]:
        count = max(2, rows // 3)
        if view.log:
            values = log_ticks(low, high, count)
            places = [(log10(value), fixed(value).strip()) for value in values]
        else:
            step = nice_step(high - low, count)
            places = [(value, label(value, step)) for value in ticks(low, high, count)]
        return {min(rows - 1, int((high - at) / (high - low) * rows)): name for at, name in places}

    def _x_axis(
        self, view: ChartView, start: float, end: float, cells: int, with_labels: bool
    ) -> Iterable[Pieces]:
        axis = self.look("axis")
        line: list[_Cell] = [("─", axis)] * cells
        words = [" "] * (GUTTER + cells)
        step = nice_step(end - start, max(2, cells // 12))
        for value in ticks(start, end, max(2, cells // 12)):
            x = _cell(value, start, end, cells)
            line[x] = ("┴", axis)
            text = label(value, step)
            at = min(max(GUTTER + x - len(text) // 2, 0), GUTTER + cells - len(text))
            if at >= 0 and not "".join(words[max(at - 2, 0) : at + len(text) + 1]).strip():
                words[at : at + len(text)] = text
        saved = [step for step in view.checkpoints if start <= step <= end]
        if len(saved) > cells // 4:  # too many to tell apart: the newest
            saved = saved[-1:]
        dim = self.look("dim")
        marks = [(s, ("◇", dim)) for s in view.left_checkpoints]
        marks += [(s, ("◆", self.look("checkpoint"))) for s in saved]
        marks += [(s, ("△", dim)) for s in view.left_ticks]
        marks += [(s, ("↶", self.look("tick"))) for s in view.forks]
        marks += [(s, ("▲", self.look("tick"))) for s in view.ticks]
        marks += [(s, ("!", self.look("bad"))) for c in view.curves for s in c.series.not_finite]
        for at_step, mark in marks:
            if start <= at_step <= end:
                line[_cell(at_step, start, end, cells)] = mark
        yield [("      └", axis), *_runs(line)]
        if with_labels:
            yield [("".join(words), axis)]


_Cell = tuple[str, Style]


def _cell(step: float, start: float, end: float, cells: int) -> int:
    return min(cells - 1, int((step - start) / (end - start) * cells))


def _count(series: Series, start: float, end: float) -> int:
    return sum(start <= step <= end for step, _, _ in series.points())


def _paint(grid: list[list[_Cell]], canvas: Canvas, style: Style) -> None:
    """Lay a canvas over the grid: where it has dots, they replace what was there."""
    for row, dots in zip(grid, canvas.rows, strict=True):
        for x, bits in enumerate(dots):
            if bits:
                row[x] = (CHARS[bits], style)


def _runs(cells: list[_Cell]) -> Pieces:
    """Neighbours of one style as one piece."""
    return [("".join(c for c, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]
