"""What is read off a run: its speed, and its validation loss at a given time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise

SPANS = 10
WARM_STEPS = 3
Curve = Sequence[Sequence[float]]
"""Points (tokens, seconds of training, validation loss), by time."""


def warm_steps(steps: int) -> int:
    """How many of a run's first steps are left out of its speed."""
    return min(WARM_STEPS, steps // 2)


def seconds_per_step(steps: Sequence[tuple[int, float]]) -> float:
    """Of the steps after the warm-up, the mean over ten equal spans of the median in each.

    The median keeps the machine's other work out; the spans keep a run in whose course the work changes, as an anneal's
    does, from being judged by its middle.

    Args:
        steps: (steps, seconds per step) of each window, in order.
    """
    assert steps, "a run without a window has no speed"
    each = [seconds for count, seconds in steps for _ in range(count)]
    spans = min(SPANS, len(each))
    cuts = [len(each) * i // spans for i in range(spans + 1)]
    return statistics.fmean(statistics.median(each[a:b]) for a, b in pairwise(cuts))


def loss_at(curve: Curve, seconds: float) -> float:
    """The validation loss when that much training time is over, between two evaluations by a straight line.

    A run that was done before counts with its last value: the time it had left is not used. A run that was not is
    judged in mid-schedule, its rate not yet down.
    """
    before = curve[0]
    for point in curve:
        if point[1] >= seconds:
            share = (seconds - before[1]) / (point[1] - before[1]) if point[1] > before[1] else 1.0
            return before[2] + share * (point[2] - before[2])
        before = point
    return before[2]
