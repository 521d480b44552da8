"""Which fields the form lists: all of them, or those that have some words."""

from __future__ import annotations

from textual import on

from engine.profile.fields import Field, fields
from tui.screens.launch.editing import Editing
from tui.screens.launch.rows import lines
from tui.screens.parts.ask_line import AskLine
from tui.state.launch.form import matching


class Finding(Editing):
    """A form that can be narrowed."""

    def __init__(self) -> None:
        super().__init__()
        self.words = ""

    def draw(self, cursor: int | None = None) -> None:
        """Everything, with this row highlighted; `None`: as it is."""
        raise NotImplementedError

    def action_filter(self) -> None:
        """Only keys that match."""
        self.add_class("asking")
        hint = "a key, or a word of its help, such as: lr  batch  memory"
        self.query_one(AskLine).ask("filter", "find", self.words, hint)

    @on(AskLine.Typed)
    def _filtered(self, message: AskLine.Typed) -> None:
        self.words = message.text
        self.lines = lines(matching(self.words) if self.words else list(fields()), bool(self.words))
        self.draw(cursor=0)
        if isinstance(message, AskLine.Answered):
            self._back()

    @on(AskLine.Left)
    def _unfiltered(self) -> None:
        self.show_all()
        self._back()

    def show_all(self) -> None:
        """No filter; the same field stays highlighted."""
        row = self.row
        self.words = ""
        self.lines = lines(list(fields()), filtered=False)
        self.draw(cursor=self.lines.index(row) if row is not None else 0)

    def show_key(self, key: str) -> None:
        """Bring a key into sight, whatever is filtered."""
        self.show_all()
        self.fields.go_to(
            next((i for i, row in enumerate(self.lines) if isinstance(row, Field) and row.key == key), 0)
        )

    def _back(self) -> None:
        self.remove_class("asking")
        self.set_focus(self.fields)
