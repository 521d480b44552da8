"""Where on a chart a step and a value are: pure numbers, made afresh for each drawing."""

from __future__ import annotations

from collections.abc import Callable
from math import log10

from msgspec import Struct

from tui.state.curves.curve import Columns
from tui.widgets.axes import grown
from tui.widgets.chart.view import ChartView

GUTTER = 7
"""Columns left of the plot: a label of six and the axis."""


class Frame(Struct, frozen=True):
    """The plot: so many cells, from step `start` to `end`, from value `low` to `high` as scaled."""

    start: float
    end: float
    low: float
    high: float
    cells: int
    rows: int
    log: bool

    @property
    def scale(self) -> Callable[[float], float]:
        """From a value to its place on the y axis."""
        return log10 if self.log else float

    def shows(self, step: float) -> bool:
        """Whether a step is on the plot."""
        return self.start <= step <= self.end

    def column(self, step: float) -> int:
        """The cell of a step that is on the plot."""
        return column(step, self.start, self.end, self.cells)

    def row(self, value: float) -> int | None:
        """The row of a value, the nearest when it is off the plot; `None`: a log axis has no place for it."""
        if self.log and value <= 0:
            return None
        y = int((self.high - self.scale(value)) / (self.high - self.low) * self.rows)
        return min(max(y, 0), self.rows - 1)

    def height_at(self, columns: Columns, cell: int) -> int | None:
        """The row of a curve in a cell, or in the nearest to the left that it passes through."""
        for x in range(min(2 * cell + 1, len(columns.low) - 1), -1, -1):
            if columns.low[x] <= columns.high[x]:
                return self.row((columns.low[x] + columns.high[x]) / 2)
        return None


def column(step: float, start: float, end: float, cells: int) -> int:
    """The cell of a step between `start` and `end`."""
    return min(cells - 1, int((step - start) / (end - start) * cells))


def domain(view: ChartView) -> tuple[float, float]:
    """First and last step of the x axis."""
    if view.window is not None:
        return float(view.window[0]), float(max(view.window[1], view.window[0] + 1))
    last = max((c.series.last_step for c in view.curves), default=0)
    return 0.0, float(grown(last, view.total_steps))
