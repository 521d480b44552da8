"""The norm of gradients, and scaling them down to it. Nothing here reads the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Of all their gradients together: 0-d fp32 on the device; inf or nan if one of them is."""
    return norm_of([p.grad for p in parameters if p.grad is not None])


def norm_of(tensors: Sequence[Tensor]) -> Tensor:
    """The L2 norm of all values together: 0-d fp32 on the device; inf or nan if one of them is.

    Where tensors are bf16 their squares are summed in fp32: torch would give a norm of 8 bits.
    """
    assert tensors, "a norm of nothing"
    if all(t.dtype == torch.float32 for t in tensors):
        return nn.utils.get_total_norm(tensors, error_if_nonfinite=False)
    return torch.linalg.vector_norm(
        torch.stack([torch.linalg.vector_norm(t, dtype=torch.float32) for t in tensors])
    )


def clip_(parameters: Iterable[nn.Parameter], max_norm: float, norm: Tensor) -> None:
    """Scale the gradients, in place, so that `norm` becomes at most `max_norm`; 0: leave them."""
    if max_norm > 0:
        nn.utils.clip_grads_with_norm_([p for p in parameters if p.grad is not None], max_norm, norm)
