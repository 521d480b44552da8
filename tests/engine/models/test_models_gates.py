"""Residual gates: nothing changes without them, a closed one makes its block the identity, and any one folds away."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engine.models import BlockPlan, SlottedModel, build_model
from engine.optim.groups import slot_groups
from engine.optim.slotted import SlottedOptimizer
from engine.profile.derive import num_params, slot_params
from engine.profile.schema import Model, Optim

V, LAYERS = 90, 3
ON, OFF = BlockPlan(), BlockPlan(duty=0.0)


def config(gates: bool) -> Model:
    return Model(n_layer=LAYERS, n_head=2, n_embd=16, seq_len=12, gates=gates)


def drawn(gates: bool) -> SlottedModel:
    model = build_model(config(gates), V)
    model.init_weights(torch.Generator().manual_seed(5))
    return model


def batch() -> tuple[Tensor, Tensor]:
    ids = torch.randint(0, V, (4, 13), generator=torch.Generator().manual_seed(3))
    return ids[:, :-1], ids[:, 1:]


def set_gates(model: SlottedModel, *values: float) -> None:
    with torch.no_grad():
        for gate, value in zip(model.gates(), values, strict=True):
            gate.fill_(value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_open_gates_compute_what_a_model_without_gates_does(dtype: torch.dtype) -> None:
    plain, gated = drawn(gates=False), drawn(gates=True)
    assert plain.gates() == []
    assert [g.item() for g in gated.gates()] == [1.0] * LAYERS
    (x, y), grads = batch(), []
    losses = [model.forward_loss(x, y, dtype=dtype) for model in (plain, gated)]
    assert torch.equal(*losses)
    for model, loss in zip((plain, gated), losses, strict=True):
        loss.backward()
        grads.append({name: p.grad for name, p in model.named_parameters()})
    assert all(torch.equal(grad, grads[1][name]) for name, grad in grads[0].items())


def test_a_closed_gate_makes_its_block_the_identity() -> None:
    model = drawn(gates=True)
    set_gates(model, 1.0, 0.0, 1.0)
    x, y = batch()
    assert torch.equal(model.forward_loss(x, y), model.forward_loss(x, y, [ON, OFF, ON]))
    assert torch.equal(model.slots()[1](model.embed(x), torch.float32), model.embed(x))


def test_a_folded_model_needs_no_gates() -> None:
    gated, plain = drawn(gates=True), drawn(gates=False)
    set_gates(gated, 0.3, -1.2, 2.0)
    weights = {n: p for n, p in gated.state_dict().items() if not n.startswith("blocks.")}
    for i, slot in enumerate(gated.slots()):
        weights |= {f"blocks.{i}.{name}": tensor for name, tensor in slot.folded().items()}
    plain.load_state_dict(weights)
    torch.testing.assert_close(plain.forward_loss(*batch()), gated.forward_loss(*batch()))
    unchanged = plain.slots()[0].folded()
    assert all(torch.equal(tensor, unchanged[n]) for n, tensor in plain.slots()[0].state_dict().items())


def test_a_gate_belongs_to_its_slot_and_never_decays() -> None:
    model = drawn(gates=True)
    assert all(
        gate in set(slot.parameters()) for gate, slot in zip(model.gates(), model.slots(), strict=True)
    )
    owners = {name: group for group in slot_groups(model) for name in group.names}
    assert [owners[f"blocks.{i}.gate"].slot for i in range(LAYERS)] == [0, 1, 2]
    assert not any(owners[f"blocks.{i}.gate"].decays for i in range(LAYERS))


@pytest.mark.parametrize("gates", [False, True])
def test_the_profile_counts_the_parameters_that_are_built(gates: bool) -> None:
    model = drawn(gates)
    assert sum(p.numel() for p in model.parameters()) == num_params(config(gates), V)
    assert all(sum(p.numel() for p in s.parameters()) == slot_params(config(gates)) for s in model.slots())


# -- the L1 term -----------------------------------------------------------------------------------------


def test_it_is_the_sum_of_absolute_gates_and_pulls_each_towards_zero() -> None:
    model = drawn(gates=True)
    set_gates(model, 0.5, -0.25, 2.0)
    loss = model.get_regularization_loss()
    assert loss.ndim == 0
    assert loss.item() == 2.75
    loss.backward()
    assert [g.grad.item() for g in model.gates() if g.grad is not None] == [1.0, -1.0, 1.0]


def test_without_gates_it_is_zero_and_can_be_added_all_the_same() -> None:
    model = drawn(gates=False)
    assert model.get_regularization_loss().item() == 0.0
    (model.forward_loss(*batch()) + 0.1 * model.get_regularization_loss()).backward()


def test_slots_that_are_off_or_frozen_are_left_out_of_it() -> None:
    model = drawn(gates=True)
    plan = [ON, OFF, BlockPlan(trained=False)]
    loss = model.forward_loss(*batch(), plan) + 0.1 * model.get_regularization_loss(plan)
    loss.backward()
    assert [g.grad is not None for g in model.gates()] == [True, False, False]


def test_under_it_a_gate_closes_unless_its_block_is_worth_the_price() -> None:
    def trained(weight: float) -> float:
        model = drawn(gates=True)
        optimizer = SlottedOptimizer(model, Optim(lr=0.01))
        for _ in range(30):
            (model.forward_loss(*batch()) + weight * model.get_regularization_loss()).backward()
            optimizer.step()
            optimizer.zero_grad()
        return sum(gate.abs().item() for gate in model.gates())

    assert trained(1.0) < 0.9 * trained(0.0)
