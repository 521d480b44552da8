"""The line that `:` opens at the bottom: any verb, completed as it is typed, judged where it is typed.

Posts `LineEntered` with the text and `LineClosed` when left; the screen decides what the text means and
shows what is wrong with it through `refuse`.
"""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.suggester import Suggester
from textual.widgets import Input, Static

from engine.text import one_line
from tui.messages import LineClosed, LineEntered
from tui.screens.command.completion import completion, usage
from tui.state.known import Known
from tui.state.moments.goto import explain, looked_for


class CommandLine(Vertical):
    """A hint or an error above, the input below; hidden until opened."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape", "close", show=False),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(self, replay: bool = False) -> None:
        super().__init__(id="command-line")
        self._replay = replay
        self._known = Known()
        self._typed = ""

    def compose(self) -> ComposeResult:
        """The hint, the prompt and the input."""
        yield Static(id="line-hint")
        yield Input(
            placeholder="where to; esc leaves"
            if self._replay
            else "a verb, or what to look for: loss<4.5; esc leaves",
            suggester=None if self._replay else _Words(self),
            compact=True,
            id="line-input",
            select_on_focus=False,
        )

    def open(self, text: str, known: Known) -> None:
        """Show the line with `text` already in it."""
        self._known = known
        self.add_class("open")
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)
        self.screen.set_focus(line)  # at once: what is typed next is meant for it
        self._hint(text)

    def refuse(self, error: str) -> None:
        """Show what is wrong; the text stays for mending."""
        hint = self.query_one("#line-hint", Static)
        hint.add_class("wrong")
        hint.update(Content(f"✗ {one_line(error, 1024)}"))

    def action_close(self) -> None:
        """Leave without sending."""
        self.remove_class("open")
        self.query_one(Input).value = ""
        self.post_message(LineClosed())

    def action_complete(self) -> None:
        """Complete the word under the cursor."""
        line = self.query_one(Input)
        line.value = completion(line.value, self._known)
        line.cursor_position = len(line.value)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if (safe := one_line(event.value, 4096)) != event.value:  # pasted control characters
            event.input.value = safe
        self._hint(safe)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.post_message(LineEntered(event.value.strip()))
        else:
            self.action_close()

    def _hint(self, text: str) -> None:
        hint = self.query_one("#line-hint", Static)
        hint.remove_class("wrong")
        room = self.app.size.width - 2
        seeks = self._replay or looked_for(text) is not None
        hint.update(Content(explain(text) if seeks else usage(text, room)))


class _Words(Suggester):
    """The grey rest of the word behind the cursor."""

    def __init__(self, line: CommandLine) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._line = line

    async def get_suggestion(self, value: str) -> str | None:
        done = completion(value, self._line._known)
        return done if done != value else None
