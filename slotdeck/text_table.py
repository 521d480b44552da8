"""Rows of text in columns that line up, for what is printed without a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def lined_up(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line a row, each column as wide as its longest cell; all rows have as many."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
