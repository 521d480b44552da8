"""What History knows of one segment: from its footer in a millisecond, or from a scan if it has none."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec.structs import astuple

from engine.protocol.events import StepReport
from engine.protocol.frames import HEADER, MAX_PAYLOAD, Frame, read_frame
from engine.runlog.footing import RELIABLE_KINDS
from engine.runlog.packed import ints
from engine.runlog.pyramid import Row, Track, bucketed_track, raw_track, unpack
from engine.runlog.reader import Entry
from engine.runlog.scan import Scan
from engine.runlog.segment import Footer, Header, read_segment

FOLD_REPORTS = 4096
"""How many reports a scan puts into buckets at a time."""

_report_decoder = msgspec.msgpack.Decoder(StepReport)


def read_report(payload: bytes) -> StepReport | None:
    """The step report in a payload; None if this version cannot read it."""
    try:
        return _report_decoder.decode(payload)
    except msgspec.DecodeError:
        return None


def _integers(code: str) -> array[int]:
    return array(code)


@dataclass(slots=True)
class Places:
    """Frames of a segment in order: all of them after a scan, every 256th from a footer."""

    seq: array[int] = field(default_factory=lambda: _integers("Q"))
    step: array[int] = field(default_factory=lambda: _integers("q"))
    t_ns: array[int] = field(default_factory=lambda: _integers("Q"))
    offset: array[int] = field(default_factory=lambda: _integers("I"))
    kind: bytearray = field(default_factory=bytearray)
    """Empty when only every 256th is here."""

    def add(self, seq: int, step: int, t_ns: int, offset: int, kind: int) -> None:
        """Append a frame."""
        self.seq.append(seq)
        self.step.append(step)
        self.t_ns.append(t_ns)
        self.offset.append(offset)
        self.kind.append(kind)


@dataclass(slots=True)
class SegmentIndex:
    """One segment, opened."""

    path: Path
    header: Header
    start: int
    """Offset of the first event."""
    head_seq: int
    span_t_ns: tuple[int, int]
    """Monotonic time of the first and the last event."""
    frames: int
    reports: int
    places: Places
    reliable: tuple[array[int], array[int]]
    """Sequence numbers and offsets of the life-cycle events."""
    latest: dict[int, int]
    """Kind -> offset of its newest event."""
    track: Track
    damage: list[tuple[int, int]]

    def first_at_step(self, at: int, step: int) -> int | None:
        """Sequence number of the first event, from place `at` on, by which the run had done `step` steps."""
        if self.places.kind:
            steps = self.places.step
            return next((self.places.seq[i] for i in range(at, len(steps)) if steps[i] >= step), None)
        for place in range(at, len(self.places.seq)):
            part = self._from_place(place)
            found = next((i for i, done in enumerate(part.step) if done >= step), None)
            if found is not None:
                return part.seq[found]
        return None

    def first_at_time(self, t_ns: int) -> int | None:
        """Sequence number of the first event not before `t_ns`."""
        start = max(bisect_left(self.places.t_ns, t_ns) - 1, 0)
        for place in range(start, len(self.places.seq)):
            part = self._from_place(place)
            found = bisect_left(part.t_ns, t_ns)
            if found < len(part.seq):
                return part.seq[found]
        return None

    def newest_before(self, seq: int) -> list[int]:
        """Offsets of the newest telemetry event of each kind below `seq`."""
        if seq > self.head_seq:
            return [offset for kind, offset in self.latest.items() if kind not in RELIABLE_KINDS]
        found: list[int] = []
        wanted = self.latest.keys() - RELIABLE_KINDS
        place = len(self.places.seq) - 1 if self.places.kind else bisect_left(self.places.seq, seq) - 1
        while place >= 0 and wanted:
            part = self._from_place(0 if self.places.kind else place)
            end = bisect_left(part.seq, seq)
            for kind in list(wanted):
                last = part.kind.rfind(kind, 0, end)
                if last >= 0:
                    found.append(part.offset[last])
                    wanted.discard(kind)
            place = -1 if self.places.kind else place - 1
        return sorted(found)

    def _from_place(self, at: int) -> Places:
        """The frames from a place up to the next one the index has; all of them where it has all."""
        if self.places.kind:
            return self.places
        start = self.places.offset[at]
        end = self.places.offset[at + 1] if at + 1 < len(self.places.offset) else -1
        part = Places()
        step = self.places.step[at]
        for offset, kind, seq, t_ns, payload in Scan(
            read_segment(self.path, start, end - start if end > 0 else -1), base=start
        ):
            if kind == StepReport.KIND and (report := read_report(payload)) is not None:
                step = report.step
            part.add(seq, step, t_ns, offset, kind)
        return part

    def entries_at(self, offsets: Iterator[int] | list[int]) -> Iterator[Entry]:
        """The events that begin at these offsets; a damaged one is left out."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            for offset in offsets:
                frame = read_frame(os.pread(fd, 4096, offset))
                if frame is None:
                    frame = read_frame(os.pread(fd, HEADER.size + MAX_PAYLOAD, offset))
                if isinstance(frame, Frame):
                    wall_s = self.header.wall_of(frame.t_ns)
                    yield Entry(frame.seq, frame.kind, frame.t_ns, wall_s, frame.payload)
        finally:
            os.close(fd)

    def marks(self, before_seq: int | None = None) -> Iterator[Entry]:
        """The life-cycle events, those before `before_seq` if given."""
        seqs, offsets = self.reliable
        end = len(seqs) if before_seq is None else bisect_left(seqs, before_seq)
        return self.entries_at(list(offsets[:end]))


