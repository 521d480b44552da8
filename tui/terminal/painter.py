"""Sends a terminal what changed, as fast as it takes it and no faster than it should.

The driver hands it all drawing; a thread of its own writes. While the terminal is busy, drawing goes on in the picture,
and what is sent next is the newest one: what lay in between is never sent, and the event loop never waits.
"""

from __future__ import annotations

import math
import os
import threading
import time
from typing import TextIO

from textual._ansi_sequences import SYNC_END, SYNC_START

from tui.terminal.picture import Picture

AT_ONCE = 512
"""So few characters arrive in one piece; more are wrapped in a synchronised update where the terminal knows those."""
THIN_BYTES_PER_S = 2000
"""To a terminal behind a thin line, on average; what a key asks for is drawn at once."""
SLOW_S, SLOW_FOR_S = 1.0, 30.0
"""A terminal that takes so long over one piece is behind a slow line, for so long after it."""
BURST_BYTES = 12_000
"""What a thin line takes at once: a whole screen."""


class Painter:
    """Made with the app; its thread runs while the driver has the terminal."""

    def __init__(self, bytes_per_s: int | None = None) -> None:
        self._turn = threading.Condition()
        self._limit = bytes_per_s
        """The most that is sent on average; None: whatever the terminal takes."""
        self._allowed, self._allowed_s = float(BURST_BYTES), time.monotonic()
        self._writing_since_s, self._slow_until_s = math.inf, -math.inf
        self._picture = Picture()
        self._in_frame = self._can_wrap = self._urgent = self._closed = False
        self._thread: threading.Thread | None = None

    # -- what the driver and the app call ----------------------------------------------------------------

    def start(self, out: TextIO, width: int, height: int) -> None:
        """Write to `out` from now on; nothing is known of what it shows."""
        self._closed = self._in_frame = False
        self.resize(width, height)
        self._thread = threading.Thread(target=self._run, args=(out,), daemon=True, name="terminal-painter")
        self._thread.start()

    def close(self) -> None:
        """Send what is left, and end."""
        with self._turn:
            self._closed = True
            self._turn.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def resize(self, width: int, height: int) -> None:
        """The terminal has another size, or what it shows is not to be counted on."""
        with self._turn:
            self._picture.resize(width, height)
            self._turn.notify()

    def draw_again(self) -> None:
        """What the terminal shows is not to be counted on: all of it goes there once more."""
        with self._turn:
            self._picture.forget()
            self._urgent = True
            self._turn.notify()

    def hurry(self) -> None:
        """The operator did something: the next drawing does not wait for a thin line."""
        with self._turn:
            self._urgent = True
            self._turn.notify()

    @property
    def slow(self) -> bool:
        """The terminal does not keep up, or did not of late: it is drawn to as over a thin line."""
        now_s = time.monotonic()
        return now_s < self._slow_until_s or now_s - self._writing_since_s > SLOW_S

    def draw(self, data: str) -> None:
        """Text and sequences as they would go to the terminal."""
        with self._turn:
            if data == SYNC_START:
                self._in_frame = self._can_wrap = True
            elif data == SYNC_END:
                self._in_frame = False
            else:
                self._picture.draw(data)
            if not self._in_frame:
                self._turn.notify()

    # -- the thread --------------------------------------------------------------------------------------

    def _run(self, out: TextIO) -> None:
        while text := self._next():
            self._writing_since_s = time.monotonic()
            try:
                _wait_for(out)
                out.write(text)
                out.flush()
            except BlockingIOError:  # part of it came through
                self.draw_again()
            except (OSError, ValueError):  # the terminal is gone; the app hears of it by its input
                return
            now_s = time.monotonic()
            if now_s - self._writing_since_s > SLOW_S:
                self._slow_until_s = now_s + SLOW_FOR_S
            self._writing_since_s = math.inf

    def _next(self) -> str:
        """What to send, once there is something and it may be sent; nothing at the end."""
        with self._turn:
            while not (text := self._frame() if self._closed or self._ready else ""):
                if self._closed:
                    return ""
                self._turn.wait(self._wait_s() or None if self._picture.changed else None)
            self._allowed -= len(text.encode(errors="replace"))
            return text

    @property
    def _ready(self) -> bool:
        return self._picture.changed and not self._in_frame and not self._wait_s()

    def _wait_s(self) -> float:
        """Until something may be sent."""
        now_s, limit = time.monotonic(), self._limit or (THIN_BYTES_PER_S if self.slow else None)
        since_s, self._allowed_s = now_s - self._allowed_s, now_s
        if limit is None:
            self._allowed = BURST_BYTES
            return 0.0
        self._allowed = min(self._allowed + since_s * limit, BURST_BYTES)
        if self._picture.in_haste or self._urgent or self._allowed >= 0:
            return 0.0
        return -self._allowed / limit

    def _frame(self) -> str:
        passing, drawn = self._picture.changes(None if self._limit or self.slow else time.monotonic())
        self._urgent = self._urgent and not drawn
        if len(drawn) > AT_ONCE and self._can_wrap:
            drawn = f"{SYNC_START}{drawn}{SYNC_END}"
        return passing + drawn


def _wait_for(out: TextIO) -> None:
    """Have writes wait for the terminal; another program that had it may have left it so that they fail instead."""
    if out.isatty() and not os.get_blocking(out.fileno()):
        os.set_blocking(out.fileno(), True)
