"""One engine per run: an exclusive flock on the run folder's `lock`, with the holder's name inside.

The kernel drops the lock when the process dies, however it dies; the name inside is only for people.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.runlog.segment_file import boot_id
from engine.text import one_line


class LockInfo(msgspec.Struct, frozen=True):
    """Who holds a run."""

    pid: int = 0
    host: str = ""
    boot_id: str = ""
    since_wall_s: float = 0.0

    @property
    def here(self) -> bool:
        """The engine runs on this machine."""
        return self.host == socket.gethostname()


class RunLock:
    """Held from construction to `release`. Children started by `fork` alone would share it: use `spawn`."""

    def __init__(self, run_dir: Path) -> None:
        """Take the lock.

        Raises:
            SlotdeckError: another engine works on this run (pid and host are named), or no lock can be made.
        """
        self.path = run_dir / "lock"
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise SlotdeckError(f"{run_dir} does not exist", "list the runs with `slotdeck runs`") from None
        except OSError as error:
            raise SlotdeckError(
                f"{self.path} cannot be opened: {error.strerror}", "check its owner"
            ) from None
        if not take_flock(self._fd):
            holder = _info(os.pread(self._fd, 4096, 0))
            os.close(self._fd)
            who = f"pid {holder.pid} on {one_line(holder.host)}" if holder.pid else "another process"
            raise SlotdeckError(
                f"{run_dir} is in use by another engine ({who})",
                f"watch it with `slotdeck attach {run_dir.name}`, or stop it first",
            )
        info = LockInfo(os.getpid(), socket.gethostname(), boot_id(), time.time())
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, msgspec.json.encode(info) + b"\n", 0)

    def release(self) -> None:
        """Give the run free."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_live(run_dir: Path) -> LockInfo | None:
    """Who works on the run now; None when nobody does."""
    word = word_of_holder(run_dir / "lock")
    return None if word is None else _info(word)


def take_flock(fd: int) -> bool:
    """Take the exclusive lock of an open file; False when another process holds it."""
    # Whoever asks who holds it has a shared lock for microseconds: try a few times before believing in another.
    for _ in range(20):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False


def word_of_holder(path: Path) -> bytes | None:
    """What the holder of a lock file wrote in it; None when nobody holds it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        try:
            return os.pread(fd, 4096, 0)
        except OSError:
            return b""
    finally:
        os.close(fd)


def _info(word: bytes) -> LockInfo:
    try:
        return msgspec.json.decode(word, type=LockInfo)
    except msgspec.DecodeError:
        return LockInfo()
