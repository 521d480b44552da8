"""The question before what destroys: what will happen, and a few answers; enter gives the first."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.screens.dialogs.dialog import Dialog
from tui.widgets.pick_list import PickList


class ConfirmScreen(Dialog[str]):
    """Dismisses with the id of the answer chosen; with `None` when it is left."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("escape", "leave", show=False)]  # type: ignore[assignment]
    DEFAULT_CSS = """
    ConfirmScreen > #confirm-box { width: 64; padding: 1 2; border: round $warning; }
    ConfirmScreen #confirm-question { text-style: bold; }
    ConfirmScreen #confirm-detail { margin: 1 0; color: $quiet; }
    ConfirmScreen PickList { margin-bottom: 1; }
    """

    def __init__(self, question: str, detail: str, answers: dict[str, str]) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._answers = answers

    def compose(self) -> ComposeResult:
        """The question, what it means, the answers."""
        with Vertical(id="confirm-box", classes="box"):
            yield Static(Content(self._question), id="confirm-question")
            yield Static(Content(self._detail), id="confirm-detail")
            yield PickList(goes_round=True)
            yield Static(Content("↑ ↓ choose   enter do it   esc leave it"), classes="quiet")

    def on_mount(self) -> None:
        """The first is highlighted."""
        answers, texts = self.query_one(PickList), list(self._answers.values())
        answers.styles.height = len(texts)

        def draw(row: int) -> Content:
            here = row == answers.cursor
            return Content.assemble((f"{'▸' if here else ' '} {texts[row]}", "bold" if here else ""))

        answers.show(len(texts), draw, cursor=0)
        answers.focus()

    @on(PickList.Picked)
    @on(PickList.Pointed)
    def _answered(self) -> None:
        self.dismiss(list(self._answers)[self.query_one(PickList).cursor])
