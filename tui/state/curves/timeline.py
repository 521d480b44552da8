"""The time a run was at work: Unix time with the idle stretches left out, such as a night between two engines.

The replay's scrubber and `12:30` typed in it count this time, and so does a comparison of runs by time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, compress, count, islice
from operator import sub
from statistics import median

IDLE_S = 60.0
"""The shortest stretch without a report that counts as idle."""
IDLE_TIMES = 30
"""Nor is it idle where reports are usually not that many times closer together."""
KEPT_S = 1.0
"""Of an idle stretch, so that what stands before and behind it is not at one moment."""


class Timeline:
    """Unix time to seconds of work, and back. Both rise."""

    def __init__(self, walls: Iterable[float]) -> None:
        """`walls`: moments of reports, in the order they were made; at least one."""
        self._wall = array("d")
        """Where the run went idle or to work: the ends of straight pieces."""
        self._work = array("d")
        rising = array("d", accumulate(walls, max))
        assert rising, "a timeline has a moment"
        gaps = array("d", map(sub, islice(rising, 1, None), rising))
        self._idle_s = max(IDLE_S, IDLE_TIMES * median(gaps)) if gaps else IDLE_S
        self._add(rising[0], 0.0)
        self.last_wall_s = rising[0]
        for at in compress(count(), map(self._idle_s.__lt__, gaps)):
            self.last_wall_s = rising[at]
            self.extend(rising[at + 1])
        self.last_wall_s = rising[-1]

    @property
    def length_s(self) -> float:
        """Seconds of work so far."""
        return self.work_s(self.last_wall_s)

    def extend(self, wall_s: float) -> None:
        """One more moment, behind all that were."""
        if wall_s - self.last_wall_s > self._idle_s:
            work_s = self.work_s(self.last_wall_s)
            self._add(self.last_wall_s, work_s)
            self._add(wall_s, work_s + KEPT_S)
        self.last_wall_s = max(wall_s, self.last_wall_s)

    def work_s(self, wall_s: float) -> float:
        """Seconds of work by a moment of Unix time; before the first, 0."""
        return _through(self._wall, self._work, max(wall_s, self._wall[0]))

    def wall_s(self, work_s: float) -> float:
        """The moment by which the run had worked so long."""
        return _through(self._work, self._wall, max(work_s, 0.0))

    def _add(self, wall_s: float, work_s: float) -> None:
        self._wall.append(wall_s)
        self._work.append(work_s)


def _through(xs: array[float], ys: array[float], x: float) -> float:
    """The broken line through the points; of slope 1 beyond the last and wherever it is not idle."""
    at = bisect_right(xs, x) - 1
    if at + 1 < len(xs) and xs[at + 1] > xs[at]:
        return ys[at] + (x - xs[at]) * (ys[at + 1] - ys[at]) / (xs[at + 1] - xs[at])
    return ys[at] + x - xs[at]
