"""`slotdeck runs`: the runs as a table of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from engine.runlog.catalog import RunSummary, list_runs
from engine.text import one_line
from engine.units import format_bytes
from slotdeck.terminal import command_line

_HEADS = ("RUN", "STATE", "STEP", "LOSS", "VAL", "STARTED", "SIZE", "")
WHY_CHARACTERS = 100


def runs_table(runs_dir: Path) -> Iterator[str]:
    """A line a run, newest first, under a line of heads; a hint when there is none."""
    runs = list_runs(runs_dir)
    if not runs:
        yield f"no runs in {one_line(str(runs_dir))} yet; start one: {command_line('demo')}"
        return
    rows = [_HEADS, *map(_row, runs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(run: RunSummary) -> tuple[str, ...]:
    return (
        one_line(run.run_id, 80),
        f"{run.state or 'starting'}" if run.live else run.outcome or run.state or "empty",
        f"{run.step}/{run.total_steps}" if run.total_steps else "-",
        "-" if run.loss is None else f"{run.loss:.4f}",
        "-" if run.val_loss is None else f"{run.val_loss:.4f}",
        "-"
        if not run.started_wall_s
        else f"{datetime.fromtimestamp(run.started_wall_s).astimezone():%Y-%m-%d %H:%M}",
        format_bytes(run.size_bytes),
        one_line("; ".join(filter(None, (run.reason, run.parent and f"from {run.parent}"))), WHY_CHARACTERS),
    )
