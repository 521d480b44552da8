"""The verb `export`: the model for other programs, written by a child from a checkpoint while training goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.jobs.order import Answer, Export, number
from engine.runlog.run_folder import ARTIFACTS
from engine.train.build import program_version
from engine.train.verbs.change import Change
from engine.train.verbs.jobs import Job, Told
from engine.train.verbs.rollback import find_checkpoint
from engine.units import format_bytes, format_count

if TYPE_CHECKING:
    from engine.train.run import Run

TASK = "export"


def plan_export(run: Run, format_: str, at: str, command_id: str) -> Change:
    """What the verb would begin.

    Args:
        at: a checkpoint's name, a step, `best`; empty: the run as it is now.

    Raises:
        Refused: another job is at work, or there is no such checkpoint.
    """
    job_id = run.jobs.next_id()
    checkpoint = find_checkpoint(run, at) if at else ""

    def order(checkpoint: str) -> Export:
        return Export(
            job=job_id,
            run_dir=str(run.run_dir),
            checkpoint=checkpoint,
            parent_pid=os.getpid(),
            version=program_version(),
            format=format_,
            target=str(_free(run.run_dir / ARTIFACTS, f"{checkpoint}-{format_}")),
        )

    def done(answer: Answer) -> Told:
        found = answer.result
        text = f"{found['path']}: {format_count(number(found['params']))} parameters, "
        return f"{text}{format_bytes(number(found['bytes']))}, from {found['checkpoint']}", found

    job = Job(job_id, TASK, command_id, order, done, lambda _: None, checkpoint)
    what = checkpoint or "the run as it is now"
    return Change(
        "",
        f"{job_id} writes {what} as {format_} into {ARTIFACTS}/",
        lambda: run.jobs.begin(job, f"writes {what} as {format_}"),
        "a process of its own at the lowest priority; training goes on",
    )


def _free(folder: Path, name: str) -> Path:
    """A name that nothing has yet."""
    copy, path = 1, folder / name
    while path.exists():
        copy += 1
        path = folder / f"{name}.{copy}"
    return path
