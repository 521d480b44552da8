"""Curves that grow: every report of a scalar, kept so that any stretch of it draws in about a millisecond.

`RunStore` appends; the chart asks for the lowest and highest value under each of its pixel columns. A curve
holds entries (a step, a low, a high); coarser levels, eight entries in one, are built when first drawn. One
report is an entry whose low and high are equal; a bucket of the log's pyramid is an entry as it comes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isfinite
from typing import Protocol

from tui.state.forks import Forks

FAN = 8
"""Entries of one level in an entry of the next."""
CAPACITY = 1 << 17
"""Entries of a curve. When it is full its older half is folded eight to one, so old detail thins out."""


class Column(Protocol):
    """One scalar's buckets in a track."""

    @property
    def min(self) -> array[float]: ...
    @property
    def max(self) -> array[float]: ...
    @property
    def last(self) -> array[float]: ...


class Track(Protocol):
    """The buckets of the log's pyramid, as `engine.runlog.pyramid` gives them."""

    @property
    def branch(self) -> array[int]: ...
    @property
    def step(self) -> array[int]: ...
    @property
    def columns(self) -> Mapping[str, Column]: ...


@dataclass(frozen=True, slots=True)
class Columns:
    """What lies under each of `len(low)` equal stretches of steps; an empty one has low > high."""

    low: array[float]
    high: array[float]

    @classmethod
    def empty(cls, width: int) -> Columns:
        return cls(array("d", [inf]) * width, array("d", [-inf]) * width)

    def filled(self) -> Iterator[tuple[int, float, float]]:
        """`(column, low, high)` of those with values."""
        for x, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if low <= high:
                yield x, low, high


class _Level:
    __slots__ = ("high", "low", "step")

    def __init__(self) -> None:
        self.step: array[int] = array("q")
        self.low: array[float] = array("d")
        self.high: array[float] = array("d")


class Curve:
    """One branch of one scalar. Steps rise; what is not finite is left out and its step remembered."""

    __slots__ = ("_levels", "last", "not_finite")

    def __init__(self) -> None:
        self._levels = [_Level()]
        self.last: float | None = None
        self.not_finite: array[int] = array("q")

    def __len__(self) -> int:
        return len(self._levels[0].step)

    @property
    def first_step(self) -> int | None:
        steps = self._levels[0].step
        return steps[0] if steps else None

    @property
    def last_step(self) -> int:
        """-1 when there is nothing yet."""
        steps, lost = self._levels[0].step, self.not_finite
        return max(steps[-1] if steps else -1, lost[-1] if lost else -1)

    def value_at(self, step: int) -> float | None:
        """The newest finite value up to `step`; within a bucket its highest."""
        base = self._levels[0]
        at = bisect_right(base.step, step)
        if at == len(base.step):
            return self.last
        return base.high[at - 1] if at else None

    def append(self, step: int, value: float) -> bool:
        """Whether it was new: a step that the curve already covers is left as it is."""
        if step <= self.last_step:
            return False
        if not isfinite(value):
            self.not_finite.append(step)
            return True
        base = self._levels[0]
        base.step.append(step)
        base.low.append(value)
        base.high.append(value)
        self.last = value
        if len(base.step) > CAPACITY:
            self._fold()
        return True

    def extend(self, step: array[int], column: Column, first: int, stop: int) -> None:
        """Take buckets `first` to `stop` of a track, those up to the last known step left out."""
        first = bisect_right(step, self.last_step, first, stop)
        base = self._levels[0]
        lows, highs = column.min[first:stop], column.max[first:stop]
        if isfinite(sum(lows)) and isfinite(sum(highs)):
            base.step.extend(step[first:stop])
            base.low.extend(lows)
            base.high.extend(highs)
        else:
            for at, low, high in zip(step[first:stop], lows, highs, strict=True):
                if isfinite(low) and isfinite(high):
                    base.step.append(at)
                    base.low.append(low)
                    base.high.append(high)
                else:
                    self.not_finite.append(at)
        if stop > first and isfinite(column.last[stop - 1]):
            self.last = column.last[stop - 1]
        while len(self) > CAPACITY:
            self._fold()

    def draw(self, into: Columns, start: float, end: float, first: int, last: int) -> None:
        """Widen `into`, which spans steps `start` to `end`, by the entries with `first` <= step <= `last`."""
        width = len(into.low)
        low, high = into.low, into.high
        first, last = max(first, int(start)), min(last, int(end))
        level = self._level_for(first, last, 2 * width)
        begin, stop = bisect_left(level.step, first), bisect_right(level.step, last)
        scale = width / (end - start)
        edge = width - 1
        before = width
        for step, bottom, top in zip(
            level.step[begin:stop], level.low[begin:stop], level.high[begin:stop], strict=True
        ):
            x = int((step - start) * scale)
            if x > edge:
                x = edge
            if bottom < low[x]:
                low[x] = bottom
            if top > high[x]:
                high[x] = top
            if x - before > 1 and bottom < top:  # a bucket reaches back to the one before it
                for gap in range(before + 1, x):
                    low[gap] = min(bottom, low[gap])
                    high[gap] = max(top, high[gap])
            before = x

    def _level_for(self, first: int, last: int, enough: int) -> _Level:
        """The coarsest level that still has `enough` entries there."""
        steps = self._levels[0].step
        count = bisect_right(steps, last) - bisect_left(steps, first)
        depth = 0
        while count >= enough * FAN:
            count //= FAN
            depth += 1
        for k in range(1, depth + 1):
            self._grow(k)
        return self._levels[depth]

    def _grow(self, k: int) -> None:
        """Bring level `k` up to the one below; the newest, partial entry is made afresh."""
        if len(self._levels) == k:
            self._levels.append(_Level())
        below, level = self._levels[k - 1], self._levels[k]
        if level.step:
            for column in (level.step, level.low, level.high):
                column.pop()
        for i in range(len(level.step) * FAN, len(below.step), FAN):
            level.step.append(below.step[min(i + FAN, len(below.step)) - 1])
            level.low.append(min(below.low[i : i + FAN]))
            level.high.append(max(below.high[i : i + FAN]))

    def _fold(self) -> None:
        base = self._levels[0]
        half = len(base.step) // (2 * FAN) * FAN
        folded = _Level()
        for i in range(0, half, FAN):
            folded.step.append(base.step[i + FAN - 1])
            folded.low.append(min(base.low[i : i + FAN]))
            folded.high.append(max(base.high[i : i + FAN]))
        folded.step.extend(base.step[half:])
        folded.low.extend(base.low[half:])
        folded.high.extend(base.high[half:])
        self._levels[:] = [folded]


