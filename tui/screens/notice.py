"""The row that appears when something is wrong: the newest alarm, or what the log lacks, and how to put it away."""

from __future__ import annotations

from textual.content import Content

from tui.state.feed import ERROR
from tui.state.formatting import clock, fit
from tui.state.store import RunStore


def notice(store: RunStore, read_to: int, width: int) -> Content | None:
    """One row of at most `width` cells; `None` when all is well or has been put away."""
    news = [item for item in store.alarms if item.seq > read_to]
    if news:
        more = f"   and {len(news) - 1} more" if len(news) > 1 else ""
        return _row(news[-1].text, more, clock(news[-1].wall_s), news[-1].level == ERROR, width)
    if store.damaged and not read_to:
        places = "place" if store.damaged == 1 else "places"
        said = f"the log is damaged in {store.damaged} {places}; what could be read is shown"
        return _row(said, "", "", False, width)
    return None


def _row(text: str, more: str, when: str, error: bool, width: int) -> Content:
    colour = "$error" if error else "$warning"
    end = f"{more}   f all   esc seen"
    head = f"! {when} " if when else "! "
    said = fit(text, max(10, width - len(head) - len(end)))
    gap = " " * max(0, width - len(head) - len(said) - len(end))
    return Content.assemble((head, f"{colour} bold"), (said, colour), gap, (end, "$quiet"))
