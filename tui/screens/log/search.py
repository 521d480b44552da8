"""Searching on the log page: the field, the hits, and the way from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from tui.screens.log.past import LogPast
from tui.screens.parts.whole import is_whole

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck


class LogSearch(LogPast):
    """Between what is read and what is done with it."""

    DEFAULT_CSS = """
    LogSearch #log-search { display: none; dock: bottom; height: 1; layer: over; background: $surface; padding: 0 1; }
    LogSearch #log-search.open { display: block; }
    LogSearch #log-search Static { width: 2; color: $accent; text-style: bold; }
    LogSearch #log-search Input { width: 1fr; background: $surface; }
    """

    def __init__(self, deck: Deck) -> None:
        super().__init__(deck)
        self._sought = ""
        self._before_search = 0
        """Where one was when the search was opened: the nearest hit is counted from there."""

    def compose_search(self) -> ComposeResult:
        """The field."""
        with Horizontal(id="log-search"):
            yield Static(Content("/"))
            yield Input(
                placeholder="text or a regular expression; esc leaves", compact=True, select_on_focus=False
            )

    def action_search(self) -> None:
        """Open the field."""
        field = self.query_one("#log-search Input", Input)
        self._before_search = self._lines.at
        self.query_one("#log-search").add_class("open")
        field.value = ""
        self.set_focus(field)  # at once: what is typed next is meant for it

    @on(Input.Changed, "#log-search Input")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.query_one("#log-search").has_class("open"):
            self._sought = event.value
            self._find(jump=True)

    @on(Input.Submitted, "#log-search Input")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close_search()

    def _close_search(self) -> None:
        self.query_one("#log-search").remove_class("open")
        self.set_focus(None)

    @work(exclusive=True, group="search")
    async def _find(self, jump: bool = False) -> None:
        """Search on, a piece at a time; with `jump` the nearest hit is then selected."""
        from asyncio import sleep

        for _ in self._told.seek(self._sought):
            await sleep(0)
        if not is_whole(self):
            return
        if jump:
            back = self._told.hit_from(self._before_search + 1, -1)
            self._lines.go(back if back is not None else self._before_search)
        self._draw()

    def action_hit(self, by: int) -> None:
        """The next hit, or the one before."""
        if not self._sought:
            self.action_search()
            return
        at = self._told.hit_from(self._lines.at, by)
        if at is not None:
            self._lines.go(at)
        self._draw()

    def _find_again(self) -> None:
        if self._sought:
            self._find()

    def _searched(self) -> bool:
        """Whether there was a search to end; it is ended."""
        if not (self.query_one("#log-search").has_class("open") or self._sought):
            return False
        self._close_search()
        self._sought = ""
        for _ in self._told.seek(""):
            pass
        return True