class Series:
    """One scalar over the whole run. A later branch leaves the earlier at its fork; both stay drawable."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.branches: dict[int, Curve] = {}
        """By branch number, in rising order."""
        self.forks = Forks()
        """The step after which each branch begins."""
        self.version = 0
        """Rises with every change, so that a view of it can be compared."""

    @property
    def last(self) -> float | None:
        """The newest finite value on the line that led to where the run is now."""
        for branch, last in self.forks.line().items():
            curve = self.branches.get(branch)
            if curve is not None and (value := curve.value_at(last)) is not None:
                return value
        return None

    @property
    def last_step(self) -> int:
        """-1 when there is nothing yet."""
        return max((c.last_step for c in self.branches.values()), default=-1)

    @property
    def not_finite(self) -> list[int]:
        """Steps whose value was nan or infinite, those of abandoned branches left out."""
        line = self.forks.line()
        return [
            step
            for branch, curve in self.branches.items()
            for step in curve.not_finite
            if step <= line.get(branch, -1)
        ]

    def fork(self, branch: int, step: int, came_from: int | None = None) -> None:
        """`branch` begins after `step` of the branch it came from."""
        self.forks.begin(branch, step, came_from)
        self.version += 1

    def append(self, branch: int, step: int, value: float, fork_step: int | None = None) -> None:
        """Add a value; a step already there is ignored. `fork_step`: where an unannounced branch begins."""
        curve = self.branches.get(branch)
        if curve is None:
            curve = self._open(branch, step - 1 if fork_step is None else fork_step)
        if curve.append(step, value):
            self.version += 1

    def load(self, track: Track, column: Column) -> None:
        """Take all buckets of a track that are newer than what is here."""
        first, count = 0, len(track.step)
        while first < count:
            branch = track.branch[first]
            stop = first + 1
            while stop < count and track.branch[stop] == branch:
                stop += 1
            curve = self.branches.get(branch)
            if curve is None:
                curve = self._open(branch, track.step[first] - 1)
            curve.extend(track.step, column, first, stop)
            first = stop
        self.version += 1

    def live(self, start: float, end: float, width: int, at: int | None = None) -> Columns:
        """The line that led to branch `at`: to where the run is now when `None`."""
        columns, line = Columns.empty(width), self.forks.line(at)
        for branch, curve in self.branches.items():
            last = line.get(branch, -1)
            if last >= start:
                curve.draw(columns, start, end, 0, min(last, int(end)))
        return columns

    def abandoned(self, start: float, end: float, width: int, at: int | None = None) -> Columns:
        """All that is not on that line: the ends of branches that the run went back from, and later branches."""
        columns, line = Columns.empty(width), self.forks.line(at)
        for branch, curve in self.branches.items():
            last = line.get(branch, -1)
            if last < end:
                curve.draw(columns, start, end, last + 1, int(end))
        return columns

    def points(self, at: int | None = None) -> Iterator[tuple[int, float, bool]]:
        """`(step, value, live)` of every entry: for series of few points, such as validation."""
        line = self.forks.line(at)
        for branch, curve in self.branches.items():
            last = line.get(branch, -1)
            base = curve._levels[0]
            for step, value in zip(base.step, base.high, strict=True):
                yield step, value, step <= last

    def _open(self, branch: int, fork_step: int) -> Curve:
        curve = self.branches[branch] = Curve()
        self.branches = dict(sorted(self.branches.items()))
        self.forks.setdefault(branch, fork_step)
        return curve
