"""fp8: its numbers stay near bf16's, it is refused without hardware, and a trial on the device decides."""

from __future__ import annotations

import pytest
import torch

from engine.errors import SlotdeckError
from engine.models.decoder import Decoder
from engine.models.slotted import BlockPlan
from engine.precision import fp8
from engine.precision.fp8 import FP8, FP8_GRADIENT, Trial, quantise, try_matmuls
from engine.precision.policy import choose, dtype_of, resolve

CPU = torch.device("cpu")


def faster() -> Trial:
    return Trial(width=4096, tokens=8192, bf16_ms=10.0, fp8_ms=6.0)


def slower() -> Trial:
    return Trial(width=768, tokens=8192, bf16_ms=1.0, fp8_ms=1.2)


def test_auto_takes_fp8_only_where_the_trial_wins_and_tells_its_result() -> None:
    name, reason = choose("auto", "cuda", True, True, faster)
    assert (name, reason) == ("fp8", "fp8 takes 6 ms, bf16 10 ms: matmuls of 8192 tokens at width 4096")
    name, reason = choose("auto", "cuda", True, True, slower)
    assert (name, reason) == ("bf16", "fp8 takes 1.2 ms, bf16 1 ms: matmuls of 8192 tokens at width 768")


def test_asked_for_it_is_used_and_the_trial_is_told_all_the_same() -> None:
    assert choose("fp8", "cuda", True, True, slower) == ("fp8", f"chosen; {slower().describe()}")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (
            "cpu",
            "fp8 needs an NVIDIA GPU of compute 8.9 or newer, and this run is on cpu; choose bf16 or fp32",
        ),
        (
            "cuda",
            "fp8 needs an NVIDIA GPU of compute 8.9 or newer, and this GPU is older; choose bf16 or fp32",
        ),
    ],
)
def test_without_hardware_it_is_refused_in_one_line(kind: str, line: str) -> None:
    with pytest.raises(SlotdeckError) as refused:
        choose("fp8", kind, True)
    assert str(refused.value) == line


def test_a_cpu_never_times_it() -> None:
    def never() -> Trial:
        raise AssertionError("nobody asked")

    assert resolve("auto", CPU, never)[0] == "fp32"


@pytest.mark.parametrize("dtype", [FP8, FP8_GRADIENT])
@pytest.mark.parametrize("size", [0.0, 1e-20, 1e-3, 1.0, 3e4])
def test_a_tensor_keeps_its_size_whatever_that_is(dtype: torch.dtype, size: float) -> None:
    t = size * torch.randn(64, 32, generator=torch.Generator().manual_seed(1))
    q, scale = quantise(t, dtype)
    back = q.float() * scale
    assert back.isfinite().all()
    bits = {FP8: 3, FP8_GRADIENT: 2}[dtype]
    # Half a unit in the last place of the largest value, or 1e-12 where a tensor counts as zero.
    torch.testing.assert_close(back, t, rtol=2.0 ** -(bits + 1), atol=max(1e-12, t.abs().max().item() / 4096))


@pytest.mark.parametrize("rows", [32, 20])
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_a_linear_and_its_gradients_are_what_their_rounded_operands_give(
    rows: int, weights: torch.dtype
) -> None:
    """20 rows are no multiple of 16, which the weight's gradient needs."""
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(rows, 48, generator=draw).bfloat16().requires_grad_()
    w = torch.randn(64, 48, generator=draw).to(weights).requires_grad_()
    bias = torch.randn(64, generator=draw, requires_grad=True)
    g = torch.randn(rows, 64, generator=draw).bfloat16()
    y = fp8.linear(x, w, bias)
    y.backward(g)

    def rounded(t: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        q, scale = quantise(t.detach(), dtype)
        return q.float() * scale

    x8, w8, g8 = rounded(x, FP8), rounded(w, FP8), rounded(g, FP8_GRADIENT)
    close = {"rtol": 2**-7, "atol": 0.1}
    torch.testing.assert_close(y.float(), x8 @ w8.t() + bias.detach(), **close)
    torch.testing.assert_close(x.grad.float(), g8 @ w8, **close)
    expected = (g8 if rows % 16 == 0 else g.float()).t() @ x8
    torch.testing.assert_close(w.grad.float(), expected, **close)
    assert w.grad.dtype == weights
    torch.testing.assert_close(bias.grad, g.float().sum(0), **close)


def test_a_model_trains_in_it_and_one_slot_may_have_it_alone() -> None:
    model = Decoder(n_layer=2, n_head=2, n_embd=32, seq_len=16, vocab_size=64, padded_vocab_size=64)
    model.init_weights(torch.Generator().manual_seed(3))
    ids = torch.randint(0, 64, (2, 17), generator=torch.Generator().manual_seed(4))
    x, y = ids[:, :-1], ids[:, 1:]

    def loss(blocks: list[BlockPlan] | None, name: str) -> float:
        model.zero_grad()
        value = model.forward_loss(x, y, blocks, dtype_of(name))
        value.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        return value.item()

    plain = loss(None, "fp32")
    assert loss(None, "fp8") == pytest.approx(plain, rel=0.02)
    alone = loss([BlockPlan(dtype=FP8), BlockPlan()], "fp32")
    assert alone == pytest.approx(plain, rel=0.02)
    assert alone != plain
    assert model.next_logits(x[:, :5], dtype=FP8).dtype == torch.float32, "and the head is not in it"


def test_a_width_that_is_no_multiple_of_16_computes_in_bf16() -> None:
    x, w = torch.randn(4, 24).bfloat16(), torch.randn(8, 24)
    assert torch.equal(fp8.linear(x, w, None), torch.nn.functional.linear(x, w.bfloat16()))


def test_the_trial_times_both_on_the_device_it_is_given() -> None:
    trial = try_matmuls(16, 32, CPU, compiled=False)
    assert trial.bf16_ms > 0
    assert trial.fp8_ms > 0
    assert "32 tokens at width 16" in trial.describe()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_the_gpu_kernel_computes_what_the_cpu_does() -> None:
    if not fp8.has_fp8(torch.device("cuda")):
        pytest.skip("this GPU has no fp8")
    draw = torch.Generator().manual_seed(5)
    x, w = torch.randn(64, 128, generator=draw).bfloat16(), torch.randn(256, 128, generator=draw)
    results = []
    for device in ("cpu", "cuda"):
        x_, w_ = x.to(device).requires_grad_(), w.to(device).requires_grad_()
        y = fp8.linear(x_, w_, None)
        y.backward(torch.ones_like(y))
        results.append([t.detach().float().cpu() for t in (y, x_.grad, w_.grad)])
    for on_cpu, on_gpu in zip(*results, strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=2**-6, atol=0.1)
