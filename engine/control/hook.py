"""`guard.hook`: a shell command of the user's that is run at every alarm, to mail, to page, to post.

    SLOTDECK_RUN       the run's name
    SLOTDECK_CODE      the alarm's code, see docs/guards.md
    SLOTDECK_LEVEL     warning or error
    SLOTDECK_MESSAGE   what happened and the remedy: one line, control characters escaped

Told by the engine's log thread of alarms that are in the log, and by the parent of `--restarts` of its own; run by a
thread in a child with a session of its own: nobody waits for it. Nothing of an alarm becomes part of the command line.
One at a time, `PER_MINUTE` a minute, each ended after `LIMIT_S`; what goes wrong is one line in the feed
(of the parent, in engine.out) and nothing else.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from engine.protocol.codec import decode
from engine.protocol.events import Alarm
from engine.protocol.frames import HEADER
from engine.text import one_line

LIMIT_S = 30.0
"""Then the command and all that it started are killed."""
PER_MINUTE = 6
WAITING = 16
"""Alarms that wait for the one before."""
LAST_S = 5.0
"""How long an engine that ends lets the hook finish."""


class Hook:
    """Runs the command; without one it does nothing."""

    def __init__(
        self,
        command: str,
        run_name: str,
        warn: Callable[[str], None],
        *,
        limit_s: float = LIMIT_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        command: for `/bin/sh -c`; empty: none.
        run_name: of the run folder.
        warn: takes a line for the feed; called from the hook's thread.
        limit_s: seconds that a command may take.
        clock_s: monotonic.
        """
        self._command = command
        self._run_name = run_name
        self._warn = warn
        self._limit_s = limit_s
        self._clock_s = clock_s
        self._waiting: queue.Queue[Alarm | None] = queue.Queue(WAITING)
        self._missed = 0
        self._begun: deque[float] = deque(maxlen=PER_MINUTE)
        self._child: subprocess.Popen[bytes] | None = None
        self._closing = self._ended = False
        self._thread = threading.Thread(target=self._run, name="hook", daemon=True)
        if command:
            self._thread.start()

    def saw(self, frames: Iterable[tuple[int, int, bytes]]) -> None:
        """(seq, kind, frame) of what was written to the log. Never waits."""
        if not self._command:
            return
        for _, kind, frame in frames:
            if kind == Alarm.KIND:
                alarm = decode(kind, frame[HEADER.size :])
                assert isinstance(alarm, Alarm), "its kind says so"
                self.ring(alarm)

    def ring(self, alarm: Alarm) -> None:
        """Run the command for an alarm, soon. Never waits."""
        if not self._command:
            return
        try:
            self._waiting.put_nowait(alarm)
        except queue.Full:
            self._missed += 1

    def close(self) -> None:
        """Let what waits be done for a few seconds, then end it."""
        if not self._command or self._closing:
            return
        self._closing = True
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(LAST_S)
        self._ended = True
        self._kill()

    # -- the hook's thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while (alarm := self._waiting.get()) is not None and not self._ended:
            if not self._may_begin():
                self._missed += 1
                continue
            if self._missed:
                self._warn(f"guard.hook was not run for {self._missed} alarms: they came too fast")
                self._missed = 0
            self._do(alarm)

    def _may_begin(self) -> bool:
        now = self._clock_s()
        if len(self._begun) == PER_MINUTE and now - self._begun[0] < 60.0:
            return False
        self._begun.append(now)
        return True

    def _do(self, alarm: Alarm) -> None:
        told = f"{alarm.message}; {alarm.remedy}" if alarm.remedy else alarm.message
        given = {
            "SLOTDECK_RUN": self._run_name,
            "SLOTDECK_CODE": alarm.code,
            "SLOTDECK_LEVEL": alarm.level,
            "SLOTDECK_MESSAGE": one_line(told, 2048),
        }
        try:
            self._child = subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                env={**os.environ, **{key: one_line(value, 4096) for key, value in given.items()}},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._warn(f"guard.hook could not be run for {alarm.code}: {error.strerror}")
            return
        try:
            status = self._child.wait(self._limit_s)
        except subprocess.TimeoutExpired:
            self._kill()
            self._child.wait()
            self._warn(f"guard.hook was ended after {self._limit_s:g} s; it was run for {alarm.code}")
            return
        if status:
            self._warn(f"guard.hook failed with status {status}; it was run for {alarm.code}")

    def _kill(self) -> None:
        """The command and what it started: it leads a group of its own."""
        if self._child is not None and self._child.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
