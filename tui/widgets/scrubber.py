"""Where a replay is: the shape of the whole run over its time, what happened in it, and the moment shown."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from msgspec import Struct, field
from textual.events import MouseDown, MouseMove

from tui.messages import MomentPicked
from tui.state.curves.curve import Columns
from tui.state.formatting import countdown, fit
from tui.state.moments.stop import StopKind
from tui.widgets.braille import CHARS, Canvas, extent
from tui.widgets.lines import Lines, Pieces, justified, length

SIGNS: dict[StopKind, str] = {"evaluation": "∙", "checkpoint": "◆", "action": "▲", "alarm": "!"}
"""What stands on the bar; a later kind hides an earlier one."""
DENSE = 0.3
"""Share of the bar's cells beyond which marks of one kind tell nothing apart and are left out."""
OUTLIERS = 0.01
"""Share of the columns that may run off the shape at either end."""


class ScrubberView(Struct, frozen=True):
    """What the scrubber shows. Positions are seconds of the run at work."""

    at_s: float
    length_s: float
    step: int
    last_step: int
    playing: bool
    speed: float = 1.0
    live: bool = False
    """What is shown is what happens now."""
    marks_s: tuple[tuple[StopKind, tuple[float, ...]], ...] = ()
    """When things of each kind happened."""
    shape: Columns = field(default_factory=lambda: Columns.empty(0))
    """The mean loss over the whole time, two columns a cell."""
    said: str = ""
    """What happened last, or why the replay holds."""
    said_kind: StopKind = "action"
    note: str = ""
    """What playing will do: `holds at alarms`."""


class Scrubber(Lines[ScrubberView]):
    """Draws a `ScrubberView`: a row of words, the shape in as many rows as there are, the bar; or the bar alone."""

    LOOKS: ClassVar[dict[str, str]] = {
        "title": "bold $foreground", "muted": "auto 60%", "played": "$text-accent",
        "rest": "$foreground 40%", "head": "bold reverse $foreground", "action": "bold $foreground",
        "alarm": "bold $text-warning", "evaluation": "$text-success", "checkpoint": "$foreground 70%",
    }  # fmt: skip
    DEFAULT_CSS = "Scrubber { height: 3; }"

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

    def second_at(self, x: int) -> float | None:
        """The moment under a column."""
        if self.view is None or self.size.width < 2:
            return None
        return self.view.length_s * min(max(x / (self.size.width - 1), 0.0), 1.0)

    def draw(self, view: ScrubberView, width: int, height: int) -> list[Pieces]:
        head = _column(view.at_s, view.length_s, width)
        if height < 2:
            return [self._bar(view, width, head)]
        shape = self._shape(view, width, height - 2, head)
        return [self._words(view, width), *shape, self._bar(view, width, head)]

    def _words(self, view: ScrubberView, width: int) -> Pieces:
        glyph = "●" if view.live and view.playing else "▶" if view.playing else "‖"
        pace = "live" if view.live and view.playing else f"{_fraction(view.speed)}x"
        digits = len(f"{view.last_step:,}")
        muted = self.look("muted")
        left: Pieces = [
            (f"{glyph} {pace:<5}  ", self.look("title")),
            (f"step {view.step:>{digits},}", self.look("title")),
            (f" of {view.last_step:,}", muted),
            (f"   {countdown(view.at_s)} of {countdown(view.length_s).strip()}", muted),
        ]
        if view.note and length(left) + len(view.note) + 3 <= width:
            left.append((f"   {view.note}", muted))
        room = width - length(left) - 5
        if not view.said or room < 12:
            return left
        said = fit(view.said, room)
        kind = view.said_kind
        look = self.look("alarm") if kind == "alarm" else muted
        return justified(left, [(f"{SIGNS[kind]} ", self.look(kind)), (said, look)], width, muted)

    def _shape(self, view: ScrubberView, width: int, rows: int, head: int) -> list[Pieces]:
        if rows < 1 or len(view.shape.low) != 2 * width:
            return [[]] * max(rows, 0)
        low, high = extent(view.shape, float, OUTLIERS)
        canvas = Canvas(width, rows)
        if low <= high:
            canvas.line(view.shape, low, high if high > low else low + 1, float)
        played, rest, here = self.look("played"), self.look("rest"), self.look("head")
        out: list[Pieces] = []
        for dots in canvas.rows:
            text = "".join(CHARS[bits] for bits in dots)
            out.append([(text[:head], played), (text[head], here), (text[head + 1 :], rest)])
        return out

    def _bar(self, view: ScrubberView, width: int, head: int) -> Pieces:
        cells = [("━", "played") if x < head else ("─", "rest") for x in range(width)]
        for kind, moments in view.marks_s:
            places = _places(moments, view.length_s, width)
            if kind in ("action", "alarm") or len(places) <= DENSE * width:
                for x in places:
                    cells[x] = (SIGNS[kind], kind)
        sign = cells[head][0]
        cells[head] = (sign if sign in SIGNS.values() else " ", "head")
        return [(char, self.look(name)) for char, name in cells]


@lru_cache(16)  # asked for at every paint, and a long run has thousands
def _places(moments_s: tuple[float, ...], length_s: float, width: int) -> frozenset[int]:
    return frozenset(_column(at_s, length_s, width) for at_s in moments_s)


def _column(at_s: float, length_s: float, width: int) -> int:
    return round(min(max(at_s / length_s, 0.0), 1.0) * (width - 1)) if length_s > 0 else 0


def _fraction(speed: float) -> str:
    return {0.25: "1/4", 0.5: "1/2"}.get(speed, f"{speed:g}")
