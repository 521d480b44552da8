"""Where a run's control socket is, and how to reach it: for the server that binds and the clients that find.

The socket lies in the run folder. A path too long for the kernel is reached through its folder's descriptor.
Where the disk allows no sockets it lies in a per-user folder of the system's temp directory, which is checked
before it is trusted. Nothing here listens, creates or removes; `engine.control.socket_path` does.
"""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import SlotdeckError

SOCKET_NAME = "sock"
MAX_ADDRESS_BYTES = 107 if sys.platform == "linux" else 103
"""Longest path that `sun_path` holds, its final zero left out."""


def connect(run_dir: Path, timeout_s: float = 2.0) -> socket.socket | None:
    """A connected socket to the engine of this run, or `None` when nobody answers there.

    Tries the run folder, then the temp folders. The peer is known to be of our own user.

    Raises:
        SlotdeckError: another user's process answers, or a temp folder cannot be trusted.
    """
    for path in candidates(run_dir):
        found = _connect_to(path, timeout_s)
        if found is not None:
            return found
    return None


def candidates(run_dir: Path) -> Iterator[Path]:
    """Where the socket may be, best first; untrusted temp folders are errors only where they exist."""
    yield run_dir / SOCKET_NAME
    for root in temp_roots():
        folder = user_folder(root)
        if os.path.lexists(folder):
            check_user_folder(folder)
            yield folder / fallback_name(run_dir)


def temp_roots() -> list[Path]:
    """Temp directories in which a socket may lie: ours first, then those of a process without our TMPDIR."""
    return list(dict.fromkeys(Path(p) for p in (tempfile.gettempdir(), "/tmp", "/var/tmp")))


def user_folder(root: Path) -> Path:
    """This user's socket folder under a temp directory."""
    return root / f"slotdeck-{os.getuid()}"


def fallback_name(run_dir: Path) -> str:
    """The socket's name in a temp folder: of the run folder's real path, so every spelling of it agrees."""
    return hashlib.sha256(os.fsencode(os.path.realpath(run_dir))).hexdigest()[:16] + ".sock"


def check_user_folder(folder: Path) -> None:
    """Refuse a temp folder that somebody else could have put there.

    Raises:
        SlotdeckError: it is no directory, not ours, or open to others.
    """
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or stat.S_IMODE(info.st_mode) & 0o077:
        raise SlotdeckError(
            f"{folder} is not a private folder of this user",
            "remove it, or point TMPDIR at a folder of your own",
        )


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """An address for `bind` or `connect`, short enough whatever the path; valid inside the `with`.

    Raises:
        OSError: the folder is not there, or the path is too long and this system has no way round.
    """
    if len(os.fsencode(path)) <= MAX_ADDRESS_BYTES:
        yield str(path)
        return
    if sys.platform != "linux":
        raise OSError(f"{path}: longer than the {MAX_ADDRESS_BYTES} bytes a socket's path may have")
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_uid(peer: socket.socket) -> int | None:
    """User id of the process at the other end; `None` where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        return int(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    if sys.platform == "darwin":
        # struct xucred starts with version and uid; level SOL_LOCAL is 0, option LOCAL_PEERCRED is 1
        return int(struct.unpack_from("=II", peer.getsockopt(0, 1, 76))[1])
    return None


def _connect_to(path: Path, timeout_s: float) -> socket.socket | None:
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    peer.settimeout(timeout_s)
    try:
        with address_of(path) as address:
            peer.connect(address)
    except OSError:
        # Absent, stale, on another host's disk, or not taking connections: all mean that nobody answers.
        peer.close()
        return None
    if peer_uid(peer) not in (os.getuid(), None):
        peer.close()
        raise SlotdeckError(f"{path} is served by another user", "attach as the user who started the run")
    return peer
