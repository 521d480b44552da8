"""How long a step takes of late: what the time left is computed from. Pauses, saves and evaluations are not in it.

The meter feeds it with every report. One step that took a hundred times as long, such as the first after a change of
the batch, must not be in the time left for minutes; slow steps that come regularly must.
"""

from __future__ import annotations

from collections import deque
from statistics import fmean, median_low

REPORTS = 30
"""Of the newest, that count."""
MOST = 4.0
"""Times the median that one of them counts at most."""


class Pace:
    """Of one life of the engine."""

    def __init__(self) -> None:
        self.before: float | None = None
        """Seconds a step took when the checkpoint was saved that this life began from, or went back to."""
        self._newest: deque[float] = deque(maxlen=REPORTS)

    def add(self, seconds_per_step: float) -> None:
        """One more report."""
        self._newest.append(seconds_per_step)

    @property
    def seconds_per_step(self) -> float | None:
        """`None` before anything was measured."""
        if len(self._newest) < 2 and self.before is not None:
            return self.before  # the first steps of a life are slow
        if not self._newest:
            return None
        most = MOST * median_low(self._newest)
        return fmean(min(each, most) for each in self._newest)
