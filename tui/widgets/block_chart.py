"""Values as columns of blocks, an eighth of a row fine. Pure text: any widget can put it into its rows."""

from __future__ import annotations

from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"


def block_rows(values: Sequence[float | None], height: int, top: float) -> list[str]:
    """`height` rows from the top down, a character a value: 0 at the bottom, `top` at the upper edge.

    A value above 0 always shows something; one that is not known is a blank.
    """
    units = [_units(value / top, height) if value and value > 0 and top > 0 else 0 for value in values]
    return [
        "".join(EIGHTHS[min(max(unit - 8 * row, 0), 8)] for unit in units)
        for row in range(height - 1, -1, -1)
    ]


def _units(share: float, height: int) -> int:
    return max(1, round(min(1.0, share) * height * 8))
