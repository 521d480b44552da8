"""What keys and the mouse do to the charts of a deck: which, how close, how smooth, and the crosshair they share.

A base of `Deck`. Each of these is painted at once, not when the timer comes round.
"""

from __future__ import annotations

from abc import abstractmethod

from textual.screen import Screen

from tui.keys import Place
from tui.messages import ChartPanned, ChartZoomed, StepPicked
from tui.screens.deck.prompt_paint import PromptPaint
from tui.state.choices import Choices
from tui.state.curves.quantities import after
from tui.state.curves.smoothing import next_level
from tui.state.store import RunStore
from tui.widgets.axes import grown
from tui.widgets.chart import Chart
from tui.widgets.chart.frame import GUTTER

_ASIDE = {"live": ("slot", ""), "replay": ("seek", "leap")}
"""What the arrows do while there is no crosshair: alone, and with shift."""


class ChartKeys(Screen[None]):
    """The charts under an operator's hands."""

    place: Place
    store: RunStore
    choices: Choices

    _prompt: PromptPaint | None = None

    @property
    def whole(self) -> RunStore | None:
        """The run to its end, where what is shown is a moment of it."""
        return None

    @abstractmethod
    def paint_charts(self) -> None:
        """All that shows a step."""

    # -- which, and how --------------------------------------------------------------------------------------

    def action_next_quantity(self, by: int) -> None:
        """Another quantity in the large chart."""
        self.choices.quantity = after(self.choices.quantity, by)
        self._soon()

    def action_smoothing(self) -> None:
        """The next stronger smoothing, or none."""
        self.choices.smoothing = next_level(self.choices.smoothing)
        self._soon()

    def action_log_scale(self) -> None:
        """Logarithmic or linear axis."""
        self.choices.log_scale = not self.choices.log_scale
        self._soon()

    # -- which steps -----------------------------------------------------------------------------------------

    def action_window(self) -> None:
        """All steps, or the last thousand, hundred ..."""
        self.choices.window.narrower(self._last_step)
        self._soon()

    def action_pan(self, share: float) -> None:
        """A share of what is shown, back or on."""
        self.choices.window.pan(share, self._last_step)
        self._soon()

    def action_magnify(self, factor: float) -> None:
        """Closer or wider, around the crosshair or the newest."""
        self._magnify(factor, self.choices.crosshair)

    def on_chart_panned(self, message: ChartPanned) -> None:
        """The mouse took the curve along."""
        self.action_pan(message.share)

    def on_chart_zoomed(self, message: ChartZoomed) -> None:
        """The wheel, where the mouse is."""
        self._magnify(message.factor, message.step)

    def _magnify(self, factor: float, at: int | None) -> None:
        self.choices.window.zoom(factor, self._last_step, self._whole_width, at)
        self._soon()

    # -- the crosshair ---------------------------------------------------------------------------------------

    def action_inspect(self) -> None:
        """The crosshair, on and off."""
        at = None if self.choices.crosshair is not None else self._last_shown
        self.point_at(at)

    def point_at(self, step: int | None) -> None:
        """Put the crosshair there, or away; what it points at comes into sight."""
        if step is not None:
            step = min(max(step, 0), self._last_step)
            self.choices.window.reach(step, self._last_step)
        self.choices.crosshair = step
        self._soon()

    async def action_aside(self, by: int) -> None:
        """The crosshair by a column; without it, what the arrows else do here."""
        await self._aside(by, self._columns, _ASIDE[self.place][0])

    async def action_far_aside(self, by: int) -> None:
        """The crosshair by a tenth of the chart."""
        await self._aside(by, 10, _ASIDE[self.place][1])

    async def action_look_here(self) -> None:
        """Closer to the crosshair; in a replay, the moment it points at."""
        at = self.choices.crosshair
        if at is None:
            return
        if self.place == "replay":
            self.post_message(StepPicked(at))
        else:
            self._magnify(4, at)

    async def _aside(self, by: int, parts: int, else_action: str) -> None:
        at = self.choices.crosshair
        if at is not None:
            start, end = self._shown
            self.point_at(at + by * max(1, round((end - start) / parts)))
        elif else_action:
            await self.run_action(f"{else_action}({by})")

    # -- inside ----------------------------------------------------------------------------------------------

    def _soon(self) -> None:
        if self._prompt is None:
            self._prompt = PromptPaint(self, self.paint_charts)
        self._prompt.ask()

    @property
    def _columns(self) -> int:
        return max(self.query_one("#chart", Chart).size.width - GUTTER, 1)

    @property
    def _last_step(self) -> int:
        return (self.whole or self.store).step

    @property
    def _last_shown(self) -> int:
        return min(self.store.step, self._shown[1])

    @property
    def _shown(self) -> tuple[int, int]:
        return self.choices.window.span(self._last_step) or (0, self._whole_width)

    @property
    def _whole_width(self) -> int:
        return grown(self._last_step, (self.whole or self.store).total_steps)
