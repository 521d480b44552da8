"""The one row that is always there: the run, its state, how far, how fast, how long, and who steers.

When the terminal is narrow, the least needed leave first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.text import one_line
from tui.state.formatting import countdown, fit, loss, rate
from tui.widgets.gauge import meter
from tui.widgets.lines import Lines, Pieces, length

STATES = {
    "": ("○", "waiting", "muted"),
    "starting": ("○", "starting", "warning"),
    "running": ("▶", "running", "good"),
    "paused": ("‖", "PAUSED", "warning"),
    "stopping": ("■", "stopping", "warning"),
    "ended": ("■", "ended", "muted"),
}
LINKS = {
    "connecting": ("○ connecting", "warning"),
    "live": ("● live", "good"),
    "lost": ("✗ LINK LOST", "error"),
    "replay": ("» replay", "accent"),
    "ended": ("■ recorded", "muted"),
}


@dataclass(frozen=True, slots=True)
class StatusView:
    """What the row shows."""

    name: str
    state: str
    step: int = 0
    total_steps: int | None = None
    loss: float | None = None
    tokens_per_s: float | None = None
    eta_s: float | None = None
    link: str = "connecting"
    link_detail: str = ""
    holder: str = ""
    """Who has the controls, as people read it: `you`, `anna@box7`, or empty for nobody."""
    precision: str = ""


class StatusBar(Lines[StatusView]):
    """Draws a `StatusView`."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "status-bar--title", "status-bar--muted", "status-bar--value", "status-bar--good",
        "status-bar--warning", "status-bar--error", "status-bar--accent", "status-bar--track",
    }  # fmt: skip
    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; }
    StatusBar > .status-bar--title { color: $foreground; text-style: bold; }
    StatusBar > .status-bar--muted { color: $text-muted; }
    StatusBar > .status-bar--value { color: $foreground; }
    StatusBar > .status-bar--good { color: $text-success; text-style: bold; }
    StatusBar > .status-bar--warning { color: $text-warning; text-style: bold; }
    StatusBar > .status-bar--error { color: $text-error; text-style: bold; }
    StatusBar > .status-bar--accent { color: $text-accent; text-style: bold; }
    StatusBar > .status-bar--track { color: $foreground 30%; }
    """

    def draw(self, view: StatusView, width: int, height: int) -> list[Pieces]:  # noqa: ARG002
        parts = self._parts(view)
        keep = dict(parts)
        for name in ("precision", "holder", "meter", "speed", "name", "eta", "loss"):
            if sum(length(p) + 2 for p in keep.values()) <= width:
                break
            keep.pop(name, None)
        muted = self.look("muted")
        link = keep.pop("link")
        row: Pieces = []
        for part in keep.values():
            row += [("  " if row else " ", muted), *part]
        gap = width - length(row) - length(link) - 1
        return [[*row, (" " * max(gap, 1), muted), *link]]

    def _parts(self, view: StatusView) -> list[tuple[str, Pieces]]:
        muted, value = self.look("muted"), self.look("value")
        glyph, word, look = STATES.get(view.state, ("?", one_line(view.state, 12), "muted"))
        parts: list[tuple[str, Pieces]] = [
            ("name", [(fit(one_line(view.name), 32), self.look("title"))]),
            ("state", [(f"{glyph} {word}", self.look(look))]),
        ]
        if view.total_steps:
            digits = len(f"{view.total_steps:,}")
            parts.append(("step", [(f"{view.step:>{digits},}", value), (f" of {view.total_steps:,}", muted)]))
            share = view.step / view.total_steps
            parts.append(("meter", meter(share, 12, self.look("good"), self.look("track"))))
        parts.append(("loss", [("loss", muted), (loss(view.loss), value)]))
        parts.append(("speed", [(rate(view.tokens_per_s), value)]))
        parts.append(("eta", [("ETA", muted), (countdown(view.eta_s), value)]))
        if view.precision:
            parts.append(("precision", [(view.precision, muted)]))
        parts.append(("holder", [("controls: ", muted), (fit(one_line(view.holder), 24) or "nobody", value)]))
        said, look = LINKS.get(view.link, (one_line(view.link, 16), "muted"))
        detail = f" {fit(one_line(view.link_detail), 20)}" if view.link_detail and view.link != "live" else ""
        parts.append(("link", [(said + detail, self.look(look))]))
        return parts
