"""Saving on a disk that takes nothing more: paused, told once, and taken up again by itself when there is room.

The checkpoint writer says that a save failed, a thread looks for room every few seconds, and the loop saves at the next
step boundary, paused or not. Nothing that was saved before is given up for it: only the operator can make room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from engine.checkpoint.room import has_room
from engine.checkpoint.writer import Failed

LOOK_S = 15.0
"""Between two looks: a file is allocated and removed each time."""


class FullDisk:
    """Whether saving is paused, and whether it may be tried again."""

    def __init__(self, root: Path, tell: Callable[[str, str], None], look_s: float = LOOK_S) -> None:
        """Nothing runs before a save failed.

        Args:
            root: the run's `checkpoints/`.
            tell: raises the alarm, from a message and a remedy.
            look_s: between two looks for room.
        """
        self._root = root
        self._tell = tell
        self._look_s = look_s
        self._files_bytes: tuple[int, ...] = ()
        self._room = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.paused = False
        """What is due is not saved: it would fail."""

    def failed(self, failed: Failed) -> None:
        """The disk took no checkpoint. Told when it begins, not at every try."""
        self._files_bytes = failed.files_bytes
        self._room.clear()
        if not self.paused:
            self.paused = True
            self._tell(
                f"saving is paused: {failed.message}",
                f"{failed.remedy}; training goes on, and saves within a minute of there being room",
            )
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="full-disk", daemon=True)
            self._thread.start()

    def sealed(self) -> bool:
        """A checkpoint is on the disk. Whether that ends a pause."""
        was, self.paused = self.paused, False
        self._room.clear()
        return was

    def room(self) -> bool:
        """Whether it may be tried again; true once for each time that room was found."""
        if not self._room.is_set():
            return False
        self._room.clear()
        return True

    def close(self) -> None:
        """End the thread, if it was ever begun."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(self._look_s):
            if self.paused and has_room(self._root, self._files_bytes):
                self._room.set()
