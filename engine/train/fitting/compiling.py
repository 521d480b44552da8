"""When a run compiles: whether at all, before its first step, and where the operator changes what it runs.

A compile is a warm-up like any other: told as it goes, at a step boundary, and never part of a step.

`train.compile = auto` is on for an NVIDIA GPU and off for a CPU, where it was measured not to pay. One thread, fp32,
4 blocks, forward and backward of the whole model on a 2-core machine, compiled speed over eager speed, medians of 15:

    width 64, 8 x 64 tokens      0.97x   45 s to compile one variant with an empty cache
    width 128, 8 x 128 tokens    1.05x   15 s
    width 256, 4 x 256 tokens    0.99x   16 s

A plan needs eight variants or more, so a CPU run would have to be hours long to win a few percent.

Called by `engine.train`: `begin` once the number of threads is settled, `warm` after a change. It never compiles
inside a step, and a machine that cannot compile trains eagerly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from engine.models.compiled import Variant, compile_blocks, variants
from engine.precision.policy import dtype_of
from engine.profile.derive import train_seq_len
from engine.protocol.events import LogLine, Progress
from engine.slots.duty import passing_counts
from engine.units import counted, format_duration

if TYPE_CHECKING:
    from engine.train.run import Run

TASK = "compile"
"""The `Progress` of a warm-up, which the cockpit draws as `compiling`."""


def wanted(choice: str, device_type: str, resumed: bool | None = None) -> bool:
    """Whether to compile: `train.compile`, where it is `auto` what the checkpoint was made with, or the rule above."""
    if choice == "auto":
        return device_type == "cuda" if resumed is None else resumed
    return choice == "on"


def begin(run: Run, resumed: bool | None = None, backend: str = "inductor") -> None:
    """Compile everything that the run's settings can ask for, or say in one line why not.

    Args:
        run: not yet stepped; its number of threads settled, which torch's graphs depend on.
        resumed: whether the checkpoint's run was compiled: the two round differently. None: there is none.
        backend: of torch.compile; `aot_eager` generates no code.
    """
    if not wanted(run.profile.train.compile, run.device.type, resumed):
        if resumed:
            _say(
                run,
                "warning",
                "train.compile = off, and the checkpoint was trained compiled: it rounds differently",
            )
        return
    run.compilation = compile_blocks(run.model, backend=backend, say=lambda text: _say(run, "warning", text))
    if not run.compilation.on:
        changed = "; the checkpoint was trained compiled, which rounds differently" if resumed else ""
        _say(run, "warning", run.compilation.describe() + changed)
        return
    warm(run)


def warm(run: Run) -> bool:
    """Compile what is missing after a change of precision or micro-batch; nothing if nothing is.

    Returns:
        False: it was cut short between two variants, since the end was asked for.
    """
    compilation = run.compilation
    if compilation is None:
        return True
    done = compilation.warm(
        table(run),
        lambda done, total, detail: run.log.emit(Progress(task=TASK, done=done, total=total, detail=detail)),
        lambda: run.end_is_asked,
    )
    run.meter.outside(done.seconds)
    if done.compiled:
        text = f"compiled {counted(done.compiled, 'variant')} of the block in {format_duration(done.seconds)}"
        _say(run, "info", f"{text}; {compilation.describe()}")
    return not (compilation.missing(table(run)) and run.end_is_asked)


def cost(run: Run, *, precision: str = "", batch_size: int = 0, slot_precision: str = "") -> str:
    """What a change will cost: `compiles 8 variants, about 40 s`; empty where nothing has to be compiled."""
    if run.compilation is None:
        return ""
    changed = table(run, precision=precision, batch_size=batch_size, slot_precision=slot_precision)
    new = len(run.compilation.missing(changed))
    each = run.compilation.seconds_each
    guess = f", about {format_duration(new * each)}" if each else ""
    return f"compiles {counted(new, 'variant')}{guess}" if new else ""


def table(run: Run, *, precision: str = "", batch_size: int = 0, slot_precision: str = "") -> list[Variant]:
    """Every variant that the run can ask for as it stands, or with one setting changed."""
    size = batch_size or run.batch_size
    counts = passing_counts(size, run.sequences // size)
    slots = {run.planner.precision_of(i) for i in run.planner.remaining} | {slot_precision}
    names = [precision or run.precision, *sorted(slots - {""})]
    dtypes: list[torch.dtype] = [dtype_of(name) for name in names]
    return variants(counts, train_seq_len(run.profile), dtypes, run.validation.batch_sizes)


def _say(run: Run, level: str, text: str) -> None:
    run.log.emit(LogLine(level=level, text=text))
