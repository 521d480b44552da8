"""Out of memory: how it shows, what is given back, and how the run goes on.

`engine.train.step` notices it in a step, and `engine.train.fit` runs into it on purpose. A step that could not be
finished is run again on the same sequences in smaller micro-batches; where there are none, the run ends with one line.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from engine.errors import SlotdeckError
from engine.train.micro_batches import MicroBatches, smallest_cut

if TYPE_CHECKING:
    from engine.train.run import Run

_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",  # cuBLAS and cuDNN keep workspaces of their own
    "std::bad_alloc",
)
"""In a RuntimeError: only CUDA has an exception of its own. The second and third are the CPU allocator's."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on whichever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _WORDS)


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
        SlotdeckError: they cannot be cut, so the run ends here; its checkpoints are as they were.
    """
    before, parts = run.batch_size, smallest_cut(run.batch_size)
    if parts == 1:
        raise SlotdeckError(
            f"out of memory at step {run.step} with micro-batches of one sequence: {reason}", smaller(run)
        )
    if run.profile.train.lean:
        raise SlotdeckError(
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


def smaller(run: Run) -> str:
    """The remedy when one sequence is too much."""
    blocks = len(run.model.remaining)
    ways = ["take a smaller model or shorter sequences"]
    if run.sequences == 1 and not run.profile.train.lean:
        ways.insert(0, "train.lean=true")
    if run.recompute < blocks:
        ways.insert(0, f"train.recompute={blocks}")
    return f"resume with --set {', or '.join(ways)}" if len(ways) > 1 else ways[0]
