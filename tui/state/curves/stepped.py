"""Points over steps brought to so many columns: each holds what was so by then, and a value lasts until the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
Point = tuple[int, float]
"""A step and a value."""


def column_of(step: int, first: int, last: int, width: int) -> int:
    """The column of a step between the first and the last."""
    return min(max((step - first) * width // max(1, last - first + 1), 0), width - 1)


def means(points: Iterable[Point], first: int, last: int, width: int) -> list[float | None]:
    """`width` columns: the mean of the points in each; one without any goes on as the one before it."""
    sums = [0.0] * width
    counts = [0] * width
    for step, value in points:
        at = column_of(step, first, last, width)
        sums[at] += value
        counts[at] += 1
    return lasting([total / n if n else None for total, n in zip(sums, counts, strict=True)])


def lasting(columns: Sequence[T | None]) -> list[T | None]:
    """Gaps filled with what stood before them."""
    before: T | None = None
    out: list[T | None] = []
    for value in columns:
        before = value if value is not None else before
        out.append(before)
    return out
