"""The newest frames, for clients that attach: from here they get only what they lack.

Filled and read by the server's thread alone.
"""

from __future__ import annotations

from collections import deque

RING_BYTES = 1 << 20


class Ring:
    """About a megabyte of logged frames, oldest dropped first."""

    def __init__(self, last_seq: int) -> None:
        self._frames: deque[tuple[int, int, bytes]] = deque()
        self._bytes = 0
        self.last_seq = last_seq
        """Of the newest frame ever added; before the first one, the log's head."""

    def add(self, seq: int, kind: int, framed: bytes) -> None:
        """Append the next frame of the log."""
        self._frames.append((seq, kind, framed))
        self._bytes += len(framed)
        self.last_seq = seq
        while self._bytes > RING_BYTES and len(self._frames) > 1:
            self._bytes -= len(self._frames.popleft()[2])

    def after(self, have_seq: int) -> tuple[int, list[tuple[int, int, bytes]]]:
        """The first sequence number a client that has `have_seq` will be sent, and the frames from it on."""
        if have_seq < 0 or have_seq >= self.last_seq:
            return max(have_seq, self.last_seq) + 1, []
        frames = [f for f in self._frames if f[0] > have_seq]
        return (frames[0][0] if frames else self.last_seq + 1), frames
