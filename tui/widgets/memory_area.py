"""What held the device's memory over the steps, part upon part; a column stands for the most that its steps held."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from msgspec import Struct
from rich.style import Style

from engine.protocol.events import MemorySplit
from tui.state.curves.stepped import column_of, lasting
from tui.state.formatting import fit, size
from tui.state.memory_history import OWN, own_bytes
from tui.widgets.lines import Lines, Pieces, steps_below
from tui.widgets.stacked_bar import LETTERS, PART_LOOKS, WHOLE_DEVICE_FROM

LABEL = 10
"""Columns of the bytes at the left."""
LETTER_EVERY = 8
"""Columns between two letters that tell the parts apart without colour."""
LOWER_HALF = "▄"


class MemoryAreaView(Struct, frozen=True):
    """What is drawn."""

    splits: tuple[MemorySplit, ...]
    """In order of their steps."""
    peak: MemorySplit | None = None


class MemoryArea(Lines[MemoryAreaView]):
    """Draws a `MemoryAreaView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "quiet": "$quiet", "none": "", **PART_LOOKS,
    }  # fmt: skip

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
        fine = not self.app.no_color
        stacks = {
            id(split): _Stack.of(split, top, tall, whole, fine) for split in columns if split is not None
        }
        drawn = [stacks[id(split)] if split is not None else _Stack.none(tall) for split in columns]
        for y in range(tall):
            label = size(top) if y == 0 else ""
            row: Pieces = [(f"{label:>{LABEL - 1}} ", quiet)]
            cells = [self._cell(stack, x, y) for x, stack in enumerate(drawn)]
            row += [
                ("".join(c for c, _ in run), ink) for ink, run in groupby(cells, key=lambda cell: cell[1])
            ]
            out.append(row)
        out.append([(steps_below(first, last, LABEL, room), quiet)])
        return out

    def _cell(self, stack: _Stack, x: int, y: int) -> tuple[str, Style]:
        """A part's ground, with its letter now and then; or two parts, one in the lower half."""
        upper, lower = stack.halves[2 * y : 2 * y + 2]
        if upper != lower:
            return LOWER_HALF, Style(color=self.look(lower).bgcolor, bgcolor=self.look(upper).bgcolor)
        letter = stack.letters.get(y, " ") if x % LETTER_EVERY == LETTER_EVERY // 2 else " "
        return letter, self.look(upper)


class _Stack(Struct, frozen=True):
    """One column: what each half row shows, from the top down."""

    halves: list[str]
    letters: dict[int, str]
    """Row -> the letter of the part that fills it: with colours, in the middle of all rows that it fills."""

    @classmethod
    def none(cls, tall: int) -> _Stack:
        """Where nothing was measured."""
        return cls(["none"] * (2 * tall), {})

    @classmethod
    def of(cls, split: MemorySplit, top: int, tall: int, whole: bool, fine: bool) -> _Stack:
        """A column of `tall` rows that reaches up to `top` bytes; not `fine`: in whole rows, each with its letter."""
        if not fine:
            names = _parts(split, top, tall, whole)
            letters = {y: LETTERS[name] for y, name in enumerate(names) if name in LETTERS}
            return cls([name for name in names for _ in range(2)], letters)
        halves = _parts(split, top, 2 * tall, whole)
        filled: dict[str, list[int]] = {}
        for y in range(tall):
            if halves[2 * y] == halves[2 * y + 1] and halves[2 * y] in LETTERS:
                filled.setdefault(halves[2 * y], []).append(y)
        return cls(halves, {rows[len(rows) // 2]: LETTERS[name] for name, rows in filled.items()})


def _binned(splits: tuple[MemorySplit, ...], first: int, last: int, width: int) -> list[MemorySplit | None]:
    """For each column the split that held most; one without any goes on as the one before it."""
    columns: list[MemorySplit | None] = [None] * width
    for split in splits:
        at = column_of(split.step, first, last, width)
        before = columns[at]
        if before is None or own_bytes(split) >= own_bytes(before):
            columns[at] = split
    return lasting(columns)


def _parts(split: MemorySplit, top: int, tall: int, whole: bool) -> list[str]:
    """The parts of one column from the top down; one that is held at all shows where there is room for all of them.

    Edges are rounded, not heights, so that parts which hold the same at every step lie still.
    """
    parts = [(name, int(getattr(split, name))) for name in OWN]
    if whole:
        parts += [("other", split.other or 0)]
    least = tall >= sum(1 for _, num_bytes in parts if num_bytes)
    names: list[str] = []
    below = 0
    for name, num_bytes in parts:
        below += num_bytes
        end = max(round(below / top * tall) if top else 0, len(names) + (least and num_bytes > 0))
        names += [name] * (min(end, tall) - len(names))
    return list(reversed(names + ["free" if whole else "none"] * (tall - len(names))))


def _whole_device(split: MemorySplit) -> bool:
    """As in the bar: the device is drawn whole where the run holds a good part of it."""
    return bool(split.total) and own_bytes(split) >= WHOLE_DEVICE_FROM * (split.total or 0)
