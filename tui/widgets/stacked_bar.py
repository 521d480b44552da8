"""What the run holds of the device's memory: one bar of labelled parts, and a legend with the numbers.

The bar spans what the run holds. Where that is a good part of the device, it spans the device, with what
others hold and what is free; where it is not, both are told in words only.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from engine.protocol.events import MemorySplit
from tui.state.formatting import size
from tui.state.memory_history import OWN, own_bytes
from tui.widgets.lines import Lines, Pieces, justified

PARTS = (*OWN, "other", "free")
LETTERS = {
    "weights": "W",
    "gradients": "G",
    "optimizer": "O",
    "activations": "A",
    "cache": "C",
    "other": "X",
    "free": "·",
}
"""Written into the bar, so that the parts are told apart without colour."""
PART_LOOKS = {
    **{name: f"#ffffff on $memory-{name}" for name in OWN},
    "other": "auto on $foreground 40%",
    "free": "auto 60% on $foreground 10%",
}
FULL: dict[str, str] = {}
SHORT = {"gradients": "grads", "optimizer": "optim", "activations": "acts"}
NAMELESS = dict.fromkeys(LETTERS, "")
"""Names for a legend with less and less room."""

WHOLE_DEVICE_FROM = 0.2
"""The share of the device from which the bar spans all of it."""


class MemoryView(Struct, frozen=True):
    """What the bar shows."""

    split: MemorySplit | None
    device: str = ""
    """`cpu` or the GPU's name."""

    @property
    def own_bytes(self) -> int:
        """What the run holds."""
        return own_bytes(self.split) if self.split is not None else 0

    @property
    def free_bytes(self) -> int | None:
        """What nobody holds, where the device says how much there is."""
        split = self.split
        if split is None or split.total is None:
            return None
        return max(0, split.total - self.own_bytes - (split.other or 0))

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and bytes of each part of the bar, in its order."""
        split, free = self.split, self.free_bytes
        if split is None:
            return []
        own = [(name, getattr(split, name)) for name in OWN]
        if free is None or self.own_bytes < WHOLE_DEVICE_FROM * (split.total or 0):
            return own
        return [*own, ("other", split.other or 0), ("free", free)]


class StackedBar(Lines[MemoryView]):
    """Draws a `MemoryView`."""

    LOOKS: ClassVar[dict[str, str]] = {"title": "bold $foreground", "muted": "auto 60%", **PART_LOOKS}
    DEFAULT_CSS = "StackedBar { height: auto; min-height: 2; }"

    def rows_wanted(self, view: MemoryView, width: int) -> int:
        return 2 + len(self._legend(view.parts, width, 3))

    def draw(self, view: MemoryView, width: int, height: int) -> list[Pieces]:
        title, muted = self.look("title"), self.look("muted")
        if not view.own_bytes:
            return [[("memory", title)], [("not measured yet", muted)]]
        head: Pieces = [("memory ", title), (self._said(view, width - 7), muted)]
        out = [justified(head, [(view.device, muted)], width, muted), self._bar(view.parts, width)]
        return [*out, *self._legend(view.parts, width, height - 2)]

    def _said(self, view: MemoryView, room: int) -> str:
        held, free = size(view.own_bytes).strip(), view.free_bytes
        if view.split is None or view.split.total is None or free is None:
            return f"{held} held by this run"
        total = size(view.split.total).strip()
        longest_first = (
            f"{held} held by this run   {size(free).strip()} free of {total}",
            f"{held} by this run  {size(free).strip()} free",
            f"{held} of {total}",
        )
        return next((text for text in longest_first if len(text) <= room), longest_first[-1])

    def _bar(self, parts: list[tuple[str, int]], width: int) -> Pieces:
        row: Pieces = []
        for (name, num_bytes), columns in zip(parts, shares([n for _, n in parts], width), strict=True):
            wishes = (f" {name} {size(num_bytes).strip()} ", f" {name} ", f" {LETTERS[name]} ", LETTERS[name])
            text = next((wish for wish in wishes if len(wish) <= columns), "")
            row.append((text.ljust(columns, "·" if name == "free" else " "), self.look(name)))
        return row

    def _legend(self, parts: list[tuple[str, int]], width: int, lines: int) -> list[Pieces]:
        """One row where that holds all, else in columns; with as much of the names as fits into `lines`."""
        out: list[Pieces] = []
        for names, rows in ((FULL, 1), (SHORT, 1), (FULL, lines), (SHORT, lines), (NAMELESS, lines)):
            entries = []
            for part, num_bytes in parts:
                name = names.get(part, part)
                word = f"{' ' * bool(name)}{name} {size(num_bytes).strip():<8}"
                entries.append((part, word, len(word) + 3))
            per_line = len(entries)
            if sum(columns for _, _, columns in entries) - 2 > width:
                widest = max(columns for _, _, columns in entries)
                entries = [(part, word, widest) for part, word, _ in entries]
                per_line = max(1, (width + 2) // widest)
            out = [self._legend_row(entries[at : at + per_line]) for at in range(0, len(entries), per_line)]
            if len(out) <= rows:
                break
        return out[: max(lines, 0)]

    def _legend_row(self, entries: list[tuple[str, str, int]]) -> Pieces:
        muted = self.look("muted")
        row: Pieces = []
        for name, word, columns in entries:
            row += [(LETTERS[name], self.look(name)), (word.ljust(columns - 1), muted)]
        return row


def shares(amounts: list[int], width: int) -> list[int]:
    """`width` columns in proportion to `amounts`: all given out, and none but zero goes without."""
    total = sum(amounts)
    exact = [a / total * width for a in amounts]
    columns = [max(1, int(x)) if a else 0 for a, x in zip(amounts, exact, strict=True)]
    while sum(columns) > width and max(columns) > 1:
        columns[columns.index(max(columns))] -= 1
    while sum(columns) < width:
        short = [x - c for x, c in zip(exact, columns, strict=True)]
        columns[short.index(max(short))] += 1
    return columns
