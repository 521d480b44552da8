"""The button of the form that starts a run."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.widgets import Static


class StartButton(Static, can_focus=True):
    """Starts the run: enter, or a click."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("enter", "screen.start", show=False)]  # type: ignore[assignment]

    def on_click(self) -> None:
        """By mouse."""
        self.screen.action_start()  # type: ignore[attr-defined]
