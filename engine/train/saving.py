"""A checkpoint of the run as it stands at a step boundary."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

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
