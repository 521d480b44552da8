"""A run's past as lines: what its log tells beyond what the store keeps, and what its engine printed.

The app owns one for each log page and hands it to the page, which calls it in a thread. It reads files and never the
engine.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

from engine.protocol import events as e
from engine.protocol.codec import decode
from engine.runlog.find import entries_of
from engine.text import one_line
from tui.state.clean import clean
from tui.state.log.feed import ERROR, INFO, NEWS, WARNING, FeedItem, describe

MAX_LINES = 200_000
"""Of the log; the newest. Some hundred bytes each."""
OUTPUT = "engine.out"
OUTPUT_BYTES = 256 << 10
"""Of the end of what the engine printed."""


class LogFile:
    """The lines of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._printed: tuple[int, int] | None = None
        """Size and time of engine.out when it was read last."""

    def lines(self, stopped: Callable[[], bool]) -> list[FeedItem]:
        """Every event that is news, oldest first, at most `MAX_LINES`; of a command and of a job its newest word.

        `stopped` is asked after every piece of the log; nobody waits for the rest once it says yes.

        Raises:
            SlotdeckError: the log cannot be read.
        """
        told: dict[object, FeedItem] = {}
        asked_by: dict[str, str] = {}
        for entries in entries_of(self._run_dir, NEWS):
            for entry in entries:
                event = clean(decode(entry.kind, entry.payload))
                if isinstance(event, e.CommandAccepted):
                    asked_by[event.command_id] = event.who
                who = asked_by.get(getattr(event, "command_id", ""), "")
                item = describe(entry.seq, entry.wall_s, event, who)
                if item is not None:
                    told.pop(item.about, None)  # what is said of it next stands where it was said
                    told[item.about or entry.seq] = item
            if stopped():
                break
        return list(deque(told.values(), MAX_LINES))

    def output(self) -> list[FeedItem] | None:
        """The end of what the engine printed; `None` when it is what it was at the last call.

        Raises:
            OSError: it is there and cannot be read.
        """
        try:
            fd = os.open(self._run_dir / OUTPUT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return []
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            printed = (status.st_size, status.st_mtime_ns)
            if printed == self._printed:
                return None
            self._printed = printed
            file.seek(max(0, status.st_size - OUTPUT_BYTES))
            text = file.read(OUTPUT_BYTES)
        # A progress bar draws over itself: of such a line the last state counts.
        rows = [row.rstrip(b"\r").rpartition(b"\r")[2] for row in text.split(b"\n")]
        if status.st_size > OUTPUT_BYTES:
            rows = rows[1:]  # cut in the middle
        while rows and not rows[-1].strip():
            rows.pop()
        return [_printed_line(number, row) for number, row in enumerate(rows)]

    def keep(self, text: str) -> Path:
        """Write it to a new file in the current folder, named after the run.

        Raises:
            OSError: it cannot be written.
        """
        for number in count(1):
            more = f"-{number}" if number > 1 else ""
            path = Path(f"{self._run_dir.name}-log{more}.txt")
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                continue
            return path
        raise AssertionError("numbers do not end")


def _printed_line(number: int, row: bytes) -> FeedItem:
    text = one_line(row, 2000)
    said = text.lower()
    level = ERROR if "error" in said or "traceback" in said else WARNING if "warning" in said else INFO
    return FeedItem(-number, 0.0, None, "output", "│", text, level)
