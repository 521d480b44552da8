"""One optimizer step: micro-batches forward and backward under a plan, clip, update. No host sync inside.

    plain   gradients of all micro-batches are gathered, their global norm is clipped, every slot is updated
    lean    each slot is updated inside backward, as soon as its gradients are complete, and they are freed

A step whose loss or gradients are not finite, or whose loss or gradient norm is a spike, is left out on the device:
the host neither waits nor learns of it before the next report.

Whoever runs out of memory before anything was updated gets the same samples again in smaller micro-batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import SlotdeckError
from engine.models.slotted import BlockPlan, SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.precision.device import is_out_of_memory
from engine.precision.scaling import LossScaling
from engine.text import one_line
from engine.train.fitting.rehearsal import generators, put_back
from engine.train.guards.out_of_memory import give_back, halfway
from engine.train.guards.spikes import SpikeGuard
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.meters.slot_meter import SlotMeter
from engine.train.micro_batches import MicroBatches


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a step is to be taken."""

    step: int
    """Steps done before it."""
    dtype: torch.dtype
    """The run's compute type."""
    device: torch.device
    lr: float
    grad_clip: float
    """Largest global gradient norm; 0: any."""
    gate_l1: float = 0.0
    """Weight of the model's regularisation loss, which is no part of the loss that is reported."""
    lean: bool = False
    """Update inside backward. There is one micro-batch then, and no loss scaling."""


@dataclass(frozen=True, slots=True)
class _Done:
    """What an attempt found: 0-d tensors on the device, and the tokens it trained on."""

    loss: Tensor
    norm: Tensor
    tokens: int
    finite: Tensor
    spike: Tensor


def _no_smaller(reason: str) -> None:
    raise SlotdeckError(f"out of memory: {reason}", "lower train.batch_size")


def take_step(
    model: SlottedModel,
    optimizer: SlottedOptimizer,
    batches: MicroBatches,
    scaling: LossScaling,
    meter: Meter,
    memory: MemoryWatch,
    recipe: Recipe,
    make_smaller: Callable[[str], None] = _no_smaller,
    guard: SpikeGuard | None = None,
    slots: SlotMeter | None = None,
) -> int:
    """Train on the micro-batches, each under its own plans; returns the tokens they held.

    A step whose loss or gradient norm is not finite or a spike leaves weights and optimizer states as they were:
    the decision is taken on the device, and the meter counts it. In lean mode only the loss is known in time:
    slots updated before a bad gradient was met have moved.

    Args:
        make_smaller: called with the reason when memory ran out, all that the attempt held being freed: it cuts
            the micro-batches, or raises what ends the run.
        guard: judges spikes, and is told what became of the step; None: only what is not finite is left out.
        slots: looks on if it measures this step; the caller ends that.
    """
    if slots and not slots.measuring:
        slots = None
    watch = meter.stopwatch
    watch.begin()
    optimizer.set_lr(recipe.lr)
    before = generators(recipe.device)
    if slots:
        slots.begin()
    while True:
        try:
            if recipe.lean:
                done = _lean(model, optimizer, batches, meter, memory, recipe, guard, slots)
            else:
                done = _plain(model, optimizer, batches, scaling, meter, memory, recipe, guard, slots)
            break
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = one_line(str(error), 300)
        # Outside the except, for the traceback held the graph.
        optimizer.zero_grad()
        if slots:
            slots.begin()
        give_back(recipe.device)
        put_back(before, recipe.device)
        make_smaller(reason)
    left_out = ~done.finite | done.spike
    if not recipe.lean:
        optimizer.step(found_inf=left_out.float())
    if slots:
        slots.done()
    if not recipe.lean:
        optimizer.zero_grad()
    watch.lap("optimizer")
    if guard is not None:
        # fp16 finds its scale by gradients that overflow: that is no trouble as long as the loss is finite.
        trouble = left_out if recipe.dtype != torch.float16 else done.spike | ~torch.isfinite(done.loss)
        guard.note(done.loss, done.norm, left_out, done.spike, trouble)
    meter.add(done.loss, done.norm, done.finite, done.tokens, batches.active_slots, done.spike)
    return done.tokens


