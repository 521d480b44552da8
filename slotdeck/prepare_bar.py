"""The progress of `prepare`: a bar in a terminal, a line every few seconds in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.units import format_bytes, format_count
from slotdeck.say import note

if TYPE_CHECKING:
    from engine.data.prepare import Progress

LINE_EVERY_S = 2.0
STAGES = {"tokenizer": "learning the vocabulary", "tokens": "encoding and writing"}


@contextmanager
def shown_progress() -> Iterator[Callable[[Progress], None]]:
    """What `prepare` calls with each bit of progress."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = [
        TextColumn("{task.description:<24}", markup=False),
        BarColumn(None),
        DownloadColumn(binary_units=True, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeRemainingColumn(),
    ]
    with Bars(*columns, console=Console(stderr=True), expand=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            stage = progress.stage
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES[stage], total=progress.total_bytes, detail="")
            bars.update(tasks[stage], completed=progress.done_bytes, detail=detail_of(progress))

        yield show


def _lines() -> Callable[[Progress], None]:
    last_s = 0.0
    last_stage = ""

    def show(progress: Progress) -> None:
        nonlocal last_s, last_stage
        now_s = time.monotonic()
        if progress.stage == last_stage and now_s - last_s < LINE_EVERY_S:
            return
        last_s, last_stage = now_s, progress.stage
        share = progress.done_bytes / max(progress.total_bytes, 1)
        done = f"{share:4.0%} of {format_bytes(progress.total_bytes)}"
        note(f"{STAGES[progress.stage]}  {done}  {detail_of(progress)}")

    return show


def detail_of(progress: Progress) -> str:
    """What it has read so far, besides bytes."""
    tokens = f"  {format_count(progress.tokens)} tokens" if progress.tokens else ""
    return f"{format_count(progress.documents)} documents{tokens}"
