"""The segment being written: created with its header, appended to, sealed with its footer."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from engine.protocol import codec
from engine.protocol.events import StepReport
from engine.protocol.messages import MAJOR, MINOR
from engine.runlog.footing import FooterBuilder
from engine.runlog.segment import FORMAT, Header, Latest, encode_footer, encode_header
from engine.small_file import put_on_disk

_sync = getattr(os, "fdatasync", os.fsync)  # macOS has only fsync


class SegmentFile:
    """An open segment. Every method that writes raises OSError and leaves only whole frames behind."""

    def __init__(self, path: Path, fd: int, header: Header, size: int) -> None:
        self.path = path
        self.header = header
        self.size = size
        """Bytes of whole frames in the file."""
        self.trusted = True
        """False after a failed sync: the kernel may have dropped pages of it, and a later sync would not say so."""
        self._fd = fd
        self._torn = False
        """A part of a frame lies behind the last whole one."""
        self._footer = FooterBuilder(header.first_seq)

    @classmethod
    def create(
        cls, path: Path, *, run_id: str, first_seq: int, wall_s: float, mono_ns: int, snapshot: list[Latest]
    ) -> SegmentFile:
        """A new segment with its header, on stable storage.

        Raises:
            OSError: the folder may not be written, or the disk did not take it; no file is left.
        """
        header = Header(
            format=FORMAT,
            major=MAJOR,
            minor=MINOR,
            run_id=run_id,
            first_seq=first_seq,
            wall_s=wall_s,
            mono_ns=mono_ns,
            boot_id=boot_id(),
            host=socket.gethostname(),
            schema=codec.schema(),
            snapshot=snapshot,
        )
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        segment = cls(path, fd, header, 0)
        try:
            segment.append(encode_header(header))
            _sync(fd)
            put_on_disk(path.parent)
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        return segment

    @property
    def frames(self) -> int:
        """Events in it so far."""
        return self._footer.frames

    @property
    def step(self) -> int:
        """The last reported step in it; -1 before the first report."""
        return self._footer.step

    @property
    def footer_full(self) -> bool:
        """Its footer can take no more: go on in a new segment."""
        return self._footer.full

    def append(self, data: bytes, durable: bool = False) -> None:
        """Write whole frames: all of them, or none; if `durable`, they are on stable storage or taken out again."""
        if self._torn:
            self._cut()
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._fd, left) :]
            if durable:
                self.sync()
        except OSError:
            self._torn = True
            self._cut()
            raise
        self.size += len(data)

    def _cut(self) -> None:
        """Back to the last whole frame. Where even that fails, nothing is written before it was done."""
        os.ftruncate(self._fd, self.size)
        self._torn = False

    def note(self, offset: int, kind: int, seq: int, t_ns: int, report: StepReport | None) -> None:
        """Remember for the footer a frame that was appended."""
        self._footer.add(offset, kind, seq, t_ns, report)

    def sync(self) -> None:
        """Wait until all that was appended is on stable storage."""
        try:
            _sync(self._fd)
        except OSError:
            self.trusted = False
            raise

    def seal(self) -> None:
        """Append the footer and close. Without room for it the segment stays unsealed: slower to open."""
        footer = self._footer.build()
        with contextlib.suppress(OSError):
            self.append(encode_footer(footer, self.size, footer.last_t_ns))
            _sync(self._fd)
        os.close(self._fd)


def boot_id() -> str:
    """This boot of this machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
