"""What appears under the heading when something is wrong: link, end of the run, alarm, log; and what to do."""

from __future__ import annotations

from textual.content import Content

from engine.text import one_line
from tui.state.feed import ERROR
from tui.state.formatting import clock
from tui.state.store import RunStore

MAX_ROWS = 3


def notice(store: RunStore, read_to: int, width: int) -> list[Content]:
    """A row or two of at most `width` cells; none when all is well. Alarms up to `read_to` have been put away."""
    link, ended = store.link, store.ended
    if link.status == "lost":
        since = clock(link.since_wall_s)
        return _rows(f"link lost at {since}: {one_line(link.detail)}; trying again", "", True, width)
    if link.status == "ended" and ended is None:
        return _rows(one_line(link.detail), "", True, width)
    if ended is not None and ended.outcome == "failed" and link.status != "restarting":
        remedy = f"; {one_line(ended.remedy)}" if ended.remedy else ""
        return _rows(f"failed at step {ended.step:,}: {one_line(ended.reason)}{remedy}", "", True, width)
    news = [item for item in store.alarms if item.seq > read_to]
    if news:
        more = f"   and {len(news) - 1} more" if len(news) > 1 else ""
        said = f"{clock(news[-1].wall_s)} {news[-1].text}"
        return _rows(said, f"{more}   f all   esc seen", news[-1].level == ERROR, width)
    if store.damaged and not read_to:
        places = "one place" if store.damaged == 1 else f"{store.damaged} places"
        return _rows(
            f"the log is damaged in {places}; what can be read is shown", "   esc seen", False, width
        )
    return []


def _rows(text: str, end: str, error: bool, width: int) -> list[Content]:
    colour = "$error" if error else "$warning"
    lines = Content(text).wrap(max(10, width - 2 - len(end)))[:MAX_ROWS]
    return [
        Content.assemble(
            ("! " if y == 0 else "  ", f"{colour} bold"),
            (line.plain, colour),
            " " * max(0, width - 2 - line.cell_length - len(end)) if y == 0 else "",
            (end if y == 0 else "", "$quiet"),
        )
        for y, line in enumerate(lines)
    ]
