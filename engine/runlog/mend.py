"""Before the engine writes again: cut the torn tail that a kill left, and seal the segment it is in.

Called by LogWriter as it opens. Frames are never changed, and nothing that could be read is removed.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from msgspec import Struct

from engine.errors import SlotdeckError
from engine.protocol import codec
from engine.protocol.events import StepReport
from engine.protocol.frames import Frame, read_frame
from engine.runlog.footing import FooterBuilder
from engine.runlog.run_folder import LOG
from engine.runlog.scan import Scan
from engine.runlog.segment import (
    FILE_MAGIC,
    Footer,
    Header,
    Latest,
    decode_header,
    encode_footer,
    number_of,
    read_footer,
    read_header,
    read_segment,
    segment_paths,
)


class Mended(Struct, frozen=True):
    """Where the log goes on."""

    head_seq: int
    latest: dict[int, Latest]
    """The newest event of each kind."""
    next_number: int
    """Of the next segment."""


def mend(run_dir: Path) -> Mended:
    """Make the log whole, creating it if there is none.

    Raises:
        SlotdeckError: the folder cannot be written, or a newer slotdeck wrote the log.
    """
    folder = run_dir / LOG
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SlotdeckError(
            f"{folder} cannot be made: {error.strerror}", "choose another runs folder"
        ) from None
    paths = segment_paths(run_dir)
    next_number = number_of(paths[-1]) + 1 if paths else 0
    while paths:
        path = paths.pop()
        (header, _), footer = read_header(path), read_footer(path)
        data = read_segment(path)
        if footer is None:
            footer = _seal(path, data, header)
        if footer is not None and (header is not None or footer.frames):
            return Mended(footer.head_seq, _latest(data, header, footer), next_number)
        # Not one frame in it, not even the header: killed while it was being made.
        path.rename(path.with_suffix(".torn"))
    return Mended(0, {}, next_number)


def _seal(path: Path, data: bytes, header: Header | None) -> Footer | None:
    """Cut the tail and append a footer. None when the file holds no frame at all."""
    _, start = decode_header(path, data)
    scan = Scan(data, start or len(FILE_MAGIC))
    builder = FooterBuilder(header.first_seq if header else 1)
    for offset, kind, seq, t_ns, payload in scan:
        event = codec.decode(kind, payload) if kind == StepReport.KIND else None
        builder.add(offset, kind, seq, t_ns, event if isinstance(event, StepReport) else None)
    if header is None and not builder.frames:
        return None
    builder.damage = scan.damage
    footer = builder.build()
    end = max(scan.at, start)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.ftruncate(fd, end)
        with contextlib.suppress(OSError):  # no room for it: the segment stays unsealed, only slower to open
            sealed = encode_footer(footer, end, footer.last_t_ns)
            if os.write(fd, sealed) < len(sealed):
                os.ftruncate(fd, end)
        os.fsync(fd)
    finally:
        os.close(fd)
    return footer


def _latest(data: bytes, header: Header | None, footer: Footer) -> dict[int, Latest]:
    """The newest event of each kind at the end of a segment."""
    latest = {entry.kind: entry for entry in header.snapshot} if header else {}
    for kind, offset in footer.latest:
        frame = read_frame(data, offset)
        if isinstance(frame, Frame) and header is not None:
            latest[kind] = Latest(kind, frame.seq, header.wall_of(frame.t_ns), frame.payload)
    return latest
