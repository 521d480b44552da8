"""Painting at once what a key or the mouse asked for, at most 45 times a second.

Keys that are held come thirty times a second, and each is painted; a drag asks far more often.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.screen import Screen

SHORTEST_S = 1 / 45


class PromptPaint:
    """Calls `paint` now, or as soon as the last time is SHORTEST_S ago."""

    def __init__(
        self, screen: Screen[None], paint: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._screen, self._paint, self._clock = screen, paint, clock
        self._painted_s = 0.0
        self._due = False

    def ask(self) -> None:
        """Something to paint."""
        if self._due:
            return
        wait_s = self._painted_s + SHORTEST_S - self._clock()
        if wait_s <= 0:
            self._now()
        else:
            self._due = True
            self._screen.set_timer(wait_s, self._now)

    def _now(self) -> None:
        self._due = False
        self._painted_s = self._clock()
        self._paint()
