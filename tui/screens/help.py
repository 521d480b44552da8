"""The keys of the screen below, from the key table."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.keys import TITLES, Key, Place, groups

_MARKS = (
    ("○ requested", "sent, not answered yet"),
    ("◐ accepted", "in the log, waits for the next step boundary"),
    ("▷ 0:42", "a child works on it beside the training; what it found stands below"),
    ("● applied", "in effect; the step and what changed stand beside it"),
    ("✗ refused", "nothing changed; the reason and what to do stand beside it"),
)


class HelpScreen(ModalScreen[None]):
    """Closes with any of its keys."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,question_mark,q,enter", "dismiss", show=False)
    ]

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """One block a group; the marks of a command's life last."""
        with VerticalScroll(id="help-box") as box:
            box.border_title = f"Keys: {TITLES[self._place]}"
            box.border_subtitle = "esc closes"
            for title, keys in groups(self._place).items():
                yield Static(Content.assemble((title, "bold")), classes="help-title")
                yield Static(Content("\n").join(_row(key) for key in keys))
            if self._place == "live":
                yield Static(Content.assemble(("A command's life", "bold")), classes="help-title")
                yield Static(Content("\n").join(_two(mark, text) for mark, text in _MARKS))


def _row(key: Key) -> Content:
    return _two(key.shown.replace(" or ", " "), key.help)


def _two(left: str, right: str) -> Content:
    return Content.assemble((f"{left:<12}", "$accent"), " ", right)
