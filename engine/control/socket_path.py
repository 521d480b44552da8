"""Binding the control socket: private from birth, stale ones replaced, live ones respected.

`ControlServer` calls `bind`; clients find the same place through `engine.runlog.endpoint`.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SlotdeckError
from engine.runlog.endpoint import (
    SOCKET_NAME,
    address_of,
    check_user_folder,
    fallback_name,
    temp_roots,
    user_folder,
)

BACKLOG = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """A listening socket and where it lies."""

    listener: socket.socket
    path: Path
    identity: tuple[int, int]
    """Device and inode of the socket file: tells ours from one that took its place."""

    def in_place(self) -> bool:
        """Whether clients that follow the path still arrive here."""
        try:
            info = os.lstat(self.path)
        except OSError:
            return False
        return (info.st_dev, info.st_ino) == self.identity

    def close(self) -> None:
        """Stop listening and remove the file, unless another took its place."""
        if self.in_place():
            self.path.unlink(missing_ok=True)
        self.listener.close()


def bind(run_dir: Path) -> Bound:
    """Listen in the run folder, or in the user's temp folder where the disk allows no sockets.

    Raises:
        SlotdeckError: somebody answers there already, or no place can be had.
    """
    try:
        return _bind_at(run_dir / SOCKET_NAME)
    except OSError as refused:
        folder = user_folder(temp_roots()[0])
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            check_user_folder(folder)
            return _bind_at(folder / fallback_name(run_dir))
        except OSError as error:
            raise SlotdeckError(
                f"no control socket: {run_dir / SOCKET_NAME}: {refused.strerror or refused}; "
                f"{folder}: {error.strerror or error}",
                "point TMPDIR at a local folder of your own",
            ) from error


def _bind_at(path: Path) -> Bound:
    _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(path) as address:
            if sys.platform == "linux":
                # The file takes the socket's own mode, so it is never open to others and the umask, which
                # belongs to every thread of the process, is left alone.
                os.fchmod(listener.fileno(), 0o600)
                listener.bind(address)
            else:
                before = os.umask(0o177)
                try:
                    listener.bind(address)
                finally:
                    os.umask(before)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        info = os.lstat(path)
    except OSError:
        listener.close()
        raise
    return Bound(listener, path, (info.st_dev, info.st_ino))


def _clear_stale(path: Path) -> None:
    """Remove a socket file that nobody answers at."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(info.st_mode):
        raise SlotdeckError(f"{path} is in the way of the control socket", "remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, address_of(path) as address:
        probe.settimeout(1.0)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise SlotdeckError(f"an engine answers at {path}", "attach to it, or stop it first")
