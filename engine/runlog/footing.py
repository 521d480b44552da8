"""Collects, frame by frame, what a segment's footer will say.

Called by the writer as it appends and by `mend` as it scans a segment that was never sealed.
"""

from __future__ import annotations

from array import array

from engine.protocol.codec import KINDS
from engine.protocol.events import Event, StepReport
from engine.runlog.packed import to_bytes
from engine.runlog.pyramid import PyramidBuilder
from engine.runlog.segment import FORMAT, INDEX_EVERY, Footer, Index, Reliable

RELIABLE_KINDS = frozenset(k for k, t in KINDS.items() if issubclass(t, Event) and t.RELIABLE)
MAX_FOOTER = 900 << 10
"""Bytes after which a segment is sealed early, so that its footer always fits a frame."""


class FooterBuilder:
    """The footer of one segment, growing."""

    def __init__(self, first_seq: int) -> None:
        self.frames = 0
        self.head_seq = first_seq - 1
        self.step = -1
        self.latest: dict[int, int] = {}
        """Kind -> offset of its newest event."""
        self.damage: list[tuple[int, int]] = []
        self._pyramid = PyramidBuilder()
        self._t_ns = (0, 0)
        self._index: tuple[array[int], ...] = tuple(array(code) for code in "QqQI")
        self._reliable: tuple[array[int], ...] = tuple(array(code) for code in "QBI")

    def add(self, offset: int, kind: int, seq: int, t_ns: int, report: StepReport | None) -> None:
        """Take the next frame; `report` is its event if it is a StepReport."""
        if report is not None:
            if self.step < 0:
                # Frames before the first report stand at the step that it started from.
                self._index[1][:] = array("q", [report.step - report.steps]) * len(self._index[1])
            self.step = report.step
            self._pyramid.add(report, t_ns)
        if self.frames % INDEX_EVERY == 0:
            for column, value in zip(self._index, (seq, self.step, t_ns, offset), strict=True):
                column.append(value)
        if kind in RELIABLE_KINDS:
            for column, value in zip(self._reliable, (seq, kind, offset), strict=True):
                column.append(value)
        self._t_ns = (self._t_ns[0] if self.frames else t_ns, t_ns)
        self.latest[kind] = offset
        self.head_seq = seq
        self.frames += 1

    @property
    def full(self) -> bool:
        """The footer is about as large as it may be."""
        entries = 28 * len(self._index[0]) + 13 * len(self._reliable[0])
        return self._pyramid.size_bytes + entries > MAX_FOOTER

    def build(self) -> Footer:
        """The footer of all that was added."""
        seq, step, t_ns, offset = map(to_bytes, self._index)
        reliable_seq, kind, reliable_offset = map(to_bytes, self._reliable)
        return Footer(
            format=FORMAT,
            frames=self.frames,
            head_seq=self.head_seq,
            first_t_ns=self._t_ns[0],
            last_t_ns=self._t_ns[1],
            index=Index(every=INDEX_EVERY, seq=seq, step=step, t_ns=t_ns, offset=offset),
            reliable=Reliable(seq=reliable_seq, kind=kind, offset=reliable_offset),
            latest=sorted(self.latest.items()),
            pyramid=self._pyramid.pack(),
            damage=self.damage,
        )
