"""`slotdeck runs`: the runs as a table of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from engine.runlog.catalog import list_runs
from engine.runlog.label import Label, check_tag, read_label
from engine.runlog.summary import RunSummary
from engine.text import one_line
from engine.units import counted, format_bytes
from slotdeck.terminal import command_line
from slotdeck.text_table import lined_up

_HEADS = ("RUN", "STATE", "STEP", "LOSS", "VAL", "STARTED", "SIZE", "")
WHY_CHARACTERS = 100


def runs_table(runs_dir: Path, tags: Sequence[str] = (), everything: bool = False) -> Iterator[str]:
    """A line a run, newest first, under a line of heads; a hint when there is none.

    Args:
        runs_dir: the folder of runs.
        tags: only runs that have all of these.
        everything: archived ones too. A live run is always there.

    Raises:
        SlotdeckError: the folder cannot be read, or one is no tag.
    """
    wanted = set(map(check_tag, tags))
    runs = [(run, read_label(run.path)) for run in list_runs(runs_dir)]
    if not runs:
        yield f"no runs in {one_line(str(runs_dir))} yet; start one: {command_line('demo')}"
        return
    fit = [(run, label) for run, label in runs if wanted <= set(label.tags)]
    shown = [(run, label) for run, label in fit if everything or run.live or not label.archived]
    if shown:
        yield from lined_up([_HEADS, *(_row(run, label) for run, label in shown)])
    elif not fit:
        yield f"none of {counted(len(runs), 'run')} is tagged {' '.join(f'#{tag}' for tag in sorted(wanted))}"
    if hidden := len(fit) - len(shown):
        yield f"{counted(hidden, 'archived run')} not shown; see them with --all"


def _row(run: RunSummary, label: Label) -> tuple[str, ...]:
    remarks = (
        "archived" if label.archived else "",
        " ".join(f"#{tag}" for tag in label.tags),
        run.reason,
        run.parent and f"from {run.parent}",
        label.note,
    )
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
        one_line("; ".join(filter(None, remarks)), WHY_CHARACTERS),
    )
