"""Lean mode: the same updates as outside of backward, with the gradients of a slot or two alive."""

from __future__ import annotations

import pytest
import torch
from optim_models import PROFILE, RULES, SEED, WEIGHTS, bits, loss_of, same, small
from torch import nn

from engine.models.compiled import Variant, compile_blocks
from engine.models.decoder import Decoder
from engine.models.slotted import BlockPlan
from engine.optim.groups import STEM
from engine.optim.slotted import SlottedOptimizer

LR = 1e-2
FINE = torch.zeros(())


def owners(model: Decoder) -> dict[int, list[nn.Parameter]]:
    return {STEM: model.stem_parameters(), **{i: list(s.parameters()) for i, s in enumerate(model.slots())}}


def plain(model: Decoder, optimizer: SlottedOptimizer, plan: list[BlockPlan] | None, max_norm: float) -> None:
    """What lean mode stands for: every slot clipped by its own norm, and then the step."""
    loss_of(model, plan).backward()
    for owned in owners(model).values():
        if max_norm and any(p.grad is not None for p in owned):
            nn.utils.clip_grad_norm_(owned, max_norm)
    optimizer.set_lr(LR)
    optimizer.step(found_inf=FINE)
    optimizer.zero_grad()


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_it_makes_the_updates_of_a_step_after_backward_bit_for_bit(rule: str, weights: str):
    ours, theirs = small(rule, weights), small(rule, weights)
    for _ in range(2):
        with ours[1].in_backward(lr=LR, max_norm=0.0, found_inf=FINE) as lean:
            loss_of(ours[0]).backward()
        plain(*theirs, None, 0.0)
    assert same(bits(*ours), bits(*theirs))
    assert lean.updated == [2, 1, 0, STEM]
    assert all(p.grad is None for p in ours[0].parameters())


PLANS = {
    "shares": [BlockPlan(duty=0.5, subset=torch.tensor([0, 3])), BlockPlan(), BlockPlan()],
    "skipped": [BlockPlan(), BlockPlan(duty=0.0), BlockPlan()],
    "forward only": [BlockPlan(trained=False), BlockPlan(), BlockPlan(trained=False)],
    "recomputed": [BlockPlan(recompute=True)] * 3,
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_each_slot_is_clipped_by_its_own_norm_under_every_kind_of_plan(plan: list[BlockPlan]):
    ours, theirs = small("adamw"), small("adamw")
    with ours[1].in_backward(lr=LR, max_norm=0.1, found_inf=FINE) as lean:
        loss_of(ours[0], plan).backward()
    plain(*theirs, plan, 0.1)
    assert same(bits(*ours), bits(*theirs))
    working = {i for i, row in enumerate(plan) if row.duty and row.trained}
    assert set(lean.updated) == working | {STEM}


def test_compiled_and_recomputed_blocks_are_updated_in_backward_too():
    model, optimizer = small("adamw", "bf16")
    start = bits(model, optimizer)
    compile_blocks(model, backend="aot_eager").warm([Variant(4, 8, torch.float32)])
    plan = [BlockPlan(recompute=True), BlockPlan(), BlockPlan(recompute=True)]
    with optimizer.in_backward(lr=LR, max_norm=0.0, found_inf=FINE) as lean:
        loss_of(model, plan).backward()
    assert lean.updated == [2, 1, 0, STEM]
    after = bits(model, optimizer)
    model.load_state_dict(start)
    again = SlottedOptimizer(model, PROFILE, seed=SEED)
    plain(model, again, plan, 0.0)
    assert same(bits(model, again), after)


def test_the_norm_is_the_global_one_before_clipping():
    model, optimizer = small("adamw")
    loss_of(model).backward()
    whole = nn.utils.get_total_norm([p.grad for p in model.parameters()])
    optimizer.zero_grad()
    with optimizer.in_backward(lr=LR, max_norm=0.1, found_inf=FINE) as lean:
        loss_of(model).backward()
    torch.testing.assert_close(lean.norm, whole)
    assert not lean.bad


def test_the_gradients_of_at_most_two_slots_and_the_stem_are_alive_at_once():
    model, optimizer = small("adamw")
    slots = owners(model)
    seen: list[set[int]] = []
    bytes_seen: list[int] = []

    def look(_: torch.Tensor) -> None:
        seen.append({i for i, owned in slots.items() if any(p.grad is not None for p in owned)})
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        bytes_seen.append(sum(g.numel() * g.element_size() for g in grads))

    handles = [p.register_post_accumulate_grad_hook(look) for p in model.parameters()]
    with optimizer.in_backward(lr=LR, max_norm=1.0, found_inf=FINE):
        loss_of(model).backward()
    for handle in handles:
        handle.remove()
    assert len(seen) == len(list(model.parameters()))
    assert max(len(alive - {STEM}) for alive in seen) <= 2
    of = {i: sum(p.numel() * 4 for p in owned) for i, owned in slots.items()}
    assert max(bytes_seen) <= of[STEM] + 2 * of[0] < sum(of.values())


def test_a_bad_loss_leaves_every_bit_as_it_was():
    model, optimizer = small("adamw", "bf16")
    with optimizer.in_backward(lr=LR, max_norm=1.0, found_inf=FINE):
        loss_of(model).backward()
    before = bits(model, optimizer)
    with optimizer.in_backward(lr=LR, max_norm=1.0, found_inf=torch.ones(())) as lean:
        (loss_of(model) * float("nan")).backward()
    assert lean.bad
    assert same(bits(model, optimizer), before)


def test_a_bad_gradient_leaves_out_its_slot_and_says_that_others_have_moved():
    model, optimizer = small("adamw")
    before = bits(model, optimizer)
    spoil = model.blocks[1].qkv.weight.register_hook(lambda grad: grad * float("inf"))
    with optimizer.in_backward(lr=LR, max_norm=1.0, found_inf=FINE) as lean:
        loss_of(model).backward()
    spoil.remove()
    assert lean.bad
    assert not torch.isfinite(lean.norm)
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name]) == name.startswith("blocks.1."), name


def test_a_backward_that_fails_says_what_has_moved_and_leaves_no_hooks():
    model, optimizer = small("adamw")

    def fail(_: torch.Tensor) -> None:
        raise MemoryError("as if the device were full")

    broken = model.blocks[1].mlp_in.weight.register_hook(fail)
    with pytest.raises(MemoryError):
        with optimizer.in_backward(lr=LR, max_norm=1.0, found_inf=FINE) as lean:
            loss_of(model).backward()
    broken.remove()
    assert lean.updated == [2]
    optimizer.zero_grad()
    loss_of(model).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_gradients_of_before_are_not_mixed_in():
    model, optimizer = small("adamw")
    loss_of(model).backward()
    with pytest.raises(AssertionError, match="begins without gradients"):
        with optimizer.in_backward(lr=LR, max_norm=1.0):
            pass
