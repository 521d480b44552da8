"""The child as the engine sees it: started, looked at between two steps, and ended.

It has a session of its own, its output in a file, and nothing to read from. Looking at it costs a system call; the
engine never waits for it. Whatever becomes of it is an `Answer`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from engine.jobs.order import Answer, AnyOrder, read_answer
from engine.jobs.progress import Reached, forget, reached
from engine.runlog.private import child_environment


class Child:
    """One job at work."""

    def __init__(
        self, order: AnyOrder, limit_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Start it.

        Raises:
            OSError: there is no process or no place for its output.
        """
        self._order = order
        self._limit_s, self._clock_s = limit_s, clock_s
        self._begun_s = clock_s()
        order.stem.parent.mkdir(mode=0o700, exist_ok=True)
        with open(order.stem.with_suffix(".out"), "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "engine.jobs", msgspec.json.encode(order).decode()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # One thread: a child at nice 19 with a thread for each core still takes the caches.
                env=child_environment() | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def poll(self) -> Answer | None:
        """What came of it; None while it works. One over its time is ended."""
        status = self._process.poll()
        if status is None:
            if self._clock_s() - self._begun_s < self._limit_s:
                return None
            self.end()
            return self._nothing(f"it was ended after {self._limit_s:g} s without a result")
        if status < 0:
            return self._nothing(f"it was ended by {signal.Signals(-status).name}")
        answer = read_answer(self._order) if status == 0 else None
        return answer or self._nothing(f"it ended with exit status {status}")

    def reached(self) -> Reached | None:
        """How far it is, as far as it has said."""
        return reached(self._order)

    def forget(self) -> None:
        """What it said on its way."""
        forget(self._order)

    def end(self) -> None:
        """Kill it, and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _nothing(self, error: str) -> Answer:
        output = self._order.stem.with_suffix(".out")
        remedy = f"its output is in {output.parent.name}/{output.name}; training goes on"
        return Answer(order=self._order, ended_wall_s=time.time(), error=error, remedy=remedy)
