"""Whether a disk has room for a checkpoint: asked before the first byte of it, and again while it had none.

Two answers, since each alone misses something: free space as the file system counts it, and room really set aside for
a moment, which a quota, a limit on file sizes, a read-only or a failing disk refuses.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from engine.units import format_bytes

SPARE_BYTES = 8 << 20
"""Left free for the log: a full disk must be able to say that it is full."""
_NOT_HERE = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}


def check_room(root: Path, files_bytes: Sequence[int], name: str) -> None:
    """Refuse what will not fit; nothing is left behind.

    Args:
        root: an existing folder on the disk.
        files_bytes: of each of the checkpoint's files.
        name: the checkpoint's, for the message.

    Raises:
        OSError: there is no room, with what is needed and what is free.
    """
    need_bytes = sum(files_bytes)
    disk = os.statvfs(root)
    free_bytes = disk.f_bavail * disk.f_frsize
    with_spare = need_bytes + need_bytes // 10 + SPARE_BYTES
    if free_bytes < with_spare:
        needs = f"checkpoint {name} needs {format_bytes(with_spare)}, some to spare for the log included,"
        raise OSError(errno.ENOSPC, f"{needs} and {format_bytes(free_bytes)} are free", str(root))
    places = [root / f".tmp-room-{os.getpid()}.{number}" for number in range(len(files_bytes))]
    try:
        for place, file_bytes in zip(places, files_bytes, strict=True):
            _set_aside(place, file_bytes)
    except OSError as error:
        what = f"checkpoint {name} needs {format_bytes(need_bytes)}: {error.strerror}"
        raise OSError(error.errno, what, str(root)) from None
    finally:
        for place in places:
            with contextlib.suppress(OSError):
                place.unlink()


def has_room(root: Path, files_bytes: Sequence[int]) -> bool:
    """The same question, as a word."""
    try:
        check_room(root, files_bytes, "")
    except OSError:
        return False
    return True


def _set_aside(path: Path, file_bytes: int) -> None:
    """Without writing it: where the file system would have to write zeros instead, it is not tried."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        allocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
        if allocate is not None:
            allocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
            if allocate(fd, 0, 0, max(1, file_bytes)) and (code := ctypes.get_errno()) not in _NOT_HERE:
                raise OSError(code, os.strerror(code))
    finally:
        os.close(fd)
