"""What held the device's memory over the steps, part upon part; a column stands for the most that its steps held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from engine.protocol.events import MemorySplit
from tui.state.curves.stepped import column_of, lasting
from tui.state.formatting import fit, size
from tui.state.memory_history import OWN, own_bytes
from tui.widgets.lines import Lines, Pieces, steps_below
from tui.widgets.stacked_bar import LETTERS, WHOLE_DEVICE_FROM, shares

LABEL = 10
"""Columns of the bytes at the left."""
LETTER_EVERY = 8
"""Columns between two letters that tell the parts apart without colour."""


@dataclass(frozen=True, slots=True)
class MemoryAreaView:
    """What is drawn."""

    splits: tuple[MemorySplit, ...]
    """In order of their steps."""
    peak: MemorySplit | None = None


class MemoryArea(Lines[MemoryAreaView]):
    """Draws a `MemoryAreaView`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "memory-area--title", "memory-area--quiet", "memory-area--none",
        *(f"memory-area--{name}" for name in (*OWN, "other", "free")),
    }  # fmt: skip
    DEFAULT_CSS = """
    MemoryArea > .memory-area--title { color: $foreground; text-style: bold; }
    MemoryArea > .memory-area--quiet { color: $quiet; }
    MemoryArea > .memory-area--other { background: $foreground 40%; color: auto; }
    MemoryArea > .memory-area--free { background: $foreground 10%; color: $text-muted; }
    """

    def draw(self, view: MemoryAreaView, width: int, height: int) -> list[Pieces]:
        title, quiet = self.look("title"), self.look("quiet")
        if not view.splits or view.peak is None:
            return [[("over the steps", title)], [("not measured yet", quiet)]]
        peak = f"  the most: {size(own_bytes(view.peak)).strip()} at step {view.peak.step:,}"
        out: list[Pieces] = [[("over the steps", title), (fit(peak, max(0, width - 14)), quiet)]]
        room, tall = width - LABEL, height - 2
        if room < 8 or tall < 1:
            return out
        first, last = view.splits[0].step, view.splits[-1].step
        columns = _binned(view.splits, first, last, room)
        whole = _whole_device(view.peak)
        top = (view.peak.total or 0) if whole else own_bytes(view.peak)
        stacks = {id(split): _stack(split, top, tall, whole) for split in columns if split is not None}
        for y in range(tall):
            label = size(top) if y == 0 else ""
            row: Pieces = [(f"{label:>{LABEL - 1}} ", quiet)]
            x = 0
            for name, run in groupby(stacks[id(split)][y] if split else "none" for split in columns):
                count = len(list(run))
                row.append((_texture(name, x, count), self.look(name)))
                x += count
            out.append(row)
        out.append([(steps_below(first, last, LABEL, room), quiet)])
        return out


def _binned(splits: tuple[MemorySplit, ...], first: int, last: int, width: int) -> list[MemorySplit | None]:
    """For each column the split that held most; one without any goes on as the one before it."""
    columns: list[MemorySplit | None] = [None] * width
    for split in splits:
        at = column_of(split.step, first, last, width)
        before = columns[at]
        if before is None or own_bytes(split) >= own_bytes(before):
            columns[at] = split
    return lasting(columns)


def _stack(split: MemorySplit, top: int, tall: int, whole: bool) -> list[str]:
    """The parts of one column from the top down; a part that is held at all has a row where there are enough."""
    parts = [(name, int(getattr(split, name))) for name in OWN]
    if whole:
        parts += [("other", split.other or 0)]
    held = sum(num_bytes for _, num_bytes in parts)
    rows = min(tall, max(1, round(held / top * tall))) if held and top else 0
    if rows >= sum(1 for _, num_bytes in parts if num_bytes):
        drawn = shares([num_bytes for _, num_bytes in parts], rows)
        names = [name for (name, _), count in zip(parts, drawn, strict=True) for _ in range(count)]
    else:
        names = [_at_level(parts, (row + 0.5) / rows * held) for row in range(rows)]
    return list(reversed(names + ["free" if whole else "none"] * (tall - len(names))))


def _at_level(parts: list[tuple[str, int]], level: float) -> str:
    """The part that lies so many bytes above the ground."""
    edge = 0
    for name, num_bytes in parts:
        edge += num_bytes
        if level < edge:
            return name
    return parts[-1][0]


def _whole_device(split: MemorySplit) -> bool:
    """As in the bar: the device is drawn whole where the run holds a good part of it."""
    return bool(split.total) and own_bytes(split) >= WHOLE_DEVICE_FROM * (split.total or 0)


def _texture(name: str, x: int, count: int) -> str:
    """Blanks with the part's letter now and then, at the same columns in every row."""
    letter = LETTERS.get(name, " ")
    return "".join(letter if at % LETTER_EVERY == 4 else " " for at in range(x, x + count))