def index_from_footer(path: Path, header: Header, start: int, footer: Footer) -> SegmentIndex:
    """A sealed segment, without reading its events."""
    index, reliable = footer.index, footer.reliable
    return SegmentIndex(
        path=path,
        header=header,
        start=start,
        head_seq=footer.head_seq,
        span_t_ns=(footer.first_t_ns, footer.last_t_ns),
        frames=footer.frames,
        reports=footer.pyramid.reports,
        places=Places(
            ints("Q", index.seq), ints("q", index.step), ints("Q", index.t_ns), ints("I", index.offset)
        ),
        reliable=(ints("Q", reliable.seq), ints("I", reliable.offset)),
        latest=dict(footer.latest),
        track=unpack(footer.pyramid, header.wall_s, header.mono_ns),
        damage=footer.damage,
    )


def scan_segment(path: Path, header: Header, start: int, raw_reports: int) -> SegmentIndex:
    """A segment read whole. Its newest `raw_reports` reports are kept one by one, older ones in buckets."""
    scan = Scan(read_segment(path), start)
    places = Places()
    seqs, steps, times = places.seq.append, places.step.append, places.t_ns.append
    offsets, kinds = places.offset.append, places.kind.append
    reliable = (_integers("Q"), _integers("I"))
    track, rows, stamps = Track(), list[Row](), list[int]()
    step, reports = -1, 0
    for offset, kind, seq, t_ns, payload in scan:
        if kind == StepReport.KIND:
            report = read_report(payload)
            if report is not None:
                if not reports:
                    # Frames before the first report stand at the step that it started from.
                    places.step[:] = array("q", [report.step - report.steps]) * len(places.step)
                step = report.step
                reports += 1
                rows.append(astuple(report))
                stamps.append(t_ns)
                if len(rows) >= raw_reports + FOLD_REPORTS:
                    # Folded as it grows, so that a full segment of reports never lies in memory as objects.
                    track.extend(bucketed_track(rows[:FOLD_REPORTS], stamps[:FOLD_REPORTS], header.wall_of))
                    del rows[:FOLD_REPORTS], stamps[:FOLD_REPORTS]
        elif kind in RELIABLE_KINDS:
            reliable[0].append(seq)
            reliable[1].append(offset)
        # Bound methods, no call of ours per frame: a full segment has a hundred thousand.
        seqs(seq)
        steps(step)
        times(t_ns)
        offsets(offset)
        kinds(kind)
    cut = max(len(rows) - raw_reports, 0)
    track.extend(bucketed_track(rows[:cut], stamps[:cut], header.wall_of))
    track.extend(raw_track(rows[cut:], stamps[cut:], header.wall_of))
    frames = len(places.seq)
    return SegmentIndex(
        path=path,
        header=header,
        start=start,
        head_seq=places.seq[-1] if frames else header.first_seq - 1,
        span_t_ns=(places.t_ns[0], places.t_ns[-1]) if frames else (header.mono_ns, header.mono_ns),
        frames=frames,
        reports=reports,
        places=places,
        reliable=reliable,
        latest={kind: places.offset[places.kind.rindex(kind)] for kind in set(places.kind)},
        track=track,
        damage=scan.damage,
    )
