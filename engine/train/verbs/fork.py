"""The verb `fork`: a new run beside this one, from a checkpoint of it. The run itself is not changed.

The folder is made while the command is judged, so that what is told as applied is there. A command that is carried
out twice, because the engine was killed in between, makes one fork. Called by `engine.train.verbs.apply`.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.checkpoint.fork import changed_profile, forked_profile, is_whole, make_fork
from engine.errors import SlotdeckError
from engine.runlog.parent import made_for
from engine.train.saving import save
from engine.train.verbs.change import Change, Refused
from engine.train.verbs.rollback import find_checkpoint

if TYPE_CHECKING:
    from engine.train.run import Run


def plan_fork(run: Run, at: str, settings: dict[str, str], command_id: str) -> Change:
    """Make the fork, and say how to start it.

    Args:
        run: the parent, at a step boundary.
        at: a checkpoint's name, a step, `best`; empty: the run as it is now, which is saved first.
        settings: keys of the profile with their new values.
        command_id: what the command is known by.

    Raises:
        Refused: there is no such checkpoint, or the run cannot be saved.
        SlotdeckError: a setting is wrong or cannot change with the checkpoint, or the disk does not allow it.
    """
    asked_by = f"{run.run_dir.name} {command_id}"
    runs_dir = run.run_dir.resolve().parent
    made = made_for(runs_dir, asked_by)
    if made is not None and not is_whole(made):
        shutil.rmtree(made, ignore_errors=True)
        made = None
    words = [f"{key}={value}" for key, value in settings.items()]
    name = find_checkpoint(run, at) if at else ""
    if made is None:
        with _of_the_command():
            if name:
                forked_profile(run.run_dir, name, words)
            else:
                changed_profile(run.run_dir, f"step {run.step}", words)
        name = name or _saved_now(run)
        token = hashlib.sha256(asked_by.encode()).hexdigest()[:4]
        made = make_fork(run.run_dir, name, words, time.time(), token, asked_by)
    return Change(
        before="",
        after=f"{made.name}; start it: slotdeck resume {made.name}",
        effect=lambda: None,
        cost=f"begins at {name or 'the checkpoint'}, whose files it shares",
    )


@contextmanager
def _of_the_command() -> Iterator[None]:
    """A setting that is wrong is a word of the command, and of no `--set`."""
    try:
        yield
    except SlotdeckError as error:
        raise SlotdeckError(re.sub("^--set", "KEY=VALUE", error.message), error.remedy) from None


def _saved_now(run: Run) -> str:
    """The checkpoint of this boundary: training waits until it is sealed."""
    if run.loss_guard.stuck:
        raise Refused("not-saved", "the last steps had no finite loss", "name a checkpoint: fork best")
    save(run, "for a fork", "", held=False)
    run.writer.drain()
    if run.save_error is not None:
        raise Refused("not-saved", run.save_error.message, run.save_error.remedy)
    return run.writer.newest
