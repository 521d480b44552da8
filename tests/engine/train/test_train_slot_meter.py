"""What each slot costs and learns: the figures are right, and the training is the same without them, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from engine_run import EngineRun
from live_run import live_run
from torch import Tensor, nn

from engine.precision.policy import dtype_of
from engine.protocol.commands import Pin
from engine.protocol.events import SlotsMeasured
from engine.train.fitting.recompute import with_recompute
from engine.train.meters.slot_meter import SlotMeter
from engine.train.run import Run
from engine.train.verbs.apply import plan_change

OFF = ("train.compile=off", "telemetry.slots_every_s=0")
RANDOM = ("slots.policy=random", "slots.mean_duty=0.6", "slots.grain=slot")


def measured_step(run: Run) -> SlotsMeasured:
    run.choose_slots()
    run.slot_meter.ask()
    run.memory._next_s = float("inf")  # which would have the measurement wait for another step
    assert run.take_step()
    told = run.slot_meter.take()
    assert told is not None
    return told


def gradients(run: Run) -> list[list[Tensor]]:
    """Of each slot, for the step that comes next; computed here, and nothing of the run is moved."""
    assert run.plan is not None
    place, count = run.loader.state(), run.accumulate
    for rows in run.plan.blocks(dtype_of, run.batch_size, count, run.device):
        x_BT, y_BT = run.loader.next()
        loss = run.model.forward_loss(x_BT, y_BT, with_recompute(rows, run.recompute, []), torch.float32)
        torch.autograd.backward(loss / count)
    found = [[p.grad for p in slot.parameters() if p.grad is not None] for slot in run.model.slots()]
    run.loader.load_state(place)
    run.optimizer.zero_grad()
    return found


def norm(tensors: list[Tensor]) -> float | None:
    return torch.cat([t.double().flatten() for t in tensors]).norm().item() if tensors else None


@pytest.mark.parametrize(
    "sets",
    [
        ("train.batch_size=2", "train.accumulate=2", *RANDOM),
        ("train.recompute=4",),
        ("train.lean=true", *RANDOM),
        ("precision.weights=bf16", *RANDOM),
    ],
)
def test_the_norms_are_those_computed_by_hand(tmp_path: Path, token_dir: Path, sets: tuple[str, ...]) -> None:
    folder = EngineRun(tmp_path, token_dir, *OFF, *sets, "train.grad_clip=0.01", "model.seq_len=32")
    with live_run(folder) as (run, _):
        plan_change(run, Pin(slot="1", trained=False), "k").effect()
        for _ in range(3):
            run.choose_slots()
            theirs = gradients(run)
            before = [[p.detach().clone() for p in slot.parameters()] for slot in run.model.slots()]
            told = measured_step(run)
            after = [list(slot.parameters()) for slot in run.model.slots()]
            moved = [
                [a.float() - b.float() for a, b in zip(*both, strict=True)]
                for both in zip(after, before, strict=True)
            ]
            trained = [bool(found) for found in theirs]
            close = 2e-2 if "precision.weights=bf16" in sets else 1e-4
            assert told.step == run.step
            assert [n is not None for n in told.grad_norms] == trained
            assert told.grad_norms == [pytest.approx(norm(found), rel=close) for found in theirs]
            assert told.weight_norms == [pytest.approx(norm(weights), rel=1e-5) for weights in after]
            assert told.update_norms == [
                pytest.approx(norm(change), rel=1e-5) if learnt else None
                for change, learnt in zip(moved, trained, strict=True)
            ]
            assert [ms is not None for ms in told.forward_ms] == [row.duty > 0 for row in run.plan.rows]  # type: ignore[union-attr]
            assert [ms is not None for ms in told.backward_ms] == [row.duty > 0 for row in run.plan.rows]  # type: ignore[union-attr]
    assert not trained[1], "the slot that was pinned without training has times and no gradient"


@pytest.mark.parametrize("sets", [("train.recompute=2",), ("train.lean=true",), ("precision.weights=bf16",)])
def test_measuring_every_step_changes_no_bit(tmp_path: Path, token_dir: Path, sets: tuple[str, ...]) -> None:
    ends = []
    for measured in (False, True):
        folder = EngineRun(tmp_path, token_dir, *OFF, *RANDOM, *sets, "model.dropout=0.2")
        with live_run(folder) as (run, _):
            for _ in range(6):
                if measured:
                    measured_step(run)
                else:
                    run.choose_slots()
                    run.take_step()
            tensors: dict[str, Any] = {**run.model.state_dict(), **run.optimizer.state_tensors()}
            ends.append({**tensors, "generator": torch.get_rng_state()})
    plain, watched = ends
    assert plain.keys() == watched.keys()
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


class Slow(nn.Module):
    """A block during whose forward pass alone time goes on: a second each time."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.now_s = block, 0.0

    def forward(self, x_BTD: Tensor, dtype: torch.dtype) -> Tensor:
        self.now_s += 1.0
        return self.block(x_BTD, dtype)


def test_times_are_told_of_the_slot_that_took_them(tmp_path: Path, token_dir: Path) -> None:
    folder = EngineRun(
        tmp_path, token_dir, *OFF, "slots.policy=all", "train.recompute=4", "train.accumulate=2"
    )
    with live_run(folder) as (run, _):
        slow = Slow(run.model.slots()[2])
        run.model.put_slot(2, slow)
        run.slot_meter = SlotMeter(run.model, run.device, 0, lambda: slow.now_s)
        told = measured_step(run)
    assert told.forward_ms == [0, 0, 2000, 0], "two micro-batches"
    assert told.backward_ms == [0, 0, 2000, 0], "it is computed again there"


def test_it_is_told_with_the_next_report_now_and_then_and_of_slots_that_are_there(
    tmp_path: Path, token_dir: Path
) -> None:
    folder = EngineRun(
        tmp_path, token_dir, "train.compile=off", "telemetry.slots_every_s=1000", "slots.policy=all"
    )
    with live_run(folder) as (run, _):
        run.meter.start()
        run.model.prune_to([2])
        run.optimizer.follow(run.model)
        for _ in range(4):
            run.choose_slots()
            run.take_step()
            run.report()
        run.steps_left = 1
        run.choose_slots()
        run.take_step()
        run.report()
    first, last = folder.of(SlotsMeasured)
    assert (first.step, last.step) == (2, 5), (
        "the first step is the memory's, the last one comes before a pause"
    )
    for told in (first, last):
        for values in (told.grad_norms, told.weight_norms, told.update_norms, told.forward_ms):
            assert [value is None for value in values] == [False, False, True, False]
