"""The commands of late and where each has got to: hollow while it waits, solid when the engine said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.text import one_line
from tui.state.formatting import fit
from tui.state.pending_commands import CommandLife
from tui.widgets.lines import Lines, Pieces, length

PATIENCE_S = 15.0
"""Seconds without an answer after which a request says so."""


@dataclass(frozen=True, slots=True)
class CommandsView:
    """What the list shows."""

    commands: tuple[CommandLife, ...]
    """Oldest first."""
    now_s: float
    """Unix time, whole seconds are enough."""


class CommandList(Lines[CommandsView]):
    """Draws a `CommandsView`, newest at the bottom."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "command-list--muted", "command-list--requested", "command-list--accepted", "command-list--applied",
        "command-list--refused",
    }  # fmt: skip
    DEFAULT_CSS = """
    CommandList { height: auto; min-height: 1; }
    CommandList > .command-list--muted { color: $text-muted; }
    CommandList > .command-list--requested { color: $text-muted; text-style: bold; }
    CommandList > .command-list--accepted { color: $text-warning; text-style: bold; }
    CommandList > .command-list--applied { color: $text-success; text-style: bold; }
    CommandList > .command-list--refused { color: $text-error; text-style: bold; }
    """

    def rows_wanted(self, view: CommandsView, width: int) -> int:  # noqa: ARG002
        return max(1, len(view.commands))

    def draw(self, view: CommandsView, width: int, height: int) -> list[Pieces]:
        if not view.commands:
            return [[("no commands yet", self.look("muted"))]]
        return [self._row(life, view.now_s, width) for life in view.commands[-height:]]

    def _row(self, life: CommandLife, now_s: float, width: int) -> Pieces:
        glyph = {"requested": "○", "accepted": "◐", "applied": "●", "refused": "✗"}[life.status]
        row: Pieces = [
            (f"{glyph} {one_line(life.text, 80)} ", self.look(life.status)),
            (_said(life, now_s), self.look("muted")),
        ]
        over = length(row) - width
        if over > 0:
            row[1] = (fit(row[1][0], max(len(row[1][0]) - over, 0)), row[1][1])
        return row


def _said(life: CommandLife, now_s: float) -> str:
    if life.status == "applied":
        change = f"{life.before} → {life.after}" if life.before else life.after
        return one_line(f"applied at step {life.step}" + (f": {change}" if change else ""))
    if life.status == "refused":
        return one_line(f"refused: {life.reason}" + (f"; {life.remedy}" if life.remedy else ""))
    if life.status == "accepted":
        return "accepted, waits for the step boundary"
    waited = now_s - life.requested_s if life.requested_s is not None else 0.0
    return f"requested, no answer for {waited:.0f} s" if waited >= PATIENCE_S else "requested"
