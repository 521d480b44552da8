"""The first moment at which a value lay below or above another: a sequence number of the log, and how near it came.

Of step reports the pyramid names the bucket, and that bucket is read; of evaluations the replay has every one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from engine.protocol.events import StepReport
from engine.runlog.index import History
from engine.runlog.segment_index import read_report
from tui.state.moments.goto import When
from tui.state.moments.stop import Stop

Found = tuple[int | None, float | None]
"""Where it was so first, `None`: nowhere; and the value that came nearest, `None`: there was none."""


def reported(history: History, when: When) -> Found:
    """In the step reports."""
    track = history.tracks
    column = track.columns.get(when.field)
    if column is None:
        return None, None
    values = column.min if when.below else column.max
    best = when.nearest(value for value in values if value == value)
    at = next((i for i, value in enumerate(values) if when.so(value)), None)
    if at is None:
        return None, best
    begin = history.seq_at(wall_s=track.wall_s[at - 1]) if at else history.first_seq
    for entry in history.between(begin, history.head_seq):
        if entry.kind == StepReport.KIND and (report := read_report(entry.payload)) is not None:
            found = getattr(report, when.field)
            if found is not None and when.so(found):
                return entry.seq, best
    return None, best


def evaluated(stops: Sequence[Stop], when: When) -> Found:
    """Among the evaluations."""
    known = [(stop.seq, stop.value) for stop in stops if stop.value is not None]
    found = next((seq for seq, value in known if when.so(value)), None)
    return found, when.nearest(value for _, value in known if isfinite(value))
