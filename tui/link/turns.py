"""Long work on the event loop, cut so that the screen and the keys get their turn. The links use one each."""

from __future__ import annotations

import asyncio
import time

TURN_S = 0.01
"""Of work, between two turns of everything else: a key waits no longer for it."""


class Turns:
    """Counts the time since the last turn that others had."""

    def __init__(self) -> None:
        self._since_s = time.perf_counter()

    def begin(self) -> None:
        """Others have just had theirs."""
        self._since_s = time.perf_counter()

    async def pause(self) -> None:
        """Let others have theirs, if it is time."""
        if time.perf_counter() - self._since_s >= TURN_S:
            await asyncio.sleep(0)
            self._since_s = time.perf_counter()
