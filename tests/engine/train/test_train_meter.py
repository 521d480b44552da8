"""Step reports: right means, and not one look at the device on a step that does not report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.data.loader import Loader
from engine.data.shards import Shards
from engine.models.build import build_model
from engine.optim.slotted import SlottedOptimizer
from engine.precision.policy import dtype_of
from engine.precision.scaling import LossScaling
from engine.profile.schema import Model, Optim, Slots
from engine.slots.planner import Planner
from engine.train.meters.memory import MemoryWatch
from engine.train.meters.metrics import Meter
from engine.train.meters.pace import Pace
from engine.train.micro_batches import MicroBatches
from engine.train.step import Recipe, take_step

CPU = torch.device("cpu")


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def add(meter: Meter, loss: float, *, finite: bool = True) -> None:
    meter.add(torch.tensor(loss), torch.tensor(2.0), torch.tensor(finite), tokens=100, active_slots=6.0)


def test_a_report_covers_the_steps_since_the_last() -> None:
    clock = Clock()
    meter = Meter(CPU, reports_per_s=1.0, clock_s=clock)
    meter.start()
    for loss in (4.0, 2.0):
        clock.now_s += 0.5
        add(meter, loss)
    meter.outside(0.6)
    reading = meter.read()
    assert (reading.steps, reading.loss, reading.grad_norm, reading.active_slots) == (2, 3.0, 2.0, 6.0)
    assert reading.tokens_per_s == pytest.approx(200 / 0.4), "what was not training does not count"
    assert reading.step_ms == pytest.approx(200)
    add(meter, 1.0)
    assert not meter.due()
    clock.now_s += 1.0
    assert meter.due()


def test_the_average_starts_as_a_plain_mean_and_forgets_slowly() -> None:
    meter = Meter(CPU, reports_per_s=1.0, clock_s=Clock())
    add(meter, 8.0)
    assert meter.read().loss_ema == pytest.approx(8.0)
    add(meter, 4.0)
    assert meter.read().loss_ema == pytest.approx(6.0, abs=0.05)
    for _ in range(500):
        add(meter, 1.0)
    assert meter.read().loss_ema == pytest.approx(1.0, abs=0.01)


def test_the_time_left_is_of_usual_steps_and_of_this_life() -> None:
    pace = Pace()
    assert pace.seconds_per_step is None
    pace.before = 1.9
    pace.add(5.0)
    assert pace.seconds_per_step == 1.9, "the first step of a life says little"
    for _ in range(29):
        pace.add(0.1)
    assert pace.seconds_per_step == pytest.approx(0.1, rel=0.15)
    pace.add(10.0)
    assert pace.seconds_per_step == pytest.approx(0.1, rel=0.15), "one slow step is not every step to come"
    for _ in range(6):
        for seconds in (0.1, 0.1, 0.1, 0.1, 0.3):
            pace.add(seconds)
    assert pace.seconds_per_step == pytest.approx(0.14), "slow steps that come regularly are"


def test_steps_that_are_not_finite_are_counted_and_leave_the_means_alone() -> None:
    meter = Meter(CPU, reports_per_s=1.0, clock_s=Clock())
    add(meter, 3.0)
    add(meter, float("nan"), finite=False)
    reading = meter.read()
    assert (reading.steps, reading.skipped_steps, reading.loss) == (2, 1, 3.0)


class Looks(TorchDispatchMode):
    """Counts the operations that bring a value from the device to the host."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_a_step_never_reads_the_device_and_a_report_reads_it_once(token_dir: Path) -> None:
    shards = Shards.open(token_dir, "train")
    model = build_model(Model(n_layer=2, n_head=2, n_embd=16, seq_len=16), shards.vocab_size)
    model.init_weights(torch.Generator().manual_seed(1))
    optimizer = SlottedOptimizer(model, Optim())
    meter = Meter(CPU, 20.0)
    memory = MemoryWatch(model, optimizer, CPU)
    plan = Planner(Slots(), 2, model.slot_names, 10).plan(0)
    looks = Looks()
    with looks:
        for step in range(3):
            batches = MicroBatches(Loader(shards, 16, 4, 1), plan.blocks(dtype_of, 4, 2, CPU))
            recipe = Recipe(step=step, dtype=torch.float32, device=CPU, lr=1e-3, grad_clip=1.0)
            take_step(model, optimizer, batches, LossScaling(CPU), meter, memory, recipe)
        assert looks.count == 0
        assert meter.read().steps == 3
        assert looks.count <= 4, "one packed copy of four numbers"