def _judged(loss: Tensor, norm: Tensor, tokens: int, guard: SpikeGuard | None) -> _Done:
    """Whether the step may be applied."""
    finite = torch.isfinite(loss) & torch.isfinite(norm)
    spike = torch.zeros_like(finite) if guard is None else guard.judge(loss, norm) & finite
    return _Done(loss, norm, tokens, finite, spike)


def _plain(
    model: SlottedModel,
    optimizer: SlottedOptimizer,
    batches: MicroBatches,
    scaling: LossScaling,
    meter: Meter,
    memory: MemoryWatch,
    recipe: Recipe,
    guard: SpikeGuard | None,
    slots: SlotMeter | None,
) -> _Done:
    """Gather the gradients of all micro-batches, and clip them."""
    watch, dtype, device = meter.stopwatch, recipe.dtype, recipe.device
    total, tokens = torch.zeros((), device=device), 0
    for x_BT, y_BT, rows in batches:
        tokens += x_BT.numel()
        x_BT, y_BT = x_BT.to(device, non_blocking=True), y_BT.to(device, non_blocking=True)
        watch.lap("data")
        with memory.forward():
            loss = model.forward_loss(x_BT, y_BT, memory.revealed(rows), dtype) / len(batches)
            whole = _with_gates(loss, model, rows, recipe.gate_l1 / len(batches))
        watch.lap("forward")
        scaling.scale(whole, dtype).backward()
        watch.lap("backward")
        total += loss.detach()
    memory.backward_done(recipe.step)
    scaling.unscale(model.parameters(), dtype)
    if slots:
        slots.gradients_are_there()
    return _judged(total, optimizer.clip(recipe.grad_clip), tokens, guard)


def _lean(
    model: SlottedModel,
    optimizer: SlottedOptimizer,
    batches: MicroBatches,
    meter: Meter,
    memory: MemoryWatch,
    recipe: Recipe,
    guard: SpikeGuard | None,
    slots: SlotMeter | None,
) -> _Done:
    """Update each slot as soon as its gradients are complete; none is where the loss is not finite or a spike."""
    assert len(batches) == 1, "lean mode frees gradients as it goes: there is nothing to gather them in"
    assert recipe.dtype != torch.float16, "a slot's gradients are used before they could be unscaled"
    watch, device = meter.stopwatch, recipe.device
    ((x_BT, y_BT, rows),) = batches
    tokens = x_BT.numel()
    x_BT, y_BT = x_BT.to(device, non_blocking=True), y_BT.to(device, non_blocking=True)
    watch.lap("data")
    with memory.forward():
        loss = model.forward_loss(x_BT, y_BT, memory.revealed(rows), recipe.dtype)
        whole = _with_gates(loss, model, rows, recipe.gate_l1)
    watch.lap("forward")
    loss = loss.detach()
    finite = torch.isfinite(loss)
    spike = torch.zeros_like(finite) if guard is None else guard.judge(loss) & finite
    bad_loss = (~finite | spike).float()
    with optimizer.in_backward(
        lr=recipe.lr, max_norm=recipe.grad_clip, found_inf=bad_loss, watch=slots
    ) as update:
        try:
            whole.backward()
        except (RuntimeError, MemoryError) as error:
            if update.updated and is_out_of_memory(error):
                raise halfway(recipe.step, len(update.updated), one_line(str(error), 300)) from None
            raise
    watch.lap("backward")
    memory.backward_done(recipe.step)
    return _Done(loss, update.norm, tokens, finite & torch.isfinite(update.norm), spike)


def _with_gates(loss: Tensor, model: SlottedModel, rows: Sequence[BlockPlan], weight: float) -> Tensor:
    """The loss that gradients are taken of: with the L1 term on the gates of the slots that learn now."""
    return loss + weight * model.get_regularization_loss(rows) if weight else loss
