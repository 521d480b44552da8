"""A step that never ends: noticed by a thread that does nothing else, told, and never ended by it.

A hanging driver, a disk that does not answer or a deadlock leaves a run that looks alive. The stacks of all threads
go to engine.out, where the one who looks for the reason finds them; what to do is the operator's word.
"""

from __future__ import annotations

import faulthandler
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from engine.protocol.events import Alarm, LogLine
from engine.units import format_duration

LEAST_S = 60.0
TIMES_USUAL = 20.0
FIRST_S = 600.0
"""For a step of which nobody knows yet how long it takes."""
LOOK_S = 1.0
STOPPED_S = 5.0
"""The watcher itself slept longer than that between two looks: the whole process was stopped, not the step."""


class HangWatch:
    """Watches whatever runs inside `busy`."""

    def __init__(
        self,
        emit: Callable[[Alarm | LogLine], None],
        stacks: TextIO,
        *,
        least_s: float = LEAST_S,
        first_s: float = FIRST_S,
        look_s: float = LOOK_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is watched before `start`.

        Args:
            emit: takes what is told; called from the watcher's thread, must not block.
            stacks: the engine's stderr; a file of the operating system's.
            least_s: no step is said to hang before.
            first_s: the same, while it is not known how long a step takes.
            look_s: between two looks.
            clock_s: monotonic.
        """
        self._emit = emit
        self._stacks = stacks
        self._least_s, self._first_s, self._look_s = least_s, first_s, look_s
        self._clock_s = clock_s
        self._since_s: float | None = None
        self._step = 0
        self._usual_s: float | None = None
        self._told = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hang-watch", daemon=True)

    @contextmanager
    def busy(self, step: int, usual_s: float | None) -> Iterator[None]:
        """Around a step and its report.

        Args:
            step: steps done before it.
            usual_s: how long one takes; None: not known yet.
        """
        self._step, self._usual_s = step, usual_s
        self._since_s = self._clock_s()
        try:
            yield
        finally:
            since_s, self._since_s = self._since_s, None
            if self._told:
                self._told = False
                took = format_duration(self._clock_s() - since_s)
                self._emit(LogLine(level="warning", text=f"step {step} came back after {took}"))

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End the thread. Safe to call twice, or without `start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    # -- the watcher's thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        looked_s = self._clock_s()
        while not self._stop.wait(self._look_s):
            now = self._clock_s()
            asleep_s, looked_s = now - looked_s - self._look_s, now
            if asleep_s > STOPPED_S and self._since_s is not None:
                self._since_s += asleep_s
            self._look(now)

    def _look(self, now: float) -> None:
        since_s = self._since_s
        if since_s is None or self._told or now - since_s < self._limit_s():
            return
        self._told = True
        with suppress(OSError, ValueError):  # engine.out may be full or closed
            faulthandler.dump_traceback(self._stacks, all_threads=True)
        self._emit(
            Alarm(
                step=self._step,
                level="error",
                code="step-hangs",
                message=f"step {self._step} has not ended for {format_duration(now - since_s)}",
                remedy="the stacks of all threads are in engine.out; if it stays so, end the engine and resume",
            )
        )

    def _limit_s(self) -> float:
        if self._usual_s is None:
            return max(self._least_s, self._first_s)
        return max(self._least_s, TIMES_USUAL * self._usual_s)
