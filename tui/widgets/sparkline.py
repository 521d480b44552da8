"""A curve in one row of text, for lists of runs. Pure text: any table or label can hold it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """`width` characters: the mean of each stretch of `values`, scaled to its own range.

    What is not finite is a space; fewer values than columns are stretched, none give spaces.
    """
    if not values or width <= 0:
        return " " * max(width, 0)
    means = []
    for x in range(width):
        first = x * len(values) // width
        part = values[first : max(first + 1, (x + 1) * len(values) // width)]
        finite = [v for v in part if isfinite(v)]
        means.append(sum(finite) / len(finite) if finite else None)
    known = [m for m in means if m is not None]
    if not known:
        return " " * width
    low, spread = min(known), max(known) - min(known)
    return "".join(
        " " if m is None else BARS[round((m - low) / spread * 7)] if spread else BARS[3] for m in means
    )
