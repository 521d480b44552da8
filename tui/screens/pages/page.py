"""The base of a page over a deck: the same run, the same link, a screen of its own.

The deck below goes on; its source fills the store, and a page paints what changed since it looked last. What a page
asks of the engine goes through the deck, so that a question is asked before anything is destroyed there too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.events import Key as KeyPress
from textual.screen import Screen

from tui.keys import Place, keys_for
from tui.messages import LineEntered
from tui.screens.command.line import CommandLine
from tui.screens.dialogs.help import HelpScreen
from tui.screens.parts.key_bar import KeyBar
from tui.screens.parts.text_rows import TextRows
from tui.screens.parts.too_small import TooSmall
from tui.screens.parts.whole import is_whole
from tui.state.changes import TOPICS
from tui.state.known import Known

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck


class RunPage(Screen[None]):
    """Heading and trouble at the top as on the deck, keys at the bottom; a subclass fills what is between."""

    AUTO_FOCUS = ""  # keys belong to the page until a field is opened
    place: Place

    def __init__(self, deck: Deck) -> None:
        super().__init__()
        self.deck = deck
        self.store = deck.store
        self.choices = deck.choices
        self.settings = deck.settings

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield TextRows(id="heading")
        yield TextRows(id="notice")
        yield from self.compose_page()
        yield KeyBar(self.place)
        yield CommandLine(replay=self.deck.place == "replay")
        yield TooSmall()

    def compose_page(self) -> ComposeResult:
        """What this page shows."""
        yield from ()

    def paint_page(self, topics: set[str]) -> None:
        """Draw what shows one of these topics of the store; all of them at first and after a new size."""

    # -- painting ----------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Start painting."""
        self.set_interval(self.settings.period_s, self.paint)
        self.call_after_refresh(self.paint)

    def on_unmount(self) -> None:
        """The store need not remember what this page has not seen."""
        self.store.forget_reader(self)

    def on_resize(self) -> None:
        """Everything is laid out anew."""
        self.call_after_refresh(self.paint_all)

    def paint_all(self) -> None:
        """Everything, changed or not."""
        self._paint(set(TOPICS))

    def paint(self) -> None:
        """What changed since the last time."""
        if self.is_active:
            self._paint(self.store.take_dirty(self))

    def _paint(self, topics: set[str]) -> None:
        if self.has_class("too-small") or not is_whole(self):
            return
        width = self.size.width - 2
        self.query_one("#heading", TextRows).show([self.deck.heading(width)])
        self.query_one("#notice", TextRows).show([self.deck.notice(width)])
        self.paint_page(topics)
        self.query_one(KeyBar).redraw()

    # -- steering, through the deck ----------------------------------------------------------------------

    @property
    def may_control(self) -> bool:
        """Whether commands can be sent."""
        return self.deck.may_control

    @property
    def known(self) -> Known:
        """What can be completed."""
        return self.deck.known

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that steer are there only while steering is possible."""
        steering = any(key.action.split("(")[0] == action and key.needs for key in keys_for(self.place))
        return self.may_control if steering else True

    def enter(self, text: str) -> None:
        """What a typed line means: as on the deck."""
        self.deck.enter(text, self)

    def action_fill(self, text: str) -> None:
        """Open the command line with the verb typed already."""
        self.query_one(CommandLine).open(text, self.known)

    def action_command_line(self) -> None:
        """Type anything."""
        self.action_fill("")

    def on_line_entered(self, message: LineEntered) -> None:
        """From the command line."""
        self.enter(message.text)

    def on_line_closed(self) -> None:
        """Keys go to the page again."""
        self.set_focus(None)

    def complain(self, text: str) -> None:
        """Say what is wrong: in the command line when it is open, else in a corner."""
        complain(self, text)

    def on_key(self, event: KeyPress) -> None:
        """A key that would steer is answered where it cannot."""
        answer_steering(self, event.key)

    # -- leaving -----------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """The keys."""
        self.app.push_screen(HelpScreen(self.place))

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Go, unless it has gone already: of two quick clicks the second must not take the screen below along."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_leave(self) -> None:
        """Back to the deck."""
        self.dismiss()


def complain(screen: Screen[None], text: str) -> None:
    """Say what is wrong on a screen with a command line: there when it is open, else in a corner."""
    line = screen.query_one(CommandLine)
    if line.has_class("open"):
        line.refuse(text)
    else:
        screen.notify(text, severity="error", timeout=8)


def answer_steering(screen: Deck | RunPage, pressed: str) -> None:
    """Say why a key that would steer does nothing now. Asked before the bindings are, so of those that work too."""
    idle = any(
        key.needs == "control"
        and pressed in key.key.split(",")
        and not screen.check_action(key.action.split("(")[0], ())
        for key in keys_for(screen.place)
    )
    if idle and not screen.query_one(CommandLine).has_class("open"):
        screen.app.clear_notifications()
        screen.notify((screen.deck if isinstance(screen, RunPage) else screen).why_no_steering())


def nothing_yet(text: str) -> Content:
    """What stands where there is nothing to show."""
    return Content.assemble((text, "$quiet"))
