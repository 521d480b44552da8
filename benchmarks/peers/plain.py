"""The plain reference loop: AdamW in fp32, one batch a step, clip, warm-up and decay. In torch alone.

Every figure is held against it, and a test asks the engine, slots off and chunking off, for the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.peers.gpt import GPT


@dataclass(frozen=True, slots=True)
class Recipe:
    """The optimizer and its schedule: AdamW, warm-up, then half a cosine, or a level and a line down."""

    steps: int
    lr: float
    min_lr: float
    warmup_steps: int
    schedule: str = "cosine"
    cooldown: float = 0.2
    weight_decay: float = 0.1
    grad_clip: float = 1.0

    def lr_at(self, step: int) -> float:
        """Of the step that follows `step` steps done."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        progress = min(1.0, (step - self.warmup_steps) / max(1, self.steps - 1 - self.warmup_steps))
        return self.min_lr + (self.lr - self.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


def adamw(model: GPT, recipe: Recipe) -> torch.optim.Optimizer:
    """Fused AdamW; matrices decay, embeddings, norms and biases do not."""
    tables = {model.wte.weight, model.wpe.weight}
    matrices = [p for p in model.parameters() if p.ndim == 2 and p not in tables]
    rest = [p for p in model.parameters() if p.ndim == 1 or p in tables]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.95), eps=1e-8, fused=True)


def train(
    model: GPT,
    optimizers: Sequence[torch.optim.Optimizer],
    batches: Iterable[tuple[Tensor, Tensor]],
    recipe: Recipe,
    *,
    forward: Callable[[Tensor, Tensor], Tensor] | None = None,
    before: Callable[[int], None] = lambda _: None,
) -> Iterator[Tensor]:
    """Train step by step; after each, its loss is handed out, on the device.

    Args:
        model: on the device of the batches.
        optimizers: the first follows the recipe's rate; others the same curve from a peak of their own.
        forward: what computes the loss, if not the model itself: compiled, or under autocast.
        before: called with the number of steps done before each.
    """
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    for step, (x_BT, y_BT) in zip(range(recipe.steps), batches, strict=False):
        before(step)
        for optimizer, group_peaks in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, group_peaks, strict=True):
                group["lr"] = recipe.lr_at(step) * (peak / recipe.lr)
        loss = (forward or model)(x_BT, y_BT)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.grad_clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        yield loss.detach()
