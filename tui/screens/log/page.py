"""The page of all that happened: every line of the run's log in full, newest last, and what the engine printed.

Opened over a cockpit or a replay, which goes on below it. Lines that the store no longer has come from `Past`, which
the app hands in; they are read in a thread. Enter shows the run as it was at the selected line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Static

from tui.keys import Place, bindings
from tui.messages import MomentOpened
from tui.screens.deck.source import Player
from tui.screens.log.bar import kind_links, state_links
from tui.screens.log.rows import LogRows
from tui.screens.log.search import LogSearch
from tui.screens.log.text import as_text
from tui.screens.pages.page import nothing_yet
from tui.screens.parts.link_row import LinkRow
from tui.state.cycle import cycled
from tui.state.log.told import KINDS, LEVELS, Filter

if TYPE_CHECKING:
    from tui.screens.deck.deck import Deck

CLIPBOARD_BYTES = 64 << 10
"""More than that many terminals refuse; a file takes it."""


class LogScreen(LogSearch):
    """What keys and the mouse do to the lines."""

    BINDINGS: ClassVar[list[Binding]] = bindings("log")  # type: ignore[assignment]
    place: Place = "log"
    DEFAULT_CSS = """
    LogScreen { overflow: hidden hidden; }
    LogScreen #log-now { display: none; height: auto; max-height: 40%; padding: 0 1; }
    LogScreen.trouble #log-now { display: block; }
    LogScreen.trouble #notice { display: none; }
    LogScreen #log-kinds, LogScreen #log-state { height: 1; margin: 0 1; }
    LogScreen #log-kinds { background: $surface; }
    """

    def __init__(self, deck: Deck, search: bool = False) -> None:
        """`search`: with the search open."""
        super().__init__(deck)
        self._search_first = search

    def compose_page(self) -> ComposeResult:
        """Troubles, filters, lines, and the search field over the keys."""
        yield Static(id="log-now")
        yield LinkRow(id="log-kinds")
        yield LinkRow(id="log-state")
        yield LogRows(self._told)
        yield from self.compose_search()

    def on_mount(self) -> None:
        """The search, where that was asked for. (Textual calls this of every base class by itself.)"""
        if self._search_first:
            self.action_search()

    def paint_page(self, topics: set[str]) -> None:
        """News first, then what of them is in sight."""
        if "feed" in topics and not self._told.take_feed(self.store.feed):
            self._read_past()  # more came between two looks than the store keeps
        wrong = self.deck.troubles(self.size.width - 2)
        if self.has_class("trouble") != bool(wrong):
            self.set_class(bool(wrong), "trouble")
        if wrong or self.query_one("#log-now").display:
            self.query_one("#log-now", Static).update(Content("\n").join(wrong))
        self._draw()

    def _draw(self) -> None:
        rows, width = self._lines, self.size.width - 2
        rows.moment_seq = self.store.head_seq if self.deck.place == "replay" else None
        rows.step_width = len(f"{max(self.store.total_steps or 0, self.store.step):,}")
        rows.empty = nothing_yet(self._why_empty())
        rows.paint()
        self.query_one("#log-kinds", LinkRow).show(kind_links(self._told, width))
        state = state_links(self._told, rows, width, reading=self._reading, searching=self._sought)
        self.query_one("#log-state", LinkRow).show(state)

    def _why_empty(self) -> str:
        if self._reading:
            return "reading the log…"
        if self._told.filter.kind == "output":
            return "The engine has printed nothing."
        return "No such lines; esc shows all." if self._told.count else "Nothing has happened yet."

    # -- filter ------------------------------------------------------------------------------------------

    def action_hits_only(self) -> None:
        """Hide what does not hold it."""
        if self._sought:
            self._choose(hits_only=not self._told.filter.hits_only)

    def action_kind(self, by: int) -> None:
        """The next kind, or the one before."""
        self.action_kind_is(cycled(KINDS, self._told.filter.kind, by))

    def action_kind_is(self, name: str) -> None:
        """Only this kind; at its end, as one opens it."""
        self._choose(kind=name)
        if name == "output":
            self._look_at_output()

    def action_level(self) -> None:
        """The next level."""
        self._choose(level=cycled(LEVELS, self._told.filter.level))

    def action_slot(self, by: int) -> None:
        """Only lines that name the next slot; after the last one, any."""
        self._choose(slot=cycled(["", *self.deck.slot_names], self._told.filter.slot, by))

    def action_clear(self) -> None:
        """What narrows the lines goes, one thing at a time; then the page."""
        if self._searched():
            self._choose(hits_only=False)
        elif not self._told.filter.empty:
            self._choose(Filter())
        else:
            self.action_leave()

    def _choose(self, wanted: Filter | None = None, **changes: str | bool) -> None:
        from msgspec.structs import replace

        rows, selected = self._lines, self._lines.selected
        was_output = self._told.filter.kind == "output"
        self._told.choose(wanted if wanted is not None else replace(self._told.filter, **changes))
        if (self._told.filter.kind == "output") != was_output:
            rows.following = True
        elif selected is not None and not rows.following:
            rows.at = self._told.place_of(selected.seq)
        self._draw()

    # -- lines -------------------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Lines on or back."""
        self._lines.step(by)
        self._draw()

    def action_leaf(self, by: int) -> None:
        """Screenfuls on or back."""
        self._lines.page(by)
        self._draw()

    def action_to_start(self) -> None:
        self._lines.go(0)
        self._draw()

    def action_to_end(self) -> None:
        self._lines.following = True
        self._draw()

    def on_lines_moved(self) -> None:
        """By the mouse; what stands above the lines follows."""
        self._draw()

    def action_open_moment(self) -> None:
        """The run as it was at the selected line."""
        item = self._lines.selected
        if item is None or item.seq <= 0:
            self.notify(
                "what the engine printed has no place in the log" if item is not None else "no line selected"
            )
        elif self.deck.place == "replay":
            cast("Player", self.deck.source).seek_seq(item.seq)
            self.action_leave()
        else:
            self.post_message(MomentOpened(self.deck.source.run_dir, item.seq))

    def action_copy(self) -> None:
        """The selected line."""
        if (item := self._lines.selected) is not None:
            self.app.copy_to_clipboard(as_text([item]))
            self.notify("line copied; w writes to a file where the terminal does not take it")

    def action_copy_all(self) -> None:
        """Everything shown; to a file when it is more than a terminal takes."""
        text = as_text(self._told.shown)
        if len(text.encode()) > CLIPBOARD_BYTES:
            self.action_write()
            return
        self.app.copy_to_clipboard(text)
        self.notify(
            f"{len(self._told.shown):,} lines copied; w writes to a file where the terminal does not take it"
        )

    def action_write(self) -> None:
        """Everything shown, into a new file in the current folder."""
        assert self._past is not None, "handed in when the page opens"
        try:
            path = self._past.keep(as_text(self._told.shown))
        except OSError as error:
            self.complain(f"{error.filename}: {error.strerror}")
        else:
            self.notify(f"{len(self._told.shown):,} lines are in {path}", timeout=8)
