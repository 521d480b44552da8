"""Passes on the run's own shapes that leave no trace: for what can only be measured, before or between steps.

Used in warm-up for the number of threads and the micro-batch. It reads no data, moves no weight and makes no
optimizer state; gradients are freed and the generators put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.models.slotted import BlockPlan
from engine.precision.policy import dtype_of
from engine.profile.derive import train_seq_len
from engine.train.fitting.recompute import one_kept, with_recompute

if TYPE_CHECKING:
    from engine.train.run import Run


def rehearse(
    run: Run,
    batch_size: int,
    passes: int = 1,
    forward: AbstractContextManager[object] | None = None,
) -> None:
    """Forward and backward, every slot on: the most work that a plan can ask for.

    Args:
        run: between two steps.
        batch_size: sequences.
        passes: how often, without freeing the gradients in between: a second one is what accumulation holds.
        forward: put around the forward passes; one recomputed block then keeps its activations, so that a
            count of what autograd saves is the most that a step holds.
    """
    shape = (batch_size, train_seq_len(run.profile))
    ids_BT = torch.randint(run.model.vocab_size, shape, generator=torch.Generator().manual_seed(0))
    ids_BT = ids_BT.to(run.device)
    rows = with_recompute([BlockPlan()] * len(run.model.slot_names), run.recompute, run.model.pruned)
    if forward is not None:
        rows = one_kept(rows)
    dtype = dtype_of(run.precision)
    with undisturbed(run.device):
        try:
            for _ in range(passes):
                with forward or nullcontext():
                    loss = run.model.forward_loss(ids_BT, ids_BT, rows, dtype)
                loss.backward()
        finally:
            run.optimizer.zero_grad()


@contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """Within it dropout may draw; afterwards torch's generators stand where they stood."""
    before = generators(device)
    try:
        yield
    finally:
        put_back(before, device)


def generators(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Where torch's generators stand: the host's, and the device's if it has one of its own."""
    if device.type == "cuda":
        return torch.get_rng_state(), torch.cuda.get_rng_state(device)
    return torch.get_rng_state(), torch.mps.get_rng_state() if device.type == "mps" else None


def put_back(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Set them to where they stood."""
    host, own = state
    torch.set_rng_state(host)
    if own is not None and device.type == "cuda":
        torch.cuda.set_rng_state(own, device)
    elif own is not None:
        torch.mps.set_rng_state(own)
