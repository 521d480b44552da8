"""Weights kept in bf16: rounded without bias, by the same bits whatever the plan, and they learn from small steps."""

from __future__ import annotations

import pytest
import torch
from optim_models import bits, loss_of, same, small, small_model, train

from engine.models.slotted import BlockPlan
from engine.optim.rounding import Rounding, round_
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

CPU = torch.device("cpu")


def rounded(values: torch.Tensor, update: int = 1, slot: int = 0, seed: int = 0) -> torch.Tensor:
    target = torch.empty(values.shape, dtype=torch.bfloat16)
    round_(target, values, Rounding(seed).bits_of(update, slot, CPU))
    return target


@pytest.mark.parametrize("value", [1.001, -1.001, 3e-5, -0.7123, 1e-39])
def test_the_mean_of_many_roundings_is_the_value(value: float):
    many = rounded(torch.full((100_000,), value)).double()
    below, above = many.min().item(), many.max().item()
    assert below < torch.tensor(value).item() < above
    assert set(many.unique().tolist()) == {below, above}
    gap = above - below
    # A mean of 100,000 draws between two neighbours scatters by at most gap / 632.
    assert abs(many.mean().item() - torch.tensor(value).double().item()) < 5 * gap / 632


def test_what_bf16_can_hold_stays_as_it_is():
    exact = torch.tensor([0.0, -0.0, 1.0, -2.5, 3.3895314e38, float("inf"), -float("inf"), 2.0**-133])
    assert torch.equal(rounded(exact), exact.to(torch.bfloat16))
    canonical = torch.tensor([0x7FFFFFFF, 0x7FC00000, -1], dtype=torch.int32).view(torch.float32)
    assert rounded(canonical).isnan().all()


def test_the_bits_are_named_by_seed_update_and_slot_and_disturb_no_other_generator():
    values = torch.rand(1000)
    state = torch.get_rng_state()
    first = rounded(values, 3, 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(rounded(values, 3, 1), first)
    others = [rounded(values, 4, 1), rounded(values, 3, 2), rounded(values, 3, 1, seed=1)]
    assert all(not torch.equal(other, first) for other in others)


def test_a_slots_rounding_does_not_depend_on_what_other_slots_do():
    ends = []
    for others in (BlockPlan(), BlockPlan(duty=0.0)):
        model, optimizer = small("adamw", "bf16")
        loss_of(model, [others, BlockPlan(), others]).backward()
        for p in model.blocks[1].parameters():
            p.grad = torch.full_like(p, 1e-3)  # its own gradient would depend on the others
        optimizer.step()
        ends.append(model.blocks[1].qkv.weight.detach().clone())
    assert torch.equal(*ends)


def test_matrices_of_blocks_are_bf16_and_everything_else_stays_fp32():
    model = small_model("bf16")
    for name, p in model.named_parameters():
        in_block = name.startswith("blocks.") and p.ndim == 2
        assert p.dtype == (torch.bfloat16 if in_block else torch.float32), name
    loss_of(model).backward()
    assert model.wte.weight.grad.dtype == torch.float32
    assert model.blocks[0].qkv.weight.grad.dtype == torch.bfloat16


def test_the_norm_of_mixed_gradients_is_summed_in_fp32():
    model, optimizer = small("adamw", "bf16")
    loss_of(model).backward()
    exact = sum(p.grad.double().square().sum() for p in model.parameters()).sqrt()
    norm = optimizer.clip(0.5)
    assert norm.dtype == torch.float32
    torch.testing.assert_close(norm.double(), exact, rtol=1e-5, atol=0)
    clipped = sum(p.grad.double().square().sum() for p in model.parameters()).sqrt().item()
    assert clipped == pytest.approx(0.5, rel=2e-3)


def test_small_steps_train_a_bf16_model_as_an_fp32_one_where_rounding_to_the_nearest_stalls():
    """At this rate most steps are smaller than half of a weight's last bit."""
    profile = Optim(lr=2e-5, weight_decay=0.0)
    moved: dict[str, torch.Tensor] = {}
    losses: dict[str, float] = {}
    start = small_model("bf16").blocks[1].mlp_in.weight.detach().float()
    for way in ("fp32", "stochastic", "nearest"):
        model = small_model("bf16" if way == "stochastic" else "fp32")
        with torch.no_grad():  # all from the same start
            for p in model.parameters():
                p.copy_(p.to(torch.bfloat16))
        optimizer = SlottedOptimizer(model, profile, seed=1)
        blocks = [p for slot in model.slots() for p in slot.parameters() if p.ndim == 2]
        for _ in range(12):
            train(model, optimizer, range(1))
            if way == "nearest":
                with torch.no_grad():
                    for p in blocks:
                        p.copy_(p.to(torch.bfloat16))
        moved[way] = model.blocks[1].mlp_in.weight.detach().float() - start
        losses[way] = loss_of(model).item()
    began = loss_of(small_model()).item()

    def along(way: str) -> float:
        """How much of the fp32 movement was made."""
        return ((moved[way] * moved["fp32"]).sum() / moved["fp32"].square().sum()).item()

    assert along("nearest") < 0.7
    assert along("stochastic") == pytest.approx(1.0, abs=0.05)
    assert losses["fp32"] < began
    assert abs(losses["stochastic"] - losses["fp32"]) < abs(losses["nearest"] - losses["fp32"])


def test_resumed_it_rounds_on_where_it_stopped():
    straight, killed, resumed = (small("adamw", "bf16", seed=s) for s in (0, 0, 5))
    train(*straight, range(4))
    train(*killed, range(2))
    resumed[0].load_state_dict(killed[0].state_dict())
    resumed[1].load_state_tensors(killed[1].state_tensors())
    assert resumed[1].updates == 2
    train(*resumed, range(2, 4))
    assert same(bits(*resumed), bits(*straight))
