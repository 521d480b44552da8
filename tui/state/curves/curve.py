"""One branch of a scalar, kept so that any stretch of it draws in about a millisecond.

A curve holds entries (a step, a low, a high); coarser levels, eight entries in one, are built when first drawn. One
report is an entry whose low and high are equal; a bucket of the log's pyramid is an entry as it comes. `Series` puts
the branches of a run together.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import ceil, inf, isfinite
from typing import Protocol

from msgspec import Struct

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


class Columns(Struct, frozen=True):
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
    __slots__ = ("high", "low", "mean", "step")

    def __init__(self) -> None:
        self.step: array[int] = array("q")
        self.low: array[float] = array("d")
        self.high: array[float] = array("d")
        self.mean: array[float] = array("d")
        """Empty at the lowest level: there it is half way between low and high."""


class Curve:
    """One branch of one scalar. Steps rise; what is not finite is left out and its step remembered."""

    __slots__ = ("_levels", "last", "last_step", "not_finite")

    def __init__(self) -> None:
        self._levels = [_Level()]
        self.last: float | None = None
        self.last_step = -1
        """-1 when there is nothing yet."""
        self.not_finite: array[int] = array("q")

    def __len__(self) -> int:
        return len(self._levels[0].step)

    @property
    def stride(self) -> int:
        """The least steps between two of the newest entries; the curve has two."""
        steps = self._levels[0].step[-9:]
        return max(1, min(after - before for before, after in pairwise(steps)))

    def value_at(self, step: int) -> float | None:
        """The newest finite value up to `step`; within a bucket its highest."""
        base = self._levels[0]
        at = bisect_right(base.step, step)
        if at == len(base.step):
            return self.last
        return base.high[at - 1] if at else None

    def values(self) -> Iterator[tuple[int, float]]:
        """`(step, value)` of every entry; of a bucket its highest."""
        base = self._levels[0]
        return zip(base.step, base.high, strict=True)

    def extremes(self) -> Iterator[tuple[int, float, float]]:
        """`(step, low, high)` of every entry."""
        base = self._levels[0]
        return zip(base.step, base.low, base.high, strict=True)

    def upto(self, step: int) -> Curve:
        """A curve of its own, of the entries up to `step`."""
        part, base, level = Curve(), self._levels[0], _Level()
        end, lost = bisect_right(base.step, step), bisect_right(self.not_finite, step)
        level.step, level.low, level.high = base.step[:end], base.low[:end], base.high[:end]
        part._levels, part.not_finite = [level], self.not_finite[:lost]
        part.last = self.last if end == len(base.step) else level.high[-1] if end else None
        part.last_step = max(level.step[-1] if end else -1, part.not_finite[-1] if lost else -1)
        return part

    def append(self, step: int, value: float) -> bool:
        """Whether it was new: a step that the curve already covers is left as it is."""
        if step <= self.last_step:
            return False
        self.last_step = step
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
        if stop > first:
            self.last_step = max(self.last_step, step[stop - 1])
            if isfinite(column.last[stop - 1]):
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
        if stop - begin > 2 * width:
            _draw_dense(level, into, start, end, begin, stop)
            return
        scale = width / (end - start)
        edge = width - 1
        before = width
        for step, bottom, top in zip(
            level.step[begin:stop], level.low[begin:stop], level.high[begin:stop], strict=True
        ):
            x = int((step - start) * scale)
            if x > edge:
                x = edge
            elif x < 0:  # steps too large for a float to tell apart
                x = 0
            if bottom < low[x]:
                low[x] = bottom
            if top > high[x]:
                high[x] = top
            if x - before > 1 and bottom < top:  # a bucket reaches back to the one before it
                for gap in range(before + 1, x):
                    low[gap] = min(bottom, low[gap])
                    high[gap] = max(top, high[gap])
            before = x

    def entries(self, first: float, last: float, enough: int) -> Iterator[tuple[int, float]]:
        """`(step, mean)` with `first` <= step <= `last`, of the coarsest level with `enough` of them at its end."""
        level = self._level_for(int(first), int(last), enough)
        begin, stop = bisect_left(level.step, first), bisect_right(level.step, last)
        means = level.mean[begin:stop] or map(_half_way, level.low[begin:stop], level.high[begin:stop])
        return zip(level.step[begin:stop], means, strict=True)

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
            for column in (level.step, level.low, level.high, level.mean):
                column.pop()
        begin = len(level.step) * FAN
        whole = begin + (len(below.step) - begin) // FAN * FAN
        low, high = _groups(below.low, begin, whole), _groups(below.high, begin, whole)
        level.step.extend(below.step[begin + FAN - 1 : whole : FAN])
        level.low.extend(map(min, low))
        level.high.extend(map(max, high))
        if k == 1:
            level.mean.extend((sum(a) + sum(b)) / (2 * FAN) for a, b in zip(low, high, strict=True))
        else:
            level.mean.extend(sum(group) / FAN for group in _groups(below.mean, begin, whole))
        if whole < len(below.step):
            bottom, top = below.low[whole:], below.high[whole:]
            middle = below.mean[whole:] if k > 1 else array("d", map(_half_way, bottom, top))
            level.step.append(below.step[-1])
            level.low.append(min(bottom))
            level.high.append(max(top))
            level.mean.append(sum(middle) / len(middle))

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


def _draw_dense(level: _Level, into: Columns, start: float, end: float, begin: int, stop: int) -> None:
    """What `Curve.draw` does, column by column: several times faster where there are several entries in each."""
    width, steps = len(into.low), level.step
    scale = width / (end - start)
    edges = []
    for x in range(1, width):
        first = ceil(start + x / scale)
        first += ((first - start) * scale < x) - ((first - 1 - start) * scale >= x)  # as `draw` rounds
        edges.append(bisect_left(steps, first, begin, stop))
    before = width
    for x, (left, right) in enumerate(pairwise((begin, *edges, stop))):
        if left == right:
            continue
        into.low[x] = min(into.low[x], *level.low[left:right])
        into.high[x] = max(into.high[x], *level.high[left:right])
        bottom, top = level.low[left], level.high[left]
        if x - before > 1 and bottom < top:
            for gap in range(before + 1, x):
                into.low[gap], into.high[gap] = min(bottom, into.low[gap]), max(top, into.high[gap])
        before = x


def _groups(values: array[float], begin: int, end: int) -> list[tuple[float, ...]]:
    """Those from `begin` to `end`, `FAN` at a time."""
    return list(zip(*(values[at:end:FAN] for at in range(begin, begin + FAN)), strict=True))


def _half_way(low: float, high: float) -> float:
    return (low + high) / 2
