"""The row above a plot: what each curve is and says, and at the right what is chosen to be seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tui.state.formatting import NONE
from tui.widgets.chart.curves import LETTERS
from tui.widgets.chart.marks import GLYPHS, LOOKS, Look
from tui.widgets.chart.view import ChartView, Mark, MarkKind, Plotted
from tui.widgets.lines import Pieces, length

SIGNS = {"line": "⣿", "strong": "━", "points": "●"}
MARK_NAMES: dict[MarkKind, str] = {
    "action": "operator", "alarm": "alarm", "checkpoint": "checkpoint", "fork": "went back",
}  # fmt: skip


def legend(view: ChartView, marks: Sequence[Mark], mean: float | None, width: int, look: Look) -> Pieces:
    """One row: closer, then without names, where they do not fit; and of the marks those that do.

    Args:
        view: with a crosshair, values are those there.
        marks: of which a word is said where there is room.
        mean: the smoothed value of the first line, where one is drawn.
        width: columns.
        look: from a name in the chart's `LOOKS` to its style.
    """
    axis = look("axis")
    smoothed = mean if view.smoothing and not view.small else None
    row: Pieces = []
    of_runs = all(curve.colour is not None for curve in view.curves)  # what they have in common stands above
    for gap, with_names in (("  ", True), (" ", True), ("  ", False)):
        row = [] if of_runs else [(view.title, look("title"))]
        for entry in _entries(view, smoothed, with_names, look):
            if with_names or length(row) + len(gap) + length(entry) <= width:
                row += [(gap, axis), *entry]
        if length(row) <= width:
            break
    said = [[(f"{word}  ", axis)] for word in _chosen(view)]
    for kind, name in MARK_NAMES.items():
        if not view.small and any(mark.kind == kind and not mark.left for mark in marks):
            said.append([(GLYPHS[kind], look(LOOKS[kind])), (f" {name}  ", axis)])
    right: Pieces = []
    for word in said:
        if length(row) + length(right) + length(word) + 1 <= width:
            right += word
    right = [*right[:-1], (right[-1][0].rstrip(), right[-1][1])] if right else []
    room = width - length(row) - length(right)
    return [*row, (" " * room, axis), *right] if right and room >= 1 else row


def _entries(view: ChartView, smoothed: float | None, with_names: bool, look: Look) -> Iterator[Pieces]:
    """Each curve, and the smoothed mean where the engine's own stands without one."""
    axis = look("axis")
    for curve in view.curves:
        yield _entry(view, curve, with_names, look)
        if smoothed is not None and curve.kind == "line":
            name = f" smoothed {view.smoothing:g} " if with_names else " "
            yield [("━", look("strong")), (name, axis), (curve.text(smoothed), look("strong"))]
            smoothed = None


def _entry(view: ChartView, curve: Plotted, with_name: bool, look: Look) -> Pieces:
    axis, ink = look("axis"), look(curve_look(curve))
    value = curve.value
    if view.crosshair is not None:
        value = curve.series.value_at(view.crosshair, view.branch)
    told = curve.text(value) if value is not None else NONE.rjust(5)
    if view.small or (len(view.curves) == 1 and not view.smoothing):
        return [(told, ink)]
    sign = SIGNS[curve.kind] if curve.colour is None else LETTERS[curve.colour]
    return [(sign, ink), (f" {curve.label} " if with_name else " ", axis), (told, ink)]


def curve_look(curve: Plotted) -> str:
    """Of the chart's `LOOKS` that of a curve."""
    return curve.kind if curve.colour is None else f"run-{curve.colour}"


def _chosen(view: ChartView) -> list[str]:
    words: list[str] = []
    if view.small:
        return words
    if view.crosshair is not None:
        words.append(f"at {view.x_label(view.crosshair, 1)}")
    if view.smoothing and all(curve.colour is not None for curve in view.curves):
        words.append(f"smoothed {view.smoothing:g}")
    if view.log:
        words.append("log")
    if view.window is not None:
        words.append(f"{view.x_name} {max(view.window[0], 0):,} to {view.window[1]:,}")
    return words
