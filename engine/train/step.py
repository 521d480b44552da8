"""One optimizer step: micro-batches forward and backward under a plan, clip, update. No host sync inside."""

from __future__ import annotations

import torch

from engine.data.loader import Loader
from engine.models.slotted import BlockPlan, SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.precision.scaling import LossScaling
from engine.train.memory import MemoryWatch
from engine.train.metrics import Meter


def take_step(
    model: SlottedModel,
    optimizer: SlottedOptimizer,
    loader: Loader,
    scaling: LossScaling,
    meter: Meter,
    memory: MemoryWatch,
    *,
    step: int,
    blocks: list[BlockPlan],
    dtype: torch.dtype,
    device: torch.device,
    lr: float,
    accumulate: int,
    grad_clip: float,
) -> int:
    """Train on `accumulate` micro-batches; returns the tokens they held.

    A step whose loss or gradient norm is not finite leaves weights and optimizer states as they were: the
    decision is taken on the device, and the meter counts it.
    """
    watch = meter.stopwatch
    watch.begin()
    tokens = 0
    total = torch.zeros((), device=device)
    for _ in range(accumulate):
        x_BT, y_BT = loader.next()
        tokens += x_BT.numel()
        x_BT, y_BT = x_BT.to(device, non_blocking=True), y_BT.to(device, non_blocking=True)
        watch.lap("data")
        with memory.forward():
            loss = model.forward_loss(x_BT, y_BT, blocks, dtype) / accumulate
        watch.lap("forward")
        scaling.scale(loss, dtype).backward()
        watch.lap("backward")
        total += loss.detach()
    memory.backward_done(step)
    scaling.unscale(model.parameters(), dtype)
    norm = optimizer.clip(grad_clip)
    finite = torch.isfinite(total) & torch.isfinite(norm)
    optimizer.set_lr(lr)
    optimizer.step(found_inf=(~finite).float())
    optimizer.zero_grad()
    watch.lap("optimizer")
    meter.add(total, norm, finite, tokens, sum(block.duty for block in blocks))
    return tokens
