"""What each block is missed by: the loss without it, one block at a time.

No weight is touched, a block that is out is a plan with duty 0. Called by `engine.train.verbs.probe`;
`engine.analysis.elastic` goes on from here and takes out several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.evaluate import Batches, validate
from engine.models.slotted import BlockPlan, SlottedModel


@dataclass(frozen=True, slots=True)
class Missed:
    """Losses in nats per token, all on the same tokens."""

    loss: float
    """With every block that the model has."""
    slots: tuple[int, ...]
    """Those that were left out, ascending: pruned ones are not among them."""
    losses: tuple[float, ...]
    """Without each of `slots`."""
    tokens: int


def leave_each_out(
    model: SlottedModel,
    batches: Batches,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    told: Callable[[int, int], None] = lambda *_: None,
) -> Missed:
    """Measure the model whole, and then without each of its blocks.

    Args:
        model: on `device`; left as it came, also when `told` raises.
        told: called after each batch with the passes done so far and those in all, one more than there are blocks.
    """
    there = model.remaining
    passes = len(there) + 1

    def loss(number: int, gone: int | None) -> tuple[float, int]:
        blocks = [BlockPlan(duty=0.0 if i == gone else 1.0) for i in range(len(model.slots()))]
        return validate(
            model, batches, dtype, device, lambda done, total: told(number + (done == total), passes), blocks
        )

    whole, tokens = loss(0, None)
    without = tuple(loss(number, slot)[0] for number, slot in enumerate(there, start=1))
    return Missed(whole, tuple(there), without, tokens)
