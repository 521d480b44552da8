"""One row that asks for a line of text in place: a filter, tags, a note. Enter answers, esc leaves it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from engine.text import one_line


class AskLine(Horizontal):
    """Hidden until `ask`; `about` says which question is open."""

    DEFAULT_CSS = """
    AskLine { display: none; height: 1; }
    AskLine.open { display: block; }
    AskLine Static { width: auto; color: $accent; text-style: bold; padding-right: 1; }
    AskLine Input { width: 1fr; height: 1; background: $surface; }
    """
    BINDINGS: ClassVar[list[Binding]] = [Binding("escape", "close", show=False)]  # type: ignore[assignment]

    class Typed(Message):
        """The text is another now."""

        def __init__(self, about: str, text: str) -> None:
            super().__init__()
            self.about = about
            self.text = text

    class Answered(Typed):
        """Enter."""

    class Left(Message):
        """Esc."""

        def __init__(self, about: str) -> None:
            super().__init__()
            self.about = about

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.about = ""

    def compose(self) -> ComposeResult:
        """The question and the input."""
        yield Static()
        yield Input(compact=True, select_on_focus=False)

    def ask(self, about: str, question: str, text: str = "", hint: str = "") -> None:
        """Open, with `text` to go on from."""
        self.about = about
        self.query_one(Static).update(Content(question))
        line = self.query_one(Input)
        line.placeholder = hint
        line.value = text
        line.cursor_position = len(text)
        self.add_class("open")
        self.display = True
        self.screen.set_focus(line)  # at once: the next key may be typed already

    def close(self) -> None:
        """Away with it."""
        self.remove_class("open")
        self.display = False

    def action_close(self) -> None:
        """Leave without an answer."""
        self.close()
        self.post_message(self.Left(self.about))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if (safe := one_line(event.value, 4096)) != event.value:  # pasted control characters
            event.input.value = safe
        elif self.has_class("open"):
            self.post_message(self.Typed(self.about, safe))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Answered(self.about, event.value.strip()))
