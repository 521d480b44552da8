"""A run as a comparison knows it: its curves over steps, tokens or time, its profile, and what the operator did.

Filled by `tui.link.compare`; screens read it. What it holds is bounded by the log's pyramid.
"""

from __future__ import annotations

import tomllib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Literal

from msgspec import Struct

from tui.state.curves.curve import Column, Track
from tui.state.curves.series import Series
from tui.state.curves.timeline import Timeline
from tui.state.store import RunStore

Axis = Literal["steps", "tokens", "time"]
AXES: tuple[Axis, ...] = ("steps", "tokens", "time")
MOST_RUNS = 8
QUANTITIES = {
    "mean loss": "loss_ema", "loss": "loss", "validation loss": "val_loss", "lr": "lr", "grad norm": "grad_norm",
    "tokens/s": "tokens_per_s", "step ms": "step_ms", "active slots": "active_slots",
}  # fmt: skip
"""What can be compared -> the field of a step report; `val_loss` comes from evaluations."""


class Aligned(Struct, frozen=True):
    """A track with something else in the place of its steps."""

    branch: array[int]
    step: array[int]
    columns: Mapping[str, Column]


class RunChoice(Struct, frozen=True):
    """A run that can be compared, in one row."""

    path: Path
    name: str
    profile: str
    state: str
    step: int
    loss: float | None

    @property
    def text(self) -> str:
        """What a filter looks in."""
        return f"{self.name} {self.profile} {self.state}"


class Action(Struct, frozen=True):
    """Something that a run's operator did, at its place on an axis."""

    x: int
    text: str
    left: bool
    """On a branch that does not lead to where the run is."""


@dataclass(slots=True)
class Points:
    """An evaluation's losses as a column of a track."""

    min: array[float]
    max: array[float]
    last: array[float]


