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

    own       `_ChunkedLoss` below; any torch
    torch     `torch.nn.functional.linear_cross_entropy` with a chunk size; torch 2.13 and later

`auto` takes torch's in fp32 on a GPU, where it is present, and the own one otherwise. In bf16 torch's returns
the loss itself in bf16 (6.875 for 6.859: a loss curve in steps of 0.03) and rounds `dW` to it. On a CPU the
own one is faster (`benchmarks/loss_head.py`; D = 128, V = 4,096, one thread, chunks of 256, ms for loss and
gradients):

    rows     fp32: plain   own   torch     bf16: plain   own   torch
    2,048            206    99     117             541   182     188
    4,096            453   214     269           1,263   313     322

Precision: matmuls in the dtype of `h` (the run's), softmax and losses in fp32, `dW` summed in fp32. `g` is
kept unscaled, between -1 and 1, and 1/N comes last: in fp16 `g / N` would vanish below 6e-8. A CPU
multiplies the same rounded numbers in fp32: few have bf16 units, and without them bf16 took three times as
long.

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
    implementation: Literal["auto", "torch", "own"] = "auto",
) -> Tensor:
    """Mean cross entropy of `h W^T` against `target`, nats: 0-d, fp32.

    Args:
        h_ND: the head's input, in the compute type.
        weight_VD: fp32; its gradient is fp32 too, and adds to that of a tied embedding.
        target_N: int64 ids, each below V. None is ignored.
        chunk: rows at a time; at most `chunk x V` logits exist at any moment. 0: the plain head, all at once.
        implementation: see the module's docstring.
    """
    if not chunk:
        return F.cross_entropy(F.linear(h_ND, weight_VD.to(h_ND.dtype)).float(), target_N)
    if not (torch.is_grad_enabled() and (h_ND.requires_grad or weight_VD.requires_grad)):
        return _loss_only(h_ND, weight_VD, target_N, chunk)
    if implementation == "auto":
        on_cpu = h_ND.device.type == "cpu"
        implementation = "torch" if HAS_TORCH_HEAD and not on_cpu and h_ND.dtype == torch.float32 else "own"
    if implementation == "torch":
        return _torch_loss(h_ND, weight_VD, target_N, chunk)
    return _ChunkedLoss.apply(h_ND, weight_VD, target_N, chunk)


def _torch_loss(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
    """torch's own, with the sum divided afterwards so that it keeps its gradients unscaled."""
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=chunk, chunking_method=None)
    weight_VD = weight_VD.to(h_ND.dtype)
    loss = F.linear_cross_entropy(h_ND, weight_VD, target_N, reduction="sum", options=options)
    return loss.float() / len(h_ND)


def _loss_only(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
    """The loss when nobody asks for gradients: validation."""
    weight_VD = _multiplicand(weight_VD, h_ND)
    loss_N = [
        F.cross_entropy(F.linear(h_RD.to(weight_VD.dtype), weight_VD).float(), target_R, reduction="none")
        for h_RD, target_R in zip(h_ND.split(chunk), target_N.split(chunk), strict=True)
    ]
    return torch.cat(loss_N).mean()


class _ChunkedLoss(torch.autograd.Function):
    """The loop of the module's docstring."""

    @staticmethod
    def forward(ctx: Any, h_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int) -> Tensor:
        cast_VD = _multiplicand(weight_VD, h_ND)
        dtype = cast_VD.dtype
        wants_h, wants_weight = ctx.needs_input_grad[:2]
        grad_h_ND = torch.empty_like(h_ND) if wants_h else None
        grad_weight_VD = torch.zeros_like(weight_VD) if wants_weight else None
        loss_N = torch.empty(len(h_ND), dtype=torch.float32, device=h_ND.device)
        minus_one = loss_N.new_full((1, 1), -1.0)
        # One buffer, and a softmax in place: new ones for each chunk took a fifth of the time on a CPU.
        logits_CV = torch.empty(min(chunk, len(h_ND)), len(weight_VD), dtype=dtype, device=h_ND.device)
        for start in range(0, len(h_ND), chunk):
            rows = slice(start, start + chunk)
            h_RD, target_R1 = h_ND[rows].to(dtype), target_N[rows, None]
            logits_RV = torch.mm(h_RD, cast_VD.t(), out=logits_CV[: len(h_RD)]).float()
            torch.log_softmax(logits_RV, 1, out=logits_RV)
            loss_N[rows] = -logits_RV.gather(1, target_R1).squeeze(1)
            g_RV = logits_RV.exp_().scatter_add_(1, target_R1, minus_one.expand(len(h_RD), 1)).to(dtype)
            if grad_h_ND is not None:
                grad_h_ND[rows] = torch.mm(g_RV, cast_VD)
            if grad_weight_VD is not None and dtype == grad_weight_VD.dtype:
                grad_weight_VD.addmm_(g_RV.t(), h_RD)
            elif grad_weight_VD is not None:
                grad_weight_VD += torch.mm(g_RV.t(), h_RD)
        ctx.save_for_backward(grad_h_ND, grad_weight_VD)
        ctx.num_rows = len(h_ND)
        return loss_N.mean()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        scale = grad_outputs[0] / ctx.num_rows
        # In place: they are ours alone, and a graph goes backward once.
        grad_h_ND, grad_weight_VD = (g if g is None else g.mul_(scale) for g in ctx.saved_tensors)
        return grad_h_ND, grad_weight_VD, None, None


def _multiplicand(weight_VD: Tensor, h_ND: Tensor) -> Tensor:
    """The weight rounded to the compute type, and on a CPU widened again."""
    rounded_VD = weight_VD.to(h_ND.dtype)
    return rounded_VD.float() if h_ND.device.type == "cpu" else rounded_VD
