"""Signals to the engine: the first asks for an end with a checkpoint, the second for an end at once.

Used by `engine.train.life` for the whole of a life. Handlers only note the number; the loop looks at step
boundaries. SIGHUP is ignored: the engine outlives the terminal it was started from.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""SIGUSR1 is what batch systems send ahead of the real thing: however often it comes, it is one request."""


class StopNow(BaseException):
    """A second signal: end without saving."""


class Signals:
    """In force inside a `with`, on the main thread."""

    def __init__(self) -> None:
        self.received: list[int] = []
        """Numbers, as they came."""
        self._before: dict[int, Any] = {}
        self._may_interrupt = False

    def arm(self) -> None:
        """From now on a second signal raises StopNow, wherever the main thread is."""
        self._may_interrupt = True

    def calm(self) -> None:
        """From now on signals are only noted: the engine is putting things away already."""
        self._may_interrupt = False

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._note) for number in HEEDED}
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        if self._may_interrupt and len(self.received) > 1 and number != signal.SIGUSR1:
            self._may_interrupt = False
            raise StopNow
