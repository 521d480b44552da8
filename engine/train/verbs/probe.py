"""The verb `probe`: what each slot is missed by, measured between two steps and told to the log.

Weights, generators, data order and everything else that a step depends on stay as they are: like an evaluation, and
unlike one it is no part of what the run knows of itself.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from engine.analysis.missed import leave_each_out
from engine.precision.policy import dtype_of
from engine.protocol.events import LogLine, Probed, Progress
from engine.train.judge import PROGRESS_EVERY_S, CutShort
from engine.train.verbs.change import Change
from engine.units import format_count

if TYPE_CHECKING:
    from engine.train.run import Run

TASK = "probe"


def plan_probe(run: Run, command_id: str) -> Change:
    """What the verb would do: `prune.probe_tokens` of the validation set, once for every slot and once more."""
    passes = len(run.model.remaining) + 1
    tokens = run.validation.first(run.profile.prune.probe_tokens).num_tokens
    cost = f"{passes} passes over {format_count(tokens)} validation tokens"
    return Change("", "measuring without each slot", lambda: probe(run, command_id), cost)


def probe(run: Run, command_id: str = "") -> None:
    """Measure the validation loss without each slot. The end of the run cuts it short: then nothing is told."""
    run.report()
    names, there = run.model.slot_names, run.model.remaining
    started = time.perf_counter()
    told_s = float("-inf")

    def told(done: int, total: int) -> None:
        nonlocal told_s
        left_out = max(done - 1, 0)  # the first pass is that of the whole model
        if done == total or time.perf_counter() - told_s >= PROGRESS_EVERY_S:
            told_s = time.perf_counter()
            detail = f"without {names[there[left_out]]}" if 0 < done < total else ""
            run.log.emit(Progress(task=TASK, done=left_out, total=total - 1, detail=detail, unit="slots"))
        if run.end_is_asked and done < total:
            raise CutShort(
                f"the probe was cut short by the end of the run, {left_out} of {total - 1} slots done"
            )

    try:
        found = leave_each_out(
            run.model,
            run.validation.first(run.profile.prune.probe_tokens),
            device=run.device,
            dtype=dtype_of(run.precision),
            told=told,
        )
    except CutShort as cut:
        run.log.emit(LogLine(level="warning", text=str(cut)))
        return
    finally:
        seconds = time.perf_counter() - started
        run.meter.outside(seconds)
    run.slot_meter.ask()  # whoever asks what slots are worth wants to see what they cost, too
    run.log.commit(
        Probed(
            step=run.step,
            branch=run.branch,
            loss=found.loss,
            slots=[names[i] for i in found.slots],
            losses=[loss if math.isfinite(loss) else None for loss in found.losses],
            tokens=found.tokens,
            seconds=seconds,
            command_id=command_id,
        )
    )
