"""What a chart is asked to show: curves, marks and the stretch of the x axis, frozen so that likes compare equal.

The cockpit, the replay, the pages over them and the compare screen build these; `Chart` draws them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from tui.state.curves.series import Series
from tui.state.formatting import fixed
from tui.widgets.axes import label

MarkKind = Literal["action", "evaluation", "checkpoint", "alarm", "fork"]


class Plotted(Struct, frozen=True):
    """A curve of the chart."""

    label: str
    series: Series
    version: int
    """`series.version`: what makes two views of one series differ."""
    kind: str = "line"
    """`line`: light, as noisy values are. `strong`: on top of it. `points`: a mark for each value."""
    value: float | None = None
    """What the legend says; the curve may go on beyond the moment shown."""
    colour: int | None = None
    """0 to 7: one of several alike, such as runs beside each other. Each has a colour, a pattern of dots and a letter,
    so that they are told apart without colours."""
    text: Callable[[float], str] = fixed
    """Writes a value of it."""


class Mark(Struct, frozen=True):
    """Something that happened at a step."""

    step: int
    kind: MarkKind
    text: str = ""
    """One line, safe to draw; what a crosshair beside it says."""
    left: bool = False
    """On a branch that does not lead to what is shown."""
    colour: int | None = None
    """Of the curve it belongs to, where several alike are drawn: it stands there, and its letter on the axis."""


class ChartView(Struct, frozen=True):
    """What a chart shows. Steps are whatever the x axis counts: a series may have tokens or seconds in their place."""

    title: str
    curves: tuple[Plotted, ...]
    marks: tuple[Mark, ...] = ()
    branch: int | None = None
    """Draw the line that led to this branch, the others dim; `None`: to the newest."""
    total_steps: int | None = None
    window: tuple[int, int] | None = None
    """First and last step to show; `None`: all, with room to grow."""
    log: bool = False
    cursor: int | None = None
    """The step a replay is at; what lies beyond it is dim."""
    crosshair: int | None = None
    """The step that all charts of a screen point at; the legend then says the values there."""
    smoothing: float = 0.0
    """Weight of the past in a mean drawn over each `line`, per report: 0 is none, 0.99 a hundred reports long."""
    x_label: Callable[[float, float], str] = label
    """Writes a value of the x axis, given the distance between two ticks."""
    x_name: str = "steps"
    small: bool = False
    """Beside a large chart with the same x axis: no labels below, few at the side."""
    empty: str = "no reports yet"
