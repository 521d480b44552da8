"""The loss head: cross entropy over the vocabulary without ever holding the logits.

Plain cross entropy keeps `(N, V)` logits, their softmax and its gradient: at GPT-2's vocabulary 206 MB a
copy for each 1,024 tokens, the largest single peak of a step. But the gradient of a row needs only that
row, and the loss is a scalar, so the whole backward pass of the head can be done chunk by chunk *during the
forward pass*:

    for rows of N, `chunk` at a time:
        logits = h W^T          loss += logsumexp(logits) - logits[target]
        g = softmax(logits) - onehot(target)
        dh[rows] = g W          dW += g^T h

What is kept is `dh (N, D)` and `dW (V, D)`, both needed anyway; backward multiplies them by the incoming
scalar over N. Nothing is computed twice: three matmuls, like the plain head.

Two implementations of the same thing, both tested against the plain head:

    torch     `torch.nn.functional.linear_cross_entropy` with a chunk size; torch 2.13 and later
    own       `_ChunkedLoss` below; any torch

Precision: matmuls in the dtype of `h` (the run's), softmax and losses in fp32, `dW` summed in fp32. `g` is
kept unscaled, between -1 and 1, and 1/N comes last: in fp16 `g / N` would vanish below 6e-8.

Never compiled: `linear_cross_entropy` falls back under `torch.compile`, so callers keep it outside.

Shapes: N rows (sequences x positions), R rows of a chunk, D model width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

HAS_TORCH_HEAD = hasattr(F, "linear_cross_entropy") and hasattr(torch.nn, "LinearCrossEntropyOptions")


def chunked_loss(
    h_ND: Tensor,
    weight_VD: Tensor,
    target_N: Tensor,
    chunk: int,
    implementation: Literal["torch", "own"] = "own",
) -> Tensor:
    """Mean cross entropy of `h W^T` against `target`, nats: 0-d, fp32.

    Args:
        h_ND: the head's input, in the compute type.
        weight_VD: fp32; its gradient is fp32 too, and adds to that of a tied embedding.
        target_N: int64 ids, each below V. None is ignored.
        chunk: rows at a time; at most `chunk x V` logits exist at any moment.
        implementation: see the module's docstring.
    """
    if not (torch.is_grad_enabled() and (h_ND.requires_grad or weight_VD.requires_grad)):
        return _loss_only(h_ND, weight_VD.to(h_ND.dtype), target_N, chunk)
    if implementation == "torch":
        return _torch_loss(h_ND, weight_VD, target_N, chunk)
    return _ChunkedLoss.apply(h_ND, weight_VD, target_N, chunk)


def _torch_loss(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
    """torch's own. `sum` and a division afterwards, so that the op keeps its gradients unscaled."""
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=chunk, chunking_method=None)
    weight_VD = weight_VD.to(h_ND.dtype)
    loss = F.linear_cross_entropy(h_ND, weight_VD, target_N, reduction="sum", options=options)
    return loss.float() / len(h_ND)


def _loss_only(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
    """The loss when nobody asks for gradients: validation."""
    losses = [
        F.cross_entropy(F.linear(h_RD, weight_VD).float(), target_R, reduction="none")
        for h_RD, target_R in zip(h_ND.split(chunk), target_N.split(chunk), strict=True)
    ]
    return torch.cat(losses).mean()


class _ChunkedLoss(torch.autograd.Function):
    """The loop of the module's docstring."""

    @staticmethod
    def forward(ctx: Any, h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
        dtype = h_ND.dtype
        cast_VD = weight_VD.to(dtype)
        wants_h, wants_weight = ctx.needs_input_grad[:2]
        grad_h_ND = torch.empty_like(h_ND) if wants_h else None
        grad_weight_VD = torch.zeros_like(weight_VD) if wants_weight else None
        loss_N = torch.empty(len(h_ND), dtype=torch.float32, device=h_ND.device)
        for start in range(0, len(h_ND), chunk):
            rows = slice(start, start + chunk)
            h_RD, target_R1 = h_ND[rows], target_N[rows, None]
            logits_RV = torch.mm(h_RD, cast_VD.t()).float()
            lse_R1 = torch.logsumexp(logits_RV, dim=1, keepdim=True)
            loss_N[rows] = (lse_R1 - logits_RV.gather(1, target_R1)).squeeze(1)
            g_RV = logits_RV.sub_(lse_R1).exp_()
            g_RV.scatter_add_(1, target_R1, g_RV.new_full((1, 1), -1.0).expand(len(h_RD), 1))
            g_RV = g_RV.to(dtype)
            if grad_h_ND is not None:
                torch.mm(g_RV, cast_VD, out=grad_h_ND[rows])
            if grad_weight_VD is not None:
                _accumulate(grad_weight_VD, g_RV, h_RD)
        ctx.gradients, ctx.num_rows = (grad_h_ND, grad_weight_VD), len(h_ND)
        return loss_N.mean()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        assert ctx.gradients is not None, "the head's gradients are scaled in place: one backward each"
        gradients, ctx.gradients = ctx.gradients, None
        scale = grad_outputs[0] / ctx.num_rows
        grad_h_ND, grad_weight_VD = (g if g is None else g.mul_(scale) for g in gradients)
        return grad_h_ND, grad_weight_VD, None, None


def _accumulate(grad_weight_VD: Tensor, g_RV: Tensor, h_RD: Tensor) -> None:
    """`dW += g^T h`, summed in fp32 whatever the matmul's dtype."""
    if g_RV.dtype == grad_weight_VD.dtype:
        grad_weight_VD.addmm_(g_RV.t(), h_RD)
    else:
        grad_weight_VD.add_(torch.mm(g_RV.t(), h_RD))
