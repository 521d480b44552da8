"""Stalled data: when most of a step is spent waiting for its batch, the run is as slow as a disk, and nobody sees why.

Fed with every report by `Run.report`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.protocol.events import Alarm, LogLine, StepReport

WINDOW_S = 10.0
"""Seconds of steps that are looked at together: a slow batch now and then is none of it."""
LEAST_STEPS = 5
OVER_SHARE = 0.8
"""It is over below this much of the share that began it, so that it does not flicker."""


@dataclass(slots=True)
class StalledData:
    """Adds up the time in windows of a few seconds; each one is judged by itself."""

    share: float
    """Of the step's time, above which it is said; 1: never."""
    place: str
    """The data folder."""
    _data_ms: float = 0.0
    _step_ms: float = 0.0
    _steps: int = 0
    _begun_step: int | None = field(default=None)

    def look(self, report: StepReport) -> Alarm | LogLine | None:
        """What to tell after a report; None: nothing new."""
        self._data_ms += report.data_ms * report.steps
        self._step_ms += report.step_ms * report.steps
        self._steps += report.steps
        if self._step_ms < 1000 * WINDOW_S or self._steps < LEAST_STEPS:
            return None
        share, each_ms = self._data_ms / self._step_ms, self._data_ms / self._steps
        self._data_ms = self._step_ms = 0.0
        self._steps = 0
        if self._begun_step is None and share > self.share:
            self._begun_step = report.step
            return Alarm(
                step=report.step,
                level="warning",
                code="data-stalled",
                message=f"{share:.0%} of a step is spent waiting for data, {each_ms:.0f} ms: {self.place} is slow",
                remedy="put the shards on a local disk, or see what else reads from this one",
            )
        if self._begun_step is not None and share < OVER_SHARE * self.share:
            since, self._begun_step = self._begun_step, None
            text = f"data comes fast again: {share:.0%} of a step; it was slow since step {since}"
            return LogLine(level="info", text=text)
        return None
