"""Out of memory: what is given back, and how the run goes on.

`engine.train.step` notices it in a step, and `engine.train.fitting.fit` runs into it on purpose. A step that could
not be finished is run again on the same sequences in smaller micro-batches. Where there are none, nothing has moved
either: the run pauses before that step, and an operator can make room for it.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from engine.errors import SlotdeckError
from engine.train.micro_batches import MicroBatches, smallest_cut

if TYPE_CHECKING:
    from engine.train.run import Run


class NoRoom(SlotdeckError):
    """A step does not fit and cannot be cut. Nothing has moved: it can be taken later."""


def give_back(device: torch.device) -> None:
    """Free what a failed attempt left: call it when its exception is gone, for a traceback holds tensors."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def make_smaller(run: Run, batches: MicroBatches, reason: str) -> None:
    """Cut the step's micro-batches, and the run's from here on. Nothing of the attempt is left when it is called.

    Raises:
        NoRoom: they cannot be cut.
    """
    before, parts = run.batch_size, smallest_cut(run.batch_size)
    if parts == 1:
        raise NoRoom(
            f"out of memory at step {run.step} with micro-batches of one sequence: {reason}", smaller(run)
        )
    if run.profile.train.lean:
        raise NoRoom(
            f"out of memory at step {run.step}, and lean mode takes a step in one micro-batch: {reason}",
            f"lower train.batch_size, or {smaller(run)}",
        )
    batches.cut(parts)
    run.set_batch(before // parts)
    run.alarm(
        "warning",
        "out-of-memory",
        f"out of memory with micro-batches of {before}: {reason}",
        f"the same sequences run again as {run.accumulate} micro-batches of {run.batch_size}, and it stays so;"
        " recompute or a smaller model makes room for more",
    )


def wait_for_room(run: Run, error: NoRoom, place: dict[str, int]) -> None:
    """Pause before the step that found no room. `place`: where the loader stood before it.

    Raises:
        NoRoom: the profile wants no pauses, so the run ends here; its checkpoints are as they were.
    """
    if not run.profile.guard.pause_after:
        raise error
    run.loader.load_state(place)
    blocks = len(run.model.remaining)
    room = f"recompute {blocks}, then resume" if run.recompute < blocks else "free some memory, then resume"
    run.alarm(
        "error",
        "out-of-memory",
        f"{error.message}; the run is paused",
        f"{room}; or stop, and {error.remedy}",
    )
    run.pause("out of memory")


def halfway(step: int, moved: int, reason: str) -> SlotdeckError:
    """A lean step that ran out of memory when slots had moved already: it can neither be finished nor taken anew."""
    return SlotdeckError(
        f"out of memory in the middle of step {step}, when {moved} slots had moved: {reason}",
        "resume: it goes on from the last checkpoint; with --set train.recompute=N or a smaller train.batch_size",
    )


def smaller(run: Run, how: str = "resume") -> str:
    """The remedy when one sequence is too much; `how` it is to be tried: `begin` where nothing is there to resume."""
    blocks = len(run.model.remaining)
    ways = ["take a smaller model or shorter sequences"]
    if run.sequences == 1 and not run.profile.train.lean:
        ways.insert(0, "train.lean=true")
    if run.recompute < blocks:
        ways.insert(0, f"train.recompute={blocks}")
    return f"{how} with --set {', or '.join(ways)}" if len(ways) > 1 else ways[0]
