"""The chunked loss head against plain cross entropy, and what it never allocates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.head import HAS_TORCH_HEAD, chunked_loss

N, D, V = 300, 24, 320
needs_torch_head = pytest.mark.skipif(
    not HAS_TORCH_HEAD, reason="this torch has no chunked linear_cross_entropy"
)
BOTH = pytest.mark.parametrize("implementation", ["own", pytest.param("torch", marks=needs_torch_head)])
Implementation = Literal["torch", "own"]


def inputs(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    h_ND = torch.randn(N, D, generator=generator).to(dtype).requires_grad_()
    weight_VD = torch.randn(V, D, generator=generator).mul_(0.3).requires_grad_()
    return h_ND, weight_VD, torch.randint(0, V, (N,), generator=generator)


def plain_loss(h_ND: Tensor, weight_VD: Tensor, target_N: Tensor) -> Tensor:
    """In fp32 on numbers rounded to the compute type: what every kernel approximates."""
    return F.cross_entropy(F.linear(h_ND.float(), weight_VD.to(h_ND.dtype).float()), target_N)


def loss_and_gradients(
    loss: Callable[..., Tensor], dtype: torch.dtype, upstream: float
) -> tuple[Tensor, Tensor, Tensor]:
    h_ND, weight_VD, target_N = inputs(dtype)
    value = loss(h_ND, weight_VD, target_N)
    (value * upstream).backward()
    assert h_ND.grad is not None
    assert weight_VD.grad is not None
    return value.detach(), h_ND.grad.float(), weight_VD.grad


@BOTH
@pytest.mark.parametrize("chunk", [1, 64, 100, 299, 300, 4096])
def test_it_is_plain_cross_entropy_whatever_the_chunk(implementation: Implementation, chunk: int) -> None:
    ours = loss_and_gradients(
        lambda h, w, t: chunked_loss(h, w, t, chunk, implementation), torch.float32, 0.25
    )
    plain = loss_and_gradients(plain_loss, torch.float32, 0.25)
    for mine, reference in zip(ours, plain, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-7)


@BOTH
def test_in_bf16_it_is_as_near_as_bf16_allows(implementation: Implementation) -> None:
    ours = loss_and_gradients(lambda h, w, t: chunked_loss(h, w, t, 64, implementation), torch.bfloat16, 1.0)
    plain = loss_and_gradients(plain_loss, torch.bfloat16, 1.0)
    assert ours[0].dtype == torch.float32
    # torch's op hands back a bf16 loss, which is why ours is taken there.
    torch.testing.assert_close(ours[0], plain[0], rtol=1e-5 if implementation == "own" else 4e-3, atol=0)
    for mine, reference in zip(ours[1:], plain[1:], strict=True):
        assert (mine - reference).norm() < 5e-3 * reference.norm()


def test_in_fp16_small_gradients_do_not_vanish() -> None:
    """1/N of a probability is below what fp16 can hold; a scaled loss must still find it."""
    h_ND, weight_VD, target_N = inputs(torch.float16)
    (chunked_loss(h_ND, weight_VD, target_N, 64) * 1024).backward()
    found = weight_VD.grad
    weight_VD.grad = h_ND.grad = None
    (plain_loss(h_ND, weight_VD, target_N) * 1024).backward()
    assert found is not None
    assert weight_VD.grad is not None
    assert (found - weight_VD.grad).norm() < 2e-3 * weight_VD.grad.norm()


class LargestTensor(TorchDispatchMode):
    """Remembers the most elements any operation gave back, in forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for out in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(out, Tensor):
                self.numel = max(self.numel, out.numel())
        return result


def largest(loss: Callable[..., Tensor], dtype: torch.dtype) -> int:
    h_ND, weight_VD, target_N = inputs(dtype)
    with LargestTensor() as seen:
        loss(h_ND, weight_VD, target_N).backward()
    return seen.numel


@BOTH
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_full_logits_never_exist(implementation: Implementation, dtype: torch.dtype) -> None:
    chunk = 32
    seen = largest(lambda h, w, t: chunked_loss(h, w, t, chunk, implementation), dtype)
    assert seen <= max(chunk * V, N * D, V * D) < N * V / 9
    assert largest(plain_loss, dtype) >= N * V, "the probe would have seen them"


def test_validation_never_holds_them_either() -> None:
    h_ND, weight_VD, target_N = inputs()
    with LargestTensor() as seen, torch.inference_mode():
        loss = chunked_loss(h_ND, weight_VD, target_N, 32)
    assert seen.numel <= max(32 * V, N * D, V * D)
    torch.testing.assert_close(loss, plain_loss(h_ND, weight_VD, target_N).detach())


def test_a_tied_weight_collects_both_gradients() -> None:
    _, weight_VD, target_N = inputs()
    ids = target_N.roll(1)
    chunked_loss(F.embedding(ids, weight_VD), weight_VD, target_N, 64).backward()
    found, weight_VD.grad = weight_VD.grad, None
    plain_loss(F.embedding(ids, weight_VD), weight_VD, target_N).backward()
    torch.testing.assert_close(found, weight_VD.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("frozen", ["h", "weight"])
def test_what_needs_no_gradient_gets_none(frozen: str) -> None:
    h_ND, weight_VD, target_N = inputs()
    (h_ND if frozen == "h" else weight_VD).requires_grad_(False)
    chunked_loss(h_ND, weight_VD, target_N, 64).backward()
    assert (h_ND.grad is None) == (frozen == "h")
    assert (weight_VD.grad is None) == (frozen == "weight")
