"""A step on a device without values: nothing is on the wrong device, and the host reads nothing before a report.

torch's `meta` device stands in for a GPU: an operation that mixes devices is refused there as on a GPU, and so is
every way of getting at a value: `item`, `tolist`, `bool`, a copy to the host, a mask or a tensor as an index.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.models.build import build_model
from engine.models.layers import narrow_matrices
from engine.optim.rounding import Rounding
from engine.optim.slotted import SlottedOptimizer
from engine.precision.scaling import LossScaling
from engine.profile.schema import Model, Optim
from engine.slots.plan import Plan, SlotPlan
from engine.train.fitting.recompute import with_recompute
from engine.train.guards.spikes import SpikeGuard
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.meters.slot_meter import SlotMeter
from engine.train.micro_batches import MicroBatches
from engine.train.step import Recipe, take_step

META = torch.device("meta")
BLOCKS = 4
PLANS = [
    Plan(tuple(SlotPlan() for _ in range(BLOCKS)), "all", ""),
    Plan((SlotPlan(), SlotPlan(0.5), SlotPlan(0.25), SlotPlan()), "some", "", draw="0", inverse=True),
    Plan((SlotPlan(), SlotPlan(trained=False), SlotPlan(0.0), SlotPlan(0.75)), "few", "", draw="1"),
]


@pytest.fixture
def shards(token_dir: Path) -> Shards:
    return Shards.open(token_dir, "train")


def steps_on_meta(
    shards: Shards,
    *,
    dtype: torch.dtype = torch.float32,
    rule: str = "adamw",
    weights: str = "fp32",
    recompute: int = 0,
    accumulate: int = 1,
    head_chunk: int = 8,
    lean: bool = False,
    **model: Any,
) -> Meter:
    """A step of each plan, the last one measured; the spike guard computes its limits on the way."""
    wish = Model(n_layer=BLOCKS, n_head=2, n_embd=32, seq_len=16, **model)
    built = build_model(wish, shards.vocab_size, head_chunk)
    if weights == "bf16":
        for slot in built.slots():
            narrow_matrices(slot)
    built.to(META)
    optimizer = SlottedOptimizer(built, Optim(name=rule))
    meter, guard = Meter(META, 20.0), SpikeGuard(2, 6.0, META)
    memory = MemoryWatch(built, optimizer, META)
    slots, scaling = SlotMeter(built, META, 0.0), LossScaling(META)
    loader = Loader(shards, 16, 8, 1)
    for step, plan in enumerate(PLANS):
        rows = plan.blocks(lambda _: dtype, 8, accumulate, META)
        if plan is PLANS[-1]:
            slots.ask()
        slots.begin_step(0, step + 1)
        take_step(
            built,
            optimizer,
            MicroBatches(loader, [with_recompute(row, recompute, []) for row in rows]),
            scaling,
            meter,
            memory,
            Recipe(step, dtype, META, 1e-3, 1.0, gate_l1=0.1 if built.gates() else 0.0, lean=lean),
            guard=guard,
            slots=slots,
        )
        slots.end()
    assert all(p.device == META for p in built.parameters())
    states = [t for name, t in optimizer.state_tensors().items() if name != "updates"]
    assert states
    assert all(t.device == META for t in states)
    return meter


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"dtype": torch.bfloat16, "accumulate": 2, "recompute": 2},
        {"lean": True, "dtype": torch.bfloat16, "recompute": BLOCKS},
        {"rule": "muon"},
        {"gates": True, "dropout": 0.1},
        {"head_chunk": 0},
    ],
    ids=["plain", "bf16", "lean", "muon", "gates", "whole-head"],
)
def test_a_step_keeps_to_its_device_and_reads_nothing(shards: Shards, how: dict[str, Any]) -> None:
    meter = steps_on_meta(shards, **how)
    with pytest.raises((RuntimeError, NotImplementedError)):
        meter.read()  # a report does: had the device values, this is where they would be read


def test_bf16_weights_are_rounded_on_their_device(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rounding, "bits_of", lambda *_: None)  # meta has no generator
    steps_on_meta(shards, weights="bf16", dtype=torch.bfloat16)
    steps_on_meta(shards, weights="bf16", dtype=torch.bfloat16, lean=True)
