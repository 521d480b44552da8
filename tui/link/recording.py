"""The log of a run as a replay reads it: its past, opened in milliseconds, and what has come since."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.errors import SlotdeckError
from engine.protocol.codec import decode
from engine.protocol.events import StepReport
from engine.runlog.index import History
from engine.runlog.reader import Entry, LogReader
from tui.link.first_time import Found, evaluated, reported
from tui.link.rebuild import past_of
from tui.link.shape import add_reports, shape_of
from tui.state.curves.curve import Columns
from tui.state.curves.timeline import Timeline
from tui.state.moments.goto import When
from tui.state.moments.stop import Stop

MANY = 8192
"""Events behind the end of the log as it was opened; with more, it is opened again."""


class Recording:
    """Events by number, step and time."""

    def __init__(self, run_dir: Path, past: History) -> None:
        self.past = past
        self._run_dir = run_dir
        self._tail = LogReader(run_dir, past.head_seq + 1)
        self._later: list[Entry] = []
        """What came behind the end of `past`."""
        first, last = past.span
        self.timeline = Timeline([first, *past.tracks.wall_s, last])
        """Unix time as the time the run was at work."""
        self._shape: tuple[tuple[int, int], Columns] | None = None

    @classmethod
    async def open(cls, run_dir: Path) -> Recording:
        """Off the event loop.

        Raises:
            SlotdeckError: not a run folder, nothing recorded, or the log cannot be read.
        """
        past = await asyncio.to_thread(past_of, run_dir)
        if not past.head_seq:
            raise SlotdeckError(f"{run_dir.name} has nothing recorded yet", "attach to it instead")
        return cls(run_dir, past)

    @property
    def first_seq(self) -> int:
        """The first sequence number."""
        return self.past.first_seq

    @property
    def head_seq(self) -> int:
        """The last."""
        return self._later[-1].seq if self._later else self.past.head_seq

    def between(self, first_seq: int, last_seq: int) -> Iterator[Entry]:
        """The events from `first_seq` to `last_seq`, in order, as far as they are here."""
        yield from self.past.between(first_seq, last_seq)
        begin = bisect_left(self._later, first_seq, key=lambda entry: entry.seq)
        end = bisect_right(self._later, last_seq, key=lambda entry: entry.seq)
        yield from self._later[begin:end]

    def seq_of_step(self, step: int) -> int:
        """The event that reported this step; the last one when none did."""
        seq = self.past.seq_at(step=step)
        if seq > self.past.head_seq:
            later = (entry.seq for entry in self._later if _step_of(entry) >= step)
            seq = next(later, self.head_seq)
        return seq

    def seq_of_wall(self, wall_s: float) -> int:
        """The last event up to a moment of Unix time."""
        just_after_s = wall_s + 1e-6
        seq = self.past.seq_at(wall_s=just_after_s)
        if seq > self.past.head_seq:
            at = bisect_left(self._later, just_after_s, key=lambda entry: entry.wall_s)
            seq = self._later[at].seq if at < len(self._later) else self.head_seq + 1
        return seq - 1

    def first_when(self, when: When, evaluations: Sequence[Stop]) -> Found:
        """Where a value was first below or above another."""
        return evaluated(evaluations, when) if when.field == "val_loss" else reported(self.past, when)

    def shape(self, width: int) -> Columns:
        """The mean loss from the first moment to the last, in `width` columns of equal time."""
        key = (width, (len(self._later) + 63) // 64)
        if self._shape is None or self._shape[0] != key:
            shape = shape_of(self.past.tracks, self.timeline, width)
            add_reports(shape, self._later, self.timeline)
            self._shape = (key, shape)
        return self._shape[1]

    async def follow(self) -> list[Entry]:
        """What the log has got since; when that is much, all of it counts as past."""
        new = self._tail.poll()
        for entry in new:
            self.timeline.extend(entry.wall_s)
        self._later += new
        if len(self._later) > MANY:
            self.past = await asyncio.to_thread(past_of, self._run_dir)
            self._later = [entry for entry in self._later if entry.seq > self.past.head_seq]
        return new


def _step_of(entry: Entry) -> int:
    """Steps done by a report; -1 for another event."""
    if entry.kind != StepReport.KIND:
        return -1
    report = decode(entry.kind, entry.payload)
    return report.step if isinstance(report, StepReport) else -1
