"""What History knows of one segment: from its footer in a millisecond, or from a scan if it has none."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import astuple

from engine.protocol import codec
from engine.protocol.events import StepReport
from engine.protocol.frames import HEADER, MAX_PAYLOAD, Frame, read_frame
from engine.runlog.footing import RELIABLE_KINDS
from engine.runlog.pyramid import Row, Track, bucketed_track, raw_track, unpack
from engine.runlog.reader import Entry
from engine.runlog.segment import Footer, Header, Scan, ints, read_segment


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

    def scanned(self) -> SegmentIndex:
        """The same with every frame's place."""
        return (
            self
            if self.places.kind or not self.frames
            else scan_segment(self.path, self.header, self.start, 0)
        )

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
    data = read_segment(path)
    scan = Scan(data, start)
    places = Places()
    seqs, steps, times, offsets = (
        places.seq.append, places.step.append, places.t_ns.append, places.offset.append,
    )  # fmt: skip
    kinds = places.kind.append
    reliable = (_integers("Q"), _integers("I"))
    track, rows, walls = Track(), list[Row](), list[float]()
    report_kind, wall_of = StepReport.KIND, header.wall_of
    step, reports = -1, 0
    for offset, kind, seq, t_ns, payload in scan:
        if kind == report_kind:
            report = codec.decode(kind, payload)
            if isinstance(report, StepReport):
                step = report.step
                reports += 1
                rows.append(astuple(report))
                walls.append(wall_of(t_ns))
                if len(rows) >= 2 * raw_reports + 4096:
                    # Folded as it grows, so that a full segment of reports never lies in memory as objects.
                    cut = len(rows) - raw_reports
                    track.extend(bucketed_track(rows[:cut], walls[:cut]))
                    del rows[:cut], walls[:cut]
        elif kind in RELIABLE_KINDS:
            reliable[0].append(seq)
            reliable[1].append(offset)
        seqs(seq)
        steps(step)
        times(t_ns)
        offsets(offset)
        kinds(kind)
    cut = max(len(rows) - raw_reports, 0)
    track.extend(bucketed_track(rows[:cut], walls[:cut]))
    track.extend(raw_track(rows[cut:], walls[cut:]))
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
