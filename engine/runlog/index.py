"""A run's past, opened in milliseconds: the curves, the life-cycle events, and the way to any moment.

Called by the cockpit's link (live attach and replay), the home screen and the catalog. Sealed segments are
read by their footers; only what was never sealed is scanned.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path

from engine.protocol.events import StepReport
from engine.runlog.pyramid import Track
from engine.runlog.reader import Entry, lost_header
from engine.runlog.segment import FILE_MAGIC, read_footer, read_header, segment_paths
from engine.runlog.segment_index import SegmentIndex, index_from_footer, scan_segment

RAW_REPORTS = 8192
"""The newest reports, kept one by one; older ones come in buckets of 64."""


class History:
    """The log as it was when this was made. What came later is read with `LogReader.seek(head_seq + 1)`."""

    def __init__(self, run_dir: Path, raw_reports: int = RAW_REPORTS) -> None:
        """Open the log of a run.

        Args:
            run_dir: the run folder.
            raw_reports: how many of the newest reports `tracks` holds one by one; 0 is the fastest to open.

        Raises:
            SlotdeckError: not a run folder, unreadable, or written by a newer slotdeck.
        """
        self._segments: list[SegmentIndex] = []
        left = raw_reports
        for path in reversed(segment_paths(run_dir)):
            segment = _open(path, left)
            if segment is not None:
                left -= segment.reports
                self._segments.insert(0, segment)

    @property
    def head_seq(self) -> int:
        """Sequence number of the last event; 0 for an empty log."""
        return self._segments[-1].head_seq if self._segments else 0

    @property
    def first_seq(self) -> int:
        """Sequence number of the first event; 1 for an empty log."""
        return self._segments[0].header.first_seq if self._segments else 1

    @property
    def span(self) -> tuple[float, float]:
        """Unix time of the first and of the last event; (0, 0) for an empty log."""
        filled = [s for s in self._segments if s.frames]
        if not filled:
            return 0.0, 0.0
        first, last = filled[0], filled[-1]
        return first.header.wall_of(first.span_t_ns[0]), last.header.wall_of(last.span_t_ns[1])

    @property
    def damage(self) -> list[tuple[str, int, int]]:
        """`(segment, offset, size)` of bytes that were no valid frame."""
        return [(s.path.name, offset, size) for s in self._segments for offset, size in s.damage]

    @cached_property
    def tracks(self) -> Track:
        """Every scalar of every step report: buckets of 64, the newest `raw_reports` one by one."""
        whole = Track()
        for segment in self._segments:
            whole.extend(segment.track)
            segment.track.columns.clear()  # only the buckets' times are still asked for there
        return whole

    @cached_property
    def marks(self) -> list[Entry]:
        """Every life-cycle event, in order."""
        return [entry for segment in self._segments for entry in segment.marks()]

    @cached_property
    def latest(self) -> dict[int, Entry]:
        """The newest event of each kind."""
        if not self._segments:
            return {}
        segment = self._segments[-1]
        newest = _snapshot(segment)
        newest.update((e.kind, e) for e in segment.entries_at(sorted(segment.latest.values())))
        return newest

    def seq_at(self, step: int | None = None, wall_s: float | None = None) -> int:
        """Where the run reached a step (on the newest branch that has it) or a moment: a sequence number.

        That of the first event at or after it; `head_seq + 1` when it lies beyond the end.
        """
        assert (step is None) != (wall_s is None), "give a step or a moment"
        if step is not None:
            return self._seq_of_step(step)
        assert wall_s is not None
        for segment in self._segments:
            if segment.frames and segment.header.wall_of(segment.span_t_ns[1]) >= wall_s:
                return segment.first_at_time(_t_ns(segment, wall_s)) or self.head_seq + 1
        return self.head_seq + 1

    def state_before(self, seq: int, from_seq: int = 0, newest_only: Collection[int] = ()) -> list[Entry]:
        """What a viewer applies to show the moment just before `seq`: no curve, everything else.

        All life-cycle events up to there and the newest of each telemetry kind, in order.

        Args:
            seq: that moment.
            from_seq: where the viewer stands already; what was before it is left out.
            newest_only: life-cycle kinds of which, like of telemetry, only the newest counts.
        """
        found: dict[int, Entry] = {}
        within = [s for s in self._segments if s.header.first_seq < seq and s.head_seq >= from_seq]
        if within:
            newest = _snapshot(within[-1])
            newest.update((e.kind, e) for e in within[-1].entries_at(within[-1].newest_before(seq)))
            found.update((e.seq, e) for e in newest.values() if e.seq >= from_seq)
        for segment in within:
            found.update((e.seq, e) for e in segment.marks(seq, from_seq, newest_only))
        return [found[number] for number in sorted(found)]

    def between(self, first_seq: int, last_seq: int) -> Iterator[Entry]:
        """The events from `first_seq` to `last_seq`, in order, as far as they are here."""
        for segment in self._segments:
            if segment.header.first_seq <= last_seq and segment.head_seq >= first_seq:
                yield from segment.between(first_seq, last_seq)

    def buckets_until(self, seq: int) -> tuple[int, int]:
        """How many buckets of `tracks` had been logged whole by `seq`.

        And a sequence number from which on, at the latest, reports are in none of them.
        """
        count, newest = 0, None
        for segment in self._segments:
            if segment.header.first_seq > seq:
                break
            here = _buckets_until(segment, seq) if segment.head_seq > seq else len(segment.track.wall_s)
            if here:
                newest = segment, segment.track.wall_s[here - 1]
            count += here
        if newest is None:
            return count, self.first_seq
        segment, wall_s = newest
        return count, segment.first_at_time(_t_ns(segment, wall_s)) or seq + 1

    @property
    def mark_seqs(self) -> array[int]:
        """Sequence numbers of the life-cycle events, in order, without reading them."""
        seqs = array("Q")
        for segment in self._segments:
            seqs.extend(segment.reliable[0])
        return seqs

    def _seq_of_step(self, step: int) -> int:
        """Backwards to the first place below `step` that has one above it behind: the newest branch wins."""
        reached: int | None = None
        for segment in reversed(self._segments):
            steps = segment.places.step
            last = len(steps) - 1
            if segment.rising and last >= 0:
                at = bisect_left(steps, step)
                reached = segment.places.seq[at] if at <= last else reached
                below = range(at - 1, at - 2, -1) if at else range(0)
            else:
                below = range(last, -1, -1)
            for at in below:
                if steps[at] >= step:
                    reached = segment.places.seq[at]
                elif steps[at] >= 0 and (reached is not None or at == last):
                    # Behind a segment's last place there may be reports that the index does not have.
                    reached = segment.first_at_step(at, step) or reached
                    if reached is not None:
                        return reached
        return reached or self.head_seq + 1


def _buckets_until(segment: SegmentIndex, seq: int) -> int:
    """Buckets of a segment whose last report is at or before `seq`; one too few where times do not tell."""
    part, walls = segment.part_with(seq), segment.track.wall_s
    at = bisect_right(part.seq, seq) - 1
    if at < 0:
        return 0
    t_ns = part.t_ns[at]
    wall_s = segment.header.wall_of(t_ns)
    end = bisect_right(walls, wall_s)
    same_time = bisect_right(part.t_ns, t_ns)
    still_to_come = part.kind.count(StepReport.KIND, at + 1, same_time)
    return end - min(still_to_come, end - bisect_left(walls, wall_s))


def _t_ns(segment: SegmentIndex, wall_s: float) -> int:
    """Unix time by the segment's clock.

    A float of Unix time resolves 0.24 us: this leans to the early side, or an event would miss itself.
    """
    since_s = wall_s - math.ulp(wall_s) - segment.header.wall_s
    return max(segment.header.mono_ns + math.floor(since_s * 1e9), 0)


def _snapshot(segment: SegmentIndex) -> dict[int, Entry]:
    """The newest event of each kind before the segment, from its header."""
    return {k.kind: Entry(k.seq, k.kind, 0, k.wall_s, k.payload) for k in segment.header.snapshot}


def _open(path: Path, raw_reports: int) -> SegmentIndex | None:
    header, start = read_header(path)
    if start == 0:
        return None  # being made at this moment
    footer = read_footer(path)
    if header is not None and footer is not None and not 0 < footer.pyramid.reports <= raw_reports:
        return index_from_footer(path, header, start, footer)
    return scan_segment(path, header or lost_header(path), max(start, len(FILE_MAGIC)), max(raw_reports, 0))
