"""Linear layers in 8 bits: e4m3 for activations and weights, e5m2 for gradients, a scale for each tensor.

    forward     y  = x8 W8^T         e4m3 e4m3
    backward    dx = g8 W8           e5m2 e4m3
                dW = g8^T x8         e5m2 e4m3

Every operand is scaled so that its largest value is the format's largest, from the tensor at hand (no history to
save or to get wrong); sums are the kernel's, results bf16. What is kept for backward is x8, a byte a value. Formats
and ranges: Micikevicius et al. 2022, "FP8 Formats for Deep Learning".

Only the matmuls of blocks go this way: norms, attention and the head do not. The compute type is named by
`torch.float8_e4m3fn`, which no tensor of the model has; `carrier` is the type that values have between the matmuls.

Casting costs a pass over each operand, so a narrow model is *slower* in fp8 (published, d12: nanochat). Therefore
`try_matmuls` times both on the device, at the width and the tokens of the run, before `auto` takes it.

Called by `engine.models.layers` and `engine.precision.policy`. `torch._scaled_mm` takes inner and outer sizes that
are multiples of 16; where they are not, the product is done in bf16.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

FP8 = torch.float8_e4m3fn
"""The compute type's name, and the format of activations and weights."""
FP8_GRADIENT = torch.float8_e5m2
TILE = 16
SMALLEST = 1e-12
"""Below it a tensor counts as zero: a scale must not be."""
CLEARLY_FASTER = 0.95
ROUNDS = 10


def carrier(dtype: torch.dtype) -> torch.dtype:
    """The type of values between matmuls in this compute type: bf16 for fp8, itself for any other."""
    return torch.bfloat16 if dtype == FP8 else dtype


def has_fp8(device: torch.device) -> bool:
    """Whether the device multiplies in fp8: NVIDIA, compute 8.9 (Ada, Hopper) and up."""
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(device) >= (8, 9)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`(..., in)` in bf16 -> `(..., out)` in bf16; the weight in any type, its gradient in the same."""
    if weight.shape[0] % TILE or weight.shape[1] % TILE:
        return F.linear(x, weight.to(x.dtype), bias if bias is None else bias.to(x.dtype))
    y: Tensor = _Matmul.apply(x.reshape(-1, x.shape[-1]), weight)
    y = y.view(*x.shape[:-1], weight.shape[0])
    return y if bias is None else y + bias.to(y.dtype)


class _Matmul(torch.autograd.Function):
    """Shapes: M rows, K in, N out."""

    @staticmethod
    def forward(ctx: Any, x_MK: Tensor, weight_NK: Tensor) -> Tensor:
        x8_MK, x_scale = quantise(x_MK, FP8)
        w8_NK, w_scale = quantise(weight_NK, FP8)
        ctx.save_for_backward(x8_MK, x_scale, weight_NK)
        return _multiply(x8_MK, w8_NK.t(), x_scale, w_scale, fast=True)

    @staticmethod
    def backward(ctx: Any, g_MN: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x8_MK, x_scale, weight_NK = ctx.saved_tensors
        g8_MN, g_scale = quantise(g_MN, FP8_GRADIENT)
        dx_MK = dw_NK = None
        if ctx.needs_input_grad[0]:
            w8_NK, w_scale = quantise(weight_NK, FP8)
            dx_MK = _multiply(g8_MN, _by_columns(w8_NK), g_scale, w_scale)
        if ctx.needs_input_grad[1]:
            if g_MN.shape[0] % TILE:
                dw_NK = g_MN.t() @ (x8_MK.to(g_MN.dtype) * x_scale.to(g_MN.dtype))
            else:
                dw_NK = _multiply(g8_MN.t().contiguous(), _by_columns(x8_MK), g_scale, x_scale)
            dw_NK = dw_NK.to(weight_NK.dtype)
        return dx_MK, dw_NK


def quantise(t: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`t` in 8 bits, row by row in memory, and the fp32 scale that it has to be multiplied by again."""
    largest = torch.finfo(dtype).max
    scale = t.abs().amax().float().clamp(min=SMALLEST) / largest
    # A value a rounding error above the largest would become nan: e4m3 has no infinity.
    return (t.float() / scale).clamp(-largest, largest).to(dtype).contiguous(), scale


def _by_columns(t: Tensor) -> Tensor:
    """The same matrix, column by column in memory: what the kernel wants of its second operand."""
    return t.t().contiguous().t()


def _multiply(a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor, fast: bool = False) -> Tensor:
    product: Tensor = torch._scaled_mm(
        a, b, scale_a=a_scale, scale_b=b_scale, out_dtype=torch.bfloat16, use_fast_accum=fast
    )
    return product


@dataclass(frozen=True, slots=True)
class Trial:
    """How fast this device is in both, forward and backward through a block's MLP, casts included."""

    width: int
    tokens: int
    bf16_ms: float
    fp8_ms: float

    @property
    def wins(self) -> bool:
        """Whether fp8 is clearly faster."""
        return self.fp8_ms < CLEARLY_FASTER * self.bf16_ms

    def describe(self) -> str:
        """`fp8 takes 1.2 ms, bf16 1.4 ms: matmuls of 8192 tokens at width 768`."""
        times = f"fp8 takes {self.fp8_ms:.3g} ms, bf16 {self.bf16_ms:.3g} ms"
        return f"{times}: matmuls of {self.tokens} tokens at width {self.width}"


def try_matmuls(width: int, tokens: int, device: torch.device, compiled: bool) -> Trial:
    """Time both on the device, in turns so that a passing load hits both.

    Args:
        width: of the model; the trial's matmuls are (width -> 4 width) and back.
        tokens: of a micro-batch.
        device: one that has fp8 units; a CPU computes the same without them.
        compiled: whether the run's blocks will be: casts are fused then, which decides the matter.
    """
    generator = torch.Generator(device).manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        t = torch.randn(shape, device=device, generator=generator)
        return t.requires_grad_()

    x, w_in, w_out = drawn(tokens, width), drawn(4 * width, width), drawn(width, 4 * width)

    def in_bf16() -> Tensor:
        h = F.gelu(F.linear(x.bfloat16(), w_in.bfloat16()), approximate="tanh")
        return F.linear(h, w_out.bfloat16())

    def in_fp8() -> Tensor:
        return linear(F.gelu(linear(x.bfloat16(), w_in, None), approximate="tanh"), w_out, None)

    ways: list[Callable[[], Tensor]] = [in_bf16, in_fp8]
    if compiled:
        ways = [torch.compile(way, fullgraph=True, dynamic=False) for way in ways]
    times_s: list[list[float]] = [[], []]
    for round_ in range(ROUNDS + 1):
        for way, times in zip(ways, times_s, strict=True):
            begun = _now_s(device)
            y = way()
            torch.autograd.grad(y, [x, w_in, w_out], torch.ones_like(y))
            if round_:  # the first one warms up
                times.append(_now_s(device) - begun)
    bf16_ms, fp8_ms = (1000 * statistics.median(times) for times in times_s)
    return Trial(width, tokens, bf16_ms, fp8_ms)


def _now_s(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
