"""One segment file of the log: its first frame, its last frame, and where to find them.

Called by the writer, the readers and `dump`. What lies between is `engine.runlog.scan`'s.

    8 bytes      file magic
    frame 240    SegmentHeader, a map
    frames       the events, seq rising by one
    frame 241    SegmentFooter, a map; only once the segment is sealed
    16 bytes     trailer: offset of the footer frame (u64), seal magic; only once sealed
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.protocol.codec import SEGMENT_FOOTER, SEGMENT_HEADER
from engine.protocol.frames import HEADER, MAX_PAYLOAD, Frame, encode_frame, read_frame
from engine.runlog.run_folder import LOG
from engine.runlog.scan import next_frame

FILE_MAGIC = b"SLOTLOG\x01"
SEAL_MAGIC = b"SLOTSEAL"
TRAILER = struct.Struct("<Q8s")
FORMAT = 1
"""Rises when an old reader could misread a segment."""
SEGMENT_BYTES = 4 << 20
"""A segment is sealed before it grows beyond this. Who opens a log reads the events of the last one, of the others
only what their ends tell: about a tenth of a second at most."""
INDEX_EVERY = 256
"""Frames between two entries of a footer's index."""


class Latest(msgspec.Struct, frozen=True, array_like=True):
    """The newest event of one kind at the moment a segment began."""

    kind: int
    seq: int
    wall_s: float
    payload: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader must know before the first event."""

    format: int
    major: int
    """Protocol version (engine.protocol.messages)."""
    minor: int
    run_id: str
    first_seq: int
    """Sequence number of the first event of this segment."""
    wall_s: float
    """Unix time at `mono_ns`: an event's time is `wall_s + (t_ns - mono_ns) / 1e9`."""
    mono_ns: int
    boot_id: str
    host: str
    schema: dict[str, list[list[str]]]
    snapshot: list[Latest] = []
    """The newest event of each kind before this segment, so that a viewer can start here."""

    def wall_of(self, t_ns: int) -> float:
        """Unix time of a monotonic stamp of this segment."""
        return self.wall_s + (t_ns - self.mono_ns) / 1e9


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """Every 256th event: packed little-endian arrays of equal length."""

    every: int
    seq: bytes
    """u64"""
    step: bytes
    """i64: the last reported step at that frame. Before the segment's first report, the step that report
    started from (its `step - steps`); -1 in a segment without reports."""
    t_ns: bytes
    """u64"""
    offset: bytes
    """u32, from the start of the file."""


class Reliable(msgspec.Struct, frozen=True, kw_only=True):
    """Every life-cycle event."""

    seq: bytes
    """u64"""
    kind: bytes
    """u8"""
    offset: bytes
    """u32"""


