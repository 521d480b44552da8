"""The optimizer: equal to torch's with every slot on, and silent about slots that did not work."""

from __future__ import annotations

import pytest
import torch

from engine.errors import SlotdeckError
from engine.models.decoder import Decoder
from engine.models.slotted import BlockPlan
from engine.optim.groups import STEM, slot_groups
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

PROFILE = Optim(lr=1e-2, weight_decay=0.1)


def tiny_model(seed: int = 0) -> Decoder:
    model = Decoder(n_layer=3, n_head=2, n_embd=16, seq_len=8, vocab_size=32, padded_vocab_size=64)
    model.init_weights(torch.Generator().manual_seed(seed))
    return model


def backward(model: Decoder, blocks: list[BlockPlan] | None = None, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    x_BT = torch.randint(0, 32, (4, 8), generator=generator)
    y_BT = torch.randint(0, 32, (4, 8), generator=generator)
    model.forward_loss(x_BT, y_BT, blocks).backward()


def snapshot(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: t.detach().clone() for name, t in tensors.items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_with_every_slot_on_it_is_torch_adamw_bit_for_bit():
    ours, theirs = tiny_model(), tiny_model()
    optimizer = SlottedOptimizer(ours, PROFILE)
    decayed = [p for n, p in theirs.named_parameters() if p.ndim >= 2 and not n.startswith("w")]
    spared = [p for n, p in theirs.named_parameters() if p.ndim < 2 or n.startswith("w")]
    reference = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": spared, "weight_decay": 0.0}],
        lr=1e-2,
        betas=(0.9, 0.95),
        eps=1e-8,
        fused=True,
    )
    for step in range(4):
        for model in (ours, theirs):
            backward(model, seed=step)
        norm = optimizer.clip(0.5)
        assert torch.equal(norm, torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5))
        optimizer.step(found_inf=torch.zeros(()))
        optimizer.zero_grad()
        reference.step()
        reference.zero_grad()
    assert same(ours.state_dict(), theirs.state_dict())


def test_groups_partition_the_parameters_and_spare_norms_biases_and_embeddings():
    model = tiny_model()
    groups = slot_groups(model)
    names = [name for group in groups for name in group.names]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    decayed = {name for group in groups if group.decays for name in group.names}
    assert all(name.endswith("weight") and "norm" not in name for name in decayed)
    assert {"wte.weight", "wpe.weight"}.isdisjoint(decayed)
    assert {group.slot for group in groups} == {STEM, 0, 1, 2}


def test_a_skipped_slot_keeps_its_weights_and_moments_and_does_not_decay():
    model = tiny_model()
    optimizer = SlottedOptimizer(model, PROFILE)
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    weights, states = snapshot(model.state_dict()), snapshot(optimizer.state_tensors())
    backward(model, [BlockPlan(), BlockPlan(duty=0.0), BlockPlan(trained=False)], seed=1)
    assert all(p.grad is None for slot in (1, 2) for p in model.slots()[slot].parameters())
    optimizer.step()
    for name, value in model.state_dict().items():
        idle = name.startswith(("blocks.1.", "blocks.2."))
        assert torch.equal(value, weights[name]) == idle, name
    for name, value in optimizer.state_tensors().items():
        if name.startswith(("blocks.1.", "blocks.2.")):
            assert torch.equal(value, states[name]), name


def test_memory_of_states_follows_the_plan():
    model = tiny_model()
    optimizer = SlottedOptimizer(model, PROFILE)
    whole = [sum(8 * p.numel() + 4 for p in slot.parameters()) for slot in model.slots()]
    assert [optimizer.slot_bytes(i) for i in range(3)] == [0, 0, 0]
    backward(model, [BlockPlan(), BlockPlan(duty=0.0), BlockPlan(trained=False)])
    optimizer.step()
    optimizer.zero_grad()
    assert [optimizer.slot_bytes(i) for i in range(3)] == [whole[0], 0, 0]
    assert optimizer.stem_bytes() == sum(8 * p.numel() + 4 for p in model.stem_parameters())
    backward(model)
    optimizer.step()
    optimizer.zero_grad()
    assert [optimizer.slot_bytes(i) for i in range(3)] == whole
    optimizer.match([True, False, True])
    assert [optimizer.slot_bytes(i) for i in range(3)] == [whole[0], 0, whole[2]]
    assert optimizer.parked_bytes(1) == whole[1]
    optimizer.drop(2)
    assert optimizer.slot_bytes(2) == optimizer.parked_bytes(2) == 0


def test_a_parked_slot_goes_on_as_if_it_had_never_been_parked():
    parked, never = tiny_model(), tiny_model()
    optimizers = [SlottedOptimizer(parked, PROFILE), SlottedOptimizer(never, PROFILE)]
    for step in range(3):
        for model, optimizer in zip((parked, never), optimizers, strict=True):
            backward(model, seed=step)
            optimizer.step()
            optimizer.zero_grad()
        optimizers[0].park(1)
    assert same(parked.state_dict(), never.state_dict())
    assert same(optimizers[0].state_tensors(), optimizers[1].state_tensors())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_step_whose_gradients_are_not_finite_changes_no_bit(bad: float):
    model = tiny_model()
    optimizer = SlottedOptimizer(model, PROFILE)
    backward(model)
    optimizer.step(found_inf=torch.zeros(()))
    weights, states = snapshot(model.state_dict()), snapshot(optimizer.state_tensors())
    model.blocks[1].qkv.weight.grad[0, 0] = bad
    norm = optimizer.clip(1.0)
    assert not torch.isfinite(norm)
    optimizer.step(found_inf=(~torch.isfinite(norm)).float())
    assert same(model.state_dict(), weights)
    assert same(optimizer.state_tensors(), states)


def test_zero_clips_nothing_and_no_gradients_have_norm_zero():
    model = tiny_model()
    optimizer = SlottedOptimizer(model, PROFILE)
    assert optimizer.clip(1.0) == 0
    backward(model)
    before = model.wte.weight.grad.clone()
    assert optimizer.clip(0.0) > 0
    assert torch.equal(model.wte.weight.grad, before)


def test_saved_states_load_into_a_new_optimizer_and_training_goes_on_bitwise():
    model, twin = tiny_model(), tiny_model(seed=9)
    optimizer, fresh = SlottedOptimizer(model, PROFILE), SlottedOptimizer(twin, PROFILE)
    backward(model, [BlockPlan(), BlockPlan(), BlockPlan(duty=0.0)])
    optimizer.step()
    optimizer.zero_grad()
    twin.load_state_dict(model.state_dict())
    fresh.load_state_tensors(snapshot(optimizer.state_tensors()))
    for m, o in ((model, optimizer), (twin, fresh)):
        backward(m, seed=1)
        o.step()
    assert same(model.state_dict(), twin.state_dict())


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.update({"blocks.9.qkv.weight.exp_avg": torch.zeros(2)}), "blocks.9.qkv.weight.exp_avg"),
        (lambda t: t.update({"wte.weight.exp_avg": torch.zeros(3, 3)}), "wte.weight.exp_avg"),
        (lambda t: t.pop("wte.weight.step"), "wte.weight.step is missing"),
    ],
)
def test_states_of_another_model_are_refused_before_anything_is_touched(damage, said):
    model = tiny_model()
    optimizer = SlottedOptimizer(model, PROFILE)
    backward(model)
    optimizer.step()
    before = snapshot(optimizer.state_tensors())
    tensors = snapshot(before)
    damage(tensors)
    with pytest.raises(SlotdeckError, match=said.replace(".", r"\.")):
        optimizer.load_state_tensors(tensors)
    assert same(optimizer.state_tensors(), before)
