"""What is written at a chart's left and below it: values, steps, and every mark on the axis."""

from __future__ import annotations

from collections.abc import Iterable
from math import log10

from rich.style import Style

from tui.state.formatting import fixed
from tui.widgets.axes import label, log_ticks, nice_step, ticks
from tui.widgets.chart.curves import Cell, runs
from tui.widgets.chart.frame import GUTTER, Frame
from tui.widgets.chart.marks import Look, paint_axis
from tui.widgets.chart.view import ChartView, Mark
from tui.widgets.lines import Pieces


def y_labels(frame: Frame) -> dict[int, str]:
    """Row -> what is written beside it."""
    low, high, rows = frame.low, frame.high, frame.rows
    count = max(2, rows // 3)
    if frame.log:
        places = [(log10(value), _round(value)) for value in log_ticks(low, high, count)]
    else:
        step = nice_step(high - low, count)
        places = [(value, label(value, step)) for value in ticks(low, high, count)]
    return {min(rows - 1, int((high - at) / (high - low) * rows)): name for at, name in places}


def _round(value: float) -> str:
    """`5`, `20`, `5e-4`: without the zeros that say nothing of a round number."""
    text = fixed(value).strip()
    return text.rstrip("0").rstrip(".") if "." in text and text[-1].isdigit() else text


def x_axis(
    view: ChartView, marks: list[Mark], frame: Frame, with_labels: bool, look: Look
) -> Iterable[Pieces]:
    """The axis with its marks, and the steps below it."""
    axis, cells = look("axis"), frame.cells
    line: list[Cell] = [("─", axis)] * cells
    words: list[Cell] = [(" ", axis)] * (GUTTER + cells)
    count = max(2, cells // 12)
    step = nice_step(frame.end - frame.start, count)
    if view.crosshair is not None and frame.shows(view.crosshair):
        here = f" {view.x_label(view.crosshair, 1)} "
        _write(words, GUTTER + frame.column(view.crosshair), here, look("here"))
    for value in ticks(frame.start, frame.end, count):
        x = frame.column(value)
        line[x] = ("┴", axis)
        _write(words, GUTTER + x, view.x_label(value, step), axis)
    lost = [Mark(at, "alarm") for c in view.curves for at in c.series.not_finite if frame.shows(at)]
    if any(curve.kind == "points" for curve in view.curves):  # they stand in the plot
        marks = [mark for mark in marks if mark.kind != "evaluation"]
    paint_axis(line, [*marks, *lost], frame, look)
    yield [("      └", axis), *runs(line)]
    if with_labels:
        yield runs(words)


def _write(words: list[Cell], middle: int, text: str, style: Style) -> None:
    """Centre a text in a row where nothing stands yet."""
    at = min(max(middle - len(text) // 2, 0), len(words) - len(text))
    around = words[max(at - 2, 0) : at + len(text) + 1]
    if at >= 0 and all(char == " " for char, _ in around):
        words[at : at + len(text)] = [(char, style) for char in text]
