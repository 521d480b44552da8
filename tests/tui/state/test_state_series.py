"""Curves: what the operator sees of a million reports is the lowest and highest of them, forks included."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from tui.state.curves.curve import CAPACITY, Columns
from tui.state.curves.series import Series


@dataclass
class Buckets:
    min: array
    max: array
    last: array


@dataclass
class FakeTrack:
    branch: array
    step: array
    columns: dict[str, Buckets]


def track(
    steps: list[int], lows: list[float], highs: list[float], branches: list[int] | None = None
) -> FakeTrack:
    column = Buckets(array("d", lows), array("d", highs), array("d", highs))
    return FakeTrack(array("i", branches or [0] * len(steps)), array("q", steps), {"loss": column})


def seen(columns: Columns) -> list[tuple[int, float, float]]:
    return list(columns.filled())


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000),
    st.integers(1, 40),
)
def test_each_column_shows_the_lowest_and_highest_below_it(values: list[float], width: int) -> None:
    series = Series("loss")
    for step, value in enumerate(values):
        series.append(0, step, value)
    columns = series.live(0, len(values), width)
    assert min(low for _, low, _ in seen(columns)) == min(values)
    assert max(high for _, _, high in seen(columns)) == max(values)


def test_growing_after_drawing_shows_the_new_points() -> None:
    series = Series("loss")
    for step in range(5000):
        series.append(0, step, 1.0)
    series.live(0, 10_000, 10)
    for step in range(5000, 10_000):
        series.append(0, step, 2.0 if step != 7777 else 9.0)
        if step % 997 == 0:
            series.live(0, 10_000, 10)
    columns = series.live(0, 10_000, 10)
    assert list(columns.high) == [1.0] * 5 + [2.0, 2.0, 9.0, 2.0, 2.0]


def test_a_step_that_arrives_twice_counts_once() -> None:
    series = Series("loss")
    for step, value in ((1, 5.0), (2, 4.0), (2, 99.0), (1, 99.0)):
        series.append(0, step, value)
    assert seen(series.live(0, 3, 3)) == [(1, 5.0, 5.0), (2, 4.0, 4.0)]


def test_nan_and_inf_are_left_out_and_marked() -> None:
    series = Series("loss")
    for step, value in ((1, 5.0), (2, nan), (3, inf), (4, 4.0)):
        series.append(0, step, value)
    assert series.not_finite == [2, 3]
    assert seen(series.live(0, 5, 5)) == [(1, 5.0, 5.0), (4, 4.0, 4.0)]
    assert series.last == 4.0


def test_a_fork_leaves_the_abandoned_end_drawable_apart() -> None:
    series = Series("loss")
    for step in range(1, 8):
        series.append(0, step, 1.0)
    series.fork(1, 4)
    for step in range(5, 10):
        series.append(1, step, 2.0)
    assert [(x, low) for x, low, _ in seen(series.live(0, 10, 10))] == [
        *((x, 1.0) for x in range(1, 5)),
        *((x, 2.0) for x in range(5, 10)),
    ]
    assert [(x, low) for x, low, _ in seen(series.abandoned(0, 10, 10))] == [(5, 1.0), (6, 1.0), (7, 1.0)]


def test_a_fork_below_an_earlier_fork_abandons_both() -> None:
    series = Series("loss")
    for branch, first, last in ((0, 1, 9), (1, 6, 9), (2, 3, 4)):
        series.fork(branch, first - 1)
        for step in range(first, last + 1):
            series.append(branch, step, float(branch))
    assert [(x, low) for x, low, _ in seen(series.live(0, 10, 10))] == [
        (1, 0.0),
        (2, 0.0),
        (3, 2.0),
        (4, 2.0),
    ]


def test_a_loaded_track_and_the_reports_after_it_make_one_curve() -> None:
    series = Series("loss")
    loaded = track([64, 128, 192], [3.0, 2.0, 1.0], [4.0, 3.0, 2.0])
    series.load(loaded, loaded.columns["loss"])
    series.load(loaded, loaded.columns["loss"])
    series.append(0, 150, 99.0)
    series.append(0, 200, 0.5)
    assert seen(series.live(0, 256, 4)) == [(1, 3.0, 4.0), (2, 2.0, 3.0), (3, 0.5, 2.0)]
    assert series.last == 0.5


def test_a_track_forks_where_its_branch_changes_and_marks_what_is_not_finite() -> None:
    series = Series("loss")
    loaded = track([1, 2, 3, 3, 4], [5.0, 4.0, 3.0, nan, 1.0], [5.0, 4.0, 3.0, nan, 1.0], [0, 0, 0, 1, 1])
    series.load(loaded, loaded.columns["loss"])
    assert series.forks[1] == 2
    assert series.not_finite == [3]
    assert [x for x, _, _ in seen(series.abandoned(0, 5, 5))] == [3]


def test_a_curve_stays_within_its_capacity_and_keeps_its_extremes() -> None:
    series = Series("loss")
    steps = list(range(2 * CAPACITY))
    loaded = track(steps, [0.0] * len(steps), [1.0 if s != 777 else 8.0 for s in steps])
    series.load(loaded, loaded.columns["loss"])
    assert len(series.branches[0]) <= CAPACITY
    assert max(series.live(0, len(steps), 50).high) == 8.0
