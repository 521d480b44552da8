"""The mouse over a chart: the wheel zooms where it is, a drag or the wheel with shift pans, a click picks a step.

`Chart` is built on it; what is asked for goes to the screen as messages, since charts share their steps.
"""

from __future__ import annotations

from textual.events import (
    MouseDown,
    MouseMove,
    MouseScrollDown,
    MouseScrollLeft,
    MouseScrollRight,
    MouseScrollUp,
)
from textual.widget import Widget

from tui.messages import ChartPanned, ChartZoomed, StepPicked
from tui.widgets.chart.frame import GUTTER, domain
from tui.widgets.chart.view import ChartView

WHEEL = 0.8
"""A notch of the wheel shows so much of the steps shown before."""
WHEEL_PAN = 0.1
"""A notch of the wheel with shift goes so far, as a share of what is shown."""


class Pointer(Widget):
    """Says what the mouse asks for."""

    ALLOW_SELECT = False  # a drag pans
    view: ChartView | None

    _held_at: int | None = None
    """Where the mouse button went down, or where a drag has got to."""
    _dragged = False

    def step_at(self, x: int) -> int | None:
        """The step under a column of the widget."""
        if self.view is None or not GUTTER <= x < self.size.width:
            return None
        start, end = domain(self.view)
        return round(start + (end - start) * (x - GUTTER + 0.5) / (self.size.width - GUTTER))

    def on_mouse_down(self, event: MouseDown) -> None:
        """The beginning of a click or a drag."""
        if event.button == 1 and self.step_at(event.x) is not None:
            self._held_at, self._dragged = event.x, False
            self.capture_mouse()

    def on_mouse_move(self, event: MouseMove) -> None:
        """A drag takes the curve along."""
        if self._held_at is not None and event.x != self._held_at:
            self._pan((self._held_at - event.x) / max(self.size.width - GUTTER, 1))
            self._held_at, self._dragged = event.x, True

    def on_mouse_up(self) -> None:
        """Without a drag, the step that was clicked."""
        step = self.step_at(self._held_at) if self._held_at is not None else None
        if step is not None and not self._dragged:
            self.post_message(StepPicked(step))
        self._held_at = None
        self.release_mouse()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Closer; with shift, back."""
        self._wheel(event, -1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Further away; with shift, on."""
        self._wheel(event, 1)

    def on_mouse_scroll_left(self, event: MouseScrollLeft) -> None:
        """Back."""
        event.stop()
        self._pan(-WHEEL_PAN)

    def on_mouse_scroll_right(self, event: MouseScrollRight) -> None:
        """On."""
        event.stop()
        self._pan(WHEEL_PAN)

    def _wheel(self, event: MouseScrollUp | MouseScrollDown, by: int) -> None:
        event.stop()
        step = self.step_at(event.x)
        if event.shift or event.ctrl:
            self._pan(by * WHEEL_PAN)
        elif step is not None:
            self.post_message(ChartZoomed(step, WHEEL**by))

    def _pan(self, share: float) -> None:
        self.post_message(ChartPanned(share))
