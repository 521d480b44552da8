"""Frames: the same bytes in the log and on the socket.

    offset  size  field
    0       2     magic       A7 4E
    2       1     flags       0; readers ignore bits they do not know
    3       1     kind        what the payload is (docs/protocol.md lists the kinds)
    4       4     length      payload bytes, 1 .. 1 MiB
    8       8     seq         sequence number in the run's log, from 1; 0 on messages that are never logged
    16      8     t_ns        the writer's monotonic clock, nanoseconds
    24      4     crc         CRC-32 (zlib) of bytes 0..23 and the payload
    28      n     payload     MessagePack

Integers are little-endian. The magic and the covered header let a reader find the next frame after
damage, so damage costs the frames it touches and an altered frame is never returned.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from msgspec import Struct

MAGIC = b"\xa7\x4e"
HEADER = struct.Struct("<2sBBIQQI")
COVERED = struct.Struct("<2sBBIQQ")
MAX_PAYLOAD = 1 << 20
"""Bytes. No frame of the log is larger."""
MAX_COMMAND = 64 << 10
"""Bytes. The cap on what a server accepts from a client."""


class Frame(Struct, frozen=True):
    """One verified frame."""

    kind: int
    seq: int
    t_ns: int
    payload: bytes
    flags: int = 0


class Damage(Struct, frozen=True):
    """Bytes that were no valid frame, between two that were."""

    offset: int
    """Where it starts, counted from the first byte fed."""
    size: int


def encode_frame(kind: int, seq: int, t_ns: int, payload: bytes, flags: int = 0) -> bytes:
    """The frame's bytes. The payload must be 1 byte to 1 MiB."""
    assert 0 < len(payload) <= MAX_PAYLOAD, f"a payload of {len(payload)} bytes cannot be framed"
    head = COVERED.pack(MAGIC, flags, kind, len(payload), seq, t_ns)
    return b"".join((head, zlib.crc32(payload, zlib.crc32(head)).to_bytes(4, "little"), payload))


def read_frame(
    data: bytes | memoryview, offset: int = 0, max_payload: int = MAX_PAYLOAD
) -> Frame | bool | None:
    """The frame at `offset`: a `Frame`, `None` if more bytes may complete it, `False` if it is damaged."""
    if len(data) - offset < HEADER.size:
        have = bytes(data[offset : offset + 2])
        return None if MAGIC.startswith(have) else False
    magic, flags, kind, length, seq, t_ns, crc = HEADER.unpack_from(data, offset)
    if magic != MAGIC or not 0 < length <= max_payload:
        return False
    end = offset + HEADER.size + length
    if end > len(data):
        return None
    payload = bytes(data[offset + HEADER.size : end])
    if zlib.crc32(payload, zlib.crc32(data[offset : offset + 24])) != crc:
        return False
    return Frame(kind, seq, t_ns, payload, flags)


class FrameScanner:
    """Turns a growing stream of bytes into frames, whatever the cuts and the damage.

    Feed bytes as they come; each call returns what is now certain. An incomplete last frame is "not yet";
    a frame whose length field was damaged does not hide the whole ones behind it.

    Without `resync` the first damage is the last thing found, whatever follows: looking behind it costs a checksum
    for every header that a hostile sender puts there.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD, *, resync: bool = True) -> None:
        self._buffer = bytearray()
        self._max_payload = max_payload
        self._resync = resync
        self.offset = 0
        """Stream offset of the first byte not yet decided: where a reader resumes."""
        self.damaged_bytes = 0
        """Bytes skipped so far because they belonged to no valid frame."""

    def feed(self, data: bytes) -> list[Frame | Damage]:
        """The frames, and the damage between them, that `data` completes."""
        self._buffer += data
        view = bytes(self._buffer)
        found: list[Frame | Damage] = []
        at = 0
        while at < len(view):
            frame = read_frame(view, at, self._max_payload)
            if isinstance(frame, Frame):
                found.append(frame)
                at += HEADER.size + len(frame.payload)
                continue
            if not self._resync:
                if frame is False:
                    found.append(Damage(self.offset + at, len(view) - at))
                    self.damaged_bytes += len(view) - at
                    at = len(view)
                break
            behind = next(_candidates(view, at + 1, self._max_payload), None)
            if behind is None:
                if frame is None:
                    break
                behind = _possible_start(view, at + 1)
            if behind == at:
                break
            self.damaged_bytes += behind - at
            found.append(Damage(self.offset + at, behind - at))
            at = behind
        del self._buffer[:at]
        self.offset += at
        return found


def _candidates(view: bytes, start: int, max_payload: int) -> Iterator[int]:
    """Offsets from `start` on where a whole, valid frame begins."""
    at = view.find(MAGIC, start)
    while at != -1:
        if isinstance(read_frame(view, at, max_payload), Frame):
            yield at
        at = view.find(MAGIC, at + 1)


def _possible_start(view: bytes, start: int) -> int:
    """The first offset from `start` on where a frame may still be arriving, else the end."""
    at = view.find(MAGIC, start)
    while at != -1:
        if read_frame(view, at) is None:
            return at
        at = view.find(MAGIC, at + 1)
    return len(view) - 1 if view[-1:] == MAGIC[:1] and len(view) > start else len(view)
