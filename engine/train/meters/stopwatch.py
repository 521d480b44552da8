"""How long each phase of a step took, without ever making the device wait for the clock.

On a CPU a phase ends when its call returns. On CUDA the calls only queue work, so events are recorded on the
stream and read at the next report, whose one host copy has waited for them anyway.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch

PHASES = ("data", "forward", "backward", "optimizer")


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """Milliseconds, means over the steps since the last reading."""

    data_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float


class Stopwatch(Protocol):
    """Marks the end of each phase as it passes."""

    def begin(self) -> None: ...
    def lap(self, phase: str) -> None: ...
    def read(self) -> PhaseTimes: ...


class HostStopwatch:
    """For devices whose calls return when the work is done."""

    def __init__(self) -> None:
        self._at = 0.0
        self._steps = 0
        self._sums = dict.fromkeys(PHASES, 0.0)

    def begin(self) -> None:
        """A step starts."""
        self._steps += 1
        self._at = time.perf_counter()

    def lap(self, phase: str) -> None:
        """The time since the last mark belongs to `phase`."""
        now = time.perf_counter()
        self._sums[phase] += now - self._at
        self._at = now

    def read(self) -> PhaseTimes:
        """Means since the last reading, and start over."""
        per_step = 1000 / max(1, self._steps)
        times = PhaseTimes(*(self._sums[phase] * per_step for phase in PHASES))
        self._steps = 0
        self._sums = dict.fromkeys(PHASES, 0.0)
        return times


class CudaStopwatch:
    """Events on the stream, of the last 32 steps at most between two readings."""

    _KEPT_STEPS = 32

    def __init__(self) -> None:
        self._steps: list[list[tuple[str, Any]]] = []
        self._pool: list[Any] = []

    def begin(self) -> None:
        """A step starts."""
        if len(self._steps) == self._KEPT_STEPS:
            self._recycle(self._steps.pop(0))
        self._steps.append([("", self._mark())])

    def lap(self, phase: str) -> None:
        """The work queued since the last mark belongs to `phase`."""
        self._steps[-1].append((phase, self._mark()))

    def read(self) -> PhaseTimes:
        """Means since the last reading; call it after a host copy, when the marks are past."""
        sums = dict.fromkeys(PHASES, 0.0)
        for marks in self._steps:
            for (_, before), (phase, after) in pairwise(marks):
                sums[phase] += before.elapsed_time(after)
            self._recycle(marks)
        steps = max(1, len(self._steps))
        self._steps = []
        return PhaseTimes(*(sums[phase] / steps for phase in PHASES))

    def _mark(self) -> Any:
        event = self._pool.pop() if self._pool else torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _recycle(self, marks: list[tuple[str, Any]]) -> None:
        self._pool += [event for _, event in marks]


def stopwatch_for(device: torch.device) -> Stopwatch:
    """The one that suits the device."""
    return CudaStopwatch() if device.type == "cuda" else HostStopwatch()
