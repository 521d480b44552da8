"""Everything that happened, in full: the feed's lines wrapped, samples as the model wrote them, newest last.

Opened over a cockpit or a replay, which goes on below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from tui.state.feed import FeedItem
from tui.state.formatting import clock
from tui.state.store import RunStore

LOOK_S = 0.5
"""Between two looks for news."""
_COLOURS = {"info": "$foreground", "good": "$success", "warning": "$warning", "error": "$error"}


class LogScreen(Screen[None]):
    """Follows the run while its end is in sight, stays put while one reads further up."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q,f,enter", "dismiss", show=False),
        Binding("question_mark", "none", show=False),
    ]

    def __init__(self, store: RunStore, troubles: Callable[[int], list[Content]]) -> None:
        """`troubles`: what is wrong just now, as rows of so many cells."""
        super().__init__()
        self._store = store
        self._troubles = troubles
        self._shown: tuple[int, FeedItem | None, int] = (0, None, 0)

    def compose(self) -> ComposeResult:
        """A title, the lines, the keys."""
        yield Static(id="log-title")
        yield Static(id="log-now")
        with VerticalScroll(id="log"):
            yield Static(id="log-lines")
        yield Static(
            Content.assemble(*_keys("↑ ↓", "line", "pgup pgdn", "page", "home end", "ends", "esc", "back")),
            id="log-keys",
        )

    def on_mount(self) -> None:
        """The end first."""
        self.query_one("#log").focus()
        self.call_after_refresh(self.look)
        self.set_interval(LOOK_S, self.look)

    def on_resize(self) -> None:
        """Lines wrap anew."""
        self.call_after_refresh(self.look)

    def look(self) -> None:
        """Show what there is, when it is not what was shown."""
        items, log = list(self._store.feed), self.query_one("#log", VerticalScroll)
        width = log.scrollable_content_region.width
        wrong = self._troubles(self.size.width - 2)
        self.set_class(bool(wrong), "trouble")
        self.query_one("#log-now", Static).update(Content("\n").join(wrong))
        now = (len(items), items[-1] if items else None, width)
        if now == self._shown or width < 1:
            return
        self._shown, at_end = now, self._shown[1] is None or log.is_vertical_scroll_end
        older = len(items) == self._store.feed.maxlen
        title = f"What happened{f': the last {len(items)} lines' if older else ''}"
        self.query_one("#log-title", Static).update(Content.assemble((title, "bold")))
        self.query_one("#log-lines", Static).update(Content("\n").join(log_rows(items, width)))
        if at_end:
            log.scroll_end(animate=False)


def log_rows(items: Iterable[FeedItem], width: int) -> list[Content]:
    """Rows of at most `width` cells."""
    rows = [row for item in items for row in _item_rows(item, width)]
    return rows or [Content.assemble(("nothing has happened yet", "$quiet"))]


def _item_rows(item: FeedItem, width: int) -> Iterable[Content]:
    step = f"{item.step:>9,}" if item.step is not None else " " * 9
    head = f"{clock(item.wall_s)} {step}  "
    colour = _COLOURS.get(item.level, "$foreground")
    text = item.body or item.text
    ink = "$foreground" if item.level == "good" else colour
    lines = Content(text).wrap(max(8, width - len(head) - 2))
    yield Content.assemble((head, "$quiet"), (f"{item.glyph} ", colour), (lines[0].plain, ink))
    for line in lines[1:]:
        yield Content.assemble(" " * (len(head) + 2), (line.plain, ink))


def _keys(*words: str) -> list[Content]:
    pairs = zip(words[::2], words[1::2], strict=True)
    return [Content.assemble((key, "bold $accent"), (f" {label}   ", "$quiet")) for key, label in pairs]
