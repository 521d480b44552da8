"""What only a GPU can show: reduced precision on it, and the allocator's split. Skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend

from engine.evaluate import validate
from engine.models import build_model
from engine.models.compiled import compile_blocks, variants
from engine.models.slotted import BlockPlan, SlottedModel
from engine.precision.policy import dtype_of, resolve
from engine.precision.scaling import LossScaling
from engine.profile.schema import Model
from engine.telemetry.torch_memory import memory_split

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]


def pair() -> tuple[SlottedModel, torch.Tensor]:
    model = build_model(Model(n_layer=2, n_head=2, n_embd=64, seq_len=32), 500, head_chunk=64)
    model.init_weights(torch.Generator().manual_seed(1))
    return model, torch.randint(0, 500, (8, 33), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_gpu_agrees_with_the_cpu(name: str) -> None:
    model, ids = pair()
    expected = model.forward_loss(ids[:, :-1], ids[:, 1:])
    expected.backward()
    reference = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()

    device, dtype = torch.device("cuda"), dtype_of(name)
    assert resolve(name, device)[0] == name
    model.to(device)
    scaling = LossScaling(device)
    loss = model.forward_loss(ids[:, :-1].to(device), ids[:, 1:].to(device), dtype=dtype)
    scaling.scale(loss, dtype).backward()
    scaling.unscale(model.parameters(), dtype)
    torch.testing.assert_close(loss.cpu(), expected, rtol=1e-2, atol=0)
    for p, gradient in zip(model.parameters(), reference, strict=True):
        assert p.grad is not None
        assert (p.grad.cpu() - gradient).norm() < 0.05 * gradient.norm() + 1e-6


def test_the_split_of_a_gpu_adds_up() -> None:
    model, ids = pair()
    device = torch.device("cuda")
    model.to(device)
    torch.cuda.reset_peak_memory_stats()
    model.forward_loss(ids[:, :-1].to(device), ids[:, 1:].to(device)).backward()
    split = memory_split(
        1,
        device,
        slots=[list(slot.parameters()) for slot in model.slots()],
        stem=model.stem_parameters(),
        slot_states=[0, 0],
        stem_states=0,
    )
    assert split.weights == split.gradients == sum(p.nbytes for p in model.parameters())
    assert split.activations > 0
    assert split.total is not None
    assert split.other is not None
    assert split.weights + split.gradients + split.activations + split.cache + split.other <= split.total


def test_attention_takes_a_flash_kernel_and_not_the_plain_one() -> None:
    """With heads as a block hands them over: views of one projection."""
    B, T, D, H = 2, 128, 256, 4
    for dtype in (torch.bfloat16, torch.float16):
        qkv = torch.randn(B, T, 3 * D, device="cuda", dtype=dtype, requires_grad=True)
        q, k, v = (part.view(B, T, H, D // H).transpose(1, 2) for part in qkv.split(D, dim=2))
        chosen = SDPBackend(torch._fused_sdp_choice(q, k, v, is_causal=True))
        assert chosen in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION)


def test_compiled_blocks_train_as_eager_ones_and_no_plan_compiles_another() -> None:
    model, ids = pair()
    device = torch.device("cuda")
    model.to(device)
    x, y = ids[:, :-1].to(device), ids[:, 1:].to(device)
    some = torch.tensor([0, 3, 4, 6], device=device)
    plans = [
        [BlockPlan(), BlockPlan(0.5, subset=some)],
        [BlockPlan(trained=False), BlockPlan(recompute=True)],
        [BlockPlan(0.0), BlockPlan(0.5, trained=False, subset=some)],
    ]

    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        for plan in plans:
            model.forward_loss(x, y, plan, torch.bfloat16).backward()
        return [p.grad.float().clone() for p in model.parameters() if p.grad is not None]

    eager = gradients()
    compilation = compile_blocks(model)
    compilation.warm(variants((4, 8), x.shape[1], [torch.bfloat16], {8}))
    assert compilation.on, compilation.why_off
    for compiled, expected in zip(gradients(), eager, strict=True):
        torch.testing.assert_close(compiled, expected, rtol=0.05, atol=2e-3)
    validate(model, [(x.cpu(), y.cpu())], torch.bfloat16, device)
    assert compilation.recompiles == 0
