"""A told run with an engine's own log and socket: reports come at a steady rate, and each one's hour is kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from fake_run import FakeRun

from engine.control.journal import Journal
from engine.control.mailbox import Mailbox
from engine.control.server import ControlServer
from engine.protocol.events import Event, StepReport
from engine.runlog.lock import RunLock
from engine.runlog.writer import LogWriter

NAME = "20261121-090000-demo-3f2a"
STEPS = 1_000_000
BEFORE = 3000
"""Steps that are told at once, so that the screen is full."""


class Session:
    """A context: within it there is a live run at `run_dir`."""

    def __init__(self, folder: Path, reports_per_s: float) -> None:
        self.run_dir = folder / NAME
        self.written_s: dict[int, float] = {}
        """By step: when its report was handed to the log."""
        self.still = threading.Event()
        """Set: no further report is written."""
        self.told: Counter[type[Event]] = Counter()
        """Events by kind, all there were."""
        self._burst = 0
        self._burst_over = threading.Event()
        self._pause_s = 1 / reports_per_s

    def __enter__(self) -> Session:
        run = FakeRun(NAME, steps=STEPS, total_steps=STEPS, report_every=5, outcome="")
        (self.run_dir / "log").mkdir(parents=True, mode=0o700)
        self._lock = RunLock(self.run_dir)
        self.log = LogWriter(self.run_dir, NAME, on_frames=self._publish)
        self._server = ControlServer(
            self.run_dir, NAME, self.log, Mailbox(), Journal.read(self.run_dir),
            state=lambda: "running", rev=lambda: 0, step=lambda: 0,
        )  # fmt: skip
        self._over = threading.Event()
        self._events = run.events()
        for event in self._events:
            self._tell(event)
            if isinstance(event, StepReport) and event.step >= BEFORE:
                break
        self._server.start()
        self._trainer = threading.Thread(target=self._train)
        self._trainer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._trainer.join()
        self._server.close()
        self.log.close()
        self._lock.release()

    def _publish(self, frames: list[tuple[int, int, bytes]]) -> None:
        if server := getattr(self, "_server", None):
            server.publish(frames)

    def burst(self, num_events: int) -> None:
        """Write so many events as fast as can be, between two reports; they are written when this returns."""
        self._burst_over.clear()
        self._burst = num_events
        self._burst_over.wait()

    def _tell(self, event: Event) -> None:
        self.told[type(event)] += 1
        self.log.emit(event)

    def _train(self) -> None:
        for event in self._events:
            self._tell(event)
            if not isinstance(event, StepReport):
                continue
            self.written_s[event.step] = time.perf_counter()
            while self.still.is_set() and not self._over.is_set():
                self._over.wait(0.05)
            if self._burst:
                events = list(islice(self._events, self._burst))
                for one in events:
                    self._tell(one)
                    if isinstance(one, StepReport):
                        self.written_s[one.step] = time.perf_counter()
                self._burst = 0
                self._burst_over.set()
            if self._over.wait(self._pause_s):
                return
