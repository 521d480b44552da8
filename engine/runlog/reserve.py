"""Room set aside in the log folder, so that a full disk can still be told what became of the run.

A file of zeros beside the segments. When the disk is full it is removed, and in its place go commands, alarms and the
run's end, which are small; telemetry waits until the file can be made again. Owned by the log's writer.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

BYTES = 256 << 10
"""Some five hundred commands and alarms."""
NAME = "reserve"
_CANNOT = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


class Reserve:
    """The file, there or not."""

    def __init__(self, folder: Path) -> None:
        """Nothing is made before `take`."""
        self._path = folder / NAME
        self._held = False
        self._possible = hasattr(os, "posix_fallocate")

    def take(self) -> bool:
        """Set the room aside. False: the disk has none to spare; True also where a disk cannot do such a thing."""
        if self._held or not self._possible:
            return True
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < BYTES:
                return False
            self._held = True  # whatever comes of it is to be removed
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(self._path, flags, 0o600)
            try:
                os.posix_fallocate(fd, 0, BYTES)
            finally:
                os.close(fd)
        except OSError as error:
            self.release()
            self._possible = error.errno not in _CANNOT
            return not self._possible
        return True

    def release(self) -> bool:
        """Give the room up to whoever writes next. False: there was none."""
        held, self._held = self._held, False
        if held:
            with contextlib.suppress(OSError):
                self._path.unlink()
        return held
