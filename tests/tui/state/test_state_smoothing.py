"""The smoothed curve: TensorBoard's mean, the same at every zoom, and cheap however long the run."""

from __future__ import annotations

import random

import pytest

from tui.state.curves.series import Series
from tui.state.curves.smoothing import LEVELS, next_level, smoothed, smoothed_at


def series_of(values: list[float], stride: int = 1, branch: int = 0, first: int = 0) -> Series:
    series = Series("loss")
    for at, value in enumerate(values):
        series.append(branch, first + at * stride, value)
    return series


def textbook(values: list[float], weight: float) -> list[float]:
    total, out = 0.0, []
    for count, value in enumerate(values, 1):
        total = weight * total + (1 - weight) * value
        out.append(total / (1 - weight**count))
    return out


@pytest.mark.parametrize("weight", LEVELS[1:])
@pytest.mark.parametrize("stride", [1, 5])
def test_it_is_the_mean_that_tensorboard_draws(weight: float, stride: int) -> None:
    dice = random.Random(1)
    values = [5 + dice.gauss(0, 1) for _ in range(400)]
    series = series_of(values, stride)
    columns = smoothed(series, 0, 400 * stride, 400, weight)
    assert list(columns.low) == pytest.approx(textbook(values, weight))
    assert smoothed_at(series, 200 * stride, weight) == pytest.approx(textbook(values, weight)[200], rel=1e-3)


def test_zooming_in_does_not_move_it() -> None:
    dice = random.Random(2)
    series = series_of([4 + dice.gauss(0, 1) for _ in range(3000)])
    whole = smoothed(series, 0, 3000, 3000, 0.9)
    part = smoothed(series, 2000, 2100, 100, 0.9)
    assert list(part.low[:-1]) == pytest.approx(list(whole.low[2000:2099]), abs=0.01)


def test_a_million_reports_cost_no_more_than_the_columns_drawn() -> None:
    series = series_of([float(at % 2) for at in range(100_000)])
    taken = list(series.entries(0, 100_000, 200))
    assert len(taken) < 200 * 8
    assert {round(value, 3) for _, value in taken} == {0.5}, "a stretch stands for its mean, not its extremes"
    assert {round(mean, 3) for mean in smoothed(series, 0, 100_000, 200, 0.6).low} == {0.5}


def test_it_goes_on_over_a_fork_from_the_step_gone_back_to() -> None:
    series = series_of([1.0] * 10)
    series.fork(1, 4)
    for step in range(5, 10):
        series.append(1, step, 2.0)
    columns = smoothed(series, 0, 10, 10, 0.5)
    assert list(columns.low) == pytest.approx(textbook([1.0] * 5 + [2.0] * 5, 0.5))
    assert smoothed_at(series, 9, 0.5, at=0) == pytest.approx(1.0)


def test_its_key_goes_round() -> None:
    weight, seen = 0.0, []
    for _ in LEVELS:
        seen.append(weight)
        weight = next_level(weight)
    assert tuple(seen) == LEVELS
    assert weight == 0.0
