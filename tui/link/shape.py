"""The shape of a whole run, for the scrubber of its replay: the mean loss over the time it was at work.

From the log's pyramid by stretches of it, so that a million reports take a few milliseconds.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate, pairwise
from math import isfinite

from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.pyramid import Track
from engine.runlog.reader import Entry
from tui.state.curves.curve import Columns
from tui.state.curves.timeline import Timeline


def shape_of(track: Track, timeline: Timeline, width: int) -> Columns:
    """Lowest and highest mean loss in `width` stretches of equal time, from the first moment to the last."""
    columns, mean = Columns.empty(width), track.columns["loss_ema"]
    walls = array("d", accumulate(track.wall_s, max))  # as the timeline has them
    edges = [bisect_left(walls, timeline.wall_s(x * timeline.length_s / width)) for x in range(width)]
    for x, (begin, end) in enumerate(pairwise([*edges, len(walls)])):
        if begin < end:
            columns.low[x] = min(_finite(mean.min[begin:end]), default=columns.low[x])
            columns.high[x] = max(_finite(mean.max[begin:end]), default=columns.high[x])
    return columns


def add_reports(columns: Columns, entries: Iterable[Entry], timeline: Timeline) -> None:
    """Widen a shape by what the log has got since."""
    width = len(columns.low)
    per_s = width / max(timeline.length_s, 1e-9)
    for entry in entries:
        report = decode(entry.kind, entry.payload) if entry.kind == StepReport.KIND else None
        if isinstance(report, StepReport) and isfinite(report.loss_ema):
            x = min(int(timeline.work_s(entry.wall_s) * per_s), width - 1)
            columns.low[x] = min(columns.low[x], report.loss_ema)
            columns.high[x] = max(columns.high[x], report.loss_ema)


def _finite(values: array[float]) -> Iterable[float]:
    return values if isfinite(sum(values)) else filter(isfinite, values)
