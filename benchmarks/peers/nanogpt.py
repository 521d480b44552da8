"""The ladder that a good plain loop climbs: bf16 autocast, the whole model compiled, fused AdamW, Muon.

As nanoGPT does it, written anew. Muon (Jordan et al. 2024) takes the blocks' matrices, AdamW the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.peers.gpt import GPT
from benchmarks.peers.plain import Recipe


def quick_forward(model: GPT, device: str, bf16: bool, compiled: bool) -> Callable[[Tensor, Tensor], Tensor]:
    """The model's loss under autocast, compiled."""
    call: Callable[[Tensor, Tensor], Tensor] = torch.compile(model) if compiled else model

    def forward(x_BT: Tensor, y_BT: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            return call(x_BT, y_BT)

    return forward


def muon_and_adamw(model: GPT, recipe: Recipe, muon_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices; AdamW, without decay, for embeddings, norms and biases."""
    matrices = [p for block in model.blocks for p in block.parameters() if p.ndim == 2]
    taken = set(matrices)
    rest = [p for p in model.parameters() if p not in taken]
    return [
        torch.optim.AdamW(rest, lr=recipe.lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0, fused=True),
        torch.optim.Muon(matrices, lr=muon_lr, momentum=0.95, weight_decay=recipe.weight_decay),
    ]
