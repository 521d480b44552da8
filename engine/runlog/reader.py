"""Reads a run's log in order, from any sequence number, while it is being written.

Called by the journal, the cockpit's link and `dump`. It never writes, and never returns an altered frame.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.runlog.packed import ints
from engine.runlog.scan import Scan
from engine.runlog.segment import (
    FILE_MAGIC,
    FORMAT,
    Header,
    number_of,
    read_footer,
    read_header,
    read_segment,
    segment_paths,
)


class Entry(NamedTuple):
    """One event of the log; `engine.protocol.codec.decode(kind, payload)` gives it."""

    seq: int
    kind: int
    t_ns: int
    """The writer's monotonic clock; comparable within one segment only."""
    wall_s: float
    """Unix time, by the clock mapping of its segment."""
    payload: bytes


class LogReader:
    """The log as a stream of entries. One reader serves one thread."""

    def __init__(self, run_dir: Path, from_seq: int = 1) -> None:
        """Raises SlotdeckError when the folder is not a run folder."""
        segment_paths(run_dir)
        self._run_dir = run_dir
        self._tail = Tail(run_dir, from_seq)

    @property
    def damage(self) -> list[tuple[str, int, int]]:
        """`(segment, offset, size)` of bytes that were no valid frame, as far as was read."""
        return self._tail.damage

    def entries(self, from_seq: int = 1) -> Iterator[Entry]:
        """What is in the log now, from `from_seq` on."""
        self._tail = tail = Tail(self._run_dir, from_seq)
        return tail.read()

    def poll(self) -> list[Entry]:
        """What is new since the last call. An unfinished last frame is left for the next one."""
        return list(self._tail.read())

    def read_on(self) -> Iterator[Entry]:
        """As `poll`, one by one: a burst of any length is read without holding the reader up."""
        return self._tail.read()

    def seek(self, seq: int) -> None:
        """The next `poll` begins at `seq`."""
        self._tail = Tail(self._run_dir, seq)


class Tail:
    """A place in the log, moving on as segments grow and new ones appear."""

    def __init__(self, run_dir: Path, from_seq: int) -> None:
        self._run_dir = run_dir
        self._next_seq = from_seq
        self._path: Path | None = None
        self._header: Header | None = None
        self._offset = 0
        self.damage: list[tuple[str, int, int]] = []

    def read(self) -> Iterator[Entry]:
        """The entries from here to the present end."""
        # Listed before reading: a segment that has a successor gets no more frames.
        paths = segment_paths(self._run_dir)
        if self._path is None:
            self._path = segment_of(paths, self._next_seq)
        for path in paths:
            if self._path is None or number_of(path) < number_of(self._path):
                continue
            if path != self._path:
                self._path, self._offset = path, 0
            yield from self._read_segment(path, last=path == paths[-1])

    def _read_segment(self, path: Path, last: bool) -> Iterator[Entry]:
        if self._offset == 0:
            self._offset = self._open(path, last)
            if self._offset == 0:
                return
        data = read_segment(path, self._offset)
        header = self._header
        assert header is not None, "a segment is opened before it is read"
        scan = Scan(data, base=self._offset)
        for _, kind, seq, t_ns, payload in scan:
            if seq >= self._next_seq:
                # Kept up to date, so that a consumer may stop in the middle and go on later.
                self._next_seq = seq + 1
                yield Entry(seq, kind, t_ns, header.wall_of(t_ns), payload)
        self._offset += scan.at
        self.damage += [(path.name, offset, size) for offset, size in scan.damage]
        if not last and not scan.sealed and scan.at < len(data):
            self.damage.append((path.name, self._offset, len(data) - scan.at))
            self._offset += len(data) - scan.at

    def _open(self, path: Path, last: bool) -> int:
        """Take in the header; give the offset of the first event wanted, 0 if the header is still coming."""
        header, start = read_header(path)
        if start == 0 and last:
            return 0
        # A damaged header costs the clock mapping only: the segment before is most likely of the same life.
        self._header = header or self._header or lost_header(path)
        if header is None or self._next_seq <= header.first_seq:
            return max(start, len(FILE_MAGIC))
        footer = read_footer(path)
        if footer is not None and footer.frames:
            place = bisect_right(ints("Q", footer.index.seq), self._next_seq) - 1
            start = ints("I", footer.index.offset)[max(place, 0)]
        return start


def segment_of(paths: list[Path], seq: int) -> Path | None:
    """The segment that holds `seq`: the last one that begins at or before it."""
    for path in reversed(paths):
        header, _ = read_header(path)
        if header is not None and header.first_seq <= seq:
            return path
    return paths[0] if paths else None


def lost_header(path: Path) -> Header:
    """Stands in for a damaged header: the times are then right only relative to each other."""
    return Header(
        format=FORMAT, major=0, minor=0, run_id="", first_seq=1, wall_s=path.stat().st_mtime, mono_ns=0,
        boot_id="", host="", schema={},
    )  # fmt: skip
