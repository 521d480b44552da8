"""Curves that grow: every report of a scalar on every branch of the run.

`RunStore` appends; the chart asks for the lowest and highest value under each of its pixel columns.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import compress, count, islice, pairwise
from operator import ne

from tui.state.curves.curve import Column, Columns, Curve, Track
from tui.state.curves.forks import BEYOND, Forks


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
        return self.value_at(BEYOND)

    @property
    def last_step(self) -> int:
        """-1 when there is nothing yet."""
        return max((c.last_step for c in self.branches.values()), default=-1)

    def last_step_of(self, branch: int) -> int:
        """Of one branch; -1 when there is nothing yet."""
        curve = self.branches.get(branch)
        return curve.last_step if curve is not None else -1

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

    @property
    def stride(self) -> int:
        """Steps from one report to the next, of late."""
        newest = next((c for c in reversed(self.branches.values()) if len(c) > 1), None)
        return newest.stride if newest is not None else 1

    def value_at(self, step: int, at: int | None = None) -> float | None:
        """The newest finite value up to `step` on the line to branch `at`: to where the run is now when `None`."""
        for branch, last in self.forks.line(at).items():
            curve = self.branches.get(branch)
            value = curve.value_at(min(step, last)) if curve is not None else None
            if value is not None:
                return value
        return None

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

    def load(self, track: Track, column: Column, stretches: Sequence[tuple[int, int]] | None = None) -> None:
        """Take all buckets of a track that are newer than what is here. `stretches`: of its branches, if known."""
        for first, stop in stretches_of(track.branch) if stretches is None else stretches:
            branch = track.branch[first]
            curve = self.branches.get(branch)
            if curve is None:
                curve = self._open(branch, track.step[first] - 1)
            curve.extend(track.step, column, first, stop)
        self.version += 1

    def upto(self, branch: int, step: int) -> Series:
        """The series as it was when that step of that branch was its last: a copy that can go on by itself."""
        part = Series(self.name)
        part.branches = {
            number: curve.upto(step if number == branch else BEYOND)
            for number, curve in self.branches.items()
            if number <= branch
        }
        part.forks = self.forks.upto(branch)
        part.version = self.version + 1
        return part

    def live(self, start: float, end: float, width: int, at: int | None = None) -> Columns:
        """The line that led to branch `at`: to where the run is now when `None`."""
        columns, line = Columns.empty(width), self.forks.line(at)
        for branch, curve in self.branches.items():
            last = line.get(branch, -1)
            if last >= start:
                curve.draw(columns, start, end, 0, min(last, int(end)))
        return columns

    def entries(
        self, start: float, end: float, enough: int, at: int | None = None
    ) -> Iterator[tuple[int, float]]:
        """`(step, mean)` of the reports, or of `enough` stretches of them, on the line to branch `at`, in order."""
        first = start
        for branch, last in sorted(self.forks.line(at).items()):
            curve = self.branches.get(branch)
            if curve is not None and last >= first:
                yield from curve.entries(first, min(last, end), enough)
                first = max(first, last + 1)

    def extremes(self, at: int | None = None) -> Iterator[tuple[int, float, float]]:
        """`(step, low, high)` of every entry on the line to branch `at`, in order of steps."""
        first = 0
        for branch, last in sorted(self.forks.line(at).items()):
            curve = self.branches.get(branch)
            if curve is not None:
                yield from (entry for entry in curve.extremes() if first <= entry[0] <= last)
                first = max(first, last + 1)

    def abandoned(self, start: float, end: float, width: int, at: int | None = None) -> Columns:
        """All that is not on that line: the ends of branches that the run went back from, and later branches.

        No column at all where nothing is.
        """
        line = self.forks.line(at)
        left = [(curve, line.get(branch, -1)) for branch, curve in self.branches.items()]
        left = [(curve, last) for curve, last in left if last < min(end, curve.last_step)]
        columns = Columns.empty(width if left else 0)
        for curve, last in left:
            curve.draw(columns, start, end, last + 1, int(end))
        return columns

    def points(self, at: int | None = None) -> Iterator[tuple[int, float, bool]]:
        """`(step, value, live)` of every entry: for series of few points, such as validation."""
        line = self.forks.line(at)
        for branch, curve in self.branches.items():
            last = line.get(branch, -1)
            for step, value in curve.values():
                yield step, value, step <= last

    def _open(self, branch: int, fork_step: int) -> Curve:
        curve = self.branches[branch] = Curve()
        self.branches = dict(sorted(self.branches.items()))
        self.forks.setdefault(branch, fork_step)
        return curve


def stretches_of(branches: array[int]) -> list[tuple[int, int]]:
    """`(first, stop)` of the entries that follow each other on one branch, in order."""
    changes = compress(count(1), map(ne, branches, islice(branches, 1, None)))
    return list(pairwise([*[0][: len(branches)], *changes, len(branches)]))
