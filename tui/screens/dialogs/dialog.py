"""The base of what lies over a screen in a box: esc and a click beside it leave it."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.events import Click
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """Subclasses put one widget of class `box` on it."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > .box {
        height: auto; max-width: 96%; max-height: 94%; padding: 0 2; background: $surface;
        border: round $panel; border-title-color: $text; border-subtitle-color: $quiet;
    }
    Dialog.-narrow > .box { max-width: 100%; }
    Dialog PickList { background: $surface; }
    """

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Go, unless it has gone already: of two quick clicks the second must not take the screen below along."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_leave(self) -> None:
        """Nothing is answered."""
        self.dismiss(None)

    def on_click(self, event: Click) -> None:
        """Beside the box."""
        if event.widget is self:
            self.action_leave()
