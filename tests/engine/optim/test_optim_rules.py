"""The update rules: what each does to a matrix, what it keeps, and that every store, file and plan takes all."""

from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
import torch
from optim_models import RULES, WEIGHTS, bits, loss_of, same, small, small_model, train
from safetensors.torch import load_file, save_file

from engine.errors import SlotdeckError
from engine.models.slotted import BlockPlan
from engine.optim import adamw8bit
from engine.optim.groups import STEM
from engine.optim.slotted import SlottedOptimizer
from engine.profile.schema import Optim

MATRICES = ("qkv.weight", "attention_out.weight", "mlp_in.weight", "mlp_out.weight")
TABLES = 2 * 256 * 4
"""Bytes of the two tables of codes in an 8-bit state."""


def of_matrix(rule: str, n: int) -> int:
    """Bytes of the state of a matrix of `n` values."""
    return {"adamw": 8 * n + 4, "adamw8bit": 2 * n + 2 * n // 256 * 4 + TABLES + 4, "muon": 4 * n}[rule]


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_memory_of_states_is_a_function_of_the_plan(rule: str, weights: str):
    model, optimizer = small(rule, weights)
    whole = [
        sum(of_matrix(rule if p.ndim == 2 else "adamw", p.numel()) for p in slot.parameters())
        for slot in model.slots()
    ]
    stem = sum(of_matrix("adamw", p.numel()) for p in model.stem_parameters())
    assert [optimizer.bytes_when_trained(i) for i in (STEM, 0, 1, 2)] == [stem, *whole]
    assert [optimizer.slot_bytes(i) for i in (STEM, 0, 1, 2)] == [0, 0, 0, 0]
    loss_of(model, [BlockPlan(), BlockPlan(duty=0.0), BlockPlan(trained=False)]).backward()
    optimizer.step()
    optimizer.zero_grad()
    assert [optimizer.slot_bytes(i) for i in (STEM, 0, 1, 2)] == [stem, whole[0], 0, 0]
    train(model, optimizer, range(1))
    assert [optimizer.slot_bytes(i) for i in range(3)] == whole
    optimizer.match([True, False, True])
    assert [optimizer.slot_bytes(i) for i in range(3)] == [whole[0], 0, whole[2]]
    assert optimizer.parked_bytes(1) == whole[1]
    optimizer.drop(2)
    assert optimizer.slot_bytes(2) == optimizer.parked_bytes(2) == 0


def test_eight_bit_states_take_about_a_quarter_and_muon_half():
    n = 3072 * 768
    share = {rule: of_matrix(rule, n) / of_matrix("adamw", n) for rule in RULES}
    assert 0.25 < share["adamw8bit"] < 0.256
    assert 0.499 < share["muon"] <= 0.5


@pytest.mark.parametrize("rule", RULES)
def test_only_matrices_of_blocks_get_the_named_rule(rule: str):
    model, optimizer = small(rule)
    train(model, optimizer, range(1))
    part = {"adamw": "exp_avg", "adamw8bit": "exp_avg.codes", "muon": "momentum"}[rule]
    for name, _ in model.named_parameters():
        mine = part if name.startswith("blocks.") and name.endswith(MATRICES) else "exp_avg"
        assert f"{name}.{mine}" in optimizer.state_tensors()
    assert all(t.dtype == torch.float32 for n, t in optimizer.state_tensors().items() if n.startswith("w"))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_a_step_that_is_left_out_changes_no_bit(rule: str, weights: str):
    model, optimizer = small(rule, weights)
    train(model, optimizer, range(2))
    before = bits(model, optimizer)
    loss_of(model).backward()
    model.blocks[1].qkv.weight.grad[0, 0] = float("nan")
    norm = optimizer.clip(1.0)
    assert not torch.isfinite(norm)
    optimizer.step(found_inf=(~torch.isfinite(norm)).float())
    assert same(bits(model, optimizer), before)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("rule", RULES)
def test_parked_or_saved_and_loaded_it_goes_on_in_the_same_bits(rule: str, weights: str, tmp_path: Path):
    (straight, never), (parked, store), (other, resumed) = (small(rule, weights, seed=s) for s in (0, 0, 9))
    train(straight, never, range(4))
    for step in range(4):
        train(parked, store, range(step, step + 1))
        store.park(1)
        if step == 1:
            save_file(parked.state_dict(), tmp_path / "model")
            save_file(store.state_tensors(), tmp_path / "optimizer")
    assert same(bits(parked, store), bits(straight, never))
    shapes = store.state_shapes()
    saved = load_file(tmp_path / "optimizer")
    assert all(shapes[name].dtype == t.dtype and shapes[name].shape == t.shape for name, t in saved.items())
    other.load_state_dict(load_file(tmp_path / "model"))
    resumed.load_state_tensors(saved)
    train(other, resumed, range(2, 4))
    assert same(bits(other, resumed), bits(straight, never))


def test_states_of_another_rule_are_refused():
    model, optimizer = small("adamw")
    train(model, optimizer, range(1))
    _, muon = small("muon")
    with pytest.raises(SlotdeckError, match="none that this run's optimizer keeps"):
        muon.load_state_tensors(optimizer.state_tensors())


# -- muon ----------------------------------------------------------------------------------------------------


def test_muon_is_torchs_own_with_queries_keys_and_values_apart():
    model, optimizer = small("muon")
    split = {
        name: [part.detach().clone() for part in p.chunk(3 if "qkv" in name else 1)]
        for name, p in model.named_parameters()
        if name.startswith("blocks.") and name.endswith(MATRICES)
    }
    theirs = torch.optim.Muon([m for parts in split.values() for m in parts], lr=0.02, weight_decay=0.1)
    for step in range(3):
        loss_of(model, seed=step).backward()
        for name, parts in split.items():
            grads = model.get_parameter(name).grad.chunk(len(parts))
            for part, grad in zip(parts, grads, strict=True):
                part.grad = grad.clone()
        optimizer.step(found_inf=torch.zeros(()))
        optimizer.zero_grad()
        theirs.step()
    for name, parts in split.items():
        assert torch.equal(model.get_parameter(name), torch.cat(parts)), name


def test_muons_rate_follows_the_schedule_in_proportion():
    moved = []
    for lr in (1e-2, 5e-3):
        model = small_model()
        optimizer = SlottedOptimizer(model, Optim(name="muon", lr=1e-2, muon_lr=0.04, weight_decay=0.0))
        optimizer.set_lr(lr)
        before = model.blocks[0].mlp_in.weight.detach().clone()
        loss_of(model).backward()
        optimizer.step()
        moved.append(model.blocks[0].mlp_in.weight.detach() - before)
    torch.testing.assert_close(moved[0], 2 * moved[1], rtol=1e-3, atol=1e-6)


def test_muon_needs_a_rate_to_be_in_proportion_to():
    with pytest.raises(SlotdeckError, match="muon_lr follows lr in proportion"):
        SlottedOptimizer(small_model(), Optim(name="muon", lr=0.0, min_lr=0.0))


# -- adamw8bit -----------------------------------------------------------------------------------------------


def test_eight_bit_adamw_does_what_torchaos_own_step_does():
    model, optimizer = small("adamw8bit")
    from torchao.optim.adam import single_param_adam
    from torchao.optim.subclass_8bit import OptimState8bit

    name = "blocks.1.mlp_in.weight"
    theirs = model.get_parameter(name).detach().clone()
    means = [OptimState8bit.zeros(theirs.shape, signed, 256) for signed in (True, False)]
    for step in range(1, 4):
        loss_of(model, seed=step).backward()
        grad, count = model.get_parameter(name).grad.clone(), torch.tensor(float(step))
        single_param_adam(
            theirs, grad, count, *means, None, torch.tensor(1e-2), 0.9, 0.95, 0.1, 1e-8, True, False
        )
        optimizer.step()
        optimizer.zero_grad()
        torch.testing.assert_close(model.get_parameter(name), theirs, rtol=1e-4, atol=1e-6)
    for mean, packed in zip(("exp_avg", "exp_avg_sq"), means, strict=True):
        ours = optimizer.state_tensors()[f"{name}.{mean}.codes"]
        assert (ours != packed.codes).float().mean() < 1e-3


def test_eight_bit_states_do_not_depend_on_how_many_values_are_wide_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
):
    whole = small("adamw8bit")
    train(*whole, range(2))
    monkeypatch.setattr(adamw8bit, "STRETCH", 1024)
    pieces = small("adamw8bit")
    train(*pieces, range(2))
    assert same(bits(*pieces), bits(*whole))


def test_eight_bit_training_follows_that_in_fp32():
    losses = {}
    for rule in ("adamw", "adamw8bit"):
        model, optimizer = small(rule)
        for _ in range(10):
            train(model, optimizer, range(1))
        losses[rule] = loss_of(model).item()
    assert losses["adamw"] < 2.5  # it began at 3.4
    assert abs(losses["adamw8bit"] - losses["adamw"]) < 0.05 * losses["adamw"] + 0.02


def test_without_torchao_there_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(SlotdeckError, match="adamw8bit needs torchao, which is not installed") as refused:
        SlottedOptimizer(small_model(), Optim(name="adamw8bit"))
    assert "slotdeck[lean]" in refused.value.remedy


def test_a_torchao_that_does_not_work_here_is_one_line(monkeypatch: pytest.MonkeyPatch):
    broken = types.ModuleType("torchao.optim.subclass_8bit")
    for name in ("torchao", "torchao.optim"):
        package = types.ModuleType(name)
        package.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setitem(sys.modules, "torchao.optim.subclass_8bit", broken)
    with pytest.raises(SlotdeckError, match=r"torchao does not work with torch \d") as refused:
        SlottedOptimizer(small_model(), Optim(name="adamw8bit"))
    assert "\n" not in str(refused.value)