@dataclass(slots=True)
class ComparedRun:
    """One of the runs side by side."""

    path: Path
    fault: str = ""
    """Why it cannot be read; empty while it can."""
    loading: bool = True
    live: bool = False
    store: RunStore = field(default_factory=RunStore)
    """The run to its end; its curves are not used."""
    walls: array[float] = field(default_factory=lambda: array("d"))
    """Unix time of each entry of `track`."""
    track: Track | None = None
    timeline: Timeline | None = None
    version: int = 0
    """Rises when it grew."""
    _xs: dict[Axis, array[int]] = field(default_factory=dict)
    _series: dict[tuple[str, Axis], Series] = field(default_factory=dict)
    _on_line: dict[tuple[str, Axis], tuple[list[int], list[float]]] = field(default_factory=dict)
    _actions: dict[Axis, tuple[Action, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the run folder."""
        return self.path.name

    @property
    def state(self) -> str:
        """In one word."""
        if self.fault:
            return "unreadable"
        if self.loading:
            return "reading"
        if self.live:
            return self.store.state or "starting"
        return self.store.ended.outcome if self.store.ended is not None else "killed"

    def grew(self) -> None:
        """What was made from the track is made again when it is asked for."""
        self.version += 1
        for made in (self._xs, self._series, self._on_line, self._actions):
            made.clear()

    def series(self, quantity: str, axis: Axis) -> Series:
        """A quantity over an axis: as whole steps, tokens, or thousandths of a second at work."""
        key = (quantity, axis)
        if key not in self._series:
            self._series[key] = self._made(quantity, axis)
        return self._series[key]

    def last_x(self, axis: Axis) -> int | None:
        """How far it got; `None` before its first report."""
        xs = self._x_of(axis)
        return max(xs) if xs else None

    def value_at(self, quantity: str, axis: Axis, x: int) -> float | None:
        """The newest value up to `x` on the way to where the run is; `None` before its first and beyond its end."""
        key = (quantity, axis)
        if key not in self._on_line:
            self._on_line[key] = self._line(quantity, axis)
        xs, values = self._on_line[key]
        last = self.last_x(axis)
        at = bisect_right(xs, x)
        return values[at - 1] if at and last is not None and x <= last else None

    def actions(self, axis: Axis) -> tuple[Action, ...]:
        """What the operator did, in the order it was done."""
        if axis not in self._actions:
            line = self.store.series["loss"].forks.line()
            self._actions[axis] = tuple(
                Action(
                    self.place_of(axis, tick.branch, tick.step),
                    tick.text,
                    tick.step > line.get(tick.branch, -1),
                )
                for tick in self.store.ticks
            )
        return self._actions[axis]

    @property
    def profile(self) -> dict[str, str]:
        """Dotted key -> value as text; empty before the run began."""
        text = self.store.run.profile_toml if self.store.run is not None else ""
        try:
            return dict(_flat(tomllib.loads(text)))
        except tomllib.TOMLDecodeError:
            return {}

    # -- inside ------------------------------------------------------------------------------------------

    def _x_of(self, axis: Axis) -> array[int]:
        if axis not in self._xs:
            self._xs[axis] = self._counted(axis)
        return self._xs[axis]

    def _counted(self, axis: Axis) -> array[int]:
        if self.track is None:
            return array("q")
        match axis:
            case "steps":
                return self.track.step
            case "tokens":
                return array("q", [int(n) if isfinite(n) else 0 for n in self.track.columns["tokens"].last])
            case "time":
                assert self.timeline is not None, "a track has a timeline"
                return array("q", [int(self.timeline.work_s(wall_s) * 1000) for wall_s in self.walls])

    def place_of(self, axis: Axis, branch: int, step: int) -> int:
        """Where a step of a branch is on an axis."""
        track = self.track
        if axis == "steps" or track is None:
            return step
        xs = self._x_of(axis)
        end = bisect_right(track.branch, branch)
        begin = bisect_left(track.branch, branch)
        at = bisect_left(track.step, step, begin, end)  # the first report that had done the step
        if at < end:
            return xs[at]
        return xs[end - 1] if end else 0

    def _made(self, quantity: str, axis: Axis) -> Series:
        series = Series(quantity)
        forks = self.store.series["loss"].forks
        for branch, step in ((branch, step) for branch, step in forks.items() if branch):
            came_from = forks.came_from(branch)
            series.fork(branch, self.place_of(axis, came_from, step), came_from)
        if self.track is None:
            return series
        aligned, column = self._column(quantity, axis)
        if column is not None:
            series.load(aligned, column)
        series.version = self.version + 1
        return series

    def _column(self, quantity: str, axis: Axis) -> tuple[Aligned, Column | None]:
        assert self.track is not None, "only what was read has columns"
        name = QUANTITIES[quantity]
        if name != "val_loss":
            aligned = Aligned(self.track.branch, self._x_of(axis), self.track.columns)
            return aligned, self.track.columns.get(name)
        found = self.store.evaluations
        losses = array("d", [each.loss for each in found])
        xs = array("q", [self.place_of(axis, each.branch, each.step) for each in found])
        branches = array("i", [each.branch for each in found])
        return Aligned(branches, xs, {}), Points(losses, losses, losses)

    def _line(self, quantity: str, axis: Axis) -> tuple[list[int], list[float]]:
        if self.track is None:
            return [], []
        aligned, column = self._column(quantity, axis)
        line = self.series(quantity, axis).forks.line()
        points = [
            (x, value)
            for branch, x, value in zip(
                aligned.branch, aligned.step, column.last if column else (), strict=False
            )
            if x <= line.get(branch, -1) and isfinite(value)
        ]
        return [x for x, _ in points], [value for _, value in points]


def _flat(table: dict[str, object], before: str = "") -> list[tuple[str, str]]:
    """`{"train": {"steps": 10}}` -> `train.steps`, `10`."""
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{key}.")
        else:
            found.append((f"{before}{key}", str(value)))
    return found


def differing_keys(runs: list[ComparedRun]) -> list[tuple[str, tuple[str, ...]]]:
    """Keys of the profiles that are not the same in all runs, with each run's value; empty text where it has none."""
    profiles = [run.profile for run in runs]
    keys = dict.fromkeys(key for profile in profiles for key in profile)
    rows = [(key, tuple(profile.get(key, "") for profile in profiles)) for key in keys]
    return [row for row in rows if len(set(row[1])) > 1]


def common_x(runs: list[ComparedRun], axis: Axis) -> int | None:
    """How far all of them got: where they can be compared last."""
    ends = [end for run in runs if (end := run.last_x(axis)) is not None]
    return min(ends, default=None)
