"""The question before what destroys: what will happen, and a few answers; enter gives the first."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


class ConfirmScreen(ModalScreen[str | None]):
    """Dismisses with the id of the answer chosen; with `None` on escape."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("escape", "cancel", show=False)]  # type: ignore[assignment]

    def __init__(self, question: str, detail: str, answers: dict[str, str]) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._answers = answers

    def compose(self) -> ComposeResult:
        """The question, what it means, the answers."""
        with Vertical(id="confirm-box"):
            yield Static(Content(self._question), id="confirm-question")
            yield Static(Content(self._detail), id="confirm-detail")
            yield OptionList(
                *(Option(Content(text), id=name) for name, text in self._answers.items()),
                id="confirm-answers",
            )
            yield Static(Content("↑ ↓ choose   enter do it   esc leave it"), classes="quiet")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The answer."""
        assert event.option_id is not None, "every answer has an id"
        self.dismiss(event.option_id)

    def on_click(self) -> None:
        """Beside the box is as good as esc."""
        if self.get_widget_at(*self.app.mouse_position)[0] is self:
            self.action_cancel()

    def action_cancel(self) -> None:
        """Nothing is done."""
        self.dismiss(None)
