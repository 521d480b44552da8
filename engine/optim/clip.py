"""The norm of gradients, and scaling them down to it. Nothing here reads the device."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Of all their gradients together: 0-d fp32 on the device; inf or nan if one of them is.

    Where gradients are bf16 their squares are summed in fp32: torch would give a norm of 8 bits.
    """
    grads = [p.grad for p in parameters if p.grad is not None]
    assert grads, "a norm of no gradients"
    if all(g.dtype == torch.float32 for g in grads):
        return nn.utils.get_total_norm(grads, error_if_nonfinite=False)
    return torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(g, dtype=torch.float32) for g in grads])
    )


def clip_(parameters: Iterable[nn.Parameter], max_norm: float, norm: Tensor) -> None:
    """Scale the gradients, in place, so that `norm` becomes at most `max_norm`; 0: leave them."""
    if max_norm > 0:
        nn.utils.clip_grads_with_norm_([p for p in parameters if p.grad is not None], max_norm, norm)
