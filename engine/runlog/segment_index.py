"""What History knows of one segment: from its footer in a millisecond, or from a scan if it has none."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import le
from pathlib import Path

import msgspec
from msgspec.structs import astuple

from engine.protocol.events import StepReport
from engine.protocol.frames import HEADER, MAGIC, MAX_PAYLOAD, Frame, read_frame
from engine.runlog.footing import RELIABLE_KINDS
from engine.runlog.packed import ints
from engine.runlog.pyramid import Row, Track, bucketed_track, countable, raw_track, unpack
from engine.runlog.reader import Entry
from engine.runlog.scan import Scan, next_frame
from engine.runlog.segment import Footer, Header, open_segment, read_segment

FOLD_REPORTS = 4096
"""How many reports a scan puts into buckets at a time."""
NEAR_PLACES = 4
"""Places of a footer that are read back for the newest event of a kind, before the whole segment is."""

_report_decoder = msgspec.msgpack.Decoder(StepReport)


def read_report(payload: bytes) -> StepReport | None:
    """The step report in a payload; None if this version cannot read it, or it counts too far."""
    try:
        report = _report_decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return report if countable(report) else None


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
    reliable: tuple[array[int], array[int], array[int]]
    """Sequence numbers, offsets and kinds of the life-cycle events."""
    latest: dict[int, int]
    """Kind -> offset of its newest event."""
    track: Track
    damage: list[tuple[int, int]]
    _rising: bool | None = None
    _telemetry: dict[int, tuple[array[int], array[int]]] | None = None
    """Kind -> sequence numbers and offsets; step reports, which are never far, are not in it."""

    @property
    def rising(self) -> bool:
        """No place stands at an earlier step than the one before it: the run did not go back here."""
        if self._rising is None:
            steps = self.places.step
            self._rising = all(map(le, steps, islice(steps, 1, None)))
        return self._rising

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
        near = place - NEAR_PLACES
        while place >= 0 and (StepReport.KIND in wanted or (wanted and place > near)):
            part = self._from_place(0 if self.places.kind else place)
            end = bisect_left(part.seq, seq)
            for kind in list(wanted):
                last = part.kind.rfind(kind, 0, end)
                if last >= 0:
                    found.append(part.offset[last])
                    wanted.discard(kind)
            place = -1 if self.places.kind else place - 1
        if wanted and place >= 0:
            found += self._far(wanted, seq)
        return sorted(found)

    def _far(self, wanted: Collection[int], seq: int) -> list[int]:
        """Offsets of the newest events of these kinds below `seq`, wherever they are."""
        if self._telemetry is None:
            self._telemetry = _telemetry_of(self.path, self.start)
        found = []
        for kind in wanted:
            seqs, offsets = self._telemetry.get(kind, ((), ()))
            at = bisect_left(seqs, seq) - 1
            if at >= 0:
                found.append(offsets[at])
        return found

    def between(self, first_seq: int, last_seq: int) -> Iterator[Entry]:
        """The events from `first_seq` to `last_seq`, in order."""
        seqs, offsets = self.places.seq, self.places.offset
        begin = max(bisect_right(seqs, first_seq) - 1, 0)
        behind = bisect_right(seqs, last_seq)
        if begin >= len(seqs):
            return
        size = offsets[behind] - offsets[begin] if behind < len(seqs) else -1
        data = read_segment(self.path, offsets[begin], size)
        wall_of = self.header.wall_of
        for _, kind, seq, t_ns, payload in Scan(data, base=offsets[begin]):
            if seq > last_seq:
                return
            if seq >= first_seq:
                yield Entry(seq, kind, t_ns, wall_of(t_ns), payload)

    def part_with(self, seq: int) -> Places:
        """The frames around `seq`."""
        return self._from_place(max(bisect_right(self.places.seq, seq) - 1, 0))

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
        """The events that begin at these offsets; a damaged one is left out.

        Raises:
            SlotdeckError: the segment cannot be read any more.
        """
        with open_segment(self.path) as file:
            for offset in offsets:
                frame = read_frame(os.pread(file.fileno(), 4096, offset))
                if frame is None:
                    frame = read_frame(os.pread(file.fileno(), HEADER.size + MAX_PAYLOAD, offset))
                if isinstance(frame, Frame):
                    wall_s = self.header.wall_of(frame.t_ns)
                    yield Entry(frame.seq, frame.kind, frame.t_ns, wall_s, frame.payload)

    def marks(
        self, before_seq: int | None = None, from_seq: int = 0, newest_only: Collection[int] = ()
    ) -> Iterator[Entry]:
        """The life-cycle events from `from_seq` on, those before `before_seq` if given.

        Of the kinds in `newest_only` only the last there.
        """
        seqs, offsets, kinds = self.reliable
        begin = bisect_left(seqs, from_seq)
        end = len(seqs) if before_seq is None else bisect_left(seqs, before_seq)
        wanted = list(offsets[begin:end])
        if newest_only:
            here = kinds[begin:end]
            last = {kind: at for at, kind in enumerate(here) if kind in newest_only}
            wanted = [
                offset
                for at, (kind, offset) in enumerate(zip(here, wanted, strict=True))
                if last.get(kind, at) == at
            ]
        return self.entries_at(wanted)


def _telemetry_of(path: Path, start: int) -> dict[int, tuple[array[int], array[int]]]:
    """Where the rarer telemetry of a sealed segment is, by hopping from frame to frame."""
    data, at = read_segment(path), start
    found: dict[int, tuple[array[int], array[int]]] = {}
    unpack, size, left_out = HEADER.unpack_from, HEADER.size, RELIABLE_KINDS | {StepReport.KIND}
    while at + size < len(data):
        magic, _, kind, length, seq, _, _ = unpack(data, at)
        if magic != MAGIC:
            behind = next_frame(data, at + 1)
            if behind is None:
                break
            at = behind
            continue
        if kind not in left_out:
            if kind not in found:
                found[kind] = (_integers("Q"), _integers("I"))
            found[kind][0].append(seq)
            found[kind][1].append(at)
        at += size + length
    return found


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
        reliable=(ints("Q", reliable.seq), ints("I", reliable.offset), ints("B", reliable.kind)),
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
    reliable = (_integers("Q"), _integers("I"), _integers("B"))
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
            reliable[2].append(kind)
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
