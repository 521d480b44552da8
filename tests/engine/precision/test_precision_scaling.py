"""Loss scaling: gradients come back as they would have been, overflow is told apart, the scale is saved.

Run on the CPU, whose kernels torch also offers for this, so that it is tested without a GPU.
"""

from __future__ import annotations

import msgpack
import pytest
import torch

from engine.precision.scaling import LossScaling

CPU = torch.device("cpu")
FP16 = torch.float16


def backward(scaling: LossScaling, dtype: torch.dtype, times: float = 1.0) -> list[torch.Tensor]:
    weights = [torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)]
    loss = times * (weights[0].square().sum() + weights[1].square().sum())
    scaling.scale(loss, dtype).backward()
    return weights


def test_scaled_gradients_come_back() -> None:
    scaling = LossScaling(CPU)
    weights = backward(scaling, FP16)
    assert weights[1].grad is not None
    assert weights[1].grad.item() == 6.0 * 2**16
    scaling.unscale(weights, FP16)
    assert weights[1].grad.item() == 6.0


def test_overflow_stays_visible_and_halves_the_scale() -> None:
    scaling = LossScaling(CPU)
    weights = backward(scaling, FP16, times=1e36)
    scaling.unscale(weights, FP16)
    assert not torch.stack([w.grad.norm() for w in weights if w.grad is not None]).isfinite().all()
    assert scaling.state_dict()["scale"] == 2**15


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_are_left_alone(dtype: torch.dtype) -> None:
    scaling = LossScaling(CPU)
    weights = backward(scaling, dtype)
    scaling.unscale(weights, dtype)
    assert weights[1].grad is not None
    assert weights[1].grad.item() == 6.0


def test_the_scale_survives_a_checkpoint_and_a_change_of_precision() -> None:
    scaling = LossScaling(CPU)
    scaling.unscale(backward(scaling, FP16, times=1e36), FP16)
    scaling.unscale(backward(scaling, torch.bfloat16), torch.bfloat16)
    resumed = LossScaling(CPU)
    resumed.load_state_dict(msgpack.unpackb(msgpack.packb(scaling.state_dict())))
    assert resumed.state_dict() == scaling.state_dict()
    weights = backward(resumed, FP16)
    assert weights[1].grad is not None
    assert weights[1].grad.item() == 6.0 * 2**15


def test_a_step_without_gradients_changes_nothing() -> None:
    scaling = LossScaling(CPU)
    scaling.unscale([torch.ones(2)], FP16)
    assert scaling.state_dict() == LossScaling(CPU).state_dict()


@pytest.mark.parametrize("spoilt", [False, True])
def test_bf16_gradients_are_divided_without_the_kernel_that_cuda_lacks_for_them(
    spoilt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = torch._amp_foreach_non_finite_check_and_unscale_

    def as_on_cuda(gradients: list[torch.Tensor], *rest: torch.Tensor) -> None:
        assert all(g.dtype == torch.float32 for g in gradients), "not implemented for 'BFloat16'"
        kernel(gradients, *rest)

    monkeypatch.setattr(torch, "_amp_foreach_non_finite_check_and_unscale_", as_on_cuda)
    scaling = LossScaling(CPU)
    wide, narrow = torch.ones(3, requires_grad=True), torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    scaling.scale((wide.sum() + 5 * narrow.float().sum()) * (1e36 if spoilt else 1), FP16).backward()
    scaling.unscale([wide, narrow], FP16)
    assert wide.grad is not None
    assert narrow.grad is not None
    if spoilt:
        assert not narrow.grad.isfinite().all()
        assert scaling.state_dict()["scale"] == 2**15
    else:
        assert wide.grad.tolist() == [1.0] * 3
        assert narrow.grad.tolist() == [5.0] * 3
        assert scaling.state_dict()["scale"] == 2**16
