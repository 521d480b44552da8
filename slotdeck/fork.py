"""`slotdeck fork`: a new run that begins at a checkpoint of another, live or ended; no engine is needed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from engine.checkpoint.find import find
from engine.checkpoint.fork import make_fork
from engine.checkpoint.manifest import checkpoint_folders
from engine.control.journal import Journal
from engine.errors import SlotdeckError
from engine.runlog.run_folder import CHECKPOINTS
from engine.text import one_line
from slotdeck.say import say
from slotdeck.terminal import command_line, shown_path


def fork_run(run_dir: Path, at: str, sets: Sequence[str]) -> Path:
    """Make the fork and say how to start it.

    Args:
        run_dir: the parent.
        at: a checkpoint's name, a step, `best`; empty: the newest on the way that the run is on.
        sets: `key=value` words.

    Raises:
        SlotdeckError: one line, naming the key, checkpoint or file; nothing is left behind.
    """
    if not checkpoint_folders(run_dir / CHECKPOINTS):
        raise SlotdeckError(
            f"{one_line(run_dir.name)} has no checkpoint yet",
            f"save one with `{command_line('send', one_line(run_dir.name), 'checkpoint')}`, or let it train on",
        )
    try:
        name = find(run_dir / CHECKPOINTS, at, Journal.read(run_dir).branches)
    except SlotdeckError as error:
        raise SlotdeckError(f"{one_line(run_dir.name)}: {error.message}", error.remedy) from None
    made = make_fork(run_dir, name, sets, time.time(), secrets.token_hex(2))
    say(f"{one_line(made.name)} begins at {name} of {one_line(run_dir.name)}")
    return made


def tell_how_to_start(made: Path) -> None:
    """The exact command."""
    say(f"start it: {command_line('resume', shown_path(made))}")
