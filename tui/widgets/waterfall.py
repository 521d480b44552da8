"""The slots at work: time runs down, one row a tick, the newest at the bottom; duty as intensity, holds above.

Shape says everything that colour says. Rows are run-length coded, so that a scroll costs tens of bytes a row.
"""

from __future__ import annotations

from itertools import groupby
from textwrap import wrap
from typing import ClassVar

from msgspec import Struct
from rich.style import Style
from textual.events import Click, MouseMove

from engine.protocol.events import SlotRow
from tui.messages import SlotHovered, SlotPicked
from tui.state.formatting import fit
from tui.state.slots.history import SlotTick
from tui.widgets.lines import Lines, Pieces

SHADES = "·░▒▓█"
"""Duty 0, up to 3/8, up to 5/8, below 7/8, and from there on."""
FORWARD_ONLY = "╱"
"""A slot that works without being trained."""
PRUNED = "×"
"""A slot that is gone from the model."""
GUTTER = 7
"""Columns for the step at the left, where there is room for them."""


class WaterfallView(Struct, frozen=True):
    """What a waterfall shows."""

    names: tuple[str, ...]
    """The slots, in the order of the slot table."""
    rows: tuple[SlotRow, ...]
    """The plan now; empty before the first."""
    ticks: tuple[SlotTick, ...]
    """At least as many of the newest as the widget has lines; oldest first."""
    policy: str = ""
    selected: int | None = None
    reason: str = ""
    """Why the selected slot does what it does; told whole below the rows."""
    left: tuple[bool, ...] = ()
    """For each tick, whether it lies on a branch that the run went back from."""
    pruned: tuple[bool, ...] = ()
    """For each slot, whether it is gone from the model."""


HOLDS = ("pin", "ban")
"""What the operator can do to a slot; a newer engine may know more, which are drawn as the policy's."""


