"""A line in braille dots, two columns and four rows to a cell, from the low and high of each pixel column.

The chart layers several of these. Numpy-free: a 120x20 chart is 240 columns, under a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from tui.state.curves.curve import Columns

_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_FILL = [
    [[sum(_BITS[side][top : bottom + 1]) for bottom in range(4)] for top in range(4)] for side in range(2)
]
"""Dots of one side of a cell from row `top` to row `bottom`."""

CHARS = [" "] + [chr(0x2800 + bits) for bits in range(1, 256)]

Scale = Callable[[float], float]


FAR = 1e9
"""Dots beyond the edge, from which on a line is steep whatever it goes to."""


class Canvas:
    """Cells of braille dots."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows = [bytearray(width) for _ in range(height)]

    def line(self, columns: Columns, low: float, high: float, scale: Scale, pattern: int = 0xFF) -> None:
        """Draw a curve on an axis from `low` to `high` (already scaled).

        Each column reaches to its neighbour, so the line has no holes; where there are no values between two
        that are, it runs straight. `pattern`: which of eight columns are drawn, bit by bit.
        """
        bottom_px = self.height * 4 - 1
        per_unit = bottom_px / (high - low)
        last_x, last_top, last_bottom = -1, 0, 0
        for x, lowest, highest in columns.filled():
            try:
                top = round(min(max((high - scale(highest)) * per_unit, -FAR), FAR))
                bottom = round(min(max((high - scale(lowest)) * per_unit, -FAR), FAR))
            except (ValueError, OverflowError):  # a log axis has no place for zero and below
                continue
            if last_x >= 0 and x > last_x + 1:
                begin, end = (last_top + last_bottom) / 2, (top + bottom) / 2
                for between in range(last_x + 1, x):
                    y = round(begin + (end - begin) * (between - last_x) / (x - last_x))
                    reach = max(min(y, last_bottom + 1), min(last_top - 1, y))
                    self._bar(between, min(y, reach), max(y, reach), pattern)
                    last_top = last_bottom = y
            from_top, to_bottom = top, bottom
            if last_x >= 0:
                if top > last_bottom + 1:
                    from_top = last_bottom + 1
                elif bottom < last_top - 1:
                    to_bottom = last_top - 1
            self._bar(x, from_top, to_bottom, pattern)
            last_x, last_top, last_bottom = x, top, bottom

    def _bar(self, x: int, top: int, bottom: int, pattern: int) -> None:
        if not pattern >> (x & 7) & 1:
            return
        limit = self.height * 4 - 1
        if bottom < 0 or top > limit:
            return
        top, bottom = max(top, 0), min(bottom, limit)
        fill, cell = _FILL[x & 1], x >> 1
        first, last = top >> 2, bottom >> 2
        for row in range(first, last + 1):
            a = top & 3 if row == first else 0
            b = bottom & 3 if row == last else 3
            self.rows[row][cell] |= fill[a][b]


def extent(columns: Columns, scale: Scale, trim: float = 0.0) -> tuple[float, float]:
    """Lowest and highest scaled value, a share of outlying columns at either end left out."""
    lows, highs = [], []
    for _, low, high in columns.filled():
        try:
            lows.append(scale(low))
            highs.append(scale(high))
        except (ValueError, OverflowError):
            continue
    if not lows:
        return inf, -inf
    lows.sort()
    highs.sort()
    cut = int(len(lows) * trim)
    return lows[cut], highs[-1 - cut]
