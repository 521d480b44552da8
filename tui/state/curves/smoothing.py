"""A running mean of a curve, as TensorBoard draws it: exponential, freed from its bias towards where it began.

Its cost is that of the columns drawn, not of the run: it runs over the level that the curve itself is drawn from, with
the weight taken to the power of the reports in an entry, and begins only as far back as the weight remembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, log

from tui.state.curves.curve import Columns
from tui.state.curves.series import Series

FORGOTTEN = 1e-3
"""Share below which the past of a mean does not count."""
EXACT = 1024
"""Entries that the mean at one step is made from, at least."""
LEVELS = (0.0, 0.6, 0.9, 0.99, 0.999)
"""Weights that one chooses from."""


def next_level(weight: float) -> float:
    """The next stronger smoothing; after the strongest, none."""
    return next((level for level in LEVELS if level > weight), LEVELS[0])


def smoothed(
    series: Series, start: float, end: float, width: int, weight: float, at: int | None = None
) -> Columns:
    """The mean on the line to branch `at` under each of `width` stretches of steps, its last value in each.

    Args:
        series: of one scalar.
        start: first step of the first stretch.
        end: last step of the last.
        width: stretches.
        weight: of the past, per report; 0 <= weight < 1.
        at: branch; `None`: the newest.
    """
    columns, scale = Columns.empty(width), width / (end - start)
    for step, mean in _running(series, start, end, width, weight, at):
        if step >= start:
            x = min(int((step - start) * scale), width - 1)
            columns.low[x] = columns.high[x] = mean
    return columns


def smoothed_at(series: Series, step: int, weight: float, at: int | None = None) -> float | None:
    """The mean at a step; `None` before the first report."""
    last = None
    for _, last in _running(series, step, step, EXACT, weight, at):  # noqa: B007
        pass
    return last


def _running(
    series: Series, start: float, end: float, width: int, weight: float, at: int | None
) -> Iterator[tuple[int, float]]:
    stride = series.stride
    memory = 0.0 if weight <= 0 else stride * log(FORGOTTEN) / log(weight)
    total, trust, before = 0.0, 0.0, -inf
    keeps: dict[int, float] = {}
    for step, value in series.entries(start - memory, end, width, at):
        gap = stride if before == -inf else int(step - before)
        keep = keeps.get(gap)
        if keep is None:
            keep = keeps[gap] = weight ** max(gap / stride, 0.0)
        total = keep * total + (1 - keep) * value
        trust = keep * trust + 1 - keep
        before = step
        yield step, total / trust
