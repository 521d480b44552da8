"""A checkpoint of the run as it stands at a step boundary, and what is told of it when the writer thread is done."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from engine.checkpoint.writer import Failed, Saved
from engine.protocol.events import CheckpointSaved, LogLine
from engine.train.snapshot import capture

if TYPE_CHECKING:
    from engine.train.run import Run

DUE = "due"
"""The reason of a save that the profile asked for."""


def save(run: Run, reason: str, command_id: str, held: bool, spared: Collection[str] = ()) -> None:
    """Copy the state; the writer thread seals it on disk while training goes on. `spared` are not deleted for it."""
    run.report()
    started = time.perf_counter()
    run.last_saved, run.save_error = run.step, None  # first: a save may fail before `writer.save` returns
    run.writer.save(
        run.step,
        branch=run.branch,
        model=run.model.state_dict(),
        optimizer=run.optimizer.state_tensors(),
        state=capture(run),
        reason=reason,
        held=held,
        val_loss=run.last_val_loss if run.last_evaluated == run.step else None,
        command_id=command_id,
        skip_if_busy=reason == DUE,
        spared=spared,
    )
    run.meter.outside(time.perf_counter() - started)


def save_if_room(run: Run) -> None:
    """Take up saving again, once a disk that was full has room."""
    if run.full_disk.room() and not run.loss_guard.stuck:
        run.save("the disk has room again")


def saved(run: Run, done: Saved) -> None:
    """From the writer thread: a checkpoint is sealed."""
    run.sealed = done
    run.jobs.saved(done)
    run.log.commit(
        CheckpointSaved(
            step=done.step,
            branch=done.branch,
            name=done.name,
            bytes=done.bytes,
            seconds=done.seconds,
            reason=done.reason,
            command_id=done.command_id,
        )
    )
    if run.full_disk.sealed():
        run.log.emit(LogLine(level="info", text=f"the disk has room again: {done.name} is saved"))


def not_saved(run: Run, failed: Failed) -> None:
    """From the writer thread: nothing was saved, nothing is lost, training goes on."""
    run.last_saved, run.save_error = -1, failed
    run.jobs.not_saved(failed)
    if failed.files_bytes:
        run.full_disk.failed(failed)
    if not failed.files_bytes or failed.command_id:  # who asked for it is answered each time
        run.alarm("error", "checkpoint-failed", failed.message, failed.remedy, failed.command_id)
