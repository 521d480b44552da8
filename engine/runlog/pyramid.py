"""The scalars of step reports as columns: bucketed for a footer, raw for the newest stretch.

Called by the writer (to seal a segment) and by History. `last` is exact, so a loss is shown as it was logged.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import astuple

from engine.protocol.events import StepReport
from engine.runlog.packed import floats, ints, to_bytes
from engine.runlog.segment import Pyramid

BUCKET = 64
"""Reports in one bucket of a sealed segment."""
NAN = float("nan")
_FIELDS = StepReport.__struct_fields__
_STEP = _FIELDS.index("step")
_BRANCH = _FIELDS.index("branch")
COLUMNS: dict[str, int] = {
    name: place for place, name in enumerate(_FIELDS) if name not in ("step", "branch", "precision")
}
"""Scalar field -> its place in a report."""

Row = tuple[float, ...]


def countable(report: StepReport) -> bool:
    """Whether its place fits the columns. No run gets further; a report that says so is not taken up."""
    return max(abs(report.step), abs(report.steps)) < 1 << 62 and 0 <= report.branch < 1 << 31


@dataclass(slots=True)
class Column:
    """One scalar over the buckets."""

    min: array[float] = field(default_factory=lambda: array("d"))
    max: array[float] = field(default_factory=lambda: array("d"))
    last: array[float] = field(default_factory=lambda: array("d"))

    def extend(self, other: Column) -> None:
        """Append the buckets of `other`."""
        self.min.extend(other.min)
        self.max.extend(other.max)
        self.last.extend(other.last)

    def pad(self, count: int) -> None:
        """Append buckets without a value: the field is newer than they are."""
        nothing = array("d", [NAN]) * count
        self.extend(Column(nothing, nothing, nothing))


@dataclass(slots=True)
class Track:
    """Step reports as columns of equal length, in the order logged. A bucket never mixes branches."""

    branch: array[int] = field(default_factory=lambda: array("i"))
    step: array[int] = field(default_factory=lambda: array("q"))
    """Of the bucket's last report."""
    wall_s: array[float] = field(default_factory=lambda: array("d"))
    """Of the bucket's last report, Unix time."""
    columns: dict[str, Column] = field(default_factory=lambda: {name: Column() for name in COLUMNS})

    def __len__(self) -> int:
        return len(self.step)

    def extend(self, other: Track) -> None:
        """Append the buckets of `other`; a column that one of them lacks reads NaN there."""
        for name, column in other.columns.items():
            if name not in self.columns:
                self.columns[name] = Column()
                self.columns[name].pad(len(self))
            self.columns[name].extend(column)
        for name in self.columns.keys() - other.columns.keys():
            self.columns[name].pad(len(other))
        self.branch.extend(other.branch)
        self.step.extend(other.step)
        self.wall_s.extend(other.wall_s)


class PyramidBuilder:
    """Takes the reports of one segment as they are logged; gives its pyramid."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._t_ns: list[int] = []
        self._branch = 0
        self._times: array[int] = array("Q")
        self._track = Track()
        self.reports = 0

    def add(self, report: StepReport, t_ns: int) -> None:
        """Take the next report."""
        if self._rows and (report.branch != self._branch or len(self._rows) == BUCKET):
            self._close_bucket()
        self._branch = report.branch
        self._rows.append(astuple(report))
        self._t_ns.append(t_ns)
        self.reports += 1

    @property
    def size_bytes(self) -> int:
        """What `pack` would take, about."""
        return (len(self._track) + 1) * (20 + 24 * len(COLUMNS))

    def pack(self) -> Pyramid:
        """The pyramid as it stands in a footer."""
        if self._rows:
            self._close_bucket()
        track = self._track
        return Pyramid(
            bucket=BUCKET,
            reports=self.reports,
            branch=to_bytes(track.branch),
            step=to_bytes(track.step),
            t_ns=to_bytes(self._times),
            columns={
                name: (to_bytes(c.min), to_bytes(c.max), to_bytes(c.last))
                for name, c in track.columns.items()
            },
        )

    def _close_bucket(self) -> None:
        _add_bucket(self._track, self._rows)
        self._times.append(self._t_ns[-1])
        self._rows, self._t_ns = [], []


def unpack(pyramid: Pyramid, wall_s: float, mono_ns: int) -> Track:
    """A footer's pyramid as a track; `wall_s` and `mono_ns` are the segment header's clock."""
    return Track(
        branch=ints("i", pyramid.branch),
        step=ints("q", pyramid.step),
        wall_s=array("d", [wall_s + (t - mono_ns) / 1e9 for t in ints("Q", pyramid.t_ns)]),
        columns={name: Column(*map(floats, packed)) for name, packed in pyramid.columns.items()},
    )


def raw_track(rows: Sequence[Row], t_ns: Sequence[int], wall_of: Callable[[int], float]) -> Track:
    """One bucket per report: min, max and last are the value itself."""
    track = Track()
    if not rows:
        return track
    by_field = list(zip(*rows, strict=True))
    track.step.extend(by_field[_STEP])
    track.branch.extend(by_field[_BRANCH])
    track.wall_s.extend(map(wall_of, t_ns))
    for name, place in COLUMNS.items():
        values = array("d", _numbers(by_field[place]))
        track.columns[name].extend(Column(values, values, values))
    return track


def bucketed_track(rows: Sequence[Row], t_ns: Sequence[int], wall_of: Callable[[int], float]) -> Track:
    """Buckets as a footer has them."""
    track = Track()
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or at - start == BUCKET or rows[at][_BRANCH] != rows[start][_BRANCH]:
            _add_bucket(track, rows[start:at])
            track.wall_s.append(wall_of(t_ns[at - 1]))
            start = at
    return track


def _add_bucket(track: Track, rows: Sequence[Row]) -> None:
    by_field = list(zip(*rows, strict=True))
    track.step.append(int(by_field[_STEP][-1]))
    track.branch.append(int(by_field[_BRANCH][-1]))
    for name, place in COLUMNS.items():
        values = _numbers(by_field[place])
        column = track.columns[name]
        column.last.append(values[-1])
        if not math.isfinite(sum(values)):
            values = [v for v in values if math.isfinite(v)] or [NAN]
        column.min.append(min(values))
        column.max.append(max(values))


def _numbers(values: Sequence[float | None]) -> Sequence[float]:
    """None (not known) as NaN."""
    return [NAN if v is None else v for v in values] if None in values else values  # type: ignore[return-value]
