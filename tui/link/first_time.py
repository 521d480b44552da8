"""The first moment at which a value of the step reports lay below or above another: a sequence number of the log.

The pyramid names the bucket of reports, and that bucket is read. Called by the replay.
"""

from __future__ import annotations

from engine.protocol.events import StepReport
from engine.runlog.index import History
from engine.runlog.segment_index import read_report


def first_time(history: History, field: str, below: bool, value: float) -> int | None:
    """Where a field of a step report was first below or above `value`; `None` when it never was."""
    track = history.tracks
    column = track.columns.get(field)
    if column is None:
        return None
    values = column.min if below else column.max
    at = next((i for i, v in enumerate(values) if (v < value if below else v > value)), None)
    if at is None:
        return None
    begin = history.seq_at(wall_s=track.wall_s[at - 1]) if at else history.first_seq
    for entry in history.between(begin, history.head_seq):
        if entry.kind == StepReport.KIND and (report := read_report(entry.payload)) is not None:
            found = getattr(report, field)
            if found is not None and (found < value if below else found > value):
                return entry.seq
    return None


def furthest(history: History, field: str, below: bool) -> float | None:
    """The lowest or the highest value there was: what to say where it was never lower or higher."""
    column = history.tracks.columns.get(field)
    values = [v for v in (column.min if below else column.max) if v == v] if column is not None else []
    return (min(values) if below else max(values)) if values else None
