"""The progress of a measurement: a bar in a terminal, one line in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.text import one_line
from slotdeck.say import note


@contextmanager
def shown_progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """What a measurement calls with batches done and in all; None where nobody watches."""
    if not sys.stderr.isatty():
        note(what)
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(None), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), expand=True, transient=True) as bar:
        task = bar.add_task(one_line(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
