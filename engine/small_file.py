"""A small file of ours: written whole or not at all, and opened without following a link or waiting at a pipe.

Called for settings, labels, the catalog, told jobs and reports. What is appended to, such as the log, is not its work;
`put_on_disk` is for whoever writes larger files or whole folders.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LEFT_ALONE = os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: Path, data: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Write beside the place and rename: readers have all of the old or all of the new, whatever happens.

    Args:
        path: in a folder that is there.
        data: the whole content.
        durable: on the disk before this returns; without it a crash of the machine may bring the old one back.
        mode: of the file, less the umask.

    Raises:
        OSError: it cannot be written; what was there is as it was.
    """
    part = path.with_name(f".{path.name.removeprefix('.')}.{secrets.token_hex(4)}.part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _LEFT_ALONE, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(fd)
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def put_on_disk(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on stable storage.

    Raises:
        OSError: they are not, and a second try on the same pages would lie.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_plain(path: Path) -> BinaryIO:
    """Open for reading what may have been put there by somebody else.

    Raises:
        OSError: it is a link, not there, or cannot be read.
    """
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | _LEFT_ALONE), "rb")
