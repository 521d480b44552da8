"""Layers that families share, and the one place where a dtype changes.

Precision, whole: weights are kept in fp32, or the blocks' matrices in bf16 (`narrow_matrices`), and stay so. A
run computes in `dtype`, given anew with every call, so it can go from fp32 to bf16 and back between two steps
without touching a weight or an optimizer state.

    where               dtype       why
    residual stream     fp32        every block adds to it: bf16 has 8 bits, and a small addition to a
                                    large stream is lost; fp16 overflows at 65,504. It also makes the
                                    compute type a matter of a block's inside, so slots may differ.
                                    Price: 2 bytes more a value in the two norm inputs that a block
                                    keeps, so 36d bytes a token instead of 32d.
    norms               fp32        means and variances over the stream; the *result* is cast to `dtype`
    linears, attention  `dtype`     `Linear` casts its weight to what comes in; accumulation is the kernel's
    loss head           `dtype`     logits are a matmul; softmax and loss are fp32 (see `engine.models.head`)

fp8 is for the blocks' matmuls only: everything else that says `dtype` is bf16 then (`engine.precision.fp8`).

So a value is cast in two places only: activations where a norm hands them to a linear, weights in `Linear`.
No autocast: its casts are hidden, cached and decided per operator. In fp32 nothing is cast at all
(`Tensor.to` with the same dtype returns the tensor itself).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.precision import fp8


class Linear(nn.Linear):
    """A linear layer that computes in the dtype of its input, or in fp8 when told so."""

    def __init__(self, width_in: int, width_out: int, bias: bool, stacked: int = 1) -> None:
        """`stacked`: the matrices of equal height that lie on top of each other in the weight."""
        self.stacked = stacked
        super().__init__(width_in, width_out, bias)

    def reset_parameters(self) -> None:
        """Zeros until the family draws its start; torch's own would draw from the global generator."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """`(..., in)` -> `(..., out)`, dtype kept; `dtype` is looked at only for whether it is fp8."""
        bias: Tensor | None = self.bias
        if dtype == fp8.FP8:
            return fp8.linear(x, self.weight, bias)
        return F.linear(x, self.weight.to(x.dtype), bias if bias is None else bias.to(x.dtype))


class LayerNorm(nn.Module):
    """Layer norm in fp32 whose result leaves in the compute type; the bias is optional."""

    EPS = 1e-5
    """GPT-2's."""

    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """`(..., D)` fp32 -> `(..., D)` in `dtype`, in bf16 when that is fp8."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.EPS).to(fp8.carrier(dtype))


def embedding(rows: int, width: int) -> nn.Embedding:
    """A table `(rows, width)` of zeros until the family draws its start, for the same reason."""
    return nn.Embedding.from_pretrained(torch.zeros(rows, width), freeze=False)


def narrow_matrices(module: nn.Module) -> None:
    """Keep the weights of all linears in it in bf16, rounded to the nearest; biases and norms stay fp32.

    Parameters are replaced, so this comes before an optimizer is built. What a step smaller than a weight's last
    bit needs is in `engine.optim.rounding`.
    """
    for linear in module.modules():
        if isinstance(linear, Linear):
            linear.weight = nn.Parameter(linear.weight.detach().to(torch.bfloat16))
