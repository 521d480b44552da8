"""Lines of the log as plain text, for the clipboard and for a file."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tui.state.log.feed import FeedItem


def as_text(items: Iterable[FeedItem]) -> str:
    """A row for each line; what is said in several rows is indented."""
    return "".join(f"{_row(item)}\n" for item in items)


def _row(item: FeedItem) -> str:
    if item.kind == "output":
        return item.text
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.wall_s))
    step = "" if item.step is None else f"{item.step}"
    first, *more = (item.body or item.text).split("\n")
    return "\n    ".join([f"{when}\t{step}\t{item.kind}\t{first}", *more])
