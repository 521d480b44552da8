"""The word of the parent that starts an engine again: how often it has, and whether it is about to.

`engine.control.restarter` holds the run folder's `restarts` file locked for as long as it lives; the kernel
drops the lock when it dies, so a word found here is true. What happened stands in the log.
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import msgspec

from engine.errors import SlotdeckError
from engine.runlog.lock import take_flock, word_of_holder

NAME = "restarts"


class Restarts(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent of an engine says."""

    pid: int = 0
    host: str = ""
    done: int = 0
    """Restarts so far, the one that is due included."""
    allowed: int = 0
    due_wall_s: float = 0.0
    """Unix time of the next start; 0: the engine has been started."""

    @property
    def here(self) -> bool:
        """It lives on this machine."""
        return self.host == socket.gethostname()

    def told(self, now_s: float) -> str:
        """For people, while no engine is at work: `engine restarting (2 of 3) in 4 s`."""
        if not self.done:
            return "waiting for the engine"
        left_s = round(self.due_wall_s - now_s)
        return f"engine restarting ({self.done} of {self.allowed})" + (
            f" in {left_s} s" if left_s > 0 else ""
        )


class RestartsLock:
    """Held by the parent from its start to its end."""

    def __init__(self, run_dir: Path, allowed: int) -> None:
        """Take the lock.

        Raises:
            SlotdeckError: another parent has it, or no lock can be made.
        """
        self._allowed = allowed
        path = run_dir / NAME
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SlotdeckError(f"{path} cannot be opened: {error.strerror}", "check its owner") from None
        if not take_flock(self._fd):
            os.close(self._fd)
            raise SlotdeckError(
                f"{run_dir} is kept going already", f"watch it: slotdeck attach {run_dir.name}"
            )
        self.say(0)

    def say(self, done: int, due_wall_s: float = 0.0) -> None:
        """Write where things stand."""
        word = Restarts(
            pid=os.getpid(),
            host=socket.gethostname(),
            done=done,
            allowed=self._allowed,
            due_wall_s=due_wall_s,
        )
        # One write, then the cut: a reader in between takes the first line, and never half of two.
        size = os.pwrite(self._fd, msgspec.json.encode(word) + b"\n", 0)
        os.ftruncate(self._fd, size)

    def release(self) -> None:
        """Nobody will start the engine again."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> RestartsLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def kept_going(run_dir: Path) -> Restarts | None:
    """The word of the parent that would start this run's engine again; None when there is no such parent."""
    word = word_of_holder(run_dir / NAME)
    if word is None:
        return None
    try:
        return msgspec.json.decode(word.partition(b"\n")[0], type=Restarts)
    except msgspec.DecodeError:
        return Restarts()


def awaited(run_dir: Path, now_s: float | None = None) -> str:
    """Why nobody is at work just now though somebody will be: `engine restarting (2 of 3)`; else empty.

    To be asked when no engine holds the run's lock.
    """
    word = kept_going(run_dir)
    return word.told(time.time() if now_s is None else now_s) if word is not None else ""
