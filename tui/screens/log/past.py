"""What the log page reads beside the screen: lines that the store no longer has, and what the engine printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from textual import work
from textual.worker import get_current_worker

from engine.errors import SlotdeckError
from tui.screens.deck.source import Past
from tui.screens.log.rows import LogRows
from tui.screens.pages.page import RunPage
from tui.screens.parts.hand_over import hand_over
from tui.state.log.feed import FeedItem
from tui.state.log.told import Told

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck

OUTPUT_S = 1.0
"""Between two looks at what the engine prints."""


class _Keeper(Protocol):
    """The app."""

    def log_of(self, run_dir: Path) -> Past: ...


class LogPast(RunPage):
    """Base of the log page."""

    def __init__(self, deck: Deck) -> None:
        super().__init__(deck)
        self._told = Told()
        self._reading = True
        self._past: Past | None = None

    def on_mount(self) -> None:
        """The end first, or the moment that a replay shows; what is older as soon as it is read."""
        self._past = cast("_Keeper", self.app).log_of(self.deck.source.run_dir)
        self._told.take_feed(self.store.feed)
        if self.deck.place == "replay":
            self._lines.following = False
        self._read_past()
        self.set_interval(OUTPUT_S, self._look_at_output)

    @property
    def _lines(self) -> LogRows:
        return self.query_one(LogRows)

    def _draw(self) -> None:
        """All of it."""

    def _find_again(self) -> None:
        """The lines are others: what is sought stands elsewhere."""

    @work(thread=True, exclusive=True, group="past")
    def _read_past(self) -> None:
        assert self._past is not None, "handed in when the page opens"
        worker = get_current_worker()
        try:
            lines = self._past.lines(lambda: worker.is_cancelled)
        except (SlotdeckError, OSError) as error:
            hand_over(self, self._no_past, str(error))
        else:
            if not worker.is_cancelled:
                hand_over(self, self._take_past, lines)

    def _take_past(self, lines: list[FeedItem]) -> None:
        rows, selected, first = self._lines, self._lines.selected, self._reading
        self._reading = False
        self._told.take_past(lines, self.store.feed)
        if first and self.deck.place == "replay":
            after = self._told.place_of(self.store.head_seq + 1)
            at_end = not self._told.shown or self._told.shown[-1].seq <= self.store.head_seq
            rows.at = len(self._told.shown) - 1 if at_end else max(0, after - 1)
        elif selected is not None and not rows.following:
            rows.at = self._told.place_of(selected.seq)
        self._find_again()
        self._draw()

    def _no_past(self, error: str) -> None:
        self._reading = False
        self.complain(error)

    @work(thread=True, exclusive=True, group="output")
    def _look_at_output(self) -> None:
        assert self._past is not None, "handed in when the page opens"
        if self._told.filter.kind != "output":
            return
        try:
            lines = self._past.output()
        except OSError as error:
            lines = [
                FeedItem(0, 0.0, None, "output", "✗", f"cannot be read: {error.strerror or error}", "error")
            ]
        if lines is not None:
            hand_over(self, self._take_output, lines)

    def _take_output(self, lines: list[FeedItem]) -> None:
        self._told.take_output(lines)
        self._draw()
