"""The base of the pages that show measurements over the whole run: what the store saw, and before it the log's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from textual import work
from textual.worker import get_current_worker

from engine.errors import SlotdeckError
from tui.screens.pages.page import RunPage
from tui.screens.parts.hand_over import hand_over
from tui.state.measured_log import MeasuredLog

BEHIND = 512
"""Events that the store itself has of any moment that a replay shows."""


class _Keeper(Protocol):
    """The app."""

    def measured_in(self, run_dir: Path) -> Callable[[Callable[[], bool]], MeasuredLog]: ...


class MeasuredPage(RunPage):
    """Reads the log once for a deck, beside the screen; in a replay again, when the moment is beyond what was read."""

    def on_mount(self) -> None:
        """What the store has at once, what is older as soon as it is read."""
        known = self.deck.measured
        if known is None or (self.deck.place == "replay" and self.store.head_seq > known.head_seq + BEHIND):
            self._read_measured(cast("_Keeper", self.app).measured_in(self.deck.source.run_dir))

    @work(thread=True, exclusive=True, group="measured")
    def _read_measured(self, read: Callable[[Callable[[], bool]], MeasuredLog]) -> None:
        worker = get_current_worker()
        try:
            found = read(lambda: worker.is_cancelled)
        except (SlotdeckError, OSError):
            return  # the deck says what is wrong with the log; what the store has is shown
        if not worker.is_cancelled:
            hand_over(self, self._take_measured, found)

    def _take_measured(self, found: MeasuredLog) -> None:
        self.deck.measured = found
        self.paint_all()
