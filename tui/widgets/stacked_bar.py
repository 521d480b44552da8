"""What holds the device's memory: one bar of labelled parts, and a legend with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.protocol.events import MemorySplit
from tui.state.formatting import size
from tui.widgets.lines import Lines, Pieces, justified

PARTS = ("weights", "gradients", "optimizer", "activations", "cache", "other", "free")
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

LEGEND = 25
"""Columns of an entry of the legend."""
SHORT_LEGEND = 12
"""The same without the name."""


@dataclass(frozen=True, slots=True)
class MemoryView:
    """What the bar shows."""

    split: MemorySplit | None
    device: str = ""
    """`cpu` or the GPU's name."""
    budget_bytes: int | None = None

    @property
    def parts(self) -> list[tuple[str, int]]:
        """Name and bytes of each part, `free` last where the total is known."""
        split = self.split
        if split is None:
            return []
        own = [(name, getattr(split, name)) for name in PARTS[:5]]
        if split.other is not None:
            own.append(("other", split.other))
        if split.total is not None:
            own.append(("free", max(0, split.total - sum(n for _, n in own))))
        return own


class StackedBar(Lines[MemoryView]):
    """Draws a `MemoryView`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "stacked-bar--title", "stacked-bar--muted", *(f"stacked-bar--{name}" for name in PARTS)
    }  # fmt: skip
    DEFAULT_CSS = """
    StackedBar { height: auto; min-height: 2; }
    StackedBar > .stacked-bar--title { color: $foreground; text-style: bold; }
    StackedBar > .stacked-bar--muted { color: $text-muted; }
    StackedBar > .stacked-bar--weights { background: $primary; color: auto; }
    StackedBar > .stacked-bar--gradients { background: $success; color: auto; }
    StackedBar > .stacked-bar--optimizer { background: $warning; color: auto; }
    StackedBar > .stacked-bar--activations { background: $error; color: auto; }
    StackedBar > .stacked-bar--cache { background: $secondary; color: auto; }
    StackedBar > .stacked-bar--other { background: $foreground 40%; color: auto; }
    StackedBar > .stacked-bar--free { background: $foreground 10%; color: $text-muted; }
    """

    def rows_wanted(self, view: MemoryView, width: int) -> int:
        return 2 + -(-len(view.parts) // _per_line(width))

    def draw(self, view: MemoryView, width: int, height: int) -> list[Pieces]:
        title, muted = self.look("title"), self.look("muted")
        parts = view.parts
        if view.split is None or not sum(n for _, n in parts):
            return [[("memory", title)], [("not measured yet", muted)]]
        own = sum(n for name, n in parts if name not in ("other", "free"))
        said = f"{size(own).strip()} by this run"
        if view.split.total is not None:
            said += f" of {size(view.split.total).strip()}"
        head: Pieces = [("memory ", title), (said, muted)]
        out = [justified(head, [(view.device, muted)], width, muted), self._bar(parts, width)]
        return [*out, *self._legend(parts, width, height - 2)]

    def _bar(self, parts: list[tuple[str, int]], width: int) -> Pieces:
        row: Pieces = []
        for (name, num_bytes), columns in zip(parts, shares([n for _, n in parts], width), strict=True):
            letter = LETTERS[name]
            text = next(
                (t for t in (f" {name} {size(num_bytes).strip()} ", f" {name} ") if len(t) <= columns), ""
            )
            if not text:
                text = letter if columns < 3 else f" {letter} "
            fill = "·" if name == "free" else " "
            row.append((text[:columns].ljust(columns, fill), self.look(name)))
        return row

    def _legend(self, parts: list[tuple[str, int]], width: int, lines: int) -> list[Pieces]:
        """Named where there is room for all, else by letter."""
        muted = self.look("muted")
        full = -(-len(parts) // _per_line(width)) <= lines
        per_line = _per_line(width) if full else max(1, width // SHORT_LEGEND)
        out: list[Pieces] = []
        for first in range(0, len(parts), per_line):
            row: Pieces = []
            for name, num_bytes in parts[first : first + per_line]:
                if full:
                    row += [
                        (f" {LETTERS[name]} ", self.look(name)),
                        (f" {name:<11}{size(num_bytes)} ", muted),
                    ]
                else:
                    row += [(LETTERS[name], self.look(name)), (f" {size(num_bytes).strip():<8}  ", muted)]
            out.append(row)
        return out[: max(lines, 0)]


def _per_line(width: int) -> int:
    return max(1, width // LEGEND)


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