class Waterfall(Lines[WaterfallView]):
    """Draws a `WaterfallView`."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "muted": "auto 60%", "on": "$primary 80%", "off": "auto 38%",
        "forward": "$foreground 60%", "pin": "bold $text-success", "ban": "bold $text-error",
        "selected": "bold reverse $foreground",
    }  # fmt: skip
    DEFAULT_CSS = "Waterfall { height: 1fr; min-height: 4; }"

    _hovered: int | None = None

    def draw(self, view: WaterfallView, width: int, height: int) -> list[Pieces]:
        muted = self.look("muted")
        count = len(view.names)
        if not count or not view.rows:
            return [[("slots", self.look("title"))], [("no plan yet", muted)]]
        out: list[Pieces] = [[("slots ", self.look("title")), (self._told(view, width), muted)]]
        grid = _Grid.fitting(count, width)
        out.append(self._numbers(view, grid))
        out.append(self._holds(view, grid))
        foot = self._foot(view, width, height)
        lines = max(height - len(out) - len(foot), 0)
        shown = range(max(len(view.ticks) - lines, 0), len(view.ticks))
        ticks = [self._tick(view.ticks[at], grid, _at(view.left, at)) for at in shown]
        out += [*ticks, *[[]] * (lines - len(ticks)), *foot]
        return out

    def _told(self, view: WaterfallView, width: int) -> str:
        """`5.5 of 7 at work (1 pruned)  anneal`; slots that are gone count for nothing."""
        gone = sum(view.pruned)
        active = sum(row.duty for at, row in enumerate(view.rows) if not _at(view.pruned, at))
        words = f"{active:g} of {len(view.names) - gone}"
        pruned = f" ({gone} pruned)" if gone else ""
        long = f"{words} at work{pruned}  {view.policy}"
        return long if len(long) + 6 <= width else f"{words}{pruned}  {view.policy}"

    def on_click(self, event: Click) -> None:
        """Pick the slot under the mouse."""
        slot = self.slot_at(event.x)
        if slot is not None:
            self.post_message(SlotPicked(slot))

    def on_mouse_move(self, event: MouseMove) -> None:
        """Tell of the slot under the mouse, once for each."""
        self._hover(self.slot_at(event.x))

    def on_leave(self) -> None:
        """No slot any more."""
        self._hover(None)

    def _hover(self, slot: int | None) -> None:
        if slot != self._hovered:
            self._hovered = slot
            self.post_message(SlotHovered(slot))

    def slot_at(self, x: int) -> int | None:
        """The slot under a column of the widget."""
        if self.view is None or not self.view.names:
            return None
        grid = _Grid.fitting(len(self.view.names), self.size.width)
        at = (x - grid.gutter) // grid.cell * grid.merged
        return at if x >= grid.gutter and at < len(self.view.names) else None

    def _numbers(self, view: WaterfallView, grid: _Grid) -> Pieces:
        muted, chosen = self.look("muted"), self.look("selected")
        row: Pieces = [("step".rjust(grid.gutter - 1) + " " if grid.gutter else "", muted)]
        free = 0
        for x, first in enumerate(range(0, len(view.names), grid.merged)):
            number = _number(view.names[first], first)
            here = x * grid.cell
            if here < free:
                continue
            row.append((" " * (here - free), muted))
            picked = view.selected is not None and first <= view.selected < first + grid.merged
            gone = all(_at(view.pruned, at) for at in range(first, first + grid.merged))
            row.append((number.ljust(grid.ink), chosen if picked else self.look("off") if gone else muted))
            free = here + max(len(number), grid.ink) + (len(number) >= grid.cell)
            if free > here + grid.cell:
                row.append((" ", muted))
                continue
            row.append((" " * (here + grid.cell - free), muted))
            free = here + grid.cell
        return row

    def _holds(self, view: WaterfallView, grid: _Grid) -> Pieces:
        muted = self.look("muted")
        row: Pieces = [(" " * grid.gutter, muted)]
        for first in range(0, len(view.rows), grid.merged):
            plans = view.rows[first : first + grid.merged]
            mark, name = " ", "muted"
            gone = view.pruned[first : first + grid.merged]
            if gone and all(gone):
                mark, name = PRUNED, "off"
            elif any(p.held == "ban" for p in plans):
                mark, name = "B", "ban"
            elif any(p.held == "pin" for p in plans):
                mark, name = "P", "pin"
            elif not all(p.trained for p in plans):
                mark, name = "f", "forward"
            row.append(((mark if mark == " " else mark.ljust(grid.ink)).ljust(grid.cell), self.look(name)))
        return row

    def _tick(self, tick: SlotTick, grid: _Grid, left: bool) -> Pieces:
        row: Pieces = []
        if grid.gutter:
            row.append((f"{tick.step:>{grid.gutter - 1}} ", self.look("muted")))
        cells: list[tuple[str, Style]] = []
        for first in range(0, len(tick.duty), grid.merged):
            part = slice(first, first + grid.merged)
            duties = tick.duty[part]
            mean = sum(duties) / len(duties)
            shade = SHADES[
                0 if mean == 0 else 1 if mean < 0.375 else 2 if mean < 0.625 else 3 if mean < 0.875 else 4
            ]
            held = next((h for h in tick.held[part] if h in HOLDS), "")
            name = held or ("on" if mean else "off")
            if mean and not any(tick.trained[part]):
                shade, name = FORWARD_ONLY, held or "forward"
            if tick.pruned and all(tick.pruned[part]):
                shade, name = PRUNED, "off"
            if left:
                name = "off"
            cells.append((shade * grid.ink, self.look(name)))
            if grid.cell > grid.ink:
                cells.append((" " * (grid.cell - grid.ink), self.look(name)))
        row += [("".join(text for text, _ in run), look) for look, run in groupby(cells, key=lambda c: c[1])]
        return row

    def _foot(self, view: WaterfallView, width: int, height: int) -> list[Pieces]:
        if view.reason:
            return [[(line, self.look("title"))] for line in wrap(view.reason, max(width, 8))[: height // 2]]
        if height < 8:
            return []
        gone = "  × pruned" if any(view.pruned) else ""
        wishes = (
            f"░▒▓█ duty  · off  ╱ forward only  P=pinned  B=banned{gone}",
            f"░▒▓█ duty  P=pin  B=ban{gone}",
        )
        legend = next((wish for wish in wishes if len(wish) <= width), fit("░▒▓█ duty  P=pin  B=ban", width))
        return [[(legend, self.look("muted"))]]


class _Grid(Struct, frozen=True):
    """How slots share the width."""

    gutter: int
    cell: int
    """Columns a slot takes, its gap included."""
    ink: int
    """Columns drawn of it."""
    merged: int
    """Slots in a cell: more than one when there are more slots than columns."""

    @classmethod
    def fitting(cls, count: int, width: int) -> _Grid:
        gutter = GUTTER if width >= GUTTER + 2 * count or width >= 60 else 0
        room = max(width - gutter, 1)
        cell = min(room // count, 6)
        if cell < 1:
            return cls(gutter, 1, 1, -(-count // room))
        return cls(gutter, cell, cell - 1 if cell >= 3 else cell, 1)


def _at(flags: tuple[bool, ...], index: int) -> bool:
    """A flag that may not be told."""
    return index < len(flags) and flags[index]


def _number(name: str, index: int) -> str:
    """The number in a slot's name, or its place in the table."""
    digits = name.rpartition(".")[2]
    return digits if digits.isdigit() else str(index)
