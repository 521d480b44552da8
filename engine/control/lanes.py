"""One client's outgoing frames: life cycle never dropped, telemetry thinned when the client is slow.

The server's thread is the only caller. Frames leave in the order of their sequence numbers, so a client can
tell what it has by the last one. Whatever is left out is named in a Gap, sent before anything that follows
it; the client reads it from the log.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from engine.protocol.codec import KINDS, encode
from engine.protocol.events import Event
from engine.protocol.frames import encode_frame
from engine.protocol.messages import Gap

RELIABLE_CAP_BYTES = 64 << 10
"""Unsent life cycle beyond which a client is let go; it resumes from its last sequence number."""
THIN_BYTES = 256 << 10
"""Unsent telemetry beyond which only the newest frame of each kind stays."""
TELEMETRY_CAP_BYTES = 1 << 20
"""Unsent telemetry beyond which even the newest goes."""

TELEMETRY_KINDS = frozenset(k for k, t in KINDS.items() if issubclass(t, Event) and not t.RELIABLE)


@dataclass(frozen=True, slots=True)
class _Pending:
    seq: int
    kind: int
    framed: bytes
    backlog: bool


class Lane:
    """What one client has yet to be sent."""

    def __init__(self) -> None:
        self._pending: deque[_Pending] = deque()
        self._reliable_bytes = 0
        self._telemetry_bytes = 0
        self._gap: tuple[int, int, int] | None = None
        self.overflowed = False
        """Life cycle piled up: the client must be disconnected."""

    def __bool__(self) -> bool:
        return bool(self._pending) or self._gap is not None

    @property
    def filling(self) -> bool:
        """Half way to where frames are left out, or the client let go."""
        return 2 * self._telemetry_bytes > THIN_BYTES or 2 * self._reliable_bytes > RELIABLE_CAP_BYTES

    @property
    def pending_bytes(self) -> int:
        """Unsent bytes, the backlog's reliable ones left out."""
        return self._reliable_bytes + self._telemetry_bytes

    def add(self, seq: int, kind: int, framed: bytes, *, backlog: bool = False) -> None:
        """Queue a frame. `backlog`: what a client asked for when it attached does not count as lagging."""
        if kind in TELEMETRY_KINDS:
            self._telemetry_bytes += len(framed)
        elif not backlog:
            # A single large frame is no sign of a slow client; one that comes upon a full queue is.
            self.overflowed = self.overflowed or self._reliable_bytes > RELIABLE_CAP_BYTES
            self._reliable_bytes += len(framed)
        self._pending.append(_Pending(seq, kind, framed, backlog))
        if not backlog and self._telemetry_bytes > THIN_BYTES:
            self._thin()

    def take(self, about_bytes: int) -> bytes:
        """The next frames to send: at least one if there is any, then as many as fit."""
        parts: list[bytes] = []
        size = 0
        while size < about_bytes and self:
            if self._gap is not None and (not self._pending or self._pending[0].seq > self._gap[0]):
                gap = Gap(from_seq=self._gap[0], to_seq=self._gap[1], dropped=self._gap[2])
                parts.append(encode_frame(Gap.KIND, 0, 0, encode(gap)))
                self._gap = None
                continue
            item = self._pending.popleft()
            self._count(item, -1)
            parts.append(item.framed)
            size += len(item.framed)
        return b"".join(parts)

    def _thin(self) -> None:
        """Keep the newest telemetry of each kind, or none where even that is too much."""
        newest = {item.kind: item.seq for item in self._pending if item.kind in TELEMETRY_KINDS}
        kept: deque[_Pending] = deque()
        dropped: list[_Pending] = []
        for item in self._pending:
            stays = item.kind not in TELEMETRY_KINDS or newest[item.kind] == item.seq
            (kept if stays else dropped).append(item)
        size = sum(len(i.framed) for i in kept if i.kind in TELEMETRY_KINDS)
        if size > TELEMETRY_CAP_BYTES:
            dropped += [i for i in kept if i.kind in TELEMETRY_KINDS]
            kept = deque(i for i in kept if i.kind not in TELEMETRY_KINDS)
        for item in dropped:
            self._count(item, -1)
            first, last, count = self._gap or (item.seq, item.seq, 0)
            self._gap = (min(first, item.seq), max(last, item.seq), count + 1)
        self._pending = kept

    def _count(self, item: _Pending, sign: int) -> None:
        if item.kind in TELEMETRY_KINDS:
            self._telemetry_bytes += sign * len(item.framed)
        elif not item.backlog:
            self._reliable_bytes += sign * len(item.framed)