class Pyramid(msgspec.Struct, frozen=True, kw_only=True):
    """Every StepReport scalar in buckets of `bucket` reports; a bucket also ends where the branch changes."""

    bucket: int
    reports: int
    branch: bytes
    """i32"""
    step: bytes
    """i64: of the bucket's last report."""
    t_ns: bytes
    """u64: of the bucket's last report."""
    columns: dict[str, tuple[bytes, bytes, bytes]]
    """Field name -> min, max, last, each f64. Min and max are over finite values; NaN where there is none."""


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs instead of a scan."""

    format: int
    frames: int
    """Events in the segment."""
    head_seq: int
    """Sequence number of the last event; `first_seq - 1` when there is none."""
    first_t_ns: int
    last_t_ns: int
    index: Index
    reliable: Reliable
    latest: list[tuple[int, int]]
    """(kind, offset) of the newest event of each kind."""
    pyramid: Pyramid
    damage: list[tuple[int, int]] = []
    """(offset, size) of bytes that were no frame when the segment was sealed after a crash."""


_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(Header)
_footer_decoder = msgspec.msgpack.Decoder(Footer)


def segment_paths(run_dir: Path) -> list[Path]:
    """The segments of a run, oldest first.

    Raises:
        SlotdeckError: the folder is not a run folder, or cannot be read.
    """
    folder = run_dir / LOG
    try:
        names = [p for p in folder.iterdir() if re.fullmatch(r"\d{6,}\.slog", p.name)]
    except (FileNotFoundError, NotADirectoryError):
        what = "does not exist" if not run_dir.exists() else "is not a run folder: it has no log/"
        raise SlotdeckError(f"{run_dir} {what}", "list the runs with `slotdeck runs`") from None
    except PermissionError:
        raise SlotdeckError(
            f"{folder} cannot be read: permission denied", "ask its owner, or use sudo"
        ) from None
    return sorted(names, key=number_of)


def number_of(path: Path) -> int:
    """`000012.slog` -> 12."""
    return int(path.name.split(".")[0])


def read_segment(path: Path, offset: int = 0, size: int = -1) -> bytes:
    """`size` bytes from `offset` on; everything there by default.

    Raises:
        SlotdeckError: it cannot be read.
    """
    with open_segment(path) as file:
        file.seek(offset)
        return file.read(size)


@contextmanager
def open_segment(path: Path) -> Iterator[FileIO]:
    """A segment to read from.

    Raises:
        SlotdeckError: it cannot be read, now or later.
    """
    try:
        with FileIO(path) as file:
            yield file
    except OSError as error:
        raise SlotdeckError(
            f"{path} cannot be read: {error.strerror}", "check its owner and the disk"
        ) from None


def encode_header(header: Header) -> bytes:
    """The first bytes of a segment. The snapshot gives up its largest events until it fits a frame."""
    payload = _encoder.encode(header)
    while len(payload) > MAX_PAYLOAD:
        smaller = sorted(header.snapshot, key=lambda latest: len(latest.payload))[:-1]
        header = msgspec.structs.replace(header, snapshot=smaller)
        payload = _encoder.encode(header)
    return FILE_MAGIC + encode_frame(SEGMENT_HEADER, 0, header.mono_ns, payload)


def decode_header(path: Path, data: bytes) -> tuple[Header | None, int]:
    """The header in a segment's first bytes and the offset behind it.

    `(None, 8)` if it is damaged; `(None, 0)` if it has not arrived whole.

    Raises:
        SlotdeckError: the segment was written by a newer slotdeck that this one could misread.
    """
    start = len(FILE_MAGIC)
    frame = read_frame(data, start) if len(data) > start else None
    if frame is None:
        # A damaged length looks like a header still to come; whole frames behind it tell the two apart.
        return None, 0 if next_frame(data, start + 1) is None else start
    if not isinstance(frame, Frame) or frame.kind != SEGMENT_HEADER:
        return None, start
    behind = start + HEADER.size + len(frame.payload)
    raw = msgspec.msgpack.decode(frame.payload)
    written = raw.get("format") if isinstance(raw, dict) else None
    if not isinstance(written, int) or written > FORMAT:
        raise SlotdeckError(
            f"{path} has log format {written}; this slotdeck reads up to {FORMAT}",
            "open it with a newer slotdeck",
        )
    try:
        return _header_decoder.decode(frame.payload), behind
    except msgspec.DecodeError as error:
        raise SlotdeckError(f"{path} is not a slotdeck log: {error}", "give a run folder") from None


def encode_footer(footer: Footer, offset: int, t_ns: int) -> bytes:
    """The last bytes of a sealed segment, to be appended at `offset`. Empty if it would not fit a frame."""
    payload = _encoder.encode(footer)
    if len(payload) > MAX_PAYLOAD:
        return b""
    return encode_frame(SEGMENT_FOOTER, 0, t_ns, payload) + TRAILER.pack(offset, SEAL_MAGIC)


def read_footer(path: Path) -> Footer | None:
    """The footer of a sealed segment; None if it is not sealed or its footer is damaged: then scan."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SlotdeckError(
            f"{path} cannot be read: {error.strerror}", "check its owner and the disk"
        ) from None
    if size < TRAILER.size:
        return None
    offset, magic = TRAILER.unpack(read_segment(path, size - TRAILER.size, TRAILER.size).ljust(TRAILER.size))
    if magic != SEAL_MAGIC or offset >= size:
        return None
    frame = read_frame(read_segment(path, offset))
    if not isinstance(frame, Frame) or frame.kind != SEGMENT_FOOTER:
        return None
    try:
        footer = _footer_decoder.decode(frame.payload)
    except msgspec.DecodeError:
        return None
    return footer if footer.format <= FORMAT else None


def read_header(path: Path) -> tuple[Header | None, int]:
    """`decode_header` of a file."""
    header, behind = decode_header(path, read_segment(path, 0, 32 << 10))
    if header is None and behind == 0:
        return decode_header(path, read_segment(path, 0, len(FILE_MAGIC) + HEADER.size + MAX_PAYLOAD))
    return header, behind
