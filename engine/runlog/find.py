"""The events of some kinds in a run's log, found by the first bytes of their frames instead of frame by frame.

Called by the cockpit's log page: the few lines that are news stand among a million reports. Segments need not
be sealed. It never writes, and never returns an altered frame.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from engine.protocol.frames import HEADER, MAGIC, MAX_PAYLOAD, Frame, read_frame
from engine.runlog.reader import Entry, lost_header
from engine.runlog.segment import FILE_MAGIC, read_header, read_segment, segment_paths

PIECE_BYTES = 1 << 20
"""Searched at a time: a search holds the interpreter, and a screen wants to be drawn meanwhile."""


def entries_of(run_dir: Path, kinds: Collection[int], from_seq: int = 1) -> Iterator[list[Entry]]:
    """The events of these kinds from `from_seq` on, in order, a list for each piece of the log; many are empty.

    Raises:
        SlotdeckError: not a run folder, unreadable, or written by a newer slotdeck.
    """
    starts = re.compile(re.escape(MAGIC) + b"." + b"[" + re.escape(bytes(sorted(kinds))) + b"]", re.DOTALL)
    newest = from_seq - 1
    for path in segment_paths(run_dir):
        header, at = read_header(path)
        header = header or lost_header(path)
        at = max(at, len(FILE_MAGIC))
        while len(piece := read_segment(path, at, PIECE_BYTES)) >= HEADER.size:
            found: list[Entry] = []
            for match in starts.finditer(piece):
                frame = _whole_frame(piece, match.start(), path, at)
                if frame is not None and frame.seq > newest:
                    newest = frame.seq
                    wall_s = header.wall_of(frame.t_ns)
                    found.append(Entry(frame.seq, frame.kind, frame.t_ns, wall_s, frame.payload))
            yield found
            # The last bytes again: the beginning of a frame may lie across the cut.
            at += len(piece) - (len(MAGIC) + 1)
            if len(piece) < PIECE_BYTES:
                break


def _whole_frame(piece: bytes, at: int, path: Path, offset: int) -> Frame | None:
    """The frame that begins at `at`, read to its end where that lies beyond the piece; None if it is none."""
    frame = read_frame(piece, at)
    if frame is None:
        frame = read_frame(read_segment(path, offset + at, HEADER.size + MAX_PAYLOAD))
    return frame if isinstance(frame, Frame) else None
