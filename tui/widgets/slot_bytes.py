"""The bytes that each slot holds, a column a slot: weights, gradients and optimizer states."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from engine.protocol.events import MemorySplit
from tui.state.formatting import fit, size
from tui.widgets.block_chart import block_rows
from tui.widgets.lines import Lines, Pieces

WIDEST = 10
"""Columns of a slot, its gap included."""


class SlotBytesView(Struct, frozen=True):
    """What is drawn."""

    split: MemorySplit | None
    names: tuple[str, ...] = ()


class SlotBytes(Lines[SlotBytesView]):
    """Draws a `SlotBytesView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "quiet": "$quiet", "bars": "$foreground 60%",
    }  # fmt: skip

    def draw(self, view: SlotBytesView, width: int, height: int) -> list[Pieces]:
        title, quiet = self.look("title"), self.look("quiet")
        held = view.split.slots if view.split is not None else []
        if view.split is None or not held:
            return [[("by slot", title)], [("not measured yet", quiet)]]
        low, high = size(min(held)).strip(), size(max(held)).strip()
        stem = view.split.weights + view.split.gradients + view.split.optimizer - sum(held)
        each = f"{high} each" if low == high else f"{low} to {high}"
        wishes = (f"  {each}, stem {size(max(0, stem)).strip()}", f"  {each}")
        said = next((wish for wish in wishes if len(wish) <= width - 7), wishes[-1])
        merged = -(-len(held) // max(1, width))
        cell = max(1, min(WIDEST, width // len(held)))
        ink = cell - 1 if cell >= 3 else cell
        bars = [max(held[first : first + merged]) for first in range(0, len(held), merged)]
        values = [float(value) if x < ink else None for value in bars for x in range(cell)]
        rows = block_rows(values, max(1, height - 2), float(max(held)))
        out: list[Pieces] = [[("by slot", title), (fit(said, max(0, width - 7)), quiet)]]
        out += [[(row, self.look("bars"))] for row in rows]
        return [*out, [(_numbers(len(bars), cell, merged, width), quiet)]]


def _numbers(count: int, cell: int, merged: int, width: int) -> str:
    """The slots' numbers below them, as many as there is room for."""
    text = ""
    for at in range(count):
        if at * cell >= len(text) + bool(text):
            text = text.ljust(at * cell) + str(at * merged)
    return text[:width]
