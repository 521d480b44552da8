"""Where a replay is: a bar of the whole recording with the operator's actions on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.events import MouseDown, MouseMove

from tui.messages import MomentPicked
from tui.state.formatting import countdown
from tui.widgets.lines import Lines, Pieces, justified


@dataclass(frozen=True, slots=True)
class ScrubberView:
    """What the scrubber shows. Positions are seconds since the recording began."""

    at_s: float
    length_s: float
    step: int
    last_step: int
    playing: bool
    speed: float = 1.0
    ticks_s: tuple[float, ...] = ()
    """When the operator acted."""
    action: str = ""
    """The operator's action at or before this moment."""


class Scrubber(Lines[ScrubberView]):
    """Draws a `ScrubberView` in two rows, or one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "scrubber--title", "scrubber--muted", "scrubber--played", "scrubber--rest", "scrubber--head",
        "scrubber--tick",
    }  # fmt: skip
    DEFAULT_CSS = """
    Scrubber { height: 2; }
    Scrubber > .scrubber--title { color: $foreground; text-style: bold; }
    Scrubber > .scrubber--muted { color: $text-muted; }
    Scrubber > .scrubber--played { color: $primary; text-style: bold; }
    Scrubber > .scrubber--rest { color: $foreground 30%; }
    Scrubber > .scrubber--head { color: $text-accent; text-style: bold; }
    Scrubber > .scrubber--tick { color: $foreground; text-style: bold; }
    """

    def on_mouse_down(self, event: MouseDown) -> None:
        """Go there, and follow the mouse until it is let go."""
        self.capture_mouse()
        self._pick(event.x)

    def on_mouse_move(self, event: MouseMove) -> None:
        """Follow it."""
        if self.app.mouse_captured is self:
            self._pick(event.x)

    def on_mouse_up(self) -> None:
        """Let go."""
        self.release_mouse()

    def _pick(self, x: int) -> None:
        at_s = self.second_at(x)
        if at_s is not None:
            self.post_message(MomentPicked(at_s))

    def draw(self, view: ScrubberView, width: int, height: int) -> list[Pieces]:
        if height < 2:
            return [self._bar(view, width)]
        glyph = "▶" if view.playing else "‖"
        muted = self.look("muted")
        left: Pieces = [
            (f"{glyph} {view.speed:g}x  ", self.look("title")),
            (f"step {view.step:,} of {view.last_step:,}", self.look("title")),
            (f"  {countdown(view.at_s).strip()} of {countdown(view.length_s).strip()}", muted),
        ]
        right: Pieces = [("▲ ", self.look("tick")), (view.action, muted)] if view.action else []
        return [justified(left, right, width, muted), self._bar(view, width)]

    def second_at(self, x: int) -> float | None:
        """The moment under a column of the bar."""
        if self.view is None or self.size.width < 2:
            return None
        return self.view.length_s * min(max(x / (self.size.width - 1), 0.0), 1.0)

    def _bar(self, view: ScrubberView, width: int) -> Pieces:
        def column(at_s: float) -> int:
            return round(min(max(at_s / view.length_s, 0.0), 1.0) * (width - 1)) if view.length_s > 0 else 0

        head = column(view.at_s)
        cells = [("━", "played") if x < head else ("─", "rest") for x in range(width)]
        for at_s in view.ticks_s:
            cells[column(at_s)] = ("▲", "tick")
        cells[head] = ("●", "head")
        return [(char, self.look(name)) for char, name in cells]
