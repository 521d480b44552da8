"""A slot leaves model, optimizer and plans; the others keep names, states and numbers; and it can come back."""

from __future__ import annotations

import pytest
import torch

from engine.analysis.elastic import elastic_curve, least_useful
from engine.errors import SlotdeckError
from engine.models import BlockPlan, build_model
from engine.models.slotted import SlottedModel
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Model, Optim, Slots
from engine.shrink.slots import prune_to, size_without
from engine.slots.planner import Planner
from engine.train.fitting.recompute import with_recompute

CPU, V = torch.device("cpu"), 24
IDS = torch.arange(2 * 9).reshape(2, 9) % V


def parts(gates: bool = True) -> tuple[SlottedModel, SlottedOptimizer, Planner]:
    model = build_model(Model(n_layer=4, n_head=2, n_embd=16, seq_len=8, gates=gates), V)
    model.init_weights(torch.Generator().manual_seed(1))
    planner = Planner(Slots(policy="random", mean_duty=0.5), 4, model.slot_names, 100)
    return model, SlottedOptimizer(model, Optim()), planner


def step(model: SlottedModel, optimizer: SlottedOptimizer, blocks: list[BlockPlan] | None = None) -> None:
    loss = model.forward_loss(IDS[:, :-1], IDS[:, 1:], blocks) + model.get_regularization_loss(blocks)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()


def test_what_is_pruned_computes_what_a_slot_that_is_off_computes() -> None:
    model, optimizer, planner = parts()
    off = [BlockPlan(duty=float(i not in (1, 2))) for i in range(4)]
    whole = model.forward_loss(IDS[:, :-1], IDS[:, 1:], off)
    names = set(model.state_dict())
    prune_to(model, optimizer, planner, ["block.2", "block.1"])
    assert torch.equal(model.forward_loss(IDS[:, :-1], IDS[:, 1:]), whole)
    assert names - set(model.state_dict()) == {n for n in names if n.startswith(("blocks.1.", "blocks.2."))}
    assert model.slot_names == ["block.0", "block.1", "block.2", "block.3"]
    assert (model.pruned, model.remaining) == ([1, 2], [0, 3])
    assert len(model.gates()) == 2


def test_states_of_the_others_are_kept_and_training_goes_on() -> None:
    model, optimizer, planner = parts()
    step(model, optimizer)
    optimizer.park(3)
    before = {name: tensor.clone() for name, tensor in optimizer.state_tensors().items()}
    whole = size_without(model, optimizer)
    forecast = size_without(model, optimizer, [1])
    prune_to(model, optimizer, planner, ["block.1"])
    after = optimizer.state_tensors()
    assert set(before) - set(after) == {name for name in before if name.startswith("blocks.1.")}
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())
    assert optimizer.parked_bytes(3) > 0
    assert size_without(model, optimizer) == forecast
    assert forecast.params < whole.params
    assert forecast.state_bytes < whole.state_bytes
    (rows,) = planner.plan(0).blocks(lambda _: torch.float32, 2)
    step(model, optimizer, rows)


def test_a_pruned_slot_comes_back_with_the_weights_that_are_loaded() -> None:
    model, optimizer, planner = parts()
    step(model, optimizer)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    states = {name: tensor.clone() for name, tensor in optimizer.state_tensors().items()}
    prune_to(model, optimizer, planner, ["block.0", "block.3"])
    prune_to(model, optimizer, planner, [])
    model.load_state_dict(weights)
    optimizer.load_state_tensors(states)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    step(model, optimizer)
    assert planner.remaining == [0, 1, 2, 3]


def test_plans_keep_a_row_for_a_pruned_slot() -> None:
    model, optimizer, planner = parts()
    planner.pin(1)
    planner.set_precision(2, "bf16")
    prune_to(model, optimizer, planner, ["block.1"])
    for number in range(50):
        rows = planner.plan(number).rows
        assert [row.pruned for row in rows] == [False, True, False, False]
        assert (rows[1].duty, rows[1].trained, rows[1].held) == (0.0, False, "")
        assert any(row.duty for row in rows)
    assert planner.state()["holds"] == {}
    copied = planner.copy()
    assert copied.remaining == [0, 2, 3]
    for word in ("1", "block.1"):
        with pytest.raises(SlotdeckError, match=r"block\.1 is pruned"):
            planner.resolve_slot(word)
    with pytest.raises(SlotdeckError, match=r"no slot would be left;"):
        planner.check_prune([0, 2, 3])
    planner.ban(0)
    with pytest.raises(SlotdeckError, match="the others are banned"):
        planner.check_prune([2, 3])


def test_recomputation_is_spread_over_the_slots_that_remain() -> None:
    rows = with_recompute([BlockPlan()] * 5, 2, gone=[1, 3])
    assert [row.recompute for row in rows] == [False, False, True, False, True]


def test_the_elastic_curve_and_the_search_know_only_the_slots_that_remain() -> None:
    model, optimizer, planner = parts(gates=False)
    prune_to(model, optimizer, planner, ["block.1"])
    sets = [(IDS[:, :-1], IDS[:, 1:])]
    curve = elastic_curve(model, sets, sets, [2], device=CPU)
    assert curve.slots == ("block.0", "block.2", "block.3")
    found = least_useful(model, sets, 1, device=CPU)
    assert [curve.slots[i] for i in curve.greedy[0].gone] == [model.slot_names[i] for i in found]
    assert found[0] in (0, 2, 3)
